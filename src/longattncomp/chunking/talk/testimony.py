"""lines of a transcript of questions and answers, perhaps numbered -> units, each question with its answer."""

import re
from collections.abc import Sequence

from longattncomp.chunking.lines.headings import MARKED
from longattncomp.chunking.lines.kinds import Line
from longattncomp.chunking.lines.speakers import Head
from longattncomp.chunking.outline import RECORD_TOKENS, Outline
from longattncomp.chunking.sentences import sentences

_NUMBER = r"[ \t]*+(?:\d{1,2}[ \t]{2,}+)?"
_SAID = re.compile(rf"{_NUMBER}(?P<who>[QA])\.?(?:(?<=\.)[ \t]++|[ \t]{{2,}}+)(?=\S)")
_WITNESS = re.compile(
    rf"{_NUMBER}[A-Z][^a-z\n]{{2,60}}"
    r"(?:,[ \t]*(?:re)?(?:called|sworn|affirmed)\b[^.\n]{0,40}|,? (?:SWORN|AFFIRMED|RECALLED))[ \t.]*$"
)
_EXAMINATION = re.compile(
    rf"{_NUMBER}(?:(?:FURTHER |DIRECT |CROSS[ -]?|RE-?)*EXAMINATION|BY (?:MRS?|MS|MISS|DR|THE COURT)\b)"
    r"[^a-z\n]{0,60}$"
)
_LEAST = 2  # questions, and answers


class Testimony:
    """Adds questions and answers that begin with Q. and A., as transcripts of hearings print them.

    Attributes:
        heads: lines that name the witness and who examines, by number.
    """

    def __init__(self, text: str, lines: Sequence[Line], out: Outline) -> None:
        self._text, self._out = text, out
        said = [(match["who"], "?" in line.text) for line in lines if (match := _SAID.match(line.text))]
        asked = [asks for who, asks in said if who == "Q"]
        self._found = min(len(asked), len(said) - len(asked)) >= _LEAST and 2 * sum(asked) > len(asked)
        self.heads: dict[int, Head] = {}
        for number, line in enumerate(lines if self._found else ()):
            if _WITNESS.match(line.text):
                self.heads[number] = Head(MARKED, 1)
            elif _EXAMINATION.match(line.text):
                self.heads[number] = Head(MARKED + 1, 1)
        self._question = self._after = -1  # the question above, and the unit after all that belongs to it

    def add(self, lines: Sequence[Line], at: int, end: int, above: int) -> int:
        """Add the questions and answers of a paragraph, and return the line after them; `at` if it begins with none."""
        if not self._found or not _SAID.match(lines[at].text):
            return at
        begins = [number for number in range(at, end) if _SAID.match(lines[number].text)]
        stops = [
            *(lines[number].start for number in begins[1:]),
            lines[end].start if end < len(lines) else len(self._text),
        ]
        for number, stop in zip(begins, stops, strict=True):
            match, start = _SAID.match(lines[number].text), lines[number].start
            if match is None:
                continue
            if match["who"] == "Q" or self._after != len(self._out.starts):
                self._question = self._out.add(start, above, together=RECORD_TOKENS, breaks=number == at)
            else:
                self._out.add(start, self._question, breaks=number == at)
            for begun, _ in [*sentences(self._text, start + match.end(), stop)][1:]:
                self._out.add(begun, self._question)
            self._after = len(self._out.starts)
        return end
