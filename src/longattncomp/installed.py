"""names of libraries -> an error for those that are not installed."""

from importlib.util import find_spec

from longattncomp.errors import InputError


def require(*modules: str, extra: str) -> None:
    """Check that optional libraries are installed, before work begins.

    Args:
        modules: names by which the libraries are imported.
        extra: the extra of this package that installs them.

    Raises:
        InputError: one is not installed.
    """
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise InputError(
            f"expected optional libraries to be installed, found no {', '.join(missing)}: "
            f"pip install 'longattncomp[{extra}]'"
        )
