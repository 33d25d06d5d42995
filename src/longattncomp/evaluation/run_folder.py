"""a folder -> the file of its records, if the run in it has the same settings."""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from longattncomp import Settings, __version__
from longattncomp.errors import InputError
from longattncomp.evaluation.targets.address import Address
from longattncomp.evaluation.targets.target import ENDPOINT
from longattncomp.evaluation.tasks.catalogue import named
from longattncomp.scorers.methods import METHODS

_SETTINGS = "run.json"
_RECORDS = "records.jsonl"


def begin(
    folder: Path, *, settings: Settings, reads: Iterable[str], seed: int, target: str | None, data: Path | None
) -> Path:
    """Begin a run in a folder, or continue the one that the folder holds.

    A later call may add tasks, methods, budgets and examples; everything else has to be the same.

    `reads` are names of tasks, and files that the run reads, whose content may not change.

    Returns:
        The file of records.

    Raises:
        InputError: the folder holds a run with other settings, or something else.
    """
    base_url = os.environ.get("OPENAI_BASE_URL")
    run: dict[str, Any] = {
        "longattncomp": __version__,
        "seed": seed,
        "target": target,
        "endpoint": Address.parse(base_url).url if target and target.startswith(ENDPOINT) and base_url else None,
        "settings": settings.model_dump(mode="json"),
        "heads": _heads(settings),
        "data": str(data.resolve()) if data else None,
        "files": _fingerprints(_files(reads, data)),
    }
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / _SETTINGS
    if (found := _found(file)) is not None:
        data_before, files_before = found.get("data"), found.get("files", {})
        # A folder of rows and further files may be added.
        allowed = found | {"data": data_before or run["data"], "files": run["files"] | files_before}
        run |= {"data": run["data"] or data_before, "files": files_before | run["files"]}
        if changed := [key for key in dict.fromkeys([*run, *found]) if allowed.get(key) != run.get(key)]:
            raise InputError(f"{folder} holds a run with other {', '.join(changed)}: give another folder to --out")
    if found != run:
        new = file.with_suffix(".new")
        new.write_text(json.dumps(run, indent=1), encoding="utf-8")
        new.replace(file)  # a killed run leaves the old file or the new one
    return folder / _RECORDS


def _files(reads: Iterable[str], data: Path | None) -> dict[str, Path]:
    """Find the files among them, and those that tasks read their rows from."""
    known = {name: named(name) for name in reads}
    given = {name: Path(name) for name, task in known.items() if task is None}
    stored = {task.file for task in known.values() if task is not None and task.file is not None}
    return given | {file: data / file for file in stored if data is not None}


def _found(file: Path) -> dict[str, Any] | None:
    if not file.exists():
        return None
    try:
        found = json.loads(file.read_bytes())
    except ValueError as error:
        found = f"bad JSON: {error}"
    if not isinstance(found, dict) or not isinstance(found.get("files", {}), dict):
        raise InputError(
            f"{file}: expected how the run in this folder was started, got {found!r:.80}; move {_SETTINGS} and "
            f"{_RECORDS} away, or give another folder to --out"
        )
    return found


def _heads(settings: Settings) -> dict[str, str]:
    """Fingerprint the checkpoints that a run may score with, since a head that is trained again keeps its path."""
    from longattncomp.scorers.cross_attention.opening import head_file

    plain = settings.model_copy(update={"head": None, "layers": None})
    found: dict[str, Path] = {}
    for method in METHODS.values():
        of = plain if method.as_published else settings
        found |= {head: file for head in method.heads if (file := head_file(of, head))}
    return _fingerprints(found)


def _fingerprints(files: Mapping[str, Path]) -> dict[str, str]:
    from longattncomp.backbone.model_cache import file_fingerprint

    return {name: file_fingerprint(file) for name, file in files.items() if file.is_file()}
