"""an example -> what stands beside the methods: the whole context, none of it, the evidence first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from longattncomp.compressor import Compressor
from longattncomp.data.rows import Example
from longattncomp.evaluation.budget import Budget
from longattncomp.evaluation.kept import Kept, record, whole, within
from longattncomp.evaluation.records import Records
from longattncomp.evaluation.report.summary import FULL, KEPT, NONE, ORACLE
from longattncomp.types import Node, Query, Scores

_ALL, _NOTHING = "100%", "0"


def beside(
    example: Example, reference: Compressor, budgets: Sequence[Budget], records: Records, target: str
) -> Iterator[Kept]:
    """What is missing of `full`, `none` and, at each budget that is one, `oracle`.

    Args:
        example: with a text.
        reference: cuts and counts, the same whichever methods are measured; its scorer is not asked.
        budgets: of the oracle.
        records: what is there is not made again.
        target: who is to read them.
    """

    def known(method: str, budget: str) -> bool:
        return (example.task, example.id, method, budget, target) in records

    bound = [budget for budget in budgets if not budget.adaptive and example.evidence]
    bound = [budget for budget in bound if not known(ORACLE, str(budget))]
    if not bound and known(FULL, _ALL) and known(NONE, _NOTHING):
        return
    exact = reference.configured(order="position", context_weight=0.0, keep_rate=1.0)
    all_of_it = whole(example, exact)
    everything = record(example, FULL, _ALL, target, all_of_it, 0.0)
    if not known(FULL, _ALL):
        yield Kept(everything, example, all_of_it.text)
    if not known(NONE, _NOTHING):
        zeros: dict[str, Any] = {name: 0.0 for name in KEPT if getattr(everything, name) is not None}
        yield Kept(replace(everything, method=NONE, budget=_NOTHING, tokens=0, **zeros), example, "")
    for budget in bound:
        most = budget.of(all_of_it.original_tokens)
        nodes = exact.nodes(example.documents, token_budget=most)
        result = within(most, Query(example.query), example, nodes, _oracle(example, nodes), exact)
        yield Kept(record(example, ORACLE, str(budget), target, result, 0.0), example, result.text)


def _oracle(example: Example, nodes: Sequence[Node]) -> Scores:
    """A node's share of the evidence's characters."""
    overlap = [
        sum(
            max(0, min(node.end, span.end) - max(node.start, span.start))
            for span in example.evidence
            if span.document == node.document
        )
        for node in nodes
    ]
    total = sum(overlap)
    return Scores(tuple(length / total for length in overlap), 0.0)
