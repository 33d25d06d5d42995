"""lines of a text -> those that are headings as others of their kind are, whatever stands around them."""

from collections.abc import Collection, Sequence

from longattncomp.chunking.lines import Line
from longattncomp.chunking.manuals import manual_sections
from longattncomp.chunking.marked import marked
from longattncomp.chunking.numbered import numbered
from longattncomp.chunking.speakers import Head
from longattncomp.chunking.titles import titles
from longattncomp.chunking.wikis import wiki_heads


def all_heads(lines: Sequence[Line], cards: Collection[str]) -> dict[int, Head]:
    """Find the headings by number; `cards` are the keys of cards, which are none. A mark tells more than a number."""
    return titles(lines, cards) | manual_sections(lines) | numbered(lines) | wiki_heads(lines) | marked(lines)
