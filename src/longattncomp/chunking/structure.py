"""text -> its units, paragraph by paragraph, each as what it looks like."""

import re
from itertools import pairwise

from longattncomp.chunking import lines as kinds
from longattncomp.chunking.code import Statements
from longattncomp.chunking.headings import SPEAKER, heading, is_talk
from longattncomp.chunking.lines import Line, lines_of
from longattncomp.chunking.lists import TAIL, items, terms
from longattncomp.chunking.nested import Html, begins_json, json_end, json_units
from longattncomp.chunking.outline import RECORD_TOKENS, SENTENCE_TOKENS, Outline
from longattncomp.chunking.records import add_diff, add_log, stamped
from longattncomp.chunking.references import TABLE_NOTE, lead, link
from longattncomp.chunking.sentences import sentences
from longattncomp.chunking.tables import add_table, header_rows
from longattncomp.runtime.cancellation import step

_ANNOUNCED = 400  # characters after an announcement that it speaks of
_SAID = 1000  # characters of a turn whose parts all come with who speaks
_LOOKED_AT = 20  # characters before an item that tell whether the one above leads to it
_BREAK = re.compile(rf"(?=[ \t]*[=_*#~\[—-])(?:{kinds.RULED.pattern}|{kinds.SECTION.pattern}|#{{2,6}}[ \t]+[A-Z\d])")
"""A heading that may stand without a blank line above it."""


def outline(text: str) -> Outline:
    """Find the units of a text and what leads them in.

    Nothing needs to be well formed: what is recognised as nothing else is prose, sentence by sentence.
    """
    return _Scan(text).run() if text else Outline()


class _Scan:
    def __init__(self, text: str) -> None:
        self.text = text
        self.lines = lines_of(text)
        self.out = Outline()
        self._statements = Statements(text, self.out)
        self._sections: list[tuple[int, int]] = []  # (level, unit) of the headings above
        self._code = False
        self._intro = -1  # the unit right before, if it leads to a list or table
        self._list = -1  # the unit that introduced the list above
        self._listed: list[tuple[int, str, int]] = []  # (indent, marker, unit) of the items above
        self._html = Html()
        self._broken = False  # whether a JSON value was seen that does not end
        self._talk = is_talk(self.lines)
        self._speaker = -1  # the turn above
        self._question = -1  # the turn above, if it asks
        self._announces = -1  # the unit right before, if it speaks of the paragraph below
        self._lone = -1  # the unit right before, if it is the only one of its paragraph
        self._rows = self._items_above = range(0)  # units of the table and of the list above

    def run(self) -> Outline:
        lines, at, end, walked = self.lines, 0, 0, 0
        while at < len(lines):
            if lines[at].indent < 0:
                at += 1
                continue
            if end <= at:
                end = at + 1
                while end < len(lines) and lines[end].indent >= 0 and not _BREAK.match(lines[end].text):
                    end += 1
            at = self._paragraph(at, end)
            step(self._end(at) - walked)
            walked = self._end(at)
        if not self.out.starts:
            self.out.add(0)
        link(self.text, self.out)
        return self.out

    @property
    def _above(self) -> int:
        return self._sections[-1][1] if self._sections else -1

    def _owner(self, indent: int) -> int:
        """The list item that an indented paragraph belongs to; otherwise the heading above."""
        found = (unit for column, _, unit in reversed(self._listed) if column < indent)
        return next(found, self._above) if indent > 0 else self._above

    def _end(self, at: int) -> int:
        return self.lines[at].start if at < len(self.lines) else len(self.text)

    def _paragraph(self, at: int, end: int) -> int:
        """Add the units of the beginning of a paragraph, and return the line after them."""
        first = self.lines[at]
        if self._statements.within:
            return self._read_code(self.lines[at:end], self._above, end)
        for read in (self._fenced, self._heading, self._diff, self._json):
            if (after := read(at, end)) > at:
                return after
        here = self.lines[at:end]
        if self._code and first.indent > 0:
            return self._read_code(here, self._above, end)
        turns = sum(kinds.TURN.match(line.text) is not None for line in here)
        spoken = (turns >= 2 and 2 * turns >= len(here)) or (self._talk and kinds.TURN.match(first.text) is not None)
        if not self._code and not spoken and kinds.TAG.match(first.text):
            self._html.add(self.out, self.text, first.start, self._end(end), self._above)
            return self._done(end)
        if (n_header := header_rows(here)) is not None:
            begun = len(self.out.starts)
            lone = self._lone == begun - 1 >= 0
            add_table(self.out, here, n_header, self._lone if lone else self._introduced(first.indent))
            self._rows = range(begun, len(self.out.starts))
            return self._done(end, indent=first.indent)
        if self._is_below(self._rows) and TABLE_NOTE.match(first.text) and self._end(end) - first.start <= _ANNOUNCED:
            lead(self.out, self._rows, self.out.add(first.start, self._above, breaks=True))
            return self._done(end)
        if stamps := stamped(here):
            add_log(self.out, self.text, here, stamps, self._above)
            return self._done(end)
        if self._items(at, end):
            return end
        if spoken:
            self._turns(here, self._end(end))
            return self._done(end)
        if kinds.is_code(here, within=self._code):
            return self._read_code(here, self._above, end)
        if found := terms(here):
            return self._terms(here, found, end)
        self._prose(at, end)
        return self._done(end, indent=first.indent)

    def _is_below(self, units: range) -> bool:
        """Whether what begins here stands right below these units."""
        return 0 < units.stop == len(self.out.starts)

    def _done(self, end: int, *, indent: int = 0) -> int:
        """End a block; a list goes on after a block that is indented."""
        self._code = False
        self._statements.end()
        if not indent or not self._listed:
            self._list = -1
            self._listed.clear()
        return end

    def _open_section(self, level: int, start: int) -> None:
        while self._sections and self._sections[-1][0] >= level:
            self._sections.pop()
        unit = self.out.add(start, self._above, together=RECORD_TOKENS if level == SPEAKER else 0, breaks=True)
        self._sections.append((level, unit))
        self._intro = self._speaker = self._question = -1

    def _introduced(self, indent: int) -> int:
        """The unit that leads to the block that begins here; otherwise the item or heading above."""
        return self._intro if self._intro >= 0 and self._intro == len(self.out.starts) - 1 else self._owner(indent)

    # headings

    def _heading(self, at: int, end: int) -> int:
        level, size = heading(self.lines, at, end, code=self._code)
        if not level:
            return at
        self._open_section(level, self.lines[at].start)
        return self._done(at + size)

    # blocks

    def _fenced(self, at: int, end: int) -> int:
        if (last := kinds.fenced(self.lines, at)) == at:
            return at
        first, inner = self.lines[at], [line for line in self.lines[at + 1 : last] if line.indent >= 0]
        parent = self._introduced(first.indent)
        self._statements.end()
        if not inner:
            self.out.add(first.start, parent, breaks=True)
            return self._done(last + 1, indent=first.indent)
        inner[0] = inner[0]._replace(start=first.start)  # the fence is part of the first line
        if (n_header := header_rows(inner)) is not None:
            add_table(self.out, inner, n_header, parent)
        else:
            self._read_code(inner, parent, last + 1)
        return self._done(last + 1, indent=first.indent)

    def _diff(self, at: int, end: int) -> int:
        after = add_diff(self.out, self.text, self.lines, at, self._above)
        return self._done(after) if after > at else at

    def _json(self, at: int, end: int) -> int:
        first = self.lines[at]
        if self._code or not begins_json(self.lines[at:end][:2]):
            return at
        stop = -1 if self._broken else json_end(self.text, first.start)
        self._broken = self._broken or stop < 0
        stop = self._end(end) if stop < 0 else stop
        json_units(self.out, self.text, first.start, stop, self._introduced(first.indent))
        after = at
        while after < len(self.lines) and self.lines[after].start < stop:
            after += 1
        return self._done(after)

    def _turns(self, here: list[Line], end: int) -> None:
        """Add turns: who speaks leads in what is said, unless it is long, and a question the answer below it."""
        begins = [number for number, line in enumerate(here) if not number or kinds.TURN.match(line.text)]
        stops = [here[number].start for number in begins[1:]]
        for number, stop in zip(begins, [*stops, end], strict=True):
            line = here[number]
            answers = self._question >= 0 and kinds.ANSWER.match(line.text)
            owner = self._question if answers else self._above
            turn = self.out.add(line.start, owner, together=RECORD_TOKENS, breaks=not number)
            self._speaker = turn
            if kinds.ASKED.match(line.text):
                self._question = turn
                continue
            named = kinds.TURN.match(line.text)
            for start, _ in sentences(self.text, line.start + named.end() - 1 if named else line.start, stop):
                self.out.add(start, turn if stop - line.start <= _SAID else owner)
            self._question = self._question if answers else -1

    def _items(self, at: int, end: int) -> bool:
        """Add the items of a list, each with the lines that it goes on in; False if the paragraph is no list."""
        here = self.lines[at:end]
        led = self._intro == len(self.out.starts) - 1 >= 0
        if not (marks := items(here, code=self._code, led=led)):
            return False
        first = next(number for number, mark in enumerate(marks) if mark)
        if first:
            self._prose(at, at + first)
            self._listed.clear()
        if not self._listed:
            self._list = self._introduced(here[first].indent)
        self._code = False
        self._statements.end()
        begun = self._items_above.start if self._listed and self._is_below(self._items_above) else len(self.out.starts)
        for line, mark in zip(here[first:], marks[first:], strict=True):
            if mark:
                self._item(line, kinds.marker(mark))
            elif TAIL.match(line.text) and self._before(line).endswith((",", ";")):
                lead(self.out, range(begun, len(self.out.starts)), self.out.add(line.start, self._list))
        self._items_above = range(begun, len(self.out.starts))
        return True

    def _terms(self, here: list[Line], found: list[bool], end: int) -> int:
        """Add terms, each with the more indented lines below it, which it leads in."""
        indent = here[0].indent
        owner = self._owner(indent)
        self._done(end)
        begins = [number for number, term in enumerate(found) if term]
        for number, after in pairwise([*begins, len(here)]):
            term = self.out.add(here[number].start, owner, together=SENTENCE_TOKENS, breaks=not number)
            stop = here[after].start if after < len(here) else self._end(end)
            for start, _ in sentences(self.text, here[number + 1].start, stop):
                self.out.add(start, term)
            self._listed.append((indent, "", term))
        return end

    def _before(self, line: Line) -> str:
        return self.text[max(0, line.start - _LOOKED_AT) : line.start].rstrip()

    def _item(self, line: Line, marker: str) -> None:
        """Add an item, perhaps as part of one above: less indented, or with another marker and a colon at its end."""
        listed = self._listed
        same = any((column, before) == (line.indent, marker) for column, before, _ in listed)
        opened = self._before(line).endswith((":", "："))
        while listed and listed[-1][0] >= line.indent:
            if opened and not same and listed[-1][0] == line.indent:
                break
            column, before, _ = listed.pop()
            if same and (column, before) == (line.indent, marker):
                break
        parent = listed[-1][2] if listed else self._list
        unit = self.out.add(line.start, parent, breaks=not listed, prose=marker.startswith(">"))
        listed.append((line.indent, marker, unit))

    def _read_code(self, here: list[Line], above: int, end: int) -> int:
        self._statements.add(here, above)
        self._code = True
        self._intro = -1
        return end

    def _prose(self, at: int, end: int) -> None:
        """Add the sentences of a paragraph; rows, and short lines that no paragraph is wrapped to, stay apart."""
        here = self.lines[at:end]
        bounds, rows = kinds.apart(here)
        if kinds.CAPTION.match(here[0].text) and self._end(end) - here[0].start <= _ANNOUNCED:
            bounds, rows = [here[0].start], {here[0].start}
        tail = self._is_below(self._items_above) and TAIL.match(here[0].text)
        bounds.append(self._end(end))
        breaks = True
        first = len(self.out.starts)
        unit = first - 1
        beside = self._owner(here[0].indent)
        if beside < 0 and self._talk:
            beside = self._speaker
        owner, announced = (self._announces if self._announces == unit >= 0 else beside), here[0].start
        for low, high in pairwise(bounds):
            whole = low in rows
            for start, stop in [(low, high)] if whole else sentences(self.text, low, high):
                if start - announced > _ANNOUNCED:
                    owner = beside
                unit = self.out.add(start, owner, breaks=breaks, prose=not whole)
                breaks = False
                if not whole and stop - start <= _ANNOUNCED // 2 and kinds.ANNOUNCES.search(self.text, start, stop):
                    owner, announced = unit, stop
        last = self.text[self.out.starts[unit] : self._end(end)]
        self._intro = unit if kinds.introduces(last) else -1
        self._announces = unit if owner == unit else -1
        self._lone = unit if unit == first else -1
        if tail:
            lead(self.out, self._items_above, first)
