"""a seed -> a list of records in one of ten formats, and a question about a field of the one with a key."""

import csv
import io
import json
import random
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise

import yaml

from longattncomp.data.patterns import different, drawn
from longattncomp.data.rows import Evidence, Example
from longattncomp.data.written import written_beside
from longattncomp.evaluation.tasks.task import Draw
from longattncomp.types import Document

Record = Mapping[str, str]

_LEAST = 8
_RECORD_TOKENS = 16  # no record has fewer


@dataclass(frozen=True, slots=True)
class RecordKind:
    """A kind of record.

    Attributes:
        what: what a record is called in sentences and logs.
        key: name of the field that is asked by, and the patterns of its values.
        fields: name of another field -> patterns of its values.
        asked: name of a field -> a question with `{key}` for it.
    """

    what: str
    key: tuple[str, tuple[str, ...]]
    fields: Mapping[str, tuple[str, ...]]
    asked: Mapping[str, str]


Parts = Callable[[str, list[Record]], list[str]]
"""(what a record is called, records) -> the text before them, that of each, and the text after them."""


def _each(write: Callable[[str, Record], str]) -> Parts:
    return lambda what, records: ["", *(f"{write(what, record)}\n" for record in records), ""]


def _rows(separator: str) -> Parts:
    def line(values: list[str]) -> str:
        stream = io.StringIO()
        csv.writer(stream, delimiter=separator, lineterminator="\n").writerow(values)
        return stream.getvalue()

    return lambda _, records: [line([*records[0]]), *(line([*record.values()]) for record in records), ""]


def _table(_: str, records: list[Record]) -> list[str]:
    head = f"| {' | '.join(records[0])} |\n|{'---|' * len(records[0])}\n"
    return [head, *(f"| {' | '.join(record.values())} |\n" for record in records), ""]


def _json(indent: int | None, separators: tuple[str, str] | None = None) -> Parts:
    """Cut the text of a JSON list into what is before, each object with its comma, and what is after."""

    def parts(_: str, records: list[Record]) -> list[str]:
        text = json.dumps(records, indent=indent, separators=separators)
        starts = [text.index("{")]
        while len(starts) < len(records):
            starts.append(text.index("{", starts[-1] + 1))
        bounds = [0, *starts, text.rindex("}") + 1, len(text)]
        return [text[low:high] for low, high in pairwise(bounds)]

    return parts


def _log(what: str, record: Record) -> str:
    return f"INFO {what}: {' '.join(f'{name}={json.dumps(value)}' for name, value in record.items())}"


def _yaml(_: str, record: Record) -> str:
    return yaml.safe_dump([dict(record)], sort_keys=False).rstrip()


def _sentence(what: str, record: Record) -> str:
    key, *others = record.items()
    said = [f"its {name.replace('_', ' ')} is {value}" for name, value in others]
    return f"The {what} {key[1]} is on file: {', '.join(said[:-1])} and {said[-1]}."


FORMATS: Mapping[str, Parts] = {
    "indented": _json(2),
    "minified": _json(None, (",", ":")),
    "one line": _json(None),
    "json lines": _each(lambda _, record: json.dumps(record)),
    "csv": _rows(","),
    "tab separated": _rows("\t"),
    "table": _table,
    "log": _each(_log),
    "yaml": _each(_yaml),
    "sentences": _each(_sentence),
}


def records(draw: Draw) -> Iterator[Example]:
    """Generate lists of records of about `draw.context_tokens` tokens, by turns in each of `FORMATS`.

    The kind of record changes after each round of formats. The answer is one field of the record whose key is asked
    for; the evidence is the whole record.
    """
    rng = random.Random(draw.seed)  # noqa: S311 (examples, no secret)
    for number in range(draw.examples):
        name, kind = list(FORMATS)[number % len(FORMATS)], record_kinds()[number // len(FORMATS) % len(record_kinds())]
        write = partial(FORMATS[name], kind.what)
        pool = _pool(kind, max(_LEAST, draw.context_tokens // _RECORD_TOKENS), rng)
        sizes = range(_LEAST, len(pool) + 1)
        fitting = bisect_right(sizes, draw.context_tokens, key=partial(_tokens, write, pool, draw.count))
        found = pool[: sizes[max(0, fitting - 1)]]
        place = rng.randrange(len(found))
        field, question = rng.choice(list(kind.asked.items()))
        before, *parts = write(found)
        start = len(before) + sum(map(len, parts[:place]))
        yield Example(
            id=f"{name}-{draw.seed}-{number}",
            task="records",
            query=question.format(key=found[place][kind.key[0]]),
            answers=(found[place][field],),
            documents=(Document("".join([before, *parts]), id=name),),
            evidence=(Evidence(0, start, start + len(parts[place].rstrip(",\n "))),),
        )


@cache
def record_kinds() -> tuple[RecordKind, ...]:
    """Read the kinds of records, which were written by hand."""
    return written_beside(__file__, tuple[RecordKind, ...])


def _pool(kind: RecordKind, most: int, rng: random.Random) -> list[Record]:
    name, patterns = kind.key
    keys = different(patterns, most, rng)
    return [
        {name: key, **{field: drawn(rng.choice(values), rng) for field, values in kind.fields.items()}} for key in keys
    ]


def _tokens(write: Callable[[list[Record]], list[str]], pool: list[Record], count: Callable[[str], int], n: int) -> int:
    return count("".join(write(pool[:n])))
