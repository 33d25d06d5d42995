"""a compressed context -> a record of what it keeps; an example -> contexts to compare the methods with."""

import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from longattncomp.compressor import Compressor
from longattncomp.data.rows import Example, positions
from longattncomp.evaluation.budget import Budget
from longattncomp.evaluation.metrics import answers_kept, evidence_recall, overlap, strict_recall
from longattncomp.evaluation.records import Record, Records
from longattncomp.evaluation.report.summary import FULL, KEPT_MEASURES, NONE, ORACLE
from longattncomp.scorers.baselines import FirstTokensScorer
from longattncomp.selection import SelectionRule
from longattncomp.types import Compressed, Node, Query, Scores

_ALL, _NOTHING = "100%", "0"


@dataclass(frozen=True, slots=True)
class KeptContext:
    """A compressed context for a target to read, and its record, which lacks the target's answer."""

    record: Record
    example: Example
    text: str


def whole(example: Example, compressor: Compressor) -> Compressed:
    """Keep all of the context, counted in the tokens of the budget."""
    query, nodes = Query(example.query), compressor.nodes(example.documents)
    return within(sys.maxsize, query, example, nodes, FirstTokensScorer().score(query, nodes), compressor)


def within(
    most: int, query: Query, example: Example, nodes: Sequence[Node], scores: Scores, compressor: Compressor
) -> Compressed:
    """Select nodes by the budget of `most` tokens alone, not by top-p or a least score."""
    rule = replace(compressor.rule, token_budget=most, top_p=1.0, min_score=0.0, min_relevance=0.0)
    return compressor.assemble(query, example.documents, nodes, scores, rule=rule)


def record(
    example: Example, method: str, budget: str, target: str | None, result: Compressed, seconds: float
) -> Record:
    """Record what a compressed context keeps of the evidence and the answers; the arguments are as in `Record`."""
    spans = {document.index: document.spans for document in result.documents}
    text = "\n".join(document.text for document in example.documents)
    return Record(
        task=example.task,
        example=example.id,
        method=method,
        budget=budget,
        context_tokens=result.original_tokens,
        tokens=result.tokens,
        depth=fmean(positions(example)) if example.evidence else None,
        recall=evidence_recall(spans, example.evidence) if example.evidence else None,
        strict=strict_recall(spans, example.evidence) if example.evidence else None,
        answer=answers_kept(result.text, text, example.answers),
        seconds=seconds,
        target=target,
    )


def references(
    example: Example, compressor: Compressor, budgets: Sequence[Budget], records: Records, target: str
) -> Iterator[KeptContext]:
    """Make the contexts `full`, `none` and, at each budget but the adaptive one, `oracle`.

    Contexts that have a record are not made again. The compressor cuts and counts nodes; its scorer is not used.
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
    evidence = defaultdict(list)
    for span in example.evidence:
        evidence[span.document].append((span.start, span.end))
    shared = [overlap([(node.start, node.end)], evidence[node.document]) for node in nodes]
    total = sum(shared)
    return Scores(tuple(length / total for length in shared), 0.0)
