"""a folder -> the file of its records, if the run that began there was the same."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from longattncomp import Settings, __version__
from longattncomp.errors import InputError
from longattncomp.evaluation.targets.target import ENDPOINT
from longattncomp.evaluation.tasks.catalogue import named
from longattncomp.scorers.methods import METHODS

_HOW = "run.json"
_RECORDS = "records.jsonl"


def begin(
    folder: Path, *, settings: Settings, tasks: Iterable[str], seed: int, target: str | None, data: Path | None
) -> Path:
    """Begin a run in a folder, or go on with the one that is there.

    More tasks, methods, budgets and examples may come later; all else stays.

    Args:
        folder: made if it is not there.
        settings: of the compressor.
        tasks: by their names; files among them may not change.
        seed: of the run.
        target: its name, if there is one.
        data: the folder of rows, if one was named.

    Returns:
        The file of records.

    Raises:
        InputError: the folder holds another run, whose records would be mixed with these, or something else.
    """
    how: dict[str, Any] = {
        "longattncomp": __version__,
        "seed": seed,
        "target": target,
        "endpoint": os.environ.get("OPENAI_BASE_URL") if target and target.startswith(ENDPOINT) else None,
        "settings": settings.model_dump(mode="json"),
        "heads": _heads(settings),
        "data": str(data.resolve()) if data else None,
        "files": _prints(_files(tasks, data)),
    }
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / _HOW
    found = _found(file)
    if found is not None:
        how["data"] = how["data"] or found.get("data")
        how["files"] = {**found.get("files", {}), **how["files"]}
        changed = [key for key in dict.fromkeys([*how, *found]) if _differ(key, found.get(key), how.get(key))]
        if changed:
            raise InputError(f"{folder} holds a run with other {', '.join(changed)}: give another folder to --out")
    if found != how:
        _replace(file, json.dumps(how, indent=1))
    return folder / _RECORDS


def _files(tasks: Iterable[str], data: Path | None) -> dict[str, Path]:
    """The files that tasks read their rows from."""
    known = {name: named(name) for name in tasks}
    given = {name: Path(name) for name, task in known.items() if task is None}
    stored = {task.file for task in known.values() if task is not None and task.file is not None}
    return given | {file: data / file for file in stored if data is not None}


def _found(file: Path) -> dict[str, Any] | None:
    if not file.exists():
        return None
    try:
        found = json.loads(file.read_bytes())
    except ValueError as error:
        raise _unreadable(file, f"bad JSON: {error}") from error
    if not isinstance(found, dict) or not isinstance(found.get("files", {}), dict):
        raise _unreadable(file, f"{found!r:.80}")
    return found


def _unreadable(file: Path, got: str) -> InputError:
    return InputError(
        f"{file}: expected how the run in this folder began, got {got}; move {_HOW} and {_RECORDS} away, or give "
        "another folder to --out"
    )


def _differ(key: str, before: Any, now: Any) -> bool:
    """Whether a run is another one; a folder of rows and more files may come later."""
    if key == "data" and before is None:
        return False
    if key == "files":
        return any(now.get(name) != known for name, known in (before or {}).items())
    return bool(before != now)


def _heads(settings: Settings) -> dict[str, str]:
    """Checkpoints that a run may score with: a head that is trained again keeps its path."""
    from longattncomp.scorers.cross_attention.opening import head_file

    names = {head for method in METHODS.values() for head in method.heads}
    plain = settings.model_copy(update={"head": None, "layers": None})
    of = {name: plain if name == "attncomp" else settings for name in sorted(names)}
    return _prints({name: file for name, one in of.items() if (file := head_file(one, name))})


def _prints(files: Mapping[str, Path]) -> dict[str, str]:
    from longattncomp.backbone.model_cache import file_fingerprint

    return {name: file_fingerprint(file) for name, file in files.items() if file.is_file()}


def _replace(file: Path, text: str) -> None:
    """A run that is killed here leaves the old file or the new one."""
    new = file.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    new.replace(file)
