"""Compressed -> HTML."""

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from itertools import groupby
from math import ceil, sqrt
from operator import attrgetter
from typing import Any

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from longattncomp.html.names import visible
from longattncomp.types import Compressed, NodeReason, ScoredNode

_SHADES = 5
_PINNED = _SHADES + 1  # darkest on the map
_MAP_CELLS = 400
_FOLDED_TOGETHER = 3  # from so many neighbouring documents without kept text, one fold hides all
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(chr(plane << 16 | 0xFFFE) + chr(plane << 16 | 0xFFFF) for plane in range(17))
    + "]"
)
"""Controls, surrogates and noncharacters: parse errors in HTML, and surrogates have no UTF-8."""


def page(result: Compressed) -> str:
    """Render the whole context as one self-contained HTML5 page, which loads nothing and runs nothing.

    Characters that HTML forbids (NUL, lone surrogates ...) are shown as U+FFFD.
    """
    return _render("page.html", result)


def fragment(result: Compressed) -> str:
    """Render one `<div class="longattncomp">` for a notebook, with a style that applies to nothing outside it."""
    return _render("fragment.html", result)


_score_of = attrgetter("score")


@dataclass(frozen=True, slots=True)
class _Piece:
    """A node, or the part of it that was kept or cut off."""

    text: str
    tokens: int
    score: float
    reason: NodeReason
    lit: bool
    shade: int


@dataclass(frozen=True, slots=True)
class _Block:
    """Neighbouring pieces of one document, all kept or all left out."""

    lit: bool
    pieces: Sequence[_Piece]
    tokens: int
    characters: int
    best: float


@dataclass(frozen=True, slots=True)
class _Document:
    """One document of the context, kept in part or left out."""

    index: int
    id: str | None
    score: float
    blocks: Sequence[_Block]
    tokens: int
    kept_tokens: int
    characters: int
    kept: bool


def _render(template: str, result: Compressed) -> str:
    best = max(result.scores, default=0.0)
    documents = _documents(result, best)
    return (
        environment()
        .get_template(template)
        .render(
            result=result,
            best=best,
            documents=documents,
            sections=_sections(documents),
            map_runs=_map(documents),
            shades=[(shade, (shade / _SHADES) ** 2) for shade in range(1, _SHADES + 1)],
        )
    )


@cache
def environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("longattncomp.html"),
        autoescape=True,
        finalize=_clean,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "text": _text,
        "visible": visible,
        "number": "{:,}".format,
        "score": _score,
        "percent": _percent,
    }
    return environment


def _clean(value: Any) -> Any:
    """Replace forbidden characters; Jinja2 calls this for every value before it escapes it."""
    return _FORBIDDEN.sub("\ufffd", value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _text(text: str) -> Markup:
    # Between tags quotes are harmless, and escaping them would swell JSON and code by a fifth.
    return Markup(escape(_clean(text), quote=False))  # noqa: S704


def _score(score: float) -> str:
    return "<0.001" if 0 < score < 0.001 else f"{score:.3f}"


def _percent(share: float) -> str:
    return "<1%" if 0 < share < 0.005 else f"{share:.0%}"


def _documents(result: Compressed, best: float) -> list[_Document]:
    nodes, kept = (
        {index: list(group) for index, group in groupby(some, key=attrgetter("document"))}
        for some in (result.all_nodes, result.nodes)
    )
    found = []
    for index, document in enumerate(result.context):
        own = nodes.get(index, ())
        blocks = [
            _Block(
                lit, run, sum(one.tokens for one in run), sum(len(one.text) for one in run), max(map(_score_of, run))
            )
            for lit, group in groupby(_pieces(own, kept.get(index, ()), best), key=attrgetter("lit"))
            for run in [list(group)]
        ]
        found.append(
            _Document(
                index=index,
                id=document.id,
                score=sum(map(_score_of, own)),
                blocks=blocks,
                tokens=sum(block.tokens for block in blocks),
                kept_tokens=sum(block.tokens for block in blocks if block.lit),
                characters=len(document.text),
                kept=any(block.lit for block in blocks),
            )
        )
    return found


def _pieces(nodes: Iterable[ScoredNode], kept: Iterable[ScoredNode], best: float) -> Iterator[_Piece]:
    """Split the nodes of one document where their kept ranges start and end."""
    waiting = deque(kept)
    for node in nodes:
        ranges: list[tuple[int, int, ScoredNode | None]] = []
        at = node.start
        while waiting and waiting[0].start < node.end:
            span = waiting.popleft()
            ranges += [(at, span.start, None), (span.start, span.end, span)]
            at = span.end
        ranges.append((at, node.end, None))
        spare_tokens = node.tokens - sum(span.tokens for *_, span in ranges if span)
        spare_characters = sum(end - start for start, end, span in ranges if not span)
        for start, end, lit in ranges:
            if start < end:
                yield _Piece(
                    text=node.text[start - node.start : end - node.start],
                    tokens=lit.tokens if lit else max(0, spare_tokens) * (end - start) // spare_characters,
                    score=node.score,
                    reason=node.reason,
                    lit=lit is not None,
                    shade=_shade(node, best) if lit else 0,
                )


def _shade(node: ScoredNode, best: float) -> int:
    if node.reason == "pinned":
        return _PINNED
    # Shares of the mass fall steeply, so the square root spreads them over the shades.
    return min(_SHADES, max(1, ceil(_SHADES * sqrt(node.score / best)))) if best else 1


def _sections(documents: Iterable[_Document]) -> list[list[_Document]]:
    """Group documents: each alone, but several in a row without kept text together."""
    sections: list[list[_Document]] = []
    for kept, group in groupby(documents, key=attrgetter("kept")):
        run = list(group)
        sections += [[document] for document in run] if kept or len(run) < _FOLDED_TOGETHER else [run]
    return sections


def _map(documents: Iterable[_Document]) -> list[tuple[int, int]]:
    """Draw the context as a strip of equal cells: (shade, number of cells) from left to right."""
    pieces = [piece for document in documents for block in document.blocks for piece in block.pieces]
    characters = sum(len(piece.text) for piece in pieces)
    cells = [0] * _MAP_CELLS
    at = 0
    for piece in pieces:
        first, at = at, at + len(piece.text)
        for cell in range(first * _MAP_CELLS // characters, -(-at * _MAP_CELLS // characters)):
            cells[cell] = max(cells[cell], piece.shade)
    return [(shade, len(list(run))) for shade, run in groupby(cells)]
