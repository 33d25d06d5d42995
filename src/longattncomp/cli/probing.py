"""rows -> the depths and heads of a draft model that find the evidence: the command `probe`."""

from pathlib import Path
from typing import Annotated

import typer

from longattncomp import Settings
from longattncomp.cli.console import Model, SettingsFile, exit_codes, notes, progress_bar, require_training, tables
from longattncomp.data.rows import read_rows
from longattncomp.errors import InputError
from longattncomp.types import QueryPlace

DEPTHS = "8,12,14,15,16"


def probe_heads(
    files: Annotated[list[Path], typer.Argument(help="Rows as JSON lines, gzipped or plain.")],
    layers: Annotated[str, typer.Option(help="Depths L; the heads measured are those of layer L+1.")] = DEPTHS,
    place: Annotated[QueryPlace, typer.Option(help="The query follows each segment, or stands alone.")] = "after",
    limit: Annotated[int | None, typer.Option(help="Most questions of each file, drawn at random.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the draw.")] = 0,
    node_tokens: Annotated[int, typer.Option(min=1, help="Longest node, in tokens.")] = 64,
    segment_tokens: Annotated[int, typer.Option(min=1, help="Longest segment, in tokens.")] = 1024,
    model: Model = None,
    settings_file: SettingsFile = None,
) -> None:
    """Measure what each untrained head finds at each depth; print a table, then one line of JSON."""
    with exit_codes():
        require_training("sklearn")
        depths = _depths(layers)
        if node_tokens > segment_tokens:
            raise InputError(f"node_tokens: expected at most segment_tokens={segment_tokens}, got {node_tokens}")
        settings = Settings.load(yaml_file=settings_file, model=model)

        from longattncomp.backbone.forward import Backbone
        from longattncomp.backbone.locate import locate
        from longattncomp.backbone.tokenizer import DraftTokenizer
        from longattncomp.training import probe

        questions = [context for file in files for context in probe.draw(read_rows(file), limit=limit, seed=seed)]
        draft = locate(settings.model, layers=max(depths), model_dir=settings.model_dir)
        tokenizer = DraftTokenizer.from_folder(draft.folder)
        sizes = {"node_tokens": node_tokens, "segment_tokens": segment_tokens}
        found = []
        for depth in depths:
            with progress_bar(f"L = {depth}") as advance:
                backbone = Backbone.open(draft.folder, depth, device=settings.device, dtype=settings.dtype)
                found.append(probe.probe(backbone, tokenizer, questions, query_place=place, progress=advance, **sizes))
        tables(120).print(probe.table(found))
        heads = ", ".join(f"{head} of L = {depth}" for depth, head in probe.best(found))
        notes.print(f"{found[0].questions} questions, query {place}; most is found by head {heads}")
        typer.echo(probe.to_json(found, model=settings.model, place=place, node_tokens=node_tokens))


def _depths(layers: str) -> list[int]:
    parts = [part.strip() for part in layers.split(",")]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise InputError(
            f"layers: expected whole numbers above 0 with commas between, such as {DEPTHS}; got {layers!r}"
        )
    return list(dict.fromkeys(map(int, parts)))
