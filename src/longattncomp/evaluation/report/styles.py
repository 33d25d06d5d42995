"""methods -> how each is drawn, the same in every picture."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import cycle

from longattncomp.evaluation.report.summary import FULL, NONE, ORACLE
from longattncomp.scorers.methods import METHODS

INK = "#1a1d23"
DIM = "#5a6170"
PALE = "#d9dde4"
FAINT = "#f5f6f8"

# Colours that colour-blind people can tell apart: Okabe and Ito's, and from the muted scheme of Paul Tol.
_COLOURS = (
    *("#d55e00", "#882255", "#332288", "#e69f00", "#cc79a7", "#0072b2", "#117733", "#56b4e9", "#009e73"),
    *("#aa4499", "#999933", "#44aa99", "#661100", "#6699cc"),
)
_MARKERS = "o<>PD^hvs*pXd"  # one fewer than colours, so that a pair repeats only after 14 x 13 methods
_GREY = "#8a8f98"
_GREY_LOOKS = (("x", ":"), ("|", "--"), ("_", "-."))
_BASELINES = "longattncomp.scorers.baselines:"
"""Prefix of the openers of methods that ignore the query; these methods are grey."""


@dataclass(frozen=True, slots=True)
class Style:
    """How a method's points and lines are drawn, in matplotlib's names."""

    colour: str
    marker: str = ""
    line: str = "-"


def styles(methods: Iterable[str]) -> dict[str, Style]:
    """Give each method a style by its place in `METHODS`; unknown methods follow in the order of their names."""
    names = list(dict.fromkeys(methods))
    looks = {FULL: Style(INK), ORACLE: Style(INK, line="--"), NONE: Style(INK, line=":")}
    grey = [method.name for method in METHODS.values() if method.opener.startswith(_BASELINES)]
    coloured = [name for name in METHODS if name not in grey]
    coloured += sorted(set(names) - looks.keys() - METHODS.keys())
    looks |= {name: Style(_GREY, *look) for name, look in zip(grey, cycle(_GREY_LOOKS), strict=False)}
    looks |= {name: Style(*look) for name, *look in zip(coloured, cycle(_COLOURS), cycle(_MARKERS), strict=False)}
    return {name: looks[name] for name in names}
