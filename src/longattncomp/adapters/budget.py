"""a result, and what is made of it for its reader -> what is made of it, of which the text keeps the budget."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from longattncomp.compressor import Compressor
from longattncomp.errors import BudgetError
from longattncomp.types import Compressed, Scores

T = TypeVar("T")


def fit(
    compressor: Compressor,
    result: Compressed,
    made_of: Callable[[Compressed], T],
    text_of: Callable[[T], str] = str,
    *,
    token_budget: int,
    **options: Any,
) -> T:
    """Keep less until what is put around the kept text fits as well; nothing is read again.

    Frameworks show more than the kept text: metadata lines, the names of speakers, a note. How much is
    known only when the text is chosen, so the budget of the text is lowered until all of it fits.

    Args:
        compressor: made the result.
        result: without pins; its own budget bounds the kept text where that is less.
        made_of: what the reader gets of a result, such as messages.
        text_of: the text in it that the budget bounds; where it is a text, all of it.
        token_budget: most tokens of it.
        **options: as `Compressor.assemble`, those of the call that made the result.

    Returns:
        What was made of the result that fits.

    Raises:
        BudgetError: what is put around the kept text leaves nothing for it.
    """
    scores = Scores(result.scores, result.instruction_score)

    def within(limit: int) -> Compressed:
        return compressor.assemble(
            result.query, result.context, result.all_nodes, scores, token_budget=limit, **options
        )

    limit = min(result.token_budget, token_budget)
    fitted = result if limit == result.token_budget else within(limit)
    while (tokens := _tokens(compressor, fitted, text_of(made := made_of(fitted)))) > token_budget:
        limit = min(limit, fitted.tokens)  # what the kept text does not use need not be taken from it
        limit = min(limit - 1, limit * token_budget // tokens)
        if limit < 1:
            raise BudgetError(
                f"what is shown beside the kept text leaves it nothing of {token_budget} tokens: raise token_budget"
            )
        fitted = within(limit)
    return made


def _tokens(compressor: Compressor, result: Compressed, text: str) -> int:
    return result.tokens if text == result.text else compressor.count(text)
