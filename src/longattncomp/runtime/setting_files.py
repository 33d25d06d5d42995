"""environment, `.env`, YAML -> names and values of settings, as far as their place may be trusted."""

import os
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache, partial
from io import StringIO
from pathlib import Path
from typing import Any

import platformdirs
import yaml
from dotenv import dotenv_values

from longattncomp.errors import InputError, warn
from longattncomp.runtime.files import read_regular

_PREFIX = "LONGATTNCOMP_"
_TRUST = f"{_PREFIX}TRUST_DIRECTORY"
_YAML = "longattncomp.yaml"
_DOTENV = ".env"
_MOST_BYTES = {_YAML: 1 << 16, _DOTENV: 1 << 14}
"""python-dotenv takes a second for the worst line of its length, and four for one that is twice as long."""
_DEEPEST = 10  # collections inside each other
_LONGEST = 3000  # characters of a value: a number of more hexadecimal digits cannot be shown in a message
_EXPECTED = "expected lines such as 'token_budget: 4000'"


def user_file() -> Path:
    """Name the file of settings in the user's configuration folder; it need not exist."""
    return platformdirs.user_config_path("longattncomp") / _YAML


def from_environment(variables: Mapping[str, str | None]) -> dict[str, str]:
    """Find the settings among variables; an empty one is not set."""
    given = {name.upper(): value for name, value in variables.items() if value}
    return {name.removeprefix(_PREFIX).lower(): value for name, value in given.items() if name.startswith(_PREFIX)}


def places(yaml_file: Path | None = None) -> list[Path]:
    """Name the files that settings are read from, the weakest first; none of them need exist."""
    return [user_file(), Path(yaml_file or _YAML), Path(_DOTENV)]


def from_files(
    yaml_file: Path | None, *, refused: Collection[str]
) -> tuple[list[tuple[Path, dict[Any, Any]]], dict[str, str]]:
    """Read the YAML files of the user and of the working directory, the weaker one first, and `.env`.

    `.env` and YAML of the working directory may have come with someone else's files. So what is `refused` is ignored
    there, with a warning, unless `LONGATTNCOMP_TRUST_DIRECTORY=1` stands in the environment. A `yaml_file`, which must
    exist, is read instead of the working directory's, and trusted.

    Returns:
        What stands in each YAML file, with its path; and in `.env`.

    Raises:
        InputError: a YAML file holds something else.
    """
    own = user_file()
    trusted = os.environ.get(_TRUST) == "1"
    ignored: list[str] = []

    def read(file: Path, parse: Callable[[str], dict[Any, Any]]) -> dict[Any, Any]:
        text = _text(file, ignored)
        found = {} if text is None else parse(text)
        if not trusted and (names := [name for name in found if name in refused]):
            ignored.append(
                f"{', '.join(names)} in {file.absolute()} (a file of the working directory names no models, code, "
                f"paths or secrets: set {_TRUST}=1 in the environment if you trust it, or move them to {own})"
            )
            return {name: value for name, value in found.items() if name not in refused}
        return found

    found: list[tuple[Path, dict[Any, Any]]] = []
    _, here, dotenv = places(yaml_file)
    # Without a home, the path is relative, and so one of the working directory's.
    if own.is_absolute() and os.access(own.parent, os.X_OK) and (text := _text(own, ignored)) is not None:
        found.append((own, _parsed_yaml(text, own)))
    if yaml_file is not None:
        try:
            found.append((here, _parsed_yaml(_read(here), here)))
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"cannot read the settings in {yaml_file}: {_reason(error)}") from error
    else:
        found.append((here, read(here, partial(_parsed_yaml, file=here))))
    # What is expanded may be a secret of the environment.
    variables = read(dotenv, partial(_parsed_dotenv, expand=trusted))
    if ignored:
        warn(f"settings are ignored: {'; '.join(ignored)}")
    return found, variables


def _text(file: Path, ignored: list[str]) -> str | None:
    """Read a file that need not be there; what is wrong with it is added to `ignored`."""
    try:
        return None if file.is_dir() else _read(file)
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        ignored.append(f"{file.absolute()} ({_reason(error)})")
        return None


def _read(file: Path) -> str:
    return read_regular(file, most_bytes=_MOST_BYTES.get(file.name, _MOST_BYTES[_YAML])).decode("utf-8-sig")


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else "not in UTF-8"


def _parsed_dotenv(text: str, *, expand: bool) -> dict[str, str]:
    if _PREFIX not in text.upper():  # another program's
        return {}
    return from_environment(dotenv_values(stream=StringIO(text), interpolate=expand))


@lru_cache(maxsize=8)  # components of frameworks read their settings at every use
def _parsed_yaml(text: str, file: Path) -> dict[Any, Any]:
    """Read names and values. Aliases and deep nesting are refused, since a few bytes of them make gigabytes."""
    depth = 0
    try:
        for event in yaml.parse(text, yaml.SafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            length = len(event.value) if isinstance(event, yaml.ScalarEvent) else 0
            if isinstance(event, yaml.AliasEvent) or depth > _DEEPEST:
                raise ValueError(f"{_EXPECTED}, got an alias or deep nesting")
            if length > _LONGEST:
                raise ValueError(f"{_EXPECTED}, got a value of {length} characters; there may be {_LONGEST}")
        found = yaml.safe_load(text) or {}
        if not isinstance(found, dict):
            raise ValueError(f"{_EXPECTED}, got a {type(found).__name__}")
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, LookupError) as error:
        mark = getattr(error, "problem_mark", None)
        # The error itself shows the line, where a secret may stand.
        reason = f"{getattr(error, 'problem', None)} in line {mark.line + 1}" if mark else str(error)
        raise InputError(f"cannot read {file.absolute()} as YAML: {reason:.500}") from None
    return found
