"""text of a prompt -> the query in it, by the formats that prompts have."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from longattncomp.query.patterns import (
    ANSWERED,
    BEGUN_ANSWER,
    BLANK_LINE,
    BLOCK_END,
    CONTEXT,
    CUE,
    INSTRUCTION,
    LABEL,
    OPTION,
    OPTION_TALK,
    QUESTION,
    SEVERAL_SENTENCES,
    TAG_AND_CUE,
)
from longattncomp.types import QuerySource, Span

Fits = Callable[[str, int], bool]

QUERY_TOKENS = 128  # the longest question without a label
_BLOCK_TOKENS = 512  # the longest labelled question, and the longest message that may be all question
CHARS_PER_TOKEN = 64  # no real token is longer on average; a text beyond that is too long without counting
_REACH = _BLOCK_TOKENS * CHARS_PER_TOKEN

_CHARS_PER_OPTION = 2_000
_NOT_SPACE = re.compile(r"\S")


@dataclass(frozen=True, slots=True)
class Found:
    """A query in a text: `[start, end)` is the query, `[pin, end)` has its label too."""

    pin: int
    start: int
    end: int
    source: QuerySource


def recognise(text: str, fits: Fits, *, message: bool) -> Found | None:
    """Find the query of a text in a known format, trying formats in a fixed order.

    Args:
        text: a prompt or a message.
        fits: tells whether a text has at most so many tokens.
        message: whether the text is one message of a chat.
    """
    labels = list(LABEL.finditer(text))
    # A short message is often one instruction, and its last line not the whole query: only a label may split it.
    if message and fits(text, _BLOCK_TOKENS):
        labelled = None if fits(text, QUERY_TOKENS) else _label_at_end(text, labels, fits)
        return labelled or Found(0, 0, len(text), "messages")
    if found := _label_at_end(text, labels, fits) or _options_at_end(text, fits):
        return found
    # A label that comes once is the prompt's own; one that comes often may belong to a FAQ in the context.
    words = [label[label.lastgroup or 0].lower() for label in labels]
    times = Counter(words)
    sole = [i for i, word in enumerate(words) if times[word] == 1]
    asked = [(words[i], *read) for i in sole if (read := _read_label(text, labels, i, fits))]
    for word, found, answered in asked:
        if word != "task" and not answered and fits(text[: found.pin], QUERY_TOKENS):
            return found
    return _trailing(text, fits) or (asked[0][1] if asked else _leading(text, fits))


def _label_at_end(text: str, labels: Sequence[re.Match[str]], fits: Fits) -> Found | None:
    """Find the last labelled question without an answer, if little text follows it."""
    near = (i for i in reversed(range(len(labels))) if len(text) - labels[i].start() <= _REACH)
    reads = (_read_label(text, labels, i, fits) for i in near)
    found = next((read[0] for read in reads if read and not read[1]), None)
    return found if found and _closes(text, found.end, fits) else None


def _read_label(text: str, labels: Sequence[re.Match[str]], i: int, fits: Fits) -> tuple[Found, bool] | None:
    """Read what one label asks, and whether the text goes on to answer it; None if it asks nothing."""
    label = labels[i]
    limit = labels[i + 1].start() if i + 1 < len(labels) else len(text)
    if not (first := _NOT_SPACE.search(text, label.end(), limit)):
        return None
    start = first.start()
    end = _block_end(text, max(label.end(), text.rfind("\n", 0, start) + 1), limit)
    if not fits(text[start:end], _BLOCK_TOKENS):
        end = start + len(text[start:end].partition("\n")[0])
    if end <= start or not fits(text[start:end], _BLOCK_TOKENS):
        return None
    source: QuerySource = "label"
    if options := _options(text, start, min(limit, end + _REACH), last=False):
        between = text[end : options[0]]
        if fits(between, _BLOCK_TOKENS) and not CONTEXT.search(between):
            end, source = options[1], "options"
    after = TAG_AND_CUE.match(text, before_space(text, end), limit)
    answered = bool(after and after["cue"] and ANSWERED.match(text, after.end(), limit))
    return Found(label.start(), start, end, source), answered


def before_space(text: str, end: int) -> int:
    """Return where the space before `end` begins, without a copy: a prompt may have thousands of labels."""
    while end and text[end - 1].isspace():
        end -= 1
    return end


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
    options = _options(text, max(0, len(text) - _REACH), len(text), last=True)
    if not options or not _closes(text, options[1], fits):
        return None
    stop = before_space(text, options[0])
    start = next((at for at in _block_starts(text, stop) if fits(text[at:stop], QUERY_TOKENS)), stop)
    question = text[start:stop].strip()
    is_list = question.endswith((".", "。")) and not re.search("[?？؟]", question)
    return Found(start, start, options[1], "options") if question and not is_list else None


def _trailing(text: str, fits: Fits) -> Found | None:
    """Take the last paragraph or line, if it asks something."""
    stop = before_space(text, closing_cue(text))
    for start in _block_starts(text, stop):
        asked = text[start:stop].strip()
        if len(text[:start].strip()) > len(asked) and fits(asked, QUERY_TOKENS) and _asks(asked):
            return Found(start, start, stop, "trailing")
    return Found(0, 0, stop, "trailing") if fits(text[:stop], QUERY_TOKENS) and _asks(text[:stop].strip()) else None


def _leading(text: str, fits: Fits) -> Found | None:
    """Take the first paragraph or line, if it is a question."""
    start = len(text) - len(text.lstrip())
    for end in (text.find("\n", start), blank.start() if (blank := BLANK_LINE.search(text, start)) else -1):
        if end >= 0 and fits(text[start:end], QUERY_TOKENS) and QUESTION.search(text[start:end]):
            return Found(start, start, end, "leading")
    return None


def _asks(text: str) -> bool:
    instructs = bool(INSTRUCTION.match(text)) and not SEVERAL_SENTENCES.search(text)
    return instructs or bool(QUESTION.search(text) or BEGUN_ANSWER.search(text))


def _block_starts(text: str, stop: int) -> tuple[int, int]:
    """Return where the paragraph and the line that end at `stop` begin."""
    start = max(0, stop - _REACH)
    paragraph = max((blank.end() for blank in BLANK_LINE.finditer(text, start, stop)), default=start)
    return paragraph, text.rfind("\n", 0, stop) + 1


def closing_cue(text: str) -> int:
    """Return the start of an "Answer:" line that closes the text, or the end of the text."""
    stop = len(text.rstrip())
    line = text.rfind("\n", 0, stop) + 1
    cue = CUE.match(text, line, stop)
    return line if line and cue and cue.end() == stop else stop


def _block_end(text: str, start: int, limit: int) -> int:
    stop = BLOCK_END.search(text, start, limit)
    return stop.start() if stop else limit
