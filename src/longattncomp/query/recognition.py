"""text of a prompt -> what it asks, by its ends and by the formats that prompts have."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from longattncomp.query.ends import (
    BLOCK_TOKENS,
    QUERY_TOKENS,
    REACH,
    Ends,
    Fits,
    before_space,
    closing_cue,
    ends_of,
    holds_documents,
)
from longattncomp.query.patterns import (
    ANSWERED,
    BEGUN_ANSWER,
    BLANK_LINE,
    BLOCK_END,
    CONTEXT,
    INSTRUCTION,
    INTRODUCED,
    LABEL,
    OPTION,
    OPTION_TALK,
    QUESTION,
    QUESTION_MARK,
    RULE,
    SEVERAL_SENTENCES,
    TAG,
    TAG_AND_CUE,
    TAGS,
)
from longattncomp.types import QuerySource, Span

_CHARS_PER_OPTION = 2_000
_FEW = 3
"""Most labels of one word that may be the prompt's own; more of them are a list in the documents."""
_LINE = re.compile(r"\S[^\n]*")
_NOT_SPACE = re.compile(r"\S")


@dataclass(frozen=True, slots=True)
class Found:
    """A query in a text: `[start, end)` is the query, `[pin, end)` has its label too."""

    pin: int
    start: int
    end: int
    source: QuerySource


def recognise(text: str, fits: Fits, *, message: bool) -> list[Found]:
    """Find what a text asks, in order; nothing if its format is unknown.

    A prompt asks at its ends. What stands between them asks only where neither end has a question, because a document
    can hold any line. `message` says whether the text is one message of a chat.
    """
    labels = list(LABEL.finditer(text))
    # A short message is often one instruction, and its last line not the whole query: only a label may split it.
    if message and fits(text, BLOCK_TOKENS) and not holds_documents(text, fits):
        labelled = None if fits(text, QUERY_TOKENS) else _label_at_end(text, labels, fits)
        return [labelled or Found(0, 0, len(text), "messages")]
    ends = ends_of(text, fits)
    last = _label_at_end(text, labels, fits, since=ends.last) or _options_at_end(text, fits)
    order = _trailing(text, fits, since=ends.last)
    if last and order and (order.start < last.end or last.source == "options"):
        order = None
    if not last and order and QUESTION_MARK.search(text, order.start, order.end):
        last = order
    first = _label_at_start(text, labels, ends, fits, task=not last)
    if not first and not last:
        last = _question_in(text, ends.tail, "trailing", loose=1)
    if not first and not last:
        first = _question_in(text, ends.head, "leading", loose=len(ends.head) if ends.first < len(text) else 0)
    last = last or (None if first or order else _before_closer(text, ends))
    asked = [one for one in (first, last, order) if one]
    if not first and not last:
        between = _between(text, labels, fits, alone=not asked)
        asked += between if asked else [*between, *(_outermost(text, ends, fits) if between else ())]
    return _apart(asked or _outside(text, ends, fits))


def _apart(found: Sequence[Found]) -> list[Found]:
    """Sort by place, and leave out what lies in another."""
    kept: list[Found] = []
    for one in sorted(found, key=lambda one: (one.pin, -one.end)):
        if not kept or one.end > kept[-1].end:
            kept.append(one)
    return kept


def _label_at_start(text: str, labels: Sequence[re.Match[str]], ends: Ends, fits: Fits, *, task: bool) -> Found | None:
    """Find a labelled question without an answer before the documents; `task`: or else a task."""
    marked, found = ends.first < len(text), None
    few = _few(labels)
    for i, label in enumerate(labels):
        if label.start() > ends.first or not fits(text[: label.start()], BLOCK_TOKENS if marked else QUERY_TOKENS):
            break
        read = _read_label(text, labels, i, fits) if marked or i in few else None
        if read:
            if _word(label) != "task":
                return read
            found = found or read
    return found if task else None


def _between(text: str, labels: Sequence[re.Match[str]], fits: Fits, *, alone: bool) -> list[Found]:
    """Find questions that stand right before another text; `alone`: or labelled ones anywhere."""
    reads = [read for i in _few(labels) if (read := _read_label(text, labels, i, fits))]
    # Where many marks stand, they number the documents, and a question before one is a document's last line.
    listed = len(list(islice(CONTEXT.finditer(text), 2 * _FEW))) == 2 * _FEW
    found = [] if listed else [*(one for one in reads if _before_mark(text, one.end)), *_before_text(text, fits)]
    return found if 0 < len(found) <= _FEW else reads if alone else []


def _outermost(text: str, ends: Ends, fits: Fits) -> list[Found]:
    """Take the first and the last paragraph: a question in between, whoever wrote it, is not asked without them."""
    spans = [side[0] for side in ends.sides if side]
    return [Found(start, start, end, "trailing") for start, end in spans if fits(text[start:end], QUERY_TOKENS)]


def _before_text(text: str, fits: Fits) -> list[Found]:
    """Find paragraphs that end with a question mark right before a line that introduces another text."""
    found = []
    for line in INTRODUCED.finditer(text):
        end = before_space(text, line.start())
        start = text.rfind("\n\n", 0, end) + 2
        if start > 1 and QUESTION_MARK.match(text, end - 1) and fits(text[start:end], QUERY_TOKENS):
            found.append(Found(start, start, end, "trailing"))
    return found


def _few(labels: Sequence[re.Match[str]]) -> list[int]:
    times = Counter(map(_word, labels))
    return [i for i, label in enumerate(labels) if times[_word(label)] <= _FEW]


def _word(label: re.Match[str]) -> str:
    return label[label.lastgroup or 0].lower()


def _before_mark(text: str, end: int) -> bool:
    close = TAG_AND_CUE.match(text, before_space(text, end))
    after = _NOT_SPACE.search(text, close.end() if close else end)
    line = text.rfind("\n", 0, after.start()) + 1 if after else len(text)
    return any(pattern.match(text, line) for pattern in (CONTEXT, RULE, TAG))


def _question_in(text: str, spans: Sequence[Span], source: QuerySource, *, loose: int) -> Found | None:
    """Find the first paragraph that ends with a question mark.

    In the first one, the last such line is enough; in the first `loose` ones, a question mark anywhere.
    """
    stop = before_space(text, closing_cue(text))
    spans = [(start, min(end, stop)) for start, end in spans if start < stop]
    for i, (start, end) in enumerate(spans):
        lines = [(start + line.start(), start + line.end()) for line in _LINE.finditer(text[start:end])]
        for low, high in [(start, end), *(reversed(lines) if i == 0 else ())]:
            if QUESTION.search(TAGS.sub("", text[low:high])) and not LABEL.match(text, low):
                return Found(low, low, high, source)
        if i < loose and QUESTION_MARK.search(text, start, end) and not LABEL.match(text, start):
            return Found(start, start, end, source)
    return None


def _before_closer(text: str, ends: Ends) -> Found | None:
    """Take the paragraph before the line that says where the answer goes."""
    stop = closing_cue(text)
    if stop == before_space(text, len(text)):
        return None
    start, end = next(((start, end) for start, end in ends.tail if start < stop), (0, 0))
    return Found(start, start, min(end, before_space(text, stop)), "trailing") if end else None


def _outside(text: str, ends: Ends, fits: Fits) -> list[Found]:
    """Take what stands outside the marks of the documents."""
    sides: list[tuple[Sequence[Span], QuerySource]] = [
        (ends.head if ends.first < len(text) else (), "leading"),
        (ends.tail if ends.last else (), "trailing"),
    ]
    found = []
    for spans, source in sides:
        start, end = (min(spans)[0], max(spans)[1]) if spans else (0, 0)
        if start < end and fits(text[start:end], QUERY_TOKENS):
            found.append(Found(start, start, end, source))
    return found


def _label_at_end(text: str, labels: Sequence[re.Match[str]], fits: Fits, *, since: int = 0) -> Found | None:
    """Find the last labelled question without an answer, if little text follows it."""
    near = (i for i in reversed(range(len(labels))) if labels[i].start() >= max(since, len(text) - REACH))
    found = next((read for i in near if (read := _read_label(text, labels, i, fits))), None)
    return found if found and _closes(text, found.end, fits) else None


def _read_label(text: str, labels: Sequence[re.Match[str]], i: int, fits: Fits) -> Found | None:
    """Read what one label asks; None if it asks nothing, or the text goes on to answer it."""
    label = labels[i]
    limit = labels[i + 1].start() if i + 1 < len(labels) else len(text)
    if not (first := _NOT_SPACE.search(text, label.end(), limit)):
        return None
    start = first.start()
    end = _block_end(text, max(label.end(), text.rfind("\n", 0, start) + 1), limit)
    if not fits(text[start:end], BLOCK_TOKENS):
        end = start + len(text[start:end].partition("\n")[0])
    if end <= start or not fits(text[start:end], BLOCK_TOKENS):
        return None
    source: QuerySource = "label"
    if options := _options(text, start, min(limit, end + REACH), last=False):
        between = text[end : options[0]]
        if fits(between, BLOCK_TOKENS) and not CONTEXT.search(between):
            end, source = options[1], "options"
    after = TAG_AND_CUE.match(text, before_space(text, end), limit)
    answered = after and after["cue"] and ANSWERED.match(text, after.end(), limit)
    return None if answered else Found(label.start(), start, end, source)


def _closes(text: str, end: int, fits: Fits) -> bool:
    """Whether the text after a question is short and asks nothing else."""
    tail = text[end:].strip()
    return fits(tail, QUERY_TOKENS) and (not QUESTION.search(tail) or bool(OPTION_TALK.search(tail)))


def _options(text: str, start: int, stop: int, *, last: bool) -> Span | None:
    """Find the first or last run of multiple-choice options: lines that begin with A, B and so on."""
    runs: list[list[int]] = []
    for option in OPTION.finditer(text, start, stop):
        letter, at = ord(option[1] or option[2]) - ord("A"), option.start()
        if letter == 0:
            runs.append([at])
        elif runs and letter == len(runs[-1]) and at - runs[-1][-1] <= _CHARS_PER_OPTION:
            runs[-1].append(at)
    run = next((run for run in (reversed(runs) if last else runs) if len(run) > 1), None)
    return (run[0], _block_end(text, run[-1], min(stop, run[-1] + _CHARS_PER_OPTION))) if run else None


def _options_at_end(text: str, fits: Fits) -> Found | None:
    """Find options that close the prompt, with the unlabelled question before them."""
    options = _options(text, max(0, len(text) - REACH), len(text), last=True)
    if not options or not _closes(text, options[1], fits):
        return None
    stop = before_space(text, options[0])
    start = next((at for at in _block_starts(text, stop) if fits(text[at:stop], QUERY_TOKENS)), stop)
    question = text[start:stop].strip()
    is_list = question.endswith((".", "。")) and not QUESTION_MARK.search(question)
    return Found(start, start, options[1], "options") if question and not is_list else None


def _trailing(text: str, fits: Fits, *, since: int) -> Found | None:
    """Take the last paragraph or line, if it asks something."""
    stop = before_space(text, closing_cue(text))
    for start, is_line in zip(_block_starts(text, stop), (False, True), strict=True):
        start = max(start, since)
        asked = text[start:stop].strip()
        if len(text[:start].strip()) > len(asked) and fits(asked, QUERY_TOKENS) and _asks(asked, is_line):
            return Found(start, start, stop, "trailing")
    return Found(0, 0, stop, "trailing") if fits(text[:stop], QUERY_TOKENS) and _asks(text[:stop], True) else None


def _asks(text: str, is_line: bool) -> bool:
    text = TAGS.sub("", text).strip()
    instructs = bool(INSTRUCTION.match(text)) and not (is_line and SEVERAL_SENTENCES.search(text))
    return instructs or bool(QUESTION.search(text) or BEGUN_ANSWER.search(text))


def _block_starts(text: str, stop: int) -> tuple[int, int]:
    """Return where the paragraph and the line that end at `stop` begin."""
    start = max(0, stop - REACH)
    paragraph = max((blank.end() for blank in BLANK_LINE.finditer(text, start, stop)), default=start)
    return paragraph, text.rfind("\n", 0, stop) + 1


def _block_end(text: str, start: int, limit: int) -> int:
    stop = BLOCK_END.search(text, start, limit)
    return stop.start() if stop else limit
