"""prompt or messages -> Query."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Literal, get_args

from longattncomp.errors import InputError
from longattncomp.query.ends import (
    QUERY_TOKENS,
    Fits,
    before_space,
    closing_cue,
    ends_of,
    holds_documents,
    measure,
)
from longattncomp.query.exchange import USERS, exchange
from longattncomp.query.patterns import TAG_AND_CUE
from longattncomp.query.recognition import Found, recognise
from longattncomp.types import Document, Query, Span, Tokenizer, merged

Mode = Literal["accurate", "arbitrary"]

_TEXT_BLOCKS = ("text", "input_text", "output_text")


@dataclass(frozen=True, slots=True)
class ParsedPrompt:
    """A prompt and the query in it.

    Attributes:
        query: the query, and how it was found.
        texts: the prompt itself for a string, one text per message for messages.
        roles: of each text, in lower case; "user" for a string.
        pins: spans to keep verbatim, as (index into `texts`, start, end) in characters, increasing.
        ends: the first and last paragraphs that are not documents, in the same form, the outermost first.
    """

    query: Query
    texts: tuple[str, ...]
    roles: tuple[str, ...]
    pins: tuple[tuple[int, int, int], ...]
    ends: tuple[tuple[int, int, int], ...]

    @property
    def documents(self) -> list[Document]:
        """The texts, each with its role."""
        return [Document(text, metadata={"role": role}) for text, role in zip(self.texts, self.roles, strict=True)]

    def kept(self, count: Callable[[str], int], token_budget: int) -> list[tuple[int, int, int]]:
        """List the pins, and the ends as far as they leave a third of the rest of the budget to the documents."""
        kept = list(self.pins)
        room = (token_budget - sum(count(self.texts[i][start:end]) for i, start, end in kept)) * 2 // 3
        for i, start, end in self.ends:
            if any(i == other and low <= start and end <= high for other, low, high in self.pins):
                continue
            if (tokens := count(self.texts[i][start:end])) <= room:
                kept.append((i, start, end))
                room -= tokens
        return kept


def parse_prompt(
    prompt: str | Sequence[Mapping[str, Any]],
    *,
    mode: Mode = "accurate",
    query: str | None = None,
    tokenizer: Tokenizer,
) -> ParsedPrompt:
    """Find what a prompt asks.

    Args:
        prompt: a string, or chat messages: mappings with "role" and "content", where the content is a
            string or a list of blocks of which those like `{"type": "text", "text": ...}` are read.
        mode: "accurate" recognises labels, multiple-choice options, a question at the end or the start and chat
            messages, and falls back to "arbitrary", which takes the last 128 tokens (of the user's last message in a
            chat).
        query: what the prompt asks, where that is known; nothing is looked for then.
        tokenizer: counts tokens.

    Returns:
        The query, the prompt's texts and the spans of them to keep: the query with its label, its options and
        the "Answer:" line or short instruction after it, and every system or developer message. A short answer in a
        chat is asked with the exchange that it belongs to. Of a message with documents in it, its ends are kept.

    Raises:
        InputError: the prompt is of another type, blank, or has a malformed message.
    """
    if mode not in get_args(Mode):
        raise InputError(f'mode must be "accurate" or "arbitrary", not {mode!r}')
    fits = measure(tokenizer)
    roles, texts = (["user"], (prompt,)) if isinstance(prompt, str) else _read_messages(prompt)
    spoken = [i for i, text in enumerate(texts) if text.strip()]
    if not spoken:
        got = "a blank string" if isinstance(prompt, str) else f"{len(texts)} messages without any"
        raise InputError(f"expected a prompt with text, got {got}: pass the context and the question")
    asking = exchange(roles, texts) or spoken[-1:]
    found: dict[int, list[Found]] = {}
    if query is None:
        for i in asking if mode == "accurate" else asking[-1:]:
            read = recognise(texts[i], fits, message=not isinstance(prompt, str)) if mode == "accurate" else []
            found[i] = read or [_last_tokens(texts[i], tokenizer)]
    elif (at := next((i for i in reversed(spoken) if query.strip() in texts[i]), None)) is not None:
        start = texts[at].rfind(query.strip())
        found[at] = [Found(start, start, start + len(query.strip()), "given")]
    rules = {i for i in spoken if roles[i] in ("system", "developer")}
    prompts = {i for i in rules if holds_documents(texts[i], fits)}
    pins = {i: _pins(texts[i], own, fits) for i, own in found.items()}
    pins |= {i: [(0, len(texts[i]))] for i in rules - prompts}
    asked = dict.fromkeys(texts[i][one.start : one.end].strip() for i, own in found.items() for one in own)
    said = [i for i in spoken if roles[i] in USERS]
    sides = [
        [(i, *span) for span in side]
        for i in sorted(prompts | {*said[:1], *asking[-1:]}, reverse=True)
        for side in ends_of(texts[i], fits).sides
    ]
    return ParsedPrompt(
        query=Query("\n".join(asked), found[asking[-1]][0].source) if query is None else Query(query),
        texts=texts,
        roles=tuple(roles),
        pins=tuple((i, start, end) for i in sorted(pins) for start, end in pins[i]),
        ends=tuple(span for row in zip_longest(*sides) for span in row if span),
    )


def query_for(question: str, arguments: Mapping[str, Any] | None = None, *, tokenizer: Tokenizer) -> str:
    """Build the query for a tool result: the question of the user's message and the arguments of the call.

    Args:
        question: the message; if it is long, the question in it is used.
        arguments: of the call; if they are long, their last 128 tokens are used.
        tokenizer: counts tokens.

    Returns:
        The query; "" if there is neither question nor argument.
    """
    given = " ".join(map(str, (arguments or {}).values()))
    asked = [parse_prompt([{"role": "user", "content": question}], tokenizer=tokenizer)] if question.strip() else []
    if given.strip():
        asked.append(parse_prompt(given, mode="arbitrary", tokenizer=tokenizer))
    return "\n".join(one.query.text for one in asked)


def _read_messages(messages: Sequence[Mapping[str, Any]]) -> tuple[list[str], tuple[str, ...]]:
    """Read roles, in lower case, and texts of chat messages."""
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


def _pins(text: str, found: Sequence[Found], fits: Fits) -> list[Span]:
    """Find the spans to keep in a text that asks: what it asks, and an "Answer:" that closes the text."""
    stop, spans = before_space(text, len(text)), []
    for one in found:
        start = one.pin + len(text[one.pin :]) - len(text[one.pin :].lstrip())
        end = before_space(text, one.end)
        if after := TAG_AND_CUE.match(text, end):
            end = after.end()
            if after["cue"] and fits(begun := text[end:].partition("\n")[0], QUERY_TOKENS):
                end += len(begun.rstrip())
        # Text after a question at the end says how to answer it; text after a question at the start is the context.
        if stop - end < start and fits(text[end:stop], QUERY_TOKENS):
            end = stop
        spans.append((start, end))
    cue = closing_cue(text)
    return merged([*spans, (cue, stop)] if spans[-1][1] <= cue < stop else spans)


def _last_tokens(text: str, tokenizer: Tokenizer) -> Found:
    ends = tokenizer.encode(text).ends
    start = ends[-QUERY_TOKENS - 1] if len(ends) > QUERY_TOKENS else 0
    if not text[start:].strip():  # only space: take the last tokens before it
        stop = before_space(text, len(text))
        spoken = max(bisect_right(ends, stop), bisect_left(ends, stop) + 1)  # a token may run into the space
        start = ends[spoken - QUERY_TOKENS - 1] if spoken > QUERY_TOKENS else 0
    return Found(start, start, len(text), "arbitrary")
