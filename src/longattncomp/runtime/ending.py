"""daemon threads that compress -> threads that stand still before the interpreter ends.

An ending interpreter kills a daemon thread as soon as native code asks for the interpreter's lock again, and inside
PyTorch or a tokenizer that aborts the process.
"""

import atexit
import functools
import os
import sys
import threading
import time
from pathlib import Path
from types import FrameType

from longattncomp.runtime import forking

_MOST_SECONDS = 30.0
"""Longest time that the end of the interpreter waits for threads: opening a draft model takes so long."""

_OURS = f"{Path(__file__).parents[1]}{os.sep}"

_WAITING = {threading.__file__, functools.__file__, forking.__file__}
"""Files with the innermost frame of a thread that waits for another, which it may do for ever."""

_ends = threading.Event()


def stand_still() -> None:
    """Stop a daemon thread for good if the interpreter ends."""
    if _ends.is_set() and threading.current_thread().daemon:
        threading.Event().wait()


@atexit.register
def _wait() -> None:
    _ends.set()
    latest = time.monotonic() + _MOST_SECONDS
    while time.monotonic() < latest and any(
        _works(frame) for thread, frame in sys._current_frames().items() if thread != threading.get_ident()
    ):
        time.sleep(0.01)


def _works(frame: FrameType | None) -> bool:
    """Whether a thread with this innermost frame runs code of this package, or code that it calls."""
    if frame is None or frame.f_code.co_filename in _WAITING:
        return False
    while frame is not None and not frame.f_code.co_filename.startswith(_OURS):
        frame = frame.f_back
    return frame is not None
