"""(query, nodes) -> scores of a query asked twice, the second time with the text that it found."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from longattncomp.errors import InputError
from longattncomp.scorers.batch import BatchScorer, part_of
from longattncomp.scorers.cross_attention.cascade import CascadeScorer
from longattncomp.scorers.cross_attention.scorer import CrossAttentionScorer
from longattncomp.scorers.relevance import Calibration
from longattncomp.types import Node, Prepared, Progress, Query, Scores, Tokenizer

LOOKED_AT = 8192
"""Tokens of the segments with the most mass, which the second question sees."""

_BORROWED = 64  # tokens of the best node


@dataclass(frozen=True)
class FeedbackScorer(BatchScorer):
    """Asks each query again with the text of the best node, and mixes both scores.

    The second question is asked of the segments with the most mass only; of a cascade, its `after` is asked.

    Attributes:
        first: scores the query itself.
        weight: part of the mass that the second question shares out, see `mixed`.

    Raises:
        InputError: the weight is not in [0, 1].
    """

    first: CrossAttentionScorer | CascadeScorer
    weight: float

    def __post_init__(self) -> None:
        if not 0 <= self.weight <= 1:
            raise InputError(f"expected a weight in [0, 1], got {self.weight}")

    @property
    def calibration(self) -> Calibration | None:
        """That of `first`, whose instruction's score stays."""
        return self.first.calibration if isinstance(self.first, CrossAttentionScorer) else None

    def prepare(self, nodes: Sequence[Node], *, progress: Progress | None = None) -> Prepared:
        """Do what `first.prepare` does."""
        return self.first.prepare(nodes, progress=progress)

    def score_batch(
        self, queries: Sequence[Query], nodes: Sequence[Node], *, progress: Progress | None = None
    ) -> list[Scores]:
        """Score many queries over the same nodes; all second questions share one reading."""
        if not nodes:
            return self.first.score_batch(queries, nodes)
        if isinstance(self.first, CascadeScorer):
            asker, reader = self.first.after, self.first.alone.reader
        else:
            asker, reader = self.first, self.first.reader
        context = asker.frame.context(nodes)
        tokens = sum(context.sizes)
        more = min(LOOKED_AT, tokens)
        found = self.first.score_batch(queries, nodes, progress=part_of(progress, 0, tokens, tokens + more))
        room = asker.frame.room(context.sizes)
        seconds = (
            asked_again(query, first, context.nodes, asker.tokenizer, room)
            for query, first in zip(queries, found, strict=True)
        )
        again = {index: second for index, second in enumerate(seconds) if second}
        if not again and progress is not None:
            progress(tokens + more, tokens + more)
        chosen = [context.richest(found[index].nodes, LOOKED_AT) for index in again]
        rest = part_of(progress, tokens, more, tokens + more)
        with reader.holding(context):
            answers = asker.score_segments([*again.values()], context, chosen, progress=rest)
        for index, own, scores in zip(again, chosen, answers, strict=True):
            found[index] = mixed(found[index], scores, context.nodes_of(own), self.weight)
        return found


def asked_again(query: Query, scores: Scores, nodes: Sequence[Node], tokenizer: Tokenizer, room: int) -> Query | None:
    """Append the first tokens of the best node to a query; None if there is one node, or more than `room` tokens."""
    best = nodes[max(range(len(nodes)), key=scores.nodes.__getitem__)]
    if len(nodes) == 1 or tokenizer.count(query.text) + _BORROWED > room:
        return None
    ends = tokenizer.encode(best.text).ends[:_BORROWED]
    return Query(f"{query.text} {best.text[: ends[-1]]}") if ends else None


def mixed(first: Scores, second: Scores, looked_at: Collection[int], weight: float) -> Scores:
    """Share out a part of some nodes' mass as the second question does, and the rest as the first does.

    This is pseudo-relevance feedback as in RM3 (Abdul-Jaleel et al. 2004), with attention mass instead of the
    likelihood of words, and one document. The second question saw the nodes `looked_at`; the weight is in [0, 1].
    """
    there = sum(first.nodes[index] for index in looked_at)
    own = sum(second.nodes[index] for index in looked_at)
    if not there or not own:  # a float is too coarse to divide by
        return first
    nodes = list(first.nodes)
    for index in looked_at:
        nodes[index] = (1 - weight) * nodes[index] + weight * second.nodes[index] * there / own
    return Scores(tuple(nodes), first.instruction)
