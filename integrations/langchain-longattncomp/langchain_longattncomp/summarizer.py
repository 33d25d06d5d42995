"""options -> a summarizer of messages for `SummarizationMiddleware`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from math import log
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage, get_buffer_string
from longattncomp import Compressed, CompressedDocument, Compressor, Node, Query, Scores
from longattncomp.adapters import compress_results, fit_budget, pass_whole, query_for, sentences

from langchain_longattncomp.messages import last_question, texts_of
from langchain_longattncomp.options import LongAttnOptions

_TURN = re.compile(r"(?:^|\n\n)(human|ai|tool|system|function|chat): ")
_RULE = re.compile(
    r"\b(?:always|never|must|shall|do not|don't|dont|only|no more than|at most|from now on|make sure|ensure|remember"
    r"|avoid|(?:answer|reply|respond|write|speak) (?:\w+ )?in|keep (?:it|your|all|the)|be (?:brief|short|concise)"
    r"|rules?|immer|niemals|nie|nur|ab jetzt|toujours|jamais|siempre|nunca|sempre|mai)\b"
    r"|总是|不要|必须|いつも|常に|決して",
    re.IGNORECASE,
)


def summarizer(*, query: str | None = None, **options: Any) -> Callable[[Sequence[AnyMessage]], str]:
    """Make a summarizer that quotes the messages instead of rewriting them, and calls no chat model.

    Write `SummarizationMiddleware(model, summarizer=summarizer(token_budget=1000), trim_tokens_to_summarize=None)`;
    without the last argument, LangChain hands over at most 4,000 tokens. Half of what counts is the question, half is
    how much of a text is said nowhere else. An earlier summary is taken apart into its turns, and rules in the first
    human message (always, never, from now on ...) are kept within a quarter of the budget. If the engine fails, the
    summary is all messages, with a `LongAttnCompWarning`.

    Args:
        query: says what matters; if not given, the last human message among the messages, else the last text.
        **options: those of `LongAttnCompressor` without `annotate`; `token_budget` is for the whole summary,
            `keep_rate` for what it keeps of the messages, and `order` has no effect.

    Raises:
        ValidationError: an option is unknown or out of its range.
    """
    engine_options = LongAttnOptions.beside(["query"], options)

    def summarize(messages: Sequence[AnyMessage]) -> str:
        spoken = [turn for message in messages for turn in _turns(message)]
        if not spoken:
            return "(The earlier messages have no text.)"
        engine = engine_options.engine()
        mark = engine.settings.gap_mark.strip()
        asking = [index for index, (role, _) in enumerate(spoken) if role == "human"][-1:] if query is None else []
        if asking and engine.count(spoken[asking[0]][1]) > engine.settings.token_budget // 4:
            asking = []

        def labelled(result: Compressed) -> str:
            parts = {part.index: (part.text, *_is_cut(part, spoken[part.index][1])) for part in result.documents}
            if parts:  # the turn that asks says nothing beside the question, and is kept for what it is
                parts = {index: (spoken[index][1], False, False) for index in asking} | parts
            lines: list[str] = []
            follows = 0  # the turn that follows what is kept without a gap
            for index in sorted(parts):
                text, behind_gap, before_gap = parts[index]
                if lines and (index != follows or behind_gap) and not lines[-1].rstrip().endswith(mark):
                    lines.append(mark)
                lines.append(f"{spoken[index][0]}: {text}")
                follows = -1 if before_gap else index + 1
            return "\n\n".join(lines)

        def quoted() -> str:
            asked = query_for(query or last_question(messages) or spoken[-1][1], tokenizer=engine.tokenizer)
            texts, budget = [text for _, text in spoken], engine.settings.token_budget
            result = compress_results(
                engine.scored_by(_Telling(engine.scorer)),
                asked,
                texts,
                token_budget=engine.budget(texts),
                results=[index for index, (role, _) in enumerate(spoken) if role == "tool"],
                pins=_rules(engine, spoken),
                order="position",
                keep_rate=1.0,
            )
            kept = fit_budget(engine, result, labelled, token_budget=budget, order="position")
            return kept or "(Nothing in the earlier messages matters here.)"

        consequence = f"{len(messages)} messages pass uncompressed as their own summary"
        return pass_whole(quoted, "", consequence, raises=()) or get_buffer_string(messages)

    return summarize


class _Telling:
    """Scores as another scorer does, and as much by how rare a text's words are among all texts."""

    def __init__(self, scorer: Any) -> None:
        self._scorer = scorer

    def score(self, query: Query, nodes: Sequence[Node], *, progress: Any = None) -> Scores:
        found: Scores = self._scorer.score(query, nodes, progress=progress)
        words = [set(re.findall(r"\w+", node.text.lower())) for node in nodes]
        known = Counter(word for own in words for word in own)
        rare = [sum(log(len(nodes) / known[word]) for word in own) / max(1, len(own)) for own in words]
        total = sum(rare) or 1.0
        shares = zip(found.nodes, rare, strict=True)
        return Scores(
            tuple((share + (1 - found.instruction) * part / total) / 2 for share, part in shares), found.instruction
        )


def _is_cut(part: CompressedDocument, text: str) -> tuple[bool, bool]:
    """Whether anything of a turn is missing before what is kept of it, and behind."""
    return bool(text[: part.spans[0][0]].strip()), bool(text[part.spans[-1][1] :].strip())


def _turns(message: AnyMessage) -> list[tuple[str, str]]:
    """Return role and text of a message, or of each turn that an earlier summary quotes."""
    text = _text(message)
    if message.additional_kwargs.get("lc_source") != "summarization" or not _TURN.search(text):
        return [(message.type, text)] if text else []
    parts = _TURN.split(text)
    return [(role, said.strip()) for role, said in zip(parts[1::2], parts[2::2], strict=True) if said.strip()]


def _rules(engine: Compressor, spoken: Sequence[tuple[str, str]]) -> list[tuple[int, int, int]]:
    """Find the standing rules in the first human message, as far as a quarter of the budget goes."""
    first = next((index for index, (role, _) in enumerate(spoken) if role == "human"), None)
    if first is None:
        return []
    room, rules = engine.settings.token_budget // 4, []
    text = spoken[first][1]
    for line in re.finditer(r"\S.*", text):
        for start, end in sentences(text, *line.span()):
            tokens = engine.count(text[start:end]) + 2 * engine.count(engine.settings.gap_mark)
            if _RULE.search(text, start, end) and tokens <= room:
                room -= tokens
                rules.append((first, start, end))
    return rules


def _text(message: AnyMessage) -> str:
    """Return a message's text and the tool calls in it."""
    calls = message.tool_calls if isinstance(message, AIMessage) else []
    return "\n".join([*texts_of(message), *(f"{call['name']}({call['args']})" for call in calls)])
