"""methods -> how each is drawn, the same in every picture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from longattncomp.evaluation.report.summary import FULL, NONE, ORACLE
from longattncomp.scorers.methods import DEFAULT as OURS

INK = "#1a1d23"
DIM = "#5a6170"
PALE = "#d9dde4"
FAINT = "#f5f6f8"


@dataclass(frozen=True, slots=True)
class Style:
    """How a method is drawn; no two share both colour and marker.

    Attributes:
        colour: told apart by people who are colour-blind too.
        marker: as matplotlib names it.
        line: likewise.
    """

    colour: str
    marker: str = ""
    line: str = "-"


_KNOWN = {
    # Okabe and Ito's colours; what chance gives is grey, what bounds the rest is black.
    OURS: Style("#d55e00", "o"),
    "bm25": Style("#0072b2", "^"),
    "minilm": Style("#56b4e9", "v"),
    "rrf": Style("#009e73", "s"),
    "speculative": Style("#cc79a7", "D"),
    "attncomp": Style("#e69f00", "P"),
    "longattncomp-alone": Style("#882255", "<"),
    "longattncomp-cascade": Style("#332288", ">"),
    "random": Style("#8a8f98", "x", ":"),
    "first": Style("#8a8f98", "|", "--"),
    "last": Style("#8a8f98", "_", "-."),
    FULL: Style(INK),
    ORACLE: Style(INK, line="--"),
    NONE: Style(INK, line=":"),
}
_SPARE = ("#117733", "#aa4499", "#999933", "#44aa99", "#661100", "#6699cc")
"""Out of Paul Tol's muted scheme."""
_SPARE_MARKERS = ("h", "*", "p", "X", "d")  # as many as are prime to the colours, so that pairs repeat late


def styles(methods: Iterable[str]) -> dict[str, Style]:
    """Known methods look the same in every evaluation, others as their names sort."""
    names = list(dict.fromkeys(methods))
    others = sorted(name for name in names if name not in _KNOWN)
    spare = {
        name: Style(_SPARE[place % len(_SPARE)], _SPARE_MARKERS[place % len(_SPARE_MARKERS)])
        for place, name in enumerate(others)
    }
    return {name: _KNOWN.get(name) or spare[name] for name in names}
