"""what went wrong -> a warning and a line of log; the text passes whole."""

from __future__ import annotations

import logging
import warnings

from longattncomp.errors import LongAttnCompWarning

_log = logging.getLogger(__name__)


def pass_on(what: str, why: Exception | str) -> None:
    """Say that something passes uncompressed, hence perhaps over its budget.

    Args:
        what: passes, as the subject of a sentence.
        why: the error, or the reason in words.
    """
    reason = why if isinstance(why, str) else f"{type(why).__name__}: {why}"
    message = f"{what} uncompressed, perhaps over the token budget: {reason}"
    _log.warning(message, exc_info=why if isinstance(why, Exception) else None)
    warnings.warn(message, LongAttnCompWarning, stacklevel=3)
