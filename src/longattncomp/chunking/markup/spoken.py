"""objects of JSON that are messages -> their entries, each led in by who speaks."""

import re

from longattncomp.chunking.lines.speakers import ROLES
from longattncomp.chunking.outline import Outline

_ROLE = re.compile(rf"\s*\"role\"\s*:\s*\"(?:{ROLES}|function|model)\"")
_SAID = re.compile(r"\s*\"(?:content|parts|text|tool_calls)\"\s*:")
_BESIDE = re.compile(r"\s*\"(?:name|tool_call_id)\"\s*:\s*\"[^\"\n]{1,80}\"")
"""What else tells who speaks, in an object with a role."""


def link_roles(outline: Outline, text: str, first: int) -> None:
    """Let the role of a message lead in all else of it.

    Args:
        outline: the units.
        text: any text.
        first: the first unit of a value.
    """
    units = range(first, len(outline.starts))
    said: dict[int, list[int]] = {}
    for unit in units:
        if outline.parents[unit] >= first and _ROLE.match(text, outline.starts[unit]):
            said.setdefault(outline.parents[unit], []).append(unit)
    talks = {outline.parents[unit] for unit in units if _SAID.match(text, outline.starts[unit])}
    said = {message: names for message, names in said.items() if message in talks}
    if not said:
        return
    for unit in units:
        if outline.parents[unit] in said and _BESIDE.match(text, outline.starts[unit]):
            said[outline.parents[unit]].append(unit)
    message: dict[int, int] = {}  # the innermost that each unit is part of
    for unit in units:
        above = outline.parents[unit]
        message[unit] = above if above in said else message.get(above, -1)
        if message[unit] >= 0:
            outline.lead([unit], *said[message[unit]])
