"""What can go wrong, as one hierarchy.

LongAttnCompError
├── InputError (ValueError)         an argument: says what was expected, what came, what to do
│   └── BudgetError                 nothing fits the token budget, or the pins alone exceed it
├── ModelError
│   ├── ModelNotFoundError          no such draft model, or not here while offline
│   ├── UnsupportedModelError       an architecture that we cannot cut after L layers
│   ├── BrokenModelError            a weight file that cannot be read
│   └── HeadMismatchError           a head that was trained on another draft model or depth
└── CacheError (OSError)            the cache directory cannot be written

LongAttnCompWarning (UserWarning)   the result is good, but the caller should know something
"""

from __future__ import annotations

import os
import sys
import warnings


class LongAttnCompError(Exception):
    """Base of every error that this package raises."""


class InputError(LongAttnCompError, ValueError):
    """An argument is not what was expected."""


class BudgetError(InputError):
    """The token budget cannot be kept."""


class ModelError(LongAttnCompError):
    """A model cannot be used: the draft model, its head, or the one that reads the result."""


class ModelNotFoundError(ModelError):
    """The draft model was not found."""


class UnsupportedModelError(ModelError):
    """The draft model's architecture is not supported."""


class BrokenModelError(ModelError):
    """A weight file cannot be read."""


class HeadMismatchError(ModelError):
    """The head belongs to another draft model or depth."""


class CacheError(LongAttnCompError, OSError):
    """The cache directory cannot be used."""


class LongAttnCompWarning(UserWarning):
    """The result is good, but the caller should know something."""


def warn(message: str) -> None:
    """Warn at the caller's line: the first that is neither this package's nor torch's."""
    ours = os.path.dirname(__file__)  # noqa: PTH120 (a class imported here would count as an error)
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and (
        frame.f_code.co_filename.startswith(ours) or f"{os.sep}torch{os.sep}" in frame.f_code.co_filename
    ):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, LongAttnCompWarning, stacklevel=level)
