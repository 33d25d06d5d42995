"""lines of a text -> those that are headings as others of their kind are, whatever stands around them."""

from collections.abc import Collection, Sequence

from longattncomp.chunking.headings.manuals import manual_sections
from longattncomp.chunking.headings.marked import marked
from longattncomp.chunking.headings.numbered import numbered
from longattncomp.chunking.headings.titles import titles
from longattncomp.chunking.headings.wikis import wiki_heads
from longattncomp.chunking.lines.kinds import Line
from longattncomp.chunking.lines.speakers import Head


def all_heads(lines: Sequence[Line], cards: Collection[str]) -> dict[int, Head]:
    """Find the headings by number; `cards` are the keys of cards, which are none. A mark tells more than a number."""
    return titles(lines, cards) | manual_sections(lines) | numbered(lines) | wiki_heads(lines) | marked(lines)
