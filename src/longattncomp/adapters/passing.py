"""work, the original -> what the work gives, or the original and a warning."""

import logging
from collections.abc import Callable
from typing import TypeVar

from longattncomp.errors import InputError, warn

T = TypeVar("T")

_log = logging.getLogger(__name__)


def pass_whole(
    work: Callable[[], T],
    whole: T,
    consequence: str,
    *,
    raises: type[Exception] | tuple[type[Exception], ...] = InputError,
) -> T:
    """Do the work; if it fails, log, warn, and return the original, so that a chain or an agent goes on.

    Args:
        work: asks the engine.
        whole: the original.
        consequence: what a failure means for the caller, as a clause: "the text passes whole".
        raises: errors that propagate, because the caller can mend them; `()` for none.
    """
    try:
        return work()
    except raises:
        raise
    except Exception as error:  # noqa: BLE001 (whatever the engine fails with)
        warn_of(consequence, error)
        return whole


def warn_of(consequence: str, reason: Exception | str) -> None:
    """Log and warn, with `LongAttnCompWarning`, of what happens and why.

    Args:
        consequence: as in `pass_whole`.
        reason: the error, whose traceback goes into the log, or words.
    """
    error = reason if isinstance(reason, Exception) else None
    message = f"{consequence}: {type(error).__name__}: {error}" if error else f"{consequence}: {reason}"
    _log.warning("%s", message, exc_info=error)
    warn(message)
