"""(query, results of tools) -> what is kept of them: what the query needs, and what failed."""

from collections.abc import Collection, Sequence
from typing import Any

from longattncomp.adapters.failures import failure_pins
from longattncomp.compressor import Compressor
from longattncomp.types import Compressed, Node, Progress, Query, Scores

PURPOSE_TEXT = "What you are looking for in the result, in a few words. The result is shortened to that if it is long."
"""What a model reads about an argument of its tools that joins the query."""

_UNASKED = "…"
"""Stands for the query where nobody asked anything: it has no words."""


class _Ends:
    """Gives a node the more, the nearer it is to the beginning or the end of its document."""

    def score(self, query: Query, nodes: Sequence[Node], *, progress: Progress | None = None) -> Scores:
        places: dict[int, list[int]] = {}
        for index, node in enumerate(nodes):
            places.setdefault(node.document, []).append(index)
        weights = [0.0] * len(nodes)
        for own in places.values():
            for place, index in enumerate(own):
                # Halved at each step, so that a node with more around it does not come before the outermost ones.
                weights[index] = 2.0 ** -min(place, len(own) - 1 - place, 1000)
        total = sum(weights)
        return Scores(tuple(weight / total for weight in weights), 0.0)


def compress_results(
    compressor: Compressor,
    query: str,
    texts: Sequence[str],
    *,
    token_budget: int,
    results: Collection[int] | None = None,
    pins: Sequence[tuple[int, int, int]] = (),
    **options: Any,
) -> Compressed:
    """Keep what the query needs of the results of tools, and the lines that say what failed.

    Where there is no query, the beginnings and ends of the texts are kept beside what failed. The relevance, which is
    calibrated on prose, leaves nothing out: an agent would take an empty result for an answer.

    Args:
        compressor: opened.
        query: may be blank.
        texts: of results, perhaps among other texts.
        token_budget: most tokens of what is kept; lines of failures take at most a third.
        results: indices of the texts that are results; None for all.
        pins: what else is kept in any case, as (index, start, end).
        **options: as `Compressor.compress`.

    Raises:
        InputError: as `Compressor.compress`.
    """
    searched = [text if results is None or index in results else "" for index, text in enumerate(texts)]
    count, gap_mark = compressor.count, compressor.settings.gap_mark
    taken = sum(count(texts[index][start:end]) + 2 * count(gap_mark) for index, start, end in pins)
    found = failure_pins(searched, token_budget - taken, count, gap_mark=gap_mark)
    options["min_relevance"] = 0.0
    if not query.strip():
        compressor, query = compressor.scored_by(_Ends()), _UNASKED
        options["context_weight"] = 0.0
    return compressor.compress(query, list(texts), token_budget=token_budget, pins=[*pins, *found], **options)
