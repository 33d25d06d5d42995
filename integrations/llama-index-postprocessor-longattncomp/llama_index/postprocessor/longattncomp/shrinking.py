"""texts -> what is left of them for a query within a budget, or all of it with a warning."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from longattncomp import Compressed, LongAttnCompWarning
from longattncomp.adapters.budget import fit
from longattncomp.errors import BudgetError, InputError
from longattncomp.query.parsing import query_for

from llama_index.postprocessor.longattncomp.options import LongAttnOptions
from llama_index.postprocessor.longattncomp.remembered import Remembered

T = TypeVar("T")

logger = logging.getLogger(__name__)

_NOTHING_LEFT = "[...]"
"""Where the gap mark is blank: some providers refuse a message without text."""


def or_whole(compress: Callable[[], T], whole: T) -> T:
    """What `compress` gives, or the whole with a warning if the engine fails: a chain or an agent goes on.

    Raises:
        InputError: an option is wrong, which is for the caller to mend.
    """
    try:
        return compress()
    except InputError:
        raise
    except Exception as error:  # noqa: BLE001 (whatever the engine fails with)
        warn_of(error, "the text is passed on whole")
        return whole


def warn_of(error: Exception, consequence: str) -> None:
    """Log and warn of what went wrong and what follows."""
    logger.warning("longattncomp: %s", consequence, exc_info=error)
    warnings.warn(f"{type(error).__name__}: {error}; {consequence}", LongAttnCompWarning, stacklevel=2)


def shrink(
    options: LongAttnOptions,
    question: str,
    texts: Sequence[str],
    *,
    arguments: Mapping[str, Any] | None = None,
    known: Remembered[tuple[Any, ...], list[str]] | None = None,
) -> list[str]:
    """The texts within the budget together, one for one; the gap mark stands for those that left nothing.

    Texts that fit, and neither question nor arguments, leave everything as it is. The kept text has
    at most `keep_rate` of the tokens, and with the gap marks at most `token_budget`.

    Args:
        options: name the engine and the budget.
        question: a user's message, which the texts are read for.
        texts: in order; may be empty.
        arguments: of the call that gave the texts.
        known: what the engine gave for the same before.

    Raises:
        InputError: an option is out of its range.
        ModelError: the draft model or head cannot be found, read or used.
        CacheError: the cache directory cannot be written.
    """
    whole = list(texts)
    if not (question.strip() or arguments) or not any(text.strip() for text in whole):
        return whole
    engine = options.engine()
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
            left = fit(engine, result, shown, separator.join, token_budget=budget, order="position")
        except BudgetError as error:
            warn_of(error, "the gap marks of texts that left nothing are not charged")
            left = shown(result)
        if known is not None:
            known.put(key, left)
        return left

    return or_whole(compressed, whole)
