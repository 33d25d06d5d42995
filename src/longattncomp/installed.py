"""names of libraries -> an error for those that are not installed."""

from importlib.util import find_spec

from longattncomp.errors import InputError


def require(*modules: str, extra: str) -> None:
    """Raise InputError, before work begins, if a module that an extra of this package installs is not installed."""
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise InputError(
            f"expected optional libraries to be installed, found no {', '.join(missing)}: "
            f"pip install 'longattncomp[{extra}]'"
        )
