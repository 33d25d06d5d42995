"""prompt or messages -> Query."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from longattncomp.errors import InputError
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
from longattncomp.types import Query, QuerySource, Span, Tokenizer

Mode = Literal["accurate", "arbitrary"]
_Fits = Callable[[str, int], bool]

_TEXT_BLOCKS = ("text", "input_text", "output_text")
_QUERY_TOKENS = 128  # what "arbitrary" takes, and the longest unlabelled question
_BLOCK_TOKENS = 512  # the longest labelled question, and the longest message that may be all question
_CHARS_PER_TOKEN = 64  # no real token is longer on average: past this a text is too long, and is not counted
_REACH = _BLOCK_TOKENS * _CHARS_PER_TOKEN

_CHARS_PER_OPTION = 2_000
_NOT_SPACE = re.compile(r"\S")


@dataclass(frozen=True, slots=True)
class ParsedPrompt:
    """A prompt with its query found.

    Attributes:
        query: the query, and how it was found.
        texts: the prompt itself for a string, one text per message for messages.
        roles: of each text, in lower case; "user" for a string.
        pins: (index into `texts`, start, end) in characters, increasing: what must be kept verbatim.
    """

    query: Query
    texts: tuple[str, ...]
    roles: tuple[str, ...]
    pins: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class _Found:
    """A query in a text: `[start, end)` is the query, `[pin, end)` has its label too."""

    pin: int
    start: int
    end: int
    source: QuerySource


def parse_prompt(
    prompt: str | Sequence[Mapping[str, Any]], *, mode: Mode = "accurate", tokenizer: Tokenizer
) -> ParsedPrompt:
    """Find what a prompt asks.

    Args:
        prompt: a string, or chat messages: mappings with "role" and "content", where the content is a
            string or a list of blocks of which those like `{"type": "text", "text": ...}` are read.
        mode: "accurate" recognises labels, multiple-choice options, a trailing question and chat messages, and
            falls back to "arbitrary", which takes the last 128 tokens (of the user's last message in a chat).
        tokenizer: what tokens are counted by.

    Returns:
        The query, the prompt's texts and the spans of them to keep: the query with its label, its options and
        the "Answer:" line or short instruction after it, and every system or developer message.

    Raises:
        InputError: the prompt is of another type, blank, or has a malformed message.
    """
    if mode not in get_args(Mode):
        raise InputError(f'mode must be "accurate" or "arbitrary", not {mode!r}')

    def fits(text: str, tokens: int) -> bool:
        return len(text) <= tokens * _CHARS_PER_TOKEN and tokenizer.count(text) <= tokens

    roles, texts = (["user"], (prompt,)) if isinstance(prompt, str) else _read_messages(prompt)
    spoken = [i for i, text in enumerate(texts) if text.strip()]
    if not spoken:
        got = "a blank string" if isinstance(prompt, str) else f"{len(texts)} messages without any"
        raise InputError(f"expected a prompt with text, got {got}: pass the context and the question")
    index = max((i for i in spoken if roles[i] in ("user", "human")), default=spoken[-1])
    text = texts[index]
    found = _recognise(text, fits, message=not isinstance(prompt, str)) if mode == "accurate" else None
    found = found or _last_tokens(text, tokenizer)
    pins = {index: _pins(text, found, fits)}
    pins |= {i: [(0, len(texts[i]))] for i in spoken if roles[i] in ("system", "developer")}
    return ParsedPrompt(
        query=Query(text[found.start : found.end].strip(), found.source),
        texts=texts,
        roles=tuple(roles),
        pins=tuple((i, start, end) for i in sorted(pins) for start, end in pins[i]),
    )


def query_for(question: str, arguments: Mapping[str, Any] | None = None, *, tokenizer: Tokenizer) -> str:
    """What an agent's text is read for: the question in a user's message, and a tool call's arguments; "" for none.

    Args:
        question: the message; of a long one the question in it is taken.
        arguments: of the call; of long ones the last 128 tokens are taken.
        tokenizer: what tokens are counted by.
    """
    given = " ".join(map(str, (arguments or {}).values()))
    asked = [parse_prompt([{"role": "user", "content": question}], tokenizer=tokenizer)] if question.strip() else []
    if given.strip():
        asked.append(parse_prompt(given, mode="arbitrary", tokenizer=tokenizer))
    return "\n".join(one.query.text for one in asked)


def _read_messages(messages: Sequence[Mapping[str, Any]]) -> tuple[list[str], tuple[str, ...]]:
    """Roles, in lower case, and texts of chat messages."""
    if not isinstance(messages, Sequence) or isinstance(messages, bytes | bytearray | memoryview):
        hint = "wrap it in a list" if isinstance(messages, Mapping) else "pass one of these"
        raise InputError(f"expected a string or a sequence of messages, got {type(messages).__name__}: {hint}")
    roles, texts = [], []
    for i, message in enumerate(messages):
        if not isinstance(message, Mapping):
            raise InputError(f"expected a mapping as message {i}, got {type(message).__name__}: pass role and content")
        role, content = message.get("role"), message.get("content")
        if not isinstance(role, str):
            raise InputError(f'expected a "role" in message {i}, got {role!r}: add one, such as "user" or "assistant"')
        if isinstance(content, Sequence) and not isinstance(content, str | bytes | bytearray):
            blocks = (block for block in content if isinstance(block, Mapping) and block.get("type") in _TEXT_BLOCKS)
            content = "\n".join(block["text"] for block in blocks if isinstance(block.get("text"), str))
        if not isinstance(content, str | None):
            got = type(content).__name__
            raise InputError(f"expected a string or a list of blocks as content of message {i}, got {got}: convert it")
        roles.append(role.lower())
        texts.append(content or "")  # an assistant's tool call has no content
    return roles, tuple(texts)


def _pins(text: str, found: _Found, fits: _Fits) -> list[Span]:
    """Spans to keep of the text that holds the query: the query's own, and an "Answer:" that closes the text."""
    start = found.pin + len(text[found.pin :]) - len(text[found.pin :].lstrip())
    stop, end = _before_space(text, len(text)), _before_space(text, found.end)
    if after := TAG_AND_CUE.match(text, end):
        end = after.end()
        if after["cue"] and fits(begun := text[end:].partition("\n")[0], _QUERY_TOKENS):
            end += len(begun.rstrip())
    # What follows a question at the end says how to answer it; what follows one at the start is the context.
    if stop - end < start and fits(text[end:stop], _QUERY_TOKENS):
        end = stop
    cue = _closing_cue(text)
    return [(start, end), (cue, stop)] if end <= cue < stop else [(start, end)]


def _last_tokens(text: str, tokenizer: Tokenizer) -> _Found:
    ends = tokenizer.encode(text).ends
    start = ends[-_QUERY_TOKENS - 1] if len(ends) > _QUERY_TOKENS else 0
    if not text[start:].strip():  # nothing but space: the last tokens of what is before it
        stop = _before_space(text, len(text))
        spoken = max(bisect_right(ends, stop), bisect_left(ends, stop) + 1)  # a token may run into the space
        start = ends[spoken - _QUERY_TOKENS - 1] if spoken > _QUERY_TOKENS else 0
    return _Found(start, start, len(text), "arbitrary")


def _recognise(text: str, fits: _Fits, *, message: bool) -> _Found | None:
    """Query of a text in a known format; where formats disagree, the order here decides."""
    labels = list(LABEL.finditer(text))
    # A short message is often one instruction, and its last line not the whole query: only a label may split it.
    if message and fits(text, _BLOCK_TOKENS):
        labelled = None if fits(text, _QUERY_TOKENS) else _label_at_end(text, labels, fits)
        return labelled or _Found(0, 0, len(text), "messages")
    if found := _label_at_end(text, labels, fits) or _options_at_end(text, fits):
        return found
    # A label that comes once is the prompt's own; one that comes often may belong to a FAQ in the context.
    words = [label[label.lastgroup or 0].lower() for label in labels]
    times = Counter(words)
    sole = [i for i, word in enumerate(words) if times[word] == 1]
    asked = [(words[i], *read) for i in sole if (read := _read_label(text, labels, i, fits))]
    for word, found, answered in asked:
        if word != "task" and not answered and fits(text[: found.pin], _QUERY_TOKENS):
            return found
    return _trailing(text, fits) or (asked[0][1] if asked else _leading(text, fits))


def _label_at_end(text: str, labels: Sequence[re.Match[str]], fits: _Fits) -> _Found | None:
    """The last labelled question without an answer, if little follows it."""
    near = (i for i in reversed(range(len(labels))) if len(text) - labels[i].start() <= _REACH)
    reads = (_read_label(text, labels, i, fits) for i in near)
    found = next((read[0] for read in reads if read and not read[1]), None)
    return found if found and _closes(text, found.end, fits) else None


def _read_label(text: str, labels: Sequence[re.Match[str]], i: int, fits: _Fits) -> tuple[_Found, bool] | None:
    """What one label asks, and whether the text goes on to answer it; None if it asks nothing."""
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
    after = TAG_AND_CUE.match(text, _before_space(text, end), limit)
    answered = bool(after and after["cue"] and ANSWERED.match(text, after.end(), limit))
    return _Found(label.start(), start, end, source), answered


def _before_space(text: str, end: int) -> int:
    """Where the space that ends there begins; nothing is copied, for a prompt may have thousands of labels."""
    while end and text[end - 1].isspace():
        end -= 1
    return end


def _closes(text: str, end: int, fits: _Fits) -> bool:
    """Whether what follows a question is short and asks no other."""
    tail = text[end:].strip()
    return fits(tail, _QUERY_TOKENS) and (not QUESTION.search(tail) or bool(OPTION_TALK.search(tail)))


def _options(text: str, start: int, stop: int, *, last: bool) -> Span | None:
    """The first or last run of multiple-choice options: lines that count A, B and on."""
    runs: list[list[int]] = []
    for option in OPTION.finditer(text, start, stop):
        letter, at = ord(option[1] or option[2]) - ord("A"), option.start()
        if letter == 0:
            runs.append([at])
        elif runs and letter == len(runs[-1]) and at - runs[-1][-1] <= _CHARS_PER_OPTION:
            runs[-1].append(at)
    run = next((run for run in (reversed(runs) if last else runs) if len(run) > 1), None)
    return (run[0], _block_end(text, run[-1], min(stop, run[-1] + _CHARS_PER_OPTION))) if run else None


def _options_at_end(text: str, fits: _Fits) -> _Found | None:
    """Options that close the prompt, with the unlabelled question before them."""
    options = _options(text, max(0, len(text) - _REACH), len(text), last=True)
    if not options or not _closes(text, options[1], fits):
        return None
    stop = _before_space(text, options[0])
    start = next((at for at in _block_starts(text, stop) if fits(text[at:stop], _QUERY_TOKENS)), stop)
    question = text[start:stop].strip()
    is_list = question.endswith((".", "。")) and not re.search("[?？؟]", question)
    return _Found(start, start, options[1], "options") if question and not is_list else None


def _trailing(text: str, fits: _Fits) -> _Found | None:
    """The last paragraph or line, if it asks something."""
    stop = _before_space(text, _closing_cue(text))
    for start in _block_starts(text, stop):
        asked = text[start:stop].strip()
        if len(text[:start].strip()) > len(asked) and fits(asked, _QUERY_TOKENS) and _asks(asked):
            return _Found(start, start, stop, "trailing")
    return _Found(0, 0, stop, "trailing") if fits(text[:stop], _QUERY_TOKENS) and _asks(text[:stop].strip()) else None


def _leading(text: str, fits: _Fits) -> _Found | None:
    """The first paragraph or line, if it is a question."""
    start = len(text) - len(text.lstrip())
    for end in (text.find("\n", start), blank.start() if (blank := BLANK_LINE.search(text, start)) else -1):
        if end >= 0 and fits(text[start:end], _QUERY_TOKENS) and QUESTION.search(text[start:end]):
            return _Found(start, start, end, "leading")
    return None


def _asks(text: str) -> bool:
    instructs = bool(INSTRUCTION.match(text)) and not SEVERAL_SENTENCES.search(text)
    return instructs or bool(QUESTION.search(text) or BEGUN_ANSWER.search(text))


def _block_starts(text: str, stop: int) -> tuple[int, int]:
    """Where the paragraph and the line that end at `stop` begin."""
    start = max(0, stop - _REACH)
    paragraph = max((blank.end() for blank in BLANK_LINE.finditer(text, start, stop)), default=start)
    return paragraph, text.rfind("\n", 0, stop) + 1


def _closing_cue(text: str) -> int:
    """Start of an "Answer:" line that closes the text, or the text's end."""
    stop = len(text.rstrip())
    line = text.rfind("\n", 0, stop) + 1
    cue = CUE.match(text, line, stop)
    return line if line and cue and cue.end() == stop else stop


def _block_end(text: str, start: int, limit: int) -> int:
    stop = BLOCK_END.search(text, start, limit)
    return stop.start() if stop else limit
