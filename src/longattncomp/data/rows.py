"""rows.jsonl[.gz] -> examples."""

import gzip
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BufferedReader
from itertools import accumulate, groupby
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from longattncomp.errors import InputError
from longattncomp.types import Document

_NAMES = {str: "a string", int: "a whole number", list: "a list", dict: "an object"}


@dataclass(frozen=True, slots=True, order=True)
class Evidence:
    """One passage that answers the query. Passages are ordered by their place.

    Attributes:
        document: index of the document in the example.
        start: first character in the text of the document, its title line included.
        end: one past the last character.
    """

    document: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Example:
    """One question over its documents, and where the answer lies.

    Attributes:
        id: the id of the row.
        task: the collection that the row comes from.
        query: the question.
        answers: accepted answers; may be empty.
        documents: the context; neighbouring rows with the same documents share this tuple.
        evidence: the passages that a good compression keeps; may be empty.
        options: the choices of a multiple-choice question, with the right one among the answers; may be empty.
    """

    id: str
    task: str
    query: str
    answers: tuple[str, ...]
    documents: tuple[Document, ...]
    evidence: tuple[Evidence, ...]
    options: tuple[str, ...] = ()


Context = tuple[Example, ...]
"""Neighbouring examples that share one `documents` tuple."""


_Places = dict[str, tuple[int, int]]
"""Id of a document -> its index, and how many characters its title line has."""


def read_rows(path: Path | str) -> Iterator[Example]:
    """Stream the examples of one file.

    A row has `id`, `task`, `query`, `answers`, `documents` (`id`, `title`, `text`) and `evidence` (`document`, `start`,
    `end`; characters of the text of that document, half-open; or the passage itself as it stands there but for white
    space, as a string or as `text` with a `document`). A row may have up to 26 `options`; the right one is
    among the answers. A row without `documents` asks about the documents of the last row that had them; a row without
    `query` only brings documents. A title stands above its text, as indexes put it.

    Args:
        path: JSON lines; gzip is recognised by the content, not by the name.

    Raises:
        InputError: the file or one of its rows is broken; the message names the file, the line and the fault.
    """
    context: tuple[tuple[Document, ...], _Places] | None = None
    items: list[Any] | None = None
    for where, row in json_lines(Path(path)):
        if "paragraph" in row:
            raise InputError(
                f"{where}: expected a row with 'documents', got one with a single 'paragraph': that is training data, "
                "whose distractors are drawn while training; give a development file"
            )
        if "documents" in row and (context is None or row["documents"] != items):
            items = row["documents"]
            context = _context(_get(row, "documents", list, where), where=where)
        elif context is None:
            raise InputError(f"{where}: expected 'documents' in this row or in one before it, found none")
        if "query" in row or "documents" not in row:
            yield _example(row, *context, where)


def contexts(examples: Iterable[Example]) -> Iterator[Context]:
    """Group neighbouring examples that share their documents."""
    for _, group in groupby(examples, key=lambda example: id(example.documents)):
        yield tuple(group)


def positions(example: Example) -> list[float]:
    """Compute where the middle of each passage of evidence lies among the context's characters, in [0, 1]."""
    starts = list(accumulate((len(document.text) for document in example.documents), initial=0))
    return [(starts[span.document] + (span.start + span.end) / 2) / starts[-1] for span in example.evidence]


def json_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Stream (file and line, object) of a file of JSON lines, gzipped or plain.

    Raises:
        InputError: the file or one of its lines is broken.
    """
    number = 0
    try:
        with path.open("rb") as raw:
            for number, line in enumerate(unzipped(raw), 1):
                if line.strip():
                    yield (where := f"{path}, line {number}"), json_object(line, where)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be read beyond line {number}: {error}") from error


def unzipped(raw: BufferedReader) -> BufferedReader | gzip.GzipFile:
    """Return the content of a file that was just opened; gzip is recognised by the content, not by the name."""
    zipped = raw.read(2) == b"\x1f\x8b"
    raw.seek(0)
    return gzip.GzipFile(fileobj=raw) if zipped else raw


def json_object(line: bytes, where: str) -> dict[str, Any]:
    """Parse the JSON object of one line.

    Raises:
        InputError: the line holds no JSON object; the message begins with `where`.
    """
    try:
        row = json.loads(line)
    except ValueError as error:
        raise InputError(f"{where}: expected one JSON object, got bad JSON: {error}") from error
    if not isinstance(row, dict):
        raise InputError(f"{where}: expected one JSON object, got {type(row).__name__}")
    return row


def _context(items: list[Any], where: str) -> tuple[tuple[Document, ...], _Places]:
    documents: list[Document] = []
    places: _Places = {}
    for index, item in enumerate(items):
        here = f"{where}, document {index}"
        name, text = _get(item, "id", str, here), _get(item, "text", str, here)
        title = _get(item, "title", str, here) if "title" in item else ""
        if name in places:
            raise InputError(f"{here}: expected ids that differ, got {name!r} twice")
        head = f"{title}\n" if title else ""
        documents.append(Document(head + text, id=name, metadata={"title": title}))
        places[name] = index, len(head)
    return tuple(documents), places


def _example(row: dict[str, Any], documents: tuple[Document, ...], places: _Places, where: str) -> Example:
    answers, options = (_strings(row, key, where) for key in ("answers", "options"))
    if options and not set(options) & set(answers):
        raise InputError(f"{where}: expected the right one of the options among the answers, got {answers!r}")
    if len(options) > len(ascii_uppercase):
        raise InputError(
            f"{where}: expected at most {len(ascii_uppercase)} options, a letter for each, got {len(options)}"
        )
    spans = _get(row, "evidence", list, where) if "evidence" in row else []
    return Example(
        id=_get(row, "id", str, where),
        task=_get(row, "task", str, where),
        query=_get(row, "query", str, where),
        answers=answers,
        documents=documents,
        evidence=tuple(
            _evidence(span, documents, places, f"{where}, evidence {index}") for index, span in enumerate(spans)
        ),
        options=options,
    )


def _strings(row: dict[str, Any], key: str, where: str) -> tuple[str, ...]:
    found = _get(row, key, list, where) if key in row else []
    if not all(isinstance(text, str) for text in found):
        raise InputError(f"{where}: expected {key!r} to be strings, got {found!r}")
    if not all(text.strip() for text in found):
        raise InputError(f"{where}: expected {key!r} with more than blanks in them, got {found!r}")
    return tuple(found)


def _evidence(span: Any, documents: tuple[Document, ...], places: _Places, where: str) -> Evidence:
    if isinstance(span, str) or (isinstance(span, dict) and "text" in span):
        return _quoted(span, documents, places, where)
    name = _get(span, "document", str, where)
    start, end = _get(span, "start", int, where), _get(span, "end", int, where)
    if name not in places:
        raise InputError(f"{where}: expected the id of one of the {len(places)} documents, got {name!r}")
    place, shift = places[name]
    length = len(documents[place].text) - shift
    if not 0 <= start < end <= length:
        raise InputError(
            f"{where}: expected 0 <= start < end <= {length}, the text of document {name!r}; got {start} and {end}"
        )
    return Evidence(place, start + shift, end + shift)


def _quoted(span: Any, documents: tuple[Document, ...], places: _Places, where: str) -> Evidence:
    """Find a passage by its words, in the document that is named or in the first that has it."""
    passage = span if isinstance(span, str) else _get(span, "text", str, where)
    name = _get(span, "document", str, where) if isinstance(span, dict) and "document" in span else None
    if name is not None and name not in places:
        raise InputError(f"{where}: expected the id of one of the {len(places)} documents, got {name!r}")
    words = passage.split()
    if not words:
        raise InputError(f"{where}: expected a passage of a document, got a blank one")
    pattern = re.compile(r"\s+".join(map(re.escape, words)))
    for place, shift in places.values() if name is None else [places[name]]:
        if found := pattern.search(documents[place].text, shift):
            return Evidence(place, *found.span())
    inside = "any document" if name is None else f"document {name!r}"
    raise InputError(f"{where}: expected a passage that stands in {inside} word for word, got {passage!r:.80}")


def _get(row: Any, key: str, kind: type, where: str) -> Any:
    if not isinstance(row, dict):
        raise InputError(f"{where}: expected an object, got {row!r:.80}")
    if key not in row:
        raise InputError(f"{where}: expected the key {key!r}, found only {', '.join(map(repr, row)) or 'none'}")
    if type(row[key]) is not kind:  # true and false are whole numbers to isinstance
        raise InputError(f"{where}: expected {key!r} to be {_NAMES[kind]}, got {row[key]!r:.80}")
    return row[key]
