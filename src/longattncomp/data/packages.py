"""installed packages -> the Python files in them."""

import importlib.util
import sysconfig
from collections.abc import Iterable
from pathlib import Path

PACKAGES = ("pytest", "_pytest", "sqlalchemy", "aiohttp", "fastapi", "tornado", "twisted", "scrapy", "celery")
"""Packages to read besides the standard library. Tasks of the evaluation must use none of them."""

_SKIPPED = {"test", "tests", "idlelib", "lib2to3", "site-packages", "dist-packages", "__pycache__", "turtledemo"}


def python_files(packages: Iterable[str] = PACKAGES) -> dict[str, Path]:
    """Find the files of the standard library and of those packages that are installed, without importing them.

    Tests and vendored tools of the standard library are left out.

    Returns:
        title -> file; the title is the path from the folder that packages lie in.
    """
    found: dict[str, Path] = {}
    library = Path(sysconfig.get_path("stdlib"))
    roots = [(library, library)]
    for name in packages:
        spec = importlib.util.find_spec(name)
        roots += [(Path(place), Path(place).parent) for place in (spec and spec.submodule_search_locations) or ()]
    for root, base in roots:
        for path in sorted(root.rglob("*.py")):
            if _SKIPPED.isdisjoint(path.relative_to(base).parts):
                found[path.relative_to(base).as_posix()] = path
    return found
