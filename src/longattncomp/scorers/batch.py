"""(queries, nodes) -> scores of each query, reading the nodes once where the scorer can."""

from collections.abc import Sequence
from itertools import chain
from statistics import fmean
from typing import Protocol, runtime_checkable

import numpy as np

from longattncomp.errors import ModelError
from longattncomp.inputs import what_is_wrong
from longattncomp.query.questions import questions
from longattncomp.types import Node, Prepared, Progress, Query, Scorer, Scores


@runtime_checkable
class PreparedScorer(Protocol):
    """A scorer that can read nodes before there is a query."""

    def prepare(self, nodes: Sequence[Node], *, progress: Progress | None = None) -> Prepared: ...


@runtime_checkable
class BatchScorer(Protocol):
    """A scorer whose cost lies in the nodes, not in the queries."""

    def score_batch(
        self, queries: Sequence[Query], nodes: Sequence[Node], *, progress: Progress | None = None
    ) -> list[Scores]: ...

    def score(self, query: Query, nodes: Sequence[Node], *, progress: Progress | None = None) -> Scores:
        """Do what `score_batch` does for one query."""
        (scores,) = self.score_batch([query], nodes, progress=progress)
        return scores


def score_batch(
    scorer: Scorer, queries: Sequence[Query], nodes: Sequence[Node], *, progress: Progress | None = None
) -> list[Scores]:
    """Score the nodes for each query, and check the scores.

    Raises:
        ModelError: the scores are not one share of the mass for each node.
    """
    if isinstance(scorer, BatchScorer):
        found = scorer.score_batch(queries, nodes, progress=progress)
    else:
        found = [scorer.score(query, nodes, progress=progress) for query in queries]
    for scores in found:
        if wrong := what_is_wrong(scores, nodes):
            raise ModelError(f"{type(scorer).__name__}: {wrong}")
    return found


def score_questions(
    scorer: Scorer,
    queries: Sequence[Query],
    spelled: Sequence[Query],
    nodes: Sequence[Node],
    *,
    progress: Progress | None = None,
) -> list[Scores]:
    """Score the nodes for each query, as the mean over its forms: as it is, as it is `spelled`, each question of that.

    A head that reads several questions at once attends to some of them only.

    Raises:
        ModelError: as `score_batch`.
    """
    forms = [list(dict.fromkeys([query, own, *questions(own)])) for query, own in zip(queries, spelled, strict=True)]
    found = iter(score_batch(scorer, list(chain.from_iterable(forms)), nodes, progress=progress))
    return [_mean([next(found) for _ in own]) for own in forms]


def _mean(scores: Sequence[Scores]) -> Scores:
    if len(scores) == 1:
        return scores[0]
    nodes = np.array([one.nodes for one in scores]).mean(0)
    return Scores(tuple(nodes.tolist()), fmean(one.instruction for one in scores))


def part_of(progress: Progress | None, start: int, tokens: int, total: int) -> Progress | None:
    """Make the progress of a step that covers `tokens` of `total` tokens, from `start` on."""
    return progress and (lambda done, of: progress(start + tokens * done // of, total))
