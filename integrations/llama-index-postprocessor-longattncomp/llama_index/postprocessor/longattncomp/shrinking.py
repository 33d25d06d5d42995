"""texts, question -> as many texts inside one budget, or all of them whole with a warning."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Self, TypeVar

from longattncomp import Compressed
from longattncomp.adapters import BudgetError, Recent, fit_budget, pass_whole, query_for, warn_of

from llama_index.postprocessor.longattncomp.options import LongAttnOptions

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

WHOLE = "the text is passed on whole"
"""What follows where the engine fails."""

_NOTHING_LEFT = "[...]"
"""Stands for a text of which nothing is left where the gap mark is blank: some providers refuse an empty message."""


class Remembered(Recent[K, V]):
    """The results of a component's latest eight calls; copies and pickles of the component start without them."""

    def __init__(self) -> None:
        super().__init__(8, size=lambda _: 1)

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
    known: Remembered[tuple[Any, ...], list[str]] | None = None,
) -> list[str]:
    """Shorten texts together; the gap mark stands for a text of which nothing is left, and at its edges.

    Nothing changes if the texts fit, or if there is neither a question nor arguments. The kept text has at most
    `keep_rate` of the tokens of all texts; with the gap marks it has at most `token_budget` tokens.

    Args:
        options: name the engine and the budget.
        question: a user's message.
        texts: in order.
        arguments: of the tool call that returned the texts.
        known: remembers results.

    Raises:
        InputError, ModelError, CacheError: as `LongAttnOptions.engine`.
    """
    whole = list(texts)
    if not (question.strip() or arguments) or not any(text.strip() for text in whole):
        return whole
    engine = options.engine(edge_marks=True)
    budget, separator = engine.settings.token_budget, engine.settings.separator

    def shown(result: Compressed) -> list[str]:
        left = {document.index: document.text for document in result.documents}
        mark = engine.settings.gap_mark.strip() or _NOTHING_LEFT
        return [left.get(index, mark if text else "") for index, text in enumerate(whole)]

    def compressed() -> list[str]:
        query = query_for(question, arguments, tokenizer=engine.tokenizer)
        key = (engine, query, *whole)
        if known is not None and (before := known.get(key)) is not None:
            return before
        if not query or engine.count(separator.join(whole)) <= engine.budget(whole):
            return whole
        result = engine.compress(query, whole, order="position")
        try:
            left = fit_budget(engine, result, shown, separator.join, token_budget=budget, order="position")
        except BudgetError as error:
            warn_of("the gap marks of texts that left nothing are not charged", error)
            left = shown(result)
        if known is not None:
            known.put(key, left)
        return left

    return pass_whole(compressed, whole, WHOLE)
