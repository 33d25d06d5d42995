"""installed packages -> the Python files in them."""

from __future__ import annotations

import importlib.util
import sysconfig
from collections.abc import Iterable
from pathlib import Path

PACKAGES = ("pytest", "_pytest", "sqlalchemy", "aiohttp", "fastapi", "tornado", "twisted", "scrapy", "celery")
"""Besides the standard library; other packages judge the result."""

_SKIPPED = {"test", "tests", "idlelib", "lib2to3", "site-packages", "dist-packages", "__pycache__", "turtledemo"}


def python_files(packages: Iterable[str] = PACKAGES) -> dict[str, Path]:
    """Title -> file: the running interpreter's standard library, and the packages of these that are installed.

    Nothing is imported. Tests and vendored tools of the standard library are left out.
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
