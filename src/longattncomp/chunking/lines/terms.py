"""lines of a paragraph -> the terms among them, with their definitions below."""

from collections.abc import Sequence
from itertools import pairwise

from longattncomp.chunking.lines import kinds
from longattncomp.chunking.lines.kinds import Line

_LONGEST_TERM = 60  # characters
_LEAST_SPACES = 2  # in the first line of a definition


def terms(here: Sequence[Line]) -> list[bool]:
    """Say which lines are short and have more indented sentences below them, as terms with their definitions; [] if
    the lines of a paragraph are something else.
    """
    first = here[0].indent
    found = [line.indent == first for line in here]
    if found[-1] or any(line.indent < first for line in here):
        return []
    for (line, below), (term, next_term) in zip(pairwise(here), pairwise(found), strict=True):
        long = len(line.text.strip()) > _LONGEST_TERM or kinds.ends_part(line.text)
        few = below.text.strip().count(" ") < _LEAST_SPACES and not line.text.rstrip().endswith(":")
        if term and (next_term or long or few):
            return []
    return found
