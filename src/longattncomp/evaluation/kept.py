"""a compressed context -> a record of what it keeps."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

from longattncomp.compressor import Compressor
from longattncomp.data.rows import Example
from longattncomp.evaluation.metrics import answers_kept, evidence_recall, strict_recall
from longattncomp.evaluation.records import Record
from longattncomp.scorers.baselines import FirstTokensScorer
from longattncomp.types import Compressed, Node, Query, Scores


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
        depth=_depth(example),
        recall=evidence_recall(spans, example.evidence) if example.evidence else None,
        strict=strict_recall(spans, example.evidence) if example.evidence else None,
        answer=answers_kept(result.text, text, example.answers),
        seconds=seconds,
        target=target,
    )


def _depth(example: Example) -> float | None:
    """Average the positions of the evidence's middles among the context's characters, in [0, 1]."""
    if not example.evidence:
        return None
    starts, length = [], 0
    for document in example.documents:
        starts.append(length)
        length += len(document.text)
    middles = [starts[span.document] + (span.start + span.end) / 2 for span in example.evidence]
    return sum(middles) / len(middles) / length
