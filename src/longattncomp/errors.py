"""The errors and the warning of this package.

LongAttnCompError
├── InputError (ValueError)         a bad argument; the text says what was expected, what came and what to do
│   └── BudgetError                 nothing fits the token budget, or the pins alone exceed it
├── ModelError
│   ├── ModelNotFoundError          no such draft model, or not here while offline
│   ├── UnsupportedModelError       an architecture that we cannot cut after L layers
│   ├── BrokenModelError            a weight file that cannot be read
│   └── HeadMismatchError           a head that was trained on another draft model or depth
└── CacheError (OSError)            the model folder or the key store cannot be written

LongAttnCompWarning (UserWarning)   the result is usable, but the caller should know something
"""

import os
import sys
import warnings


class LongAttnCompError(Exception):
    """Base of every error that this package raises."""


class InputError(LongAttnCompError, ValueError):
    """An argument is not what was expected."""


class BudgetError(InputError):
    """Nothing fits the token budget."""


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
    """The model folder or the key store cannot be used."""


class LongAttnCompWarning(UserWarning):
    """The result is usable, but the caller should know something."""


def warn(message: str) -> None:
    """Warn at the first line of the stack that belongs neither to this package nor to torch."""
    ours = os.path.dirname(__file__)  # noqa: PTH120 (a class imported here would count as an error)
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and (
        frame.f_code.co_filename.startswith(ours) or f"{os.sep}torch{os.sep}" in frame.f_code.co_filename
    ):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, LongAttnCompWarning, stacklevel=level)
