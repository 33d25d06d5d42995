"""entries of settings and data -> what names the block that they stand in, which comes along with them.

A block says by an entry of its own which of several like ones it is: `server_name`, `"id":`, the `name` of an item; a
document of settings where it holds: the `namespace` of an object, the profile of Spring that it is for.
"""

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from typing import NamedTuple

from longattncomp.chunking.outline import Outline

_NAME = re.compile(
    r"\s*[\"']?(?:(?P<name>[Nn]ame|NAME|(?:server|container|full|display)_name|displayName|hostname|nom|nombre|nome|naam"
    r"|[Tt]itle)|id|Id|ID|uid|sku|slug|label|login|username)[\"']?"
    r"(?P<sign>\s*:(?=[\s\"'\d])|\s*=|[ \t](?=[^\s:=]))\s*[^\s{\[|>&*]"
)
"""An entry that names its block, by a name or only by a number or code; the value stands beside its key."""

_TAKES = re.compile(r"[\"']?(?:parameters|input_?[sS]chema)[\"']?\s*:")
"""The entry of a tool, or another block with a name, that says what it takes."""

_METADATA = re.compile(r"[\"']?metadata[\"']?\s*:")
_PLACE = re.compile(r"[\"']?namespace[\"']?\s*:[ \t]*[\"']?\w")
_KIND = re.compile(r"kind:[ \t]+\w")
_DASH = re.compile(r"-\s+(?=\S)")
_SEPARATOR = "---"  # between documents of YAML
_TABLES = "[["  # one of an array of tables in TOML
_BETWEEN = re.compile(r"^(?:[#!]?---[ \t]*(?:#[^\n]*)?|[ \t]*(?:`{3}|~{3})[^\n]*)\r?$", re.MULTILINE)
"""A line between documents of settings, or between a block of them and text."""

_HOLDS = re.compile(
    r"^(?:[ \t]*(?:[\w.-]+\.)?on-(?:profile|cloud-platform)|spring\.profiles|spring:[ \t]*\n[ \t]+profiles)"
    r"[ \t]*[:=][ \t]*\S",
    re.MULTILINE,
)
"""The entry that says for which profile a document holds."""

_LONGEST = 120  # characters of a line that are looked at
_NEAREST = 2  # blocks around an entry whose names come along


class _Names(NamedTuple):
    """What names a block: the units, and whether one is a name rather than a number."""

    units: tuple[int, ...] = ()
    good: bool = False


def name_blocks(text: str, outline: Outline) -> None:
    """Let the names of blocks lead in what else stands in them: items, blocks that begin as others beside them do, and
    documents of YAML.
    """
    blocks = _Blocks(text, outline)
    for unit in outline.entries:
        blocks.read(unit)
    blocks.link()
    _link_profiles(text, outline)


def _link_profiles(text: str, outline: Outline) -> None:
    """Let the entry that says where a document holds lead in all of it, if a line parts it from others."""
    begins, ends = [0], []
    for part in _BETWEEN.finditer(text):
        ends.append(part.start())
        begins.append(part.end())
    ends.append(len(text))
    for entry in _HOLDS.finditer(text) if len(begins) > 1 else ():
        document = bisect_right(begins, entry.start()) - 1
        first, after = (bisect_left(outline.starts, at) for at in (begins[document], ends[document]))
        unit = outline.unit_at(entry.end() - 1)
        outline.lead(range(first, after), unit)
        outline.named.add(unit)


class _Blocks:
    def __init__(self, text: str, outline: Outline) -> None:
        self._text, self._out = text, outline
        self._around: dict[int, int] = {}  # what each entry stands in: an entry, or a document by its number below 0
        self._heads: dict[int, str] = {}  # the first line of each entry, and of what one stands in
        self._alike: Counter[tuple[int, str]] = Counter()  # entries by what they stand in and their first line
        self._names: dict[int, _Names] = {}
        self._places: dict[int, int] = {}  # the entry of each document with the namespace
        self._document = -1
        self._taking: set[int] = set()  # blocks that say what they take

    def read(self, unit: int) -> None:
        """Read an entry: where it stands, and whether it names that."""
        line = self._heads[unit] = self._line(unit)
        if line.startswith(_SEPARATOR) or (unit and unit - 1 not in self._around and self._separates(unit - 1)):
            self._document -= 1
        above = self._out.parents[unit]
        if above >= 0 and above not in self._around and self._text.startswith(_TABLES, self._out.starts[above]):
            self._heads[above] = _TABLES
            block = above
        else:
            block = above if above in self._around else self._document
        self._around[unit] = block
        self._alike[block, line] += 1
        if _TAKES.match(line):
            self._taking.add(block)
        in_document = self._around.get(block, 0) < 0 and _METADATA.match(self._heads[block]) is not None
        if in_document and _PLACE.match(line):
            self._places[self._around[block]] = unit
        names = self._names.get(block, _Names())
        if block < 0 and _KIND.match(line):
            self._names[block] = _Names((unit,), names.good)
        elif (match := _NAME.match(line)) and _names(match["sign"], self._heads.get(block, ""), line):
            good = match["name"] is not None
            if not names.good and (good or not names.units):
                self._names[block] = _Names((unit,), good)
            if in_document and good:
                around = self._around[block]
                own = self._names.get(around, _Names())
                self._names[around] = _Names((*own.units, block, unit), good=True)

    def link(self) -> None:
        """Let names lead in the entries, by the nearest blocks around them that have one."""
        if len({self._heads[unit] for unit in self._places.values()}) > 1:
            for document, unit in self._places.items():
                if (names := self._names.get(document)) and names.good:
                    self._names[document] = _Names((*names.units, unit), good=True)
        documents = sum(block < 0 and names.good for block, names in self._names.items())
        found: dict[int, tuple[tuple[int, ...], ...]] = {}  # names of each block and of those around it
        for unit, block in self._around.items():
            if block not in found:
                names = self._names.get(block, _Names())
                told = documents > 1 and names.good if block < 0 else self._is_like_others(block)
                around = found.get(self._around.get(block, block), ())
                found[block] = ((names.units, *around) if told and names.units else around)[:_NEAREST]
                if told:
                    self._out.named.update(names.units)
            units = [name for names in found[block] for name in names if unit not in names]
            above = self._out.parents[unit]
            self._out.lead([unit], *(name for name in units if name != above))

    def _is_like_others(self, block: int) -> bool:
        """Whether the first line of a block does not tell which it is."""
        head = self._heads[block]
        if dash := _DASH.match(head):
            return not _NAME.match(head, dash.end())
        return head == _TABLES or block in self._taking or self._alike[self._around[block], head] > 1

    def _separates(self, unit: int) -> bool:
        return self._text.startswith(_SEPARATOR, self._out.starts[unit])

    def _line(self, unit: int) -> str:
        start = self._out.starts[unit]
        end = min(self._out.end(unit, self._text), start + _LONGEST)
        return self._text[start:end].strip().partition("\n")[0].rstrip()


def _names(sign: str, head: str, line: str) -> bool:
    """Whether a line names its block, by the first line of that and the sign after its key: in code it would not."""
    if "(" in head:
        return False
    if sign.strip() == ":":
        return True
    return head == _TABLES or (head.endswith("{") and (bool(sign.strip()) or line.endswith(";")))
