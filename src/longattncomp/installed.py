"""libraries' names -> whether they are installed."""

from __future__ import annotations

from importlib.util import find_spec

from longattncomp.errors import InputError


def require(*modules: str, extra: str) -> None:
    """Ask for libraries before work begins.

    Args:
        modules: by the names they are imported with.
        extra: of this package, which brings them.

    Raises:
        InputError: one is not installed.
    """
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise InputError(
            f"expected optional libraries to be installed, found no {', '.join(missing)}: "
            f"pip install 'longattncomp[{extra}]'"
        )
