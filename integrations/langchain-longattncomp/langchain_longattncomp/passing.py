"""what went wrong -> a warning and a line of log; the text passes whole."""

from __future__ import annotations

import logging
import warnings

from longattncomp.errors import LongAttnCompWarning

_log = logging.getLogger(__name__)


def pass_on(what: str, why: Exception | str, *, how: str = "uncompressed, perhaps over the token budget") -> None:
    """Say that something passes as it is.

    Args:
        what: passes, as the subject of a sentence.
        why: the error, or the reason in words.
        how: it passes, with what follows from that.
    """
    reason = why if isinstance(why, str) else f"{type(why).__name__}: {why}"
    message = f"{what} {how}: {reason}"
    _log.warning(message, exc_info=why if isinstance(why, Exception) else None)
    warnings.warn(message, LongAttnCompWarning, stacklevel=3)
