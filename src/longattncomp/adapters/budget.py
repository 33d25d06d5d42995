"""result, how it is shown -> what is shown, inside the budget."""

from collections.abc import Callable
from typing import Any, TypeVar

from longattncomp.compressor import Compressor
from longattncomp.errors import BudgetError
from longattncomp.types import Compressed, Scores

T = TypeVar("T")

_FULL = 0.95
"""Part of a budget from which on it is not worth the time to look for more that fits."""


def fit_budget(
    compressor: Compressor,
    result: Compressed,
    show: Callable[[Compressed], T],
    text_of: Callable[[T], str] = str,
    *,
    token_budget: int,
    **options: Any,
) -> T:
    """Keep less text until the text and what a framework shows around it fit the budget; nothing is read again.

    Frameworks add metadata lines, names of speakers or a note. How many tokens these take is known only when the
    text is chosen, so the budget of the text is lowered until all of it fits, and raised again if that was too much.

    Args:
        compressor: the one that made the result.
        result: where its own budget is lower, that bounds the kept text; its pins stay.
        show: makes of a result what the reader gets, such as messages.
        text_of: gives the text of it that the budget bounds.
        token_budget: most tokens of that text.
        **options: those of the call that made the result, as `Compressor.assemble` takes them.

    Returns:
        What `show` made of the result that fits.

    Raises:
        BudgetError: what is shown around the kept text leaves nothing for it, or less than its pins take.
    """
    scores = Scores(result.scores, result.instruction_score, result.relevance)
    limit = min(result.token_budget, token_budget)
    fitted, best, low, high = result, None, 0, 0  # the best that fits; limits of it, and of what does not fit
    while True:
        if limit != fitted.token_budget:
            fitted = compressor.assemble(
                result.query, result.context, result.all_nodes, scores, token_budget=limit, **options
            )
        shown = show(fitted)
        text = text_of(shown)
        tokens = fitted.tokens if text == fitted.text else compressor.count(text)
        if tokens <= token_budget:
            best, low = [shown], limit
            if not high or tokens >= _FULL * token_budget:
                return shown
        else:
            high = min(limit, fitted.tokens)  # what the kept text does not use need not be taken from it
        if best is None:
            limit = min(high - 1, high * token_budget // tokens)
        elif high - low <= max(1, (1 - _FULL) * token_budget):
            return best[0]
        else:
            limit = (low + high) // 2
        if limit < 1:
            raise BudgetError(
                f"what is shown beside the kept text leaves it nothing of {token_budget} tokens: raise token_budget"
            )
