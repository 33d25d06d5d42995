"""units of a text, once all are found -> those that stand elsewhere and lead them in."""

from collections.abc import Mapping, Sequence

from longattncomp.chunking.lines.kinds import Line
from longattncomp.chunking.lines.rules import BANNER
from longattncomp.chunking.lines.speakers import Head
from longattncomp.chunking.markup.named import name_blocks
from longattncomp.chunking.outline import Outline
from longattncomp.chunking.prose.notices import link_notices
from longattncomp.chunking.prose.references import link
from longattncomp.chunking.prose.scales import link_scales
from longattncomp.chunking.tables.shared_names import link_names
from longattncomp.chunking.talk.asked import link_asked
from longattncomp.chunking.talk.calls import link_calls
from longattncomp.chunking.talk.mails import link_answers

_LONGEST = 160  # characters of a title between signs


def link_all(text: str, lines: Sequence[Line], out: Outline, heads: Mapping[int, Head]) -> None:
    """Link the units of a text; `heads` are the lines that say who speaks."""
    link(text, out)
    name_blocks(text, out)
    link_answers(text, out)
    link_scales(text, out)
    link_notices(text, out)
    link_calls(text, lines, out)
    link_asked(text, lines, out, heads)
    link_names(lines, out)
    _link_banners(lines, out)


def _link_banners(lines: Sequence[Line], out: Outline) -> None:
    """Let a title between signs in a comment lead in the lines right below it."""
    for at, title in enumerate(lines):
        if len(title.text) > _LONGEST or not BANNER.match(title.text):
            continue
        after = at + 1
        while (
            after < len(lines)
            and lines[after].indent >= title.indent
            and not BANNER.match(lines[after].text[:_LONGEST])
        ):
            after += 1
        first = out.unit_at(title.start)
        if out.starts[first] == title.start:
            out.lead(range(first + 1, out.unit_at(lines[after - 1].start) + 1), first)
