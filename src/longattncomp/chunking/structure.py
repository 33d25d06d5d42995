"""text -> its units, paragraph by paragraph, each as what it looks like."""

from bisect import bisect_left

from longattncomp.chunking.code.diffs import add_diff
from longattncomp.chunking.code.enclosed import ENDED, are_blocks, blocks
from longattncomp.chunking.code.regions import CONFLICT, Regions
from longattncomp.chunking.code.statements import Statements, continued
from longattncomp.chunking.fences import add_fenced
from longattncomp.chunking.headings.heads import all_heads
from longattncomp.chunking.headings.sections import Sections
from longattncomp.chunking.lines import kinds
from longattncomp.chunking.lines.columns import ends_labelled
from longattncomp.chunking.lines.commands import COMMAND, Commands
from longattncomp.chunking.lines.definitions import is_short_comment
from longattncomp.chunking.lines.headings import MARKDOWN, REPLY, SPEAKER, TURN, breaks, heading, is_label
from longattncomp.chunking.lines.jobs import JOB
from longattncomp.chunking.lines.kinds import Line, lines_of
from longattncomp.chunking.lines.rules import DIVIDER, front_matter
from longattncomp.chunking.lines.scripts import are_commands, begins_script
from longattncomp.chunking.lines.terms import terms
from longattncomp.chunking.links import link_all
from longattncomp.chunking.markup.elements import Documents
from longattncomp.chunking.markup.nested import Html, Values
from longattncomp.chunking.outline import RECORD_TOKENS, Outline
from longattncomp.chunking.printed.records import add_cards, add_log, begins_card, card_keys, is_log
from longattncomp.chunking.printed.reports import add_failure, add_report, parts_report
from longattncomp.chunking.printed.stamps import stamped
from longattncomp.chunking.prose.cards import Cards
from longattncomp.chunking.prose.lists import Lists, is_within, items, speaks_of_list
from longattncomp.chunking.prose.paragraphs import ANNOUNCED, Prose
from longattncomp.chunking.prose.run_in import gap_rows, is_titled
from longattncomp.chunking.tables.captions import Tables, page_heads
from longattncomp.chunking.tables.expanded import add_records
from longattncomp.chunking.tables.rows import header_of, is_table_edge
from longattncomp.chunking.talk.mails import answers
from longattncomp.chunking.talk.testimony import Testimony
from longattncomp.chunking.talk.turns import Turns
from longattncomp.runtime.cancellation import step


def outline(text: str) -> Outline:
    """Find the units of a text, well formed or not, and what leads them in: what is nothing else is prose."""
    if stamps := stamped(text):
        return stamps.restored(_Scan(stamps.text).run())
    return _Scan(text).run() if text else Outline()


class _Scan:
    def __init__(self, text: str) -> None:
        self.text, self.lines = text, lines_of(text)
        self.out = Outline()
        self._regions = Regions(text, self.out)
        self._statements = Statements(text, self.out, self._regions)
        self._sections = Sections()
        self._blocks = blocks(self.lines)
        self._code = self._script = False  # whether code stands above; whether all is code up to the next heading
        self._front = front_matter(self.lines)
        self._prose = Prose(text, self.out)
        self._html = Html(self._regions)
        self._data = (Documents(text, self.out), Values(text, self.out))
        self._cards = card_keys(self.lines)
        self._turns = Turns(text, self.lines, self.out)
        self._commands = Commands(self.lines)
        self._titled = Cards(self.lines)
        self._testimony = Testimony(text, self.lines, self.out)
        self._heads = all_heads(self.lines, self._cards) | self._turns.heads | self._testimony.heads
        self._begun = {self._front, *self._heads, *answers(text, self.lines), *self._titled.ends, *self._turns.begun}
        self._lists = Lists(text, self.lines, self.out, self._heads)
        self._tables = Tables(text, self.out)
        self._pages = page_heads(self.lines)

    def run(self) -> Outline:
        lines, at, end, walked = self.lines, 0, 0, 0
        while at < len(lines):
            if lines[at].indent < 0:
                at += 1
                continue
            if self._commands.parts(at, code=self._code):
                self._sections.end(COMMAND)
                self._code = False
            if end <= at:
                end = at + 1
                command = bool(JOB.match(lines[at].text)) or self._regions.closes(lines[at])  # no code goes on below
                self._code = self._code and not command
                alone = command or (not self._code and self._regions.marks(lines[at]))
                while not alone and end < len(lines) and lines[end].indent >= 0 and not self._breaks(end, at):
                    end += 1
            top = len(self.out.starts)
            at = self._paragraph(at, end)
            self._tables.link_notes(top)
            self._close(self._end(at))
            step(self._end(at) - walked)
            walked = self._end(at)
        if not self.out.starts:
            self.out.add(0)
        link_all(self.text, self.lines, self.out, self._turns.heads)
        return self.out

    def _breaks(self, at: int, first: int) -> bool:
        """Whether a line begins a paragraph without a blank line between the line `first` and it."""
        if self._blocks[at] == ENDED:
            return at == self._front
        known = self._commands.parts(at, code=self._code) or begins_card(self.lines, at, self._cards)
        if at in self._begun or known or breaks(self.lines, at) or parts_report(self.lines, first, at, code=self._code):
            return True
        if at == first + 1 and is_short_comment(self.lines, first) and self._regions.body(self.lines[at]):
            return False
        code = self._code and not self._regions.closes(self.lines[at])
        edge = not code and (self._regions.marks(self.lines[at]) or is_table_edge(self.lines, at, first))
        return edge or ends_labelled(self.lines, at, first)

    def _close(self, at: int) -> None:
        """Close the regions that end at a character or before, with the sections that begin in them."""
        if region := self._regions.close(at):
            self._sections.leave(region.first)
            self._lists.resume(region.first)
        if (item := self._lists.go_on(at)) >= 0:
            self._sections.leave(item)
            self._done(0, indent=1)  # the list stays open

    @property
    def _above(self) -> int:
        return max(self._sections.unit, self._regions.above, self._lists.step)

    def _owner(self, indent: int) -> int:
        """The list item that an indented paragraph belongs to; otherwise the heading above."""
        item = self._lists.owner(indent)
        return item if item > self._sections.command else self._above

    def _end(self, at: int) -> int:
        return self.lines[at].start if at < len(self.lines) else len(self.text)

    def _paragraph(self, at: int, end: int) -> int:
        """Add the units of the beginning of a paragraph, and return the line after them."""
        first = self.lines[at]
        self._script = self._script or begins_script(first)
        self._code = self._code or self._script
        if self._is_code(at):
            return self._read_code(self.lines[at:end], end)
        if self._commands.head(at, code=self._code):
            return self._heading(at, end)
        for data in () if self._code else self._data:
            if (stop := data.add(self.lines, at, end, self._introduced(first.indent))) >= 0:
                return self._done(bisect_left(self.lines, stop, at, key=lambda line: line.start))
        if not self._code and self._regions.marks(first):
            if self._regions.branch(first):
                self._lists.end()
            else:
                begun = self._regions.opens(first, documents=True)
                together = RECORD_TOKENS if begun and begun[0] is CONFLICT else 0
                goes_on = begun is not None and begun[0].branches is not None and is_within(self.lines, at)
                above = max(self._above, self._lists.intro) if goes_on else self._above
                if first.text.startswith("</"):
                    above = self._regions.above
                elif first.text.startswith("<<<<<<< SEARCH"):
                    above = self._introduced(first.indent)
                unit = self.out.add(first.start, above, together=together, breaks=True)
                if begun:
                    self._regions.begin(*begun, unit)
                    self._lists.hold(unit, goes_on=goes_on)
                    if "<summary" in self.text[self._end(at + 1) : self._end(at + 2)]:
                        return at + 2
            return at + continued(self.lines, at)
        if (
            (after := add_cards(self.out, self.lines, at, end, self._cards, self._above)) > at
            or (not self._code and (after := add_records(self.out, self.lines, at, self._above)) > at)
            or (after := self._testimony.add(self.lines, at, end, self._above)) > at
            or (after := add_report(self.out, self.text, self.lines, at, self._above, code=self._code)) > at
            or (not self._code and (after := self._titled.add(self.out, at, self._above)) > at)
        ):
            return self._done(after)
        if (after := self._fenced(at)) > at or (after := self._heading(at, end)) > at:
            return after
        if (after := add_diff(self.out, self.text, self.lines, at, self._above)) > at:
            return self._done(after)
        here = self.lines[at:end]
        if self._code and first.indent > 0:
            return self._read_code(here, end)
        titled = is_titled(here)
        spoken = self._turns.are_spoken(here) and not titled
        if not self._code and not spoken and kinds.TAG.match(first.text):
            self._html.add(self.out, self.text, first.start, self._end(end), self._above)
            return self._done(end)
        if not self._code and (at in self._pages or (end == at + 1 and DIVIDER.match(first.text))):
            self.out.add(first.start, self._above, breaks=True)
            return self._done(end)
        if not is_log(here) and (header := header_of(here)):
            if (lone := self._prose.lone) >= 0 and not self._tables.is_about(lone, here):
                lone = self._prose.intro = -1
            self._tables.add(here, header, lone, self._introduced(first.indent))
            return self._done(end, indent=first.indent)
        if self._tables.add_note(first, self._end(end), self._above):
            return self._done(end)
        if (after := add_log(self.out, self.text, self.lines, at, end, self._above)) > at:
            return self._done(after)
        if self._items(at, end):
            return end
        if spoken:
            self._lists.steps.clear()
            self._prose.intro = self._turns.add(here, self._end(end), self._sections, self._regions.above)
            return self._done(end)
        is_code = are_blocks(here, self._blocks[at:end]) or (kinds.is_code(here, within=self._code) and not titled)
        if (self._script and are_commands(here)) or (is_code and (self._code or not is_label(self.lines, at, end))):
            return self._read_code(here, end)
        owner = self._owner(first.indent)
        if found := terms(here):
            self._done(end)
            if gap_rows(here):
                self._lists.open(first.indent, len(self.out.starts))
                self._read_prose(at, end)
            else:
                self._lists.add_terms(here, found, owner, self._end(end))
            return end
        if kinds.MARKED_BLOCK.match(first.text):
            self._done(end)
            self._lists.open(first.indent, self.out.add(first.start, owner, breaks=True))
            return end
        self._read_prose(at, end)
        return self._done(end, indent=first.indent)

    def _is_code(self, at: int) -> bool:
        """Whether code begins in a line for certain, whatever the line looks like."""
        first, regions, quoted = self.lines[at], self._regions, self._statements.quoted
        if self._blocks[at] == ENDED or regions.body(first) or (self._code and regions.conflicts(first)):
            return True
        return first.start < quoted or (is_short_comment(self.lines, at) and bool(regions.body(self.lines[at + 1])))

    def _done(self, end: int, *, indent: int = 0) -> int:
        """End a block; a list goes on after a block that is indented."""
        self._code = False
        self._statements.end()
        if not indent or not self._lists.goes_on:
            self._lists.end()
        return end

    def _open_section(self, level: int, at: int) -> None:
        rank = self._commands.rank(level, at) or self._turns.rank(level, at, self._sections.open)
        self._sections.end(rank)
        together = RECORD_TOKENS if level in (SPEAKER, TURN, REPLY) else 0
        above = self._commands.intro(at, self._introduced(self.lines[at].indent)) if rank == COMMAND else self._above
        unit = self.out.add(self.lines[at].start, above, together=together, breaks=True)
        self._sections.begin(rank, unit)
        self._lists.steps = self._lists.steps if rank == COMMAND else []
        self._prose.intro, self._script = -1, False
        self._turns.end()

    def _introduced(self, indent: int) -> int:
        """The unit that leads to the block that begins here; otherwise the item or heading above."""
        intro = self._prose.intro
        return intro if 0 <= intro == len(self.out.starts) - 1 else self._owner(indent)

    def _heading(self, at: int, end: int) -> int:
        known = self._commands.head(at, code=self._code) or self._heads.get(at)
        level, size = known or heading(self.lines, at, end, code=self._code)
        shown = not known and level > MARKDOWN and self._lists.shows(self.lines[at])
        if not level or shown or self._turns.says(at, self._sections.open):
            return at
        self._open_section(level, at)
        after = add_failure(self.out, self.lines, at, size, self._sections.unit)
        return self._done(after, indent=self.lines[at].indent if level == COMMAND else 0)

    def _fenced(self, at: int) -> int:
        if (last := kinds.fenced(self.lines, at)) == at:
            return at
        indent = self.lines[at].indent
        self._statements.end()
        add_fenced(self.out, self.text, self.lines[at:last], self._introduced(indent), self._statements)
        return self._done(last + 1, indent=indent)

    def _items(self, at: int, end: int) -> bool:
        """Add the items of a list, and what leads to them; False if the paragraph is no list."""
        here = self.lines[at:end]
        led = self._prose.intro == len(self.out.starts) - 1 >= 0
        if not (marks := items(here, code=self._code, led=led, lettered=self._lists.lettered)):
            return False
        first = next(number for number, mark in enumerate(marks) if mark)
        if first:
            self._read_prose(at, at + first)
            self._lists.end()
        self._code = False
        self._statements.end()
        intro = self._prose.joined(self._introduced(here[first].indent))
        self._lists.add(here[first:], marks[first:], intro, self._owner(here[0].indent))
        return True

    def _read_code(self, here: list[Line], end: int) -> int:
        self._statements.add(here, max(self._sections.unit, self._lists.step))
        self._code = end != self._front
        self._prose.intro = -1
        return end

    def _read_prose(self, at: int, end: int) -> None:
        here, stop, first = self.lines[at:end], self._end(end), len(self.out.starts)
        tail = 0 < self._lists.units.stop == first and stop - here[0].start <= ANNOUNCED // 2
        tail = tail and speaks_of_list(self.lines, at, end)
        owner = self._owner(here[0].indent)
        self._prose.add(here, stop, self._turns.speaker if owner < 0 else owner)
        if tail:
            self.out.lead(self._lists.units, first)
