"""a notice below a heading that its section no longer holds, or not yet -> what leads in all of that section."""

import re
from collections.abc import Iterator

from longattncomp.chunking.lines.connectives import ENDED
from longattncomp.chunking.outline import Outline

_LABEL = (
    r"(?:(?:current |document )?stat(?:us|e)|stand|notice|note|warning|important|caution|attention|hinweis|achtung"
    r"|warnung|statut|avertissement|remarque|estado|aviso|nota|stato|attenzione|状態|ステータス|状态|注意|重要)"
)
_NOTICE = re.compile(
    rf"[\s>*_\[(!?.:⚠\ufe0f❗🚫]*+(?:{_LABEL}[*_\s]*[:：!\"\]]+[^.;\n]{{0,40}}?{ENDED}"
    rf"|{ENDED}(?=[*_]*\s*(?:$|[.:!)\]–—]|-[ \t]|\*\*|(?:since|in|by|as|on|until|seit|ab|depuis|desde|dal)\b))"
    r"|(?:this|these|dies\w{0,2}|cet(?:te)?|ce|est[ea]|quest[oa])(?: [\w-]+){1,2} "
    rf"(?:is|are|was|were|has been|have been|ist|sind|wurde|est|a été|está|è)\b[^.;\n]{{0,24}}?{ENDED})",
    re.IGNORECASE,
)
_TITLE = re.compile(
    r"[\s#*_=\d.]*+(?:status|statut|estado|stato|状態|ステータス|状态)[\s*_:：]*$|[\s>]*\[!\w+\]\s*$|:::", re.IGNORECASE
)
"""The heading of a section that only holds the notice, as in a record of a decision, or the line above an alert."""

_LONGEST = 240  # characters
_NEAR = 4  # units below a heading


def link_notices(text: str, outline: Outline) -> None:
    """Let such a notice lead in all that stands in its section, or in the text if it stands at the beginning of it."""
    entries = {-1, *outline.entries}
    for unit, start in enumerate(outline.starts):
        above, end = outline.parents[unit], outline.end(unit, text)
        if unit - above > _NEAR or end - start > _LONGEST or not _NOTICE.match(text, start, end):
            continue
        if unit in entries and above in entries:
            continue
        if above >= 0 and _TITLE.match(text[outline.starts[above] : outline.end(above, text)]):
            above = outline.parents[above]
        outline.lead(_inside(outline, above, unit), unit)


def _inside(outline: Outline, above: int, unit: int) -> Iterator[int]:
    """Yield the units of a section below a unit; the text's first paragraphs speak of all of it."""
    for other in range(unit + 1, len(outline.starts)):
        if above >= 0 and above not in outline.above(other):
            return
        yield other
