"""texts, question -> as many texts inside one budget, or all of them whole with a warning."""

from __future__ import annotations

import time
from collections.abc import Collection, Hashable, Mapping, Sequence
from sys import getsizeof
from typing import Any, Self, TypeVar

from longattncomp import Compressed
from longattncomp.adapters import (
    BudgetError,
    Recent,
    compress_results,
    fit_budget,
    last_line,
    pass_whole,
    query_for,
    warn_of,
)

from llama_index.postprocessor.longattncomp.archive import Exchange
from llama_index.postprocessor.longattncomp.events import report
from llama_index.postprocessor.longattncomp.options import LongAttnOptions

WHOLE = "the text is passed on whole"
"""What follows where the engine fails."""

READER = "read_original"
"""The tool that reads whole texts, and the beginning of the names of all tools whose results are not shortened."""

_NOTHING_LEFT = "[...]"
"""Stands for a text of which nothing is left where the gap mark is blank: some providers refuse an empty message."""


K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_REMEMBERED = 64_000_000  # bytes
_LEAST = _REMEMBERED // 8
_NODE_BYTES = 500  # of a scored node beside its text


class Remembered(Recent[K, V]):
    """The results of a component's latest eight calls, up to 64 MB; copies and pickles start without them."""

    def __init__(self) -> None:
        super().__init__(_REMEMBERED, lambda key, value: max(_LEAST, _nbytes(key) + _nbytes(value)))

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return type(self)()

    def __reduce__(self) -> tuple[type[Self], tuple[()]]:
        return type(self), ()


def shrink(
    options: LongAttnOptions,
    question: str,
    texts: Sequence[str],
    *,
    arguments: Mapping[str, Any] | None = None,
    results: Collection[int] = (),
    key: str = "",
    audit: bool = False,
    known: Remembered[tuple[Any, ...], list[str]] | None = None,
) -> list[str]:
    """Shorten texts together; the gap mark stands for a text of which nothing is left, and at its edges.

    Nothing changes if the texts fit. Of tool results, the lines that say what failed are kept whatever the question.
    Without a question and arguments, beginnings and ends are kept if all texts are tool results, else everything. The
    kept text has at most `keep_rate` of the tokens of all texts; with the gap marks it has at most `token_budget`.

    Args:
        options: name the engine and the budget.
        question: a user's message.
        texts: in order.
        arguments: of the tool call that returned the texts.
        results: indices of the texts that are tool results.
        key: of the whole text, which a last line names with the tool that reads it, where it takes half of the budget
            at most; "" for no line.
        audit: whether the texts come back whole, and what would be saved is reported only.
        known: remembers results.

    Raises:
        InputError, ModelError, CacheError: as `LongAttnOptions.engine`.
    """
    whole = list(texts)
    asked = question.strip() or arguments or len(results) == len(whole)
    if not asked or not any(text.strip() for text in whole):
        return whole
    engine = options.engine(edge_marks=True)
    budget, separator = engine.settings.token_budget, engine.settings.separator

    def compressed() -> list[str]:
        query = query_for(question, arguments, tokenizer=engine.tokenizer)
        place = (engine, query, *whole)
        if known is not None and (remembered := known.get(place)) is not None:
            return remembered
        line = f"\n{last_line(sum(map(engine.count, whole)), READER, key)}" if key else ""
        line = line if line and 2 * engine.count(line) <= budget else ""
        room = min(budget, max(engine.budget(whole), 2 * engine.count(line))) if line else engine.budget(whole)
        if engine.count(separator.join(whole)) <= room:
            return whole
        started, stop_reason = time.perf_counter(), ""
        last = max(index for index, text in enumerate(whole) if text.strip())

        def shown(result: Compressed) -> list[str]:
            nonlocal stop_reason
            stop_reason = result.stop_reason
            left = {document.index: document.text for document in result.documents}
            mark = engine.settings.gap_mark.strip() or _NOTHING_LEFT
            texts = [left.get(index, mark if text else "") for index, text in enumerate(whole)]
            texts[last] += line
            return texts

        options: dict[str, Any] = {"order": "position", "keep_rate": 1.0}
        result = compress_results(engine, query, whole, token_budget=room, results=results, **options)
        try:
            left = fit_budget(engine, result, shown, separator.join, token_budget=room if line else budget, **options)
        except BudgetError as error:
            warn_of("the gap marks of texts that left nothing are not charged", error)
            left = shown(result)
        before, after = (engine.count(separator.join(texts)) for texts in (whole, left))
        seconds = time.perf_counter() - started
        report("texts", before=before, after=after, stop_reason=stop_reason, seconds=seconds, audit=audit)
        if audit:
            return whole
        if known is not None:
            known.put(place, left)
        return left

    return pass_whole(compressed, whole, WHOLE)


def _nbytes(value: object) -> int:
    """Add up the texts that a key or a value holds."""
    if isinstance(value, str):
        return getsizeof(value)
    if isinstance(value, Compressed):
        texts = [value.text, *(document.text for document in value.context), *(node.text for node in value.all_nodes)]
        return sum(map(getsizeof, texts)) + _NODE_BYTES * len(value.all_nodes)
    if isinstance(value, Exchange):
        return getsizeof(value.text)
    return sum(map(_nbytes, value)) if isinstance(value, tuple | list) else 0
