"""an example -> contexts to compare the methods with: the whole context, none of it, the evidence first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from longattncomp.compressor import Compressor
from longattncomp.data.rows import Example
from longattncomp.evaluation.budget import Budget
from longattncomp.evaluation.kept import KeptContext, record, whole
from longattncomp.evaluation.records import Records
from longattncomp.evaluation.report.summary import FULL, KEPT_MEASURES, NONE, ORACLE
from longattncomp.selection import SelectionRule
from longattncomp.types import Node, Query, Scores

_ALL, _NOTHING = "100%", "0"


def references(
    example: Example, compressor: Compressor, budgets: Sequence[Budget], records: Records, target: str
) -> Iterator[KeptContext]:
    """Make the contexts `full`, `none` and, at each budget but the adaptive one, `oracle`.

    Args:
        example: an example whose documents are not blank.
        compressor: cuts and counts the nodes; its scorer is not used.
        budgets: budgets of the oracle.
        records: contexts that have a record are not made again.
        target: name of the target that reads the contexts.
    """

    def missing(method: str, budget: str) -> bool:
        return (example.task, example.id, method, budget, target) not in records

    bound = [one for one in budgets if not one.adaptive and example.evidence and missing(ORACLE, str(one))]
    if not (bound or missing(FULL, _ALL) or missing(NONE, _NOTHING)):
        return
    compressor = compressor.configured(order="position", keep_rate=1.0)
    everything = whole(example, compressor)
    full = record(example, FULL, _ALL, target, everything, 0.0)
    if missing(FULL, _ALL):
        yield KeptContext(full, example, everything.text)
    if missing(NONE, _NOTHING):
        zeros: dict[str, Any] = {name: 0.0 for name in KEPT_MEASURES if getattr(full, name) is not None}
        yield KeptContext(replace(full, method=NONE, budget=_NOTHING, tokens=0, **zeros), example, "")
    for budget in bound:
        most = budget.of(everything.original_tokens)
        nodes = compressor.nodes(example.documents, token_budget=most)
        rule = SelectionRule(token_budget=most, top_p=1.0)
        scores = _evidence_shares(example, nodes)
        result = compressor.assemble(Query(example.query), example.documents, nodes, scores, rule=rule)
        yield KeptContext(record(example, ORACLE, str(budget), target, result, 0.0), example, result.text)


def _evidence_shares(example: Example, nodes: Sequence[Node]) -> Scores:
    """Give each node its share of the evidence's characters."""
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
