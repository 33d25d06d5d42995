"""examples x methods x budgets -> records."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from string import ascii_uppercase
from time import perf_counter

from longattncomp.compressor import Compressor
from longattncomp.errors import InputError, warn
from longattncomp.evaluation.budget import Budget
from longattncomp.evaluation.metrics import answers_kept, evidence_recall, strict_recall
from longattncomp.evaluation.records import Key, Record, Records
from longattncomp.evaluation.results import FULL, NONE, ORACLE
from longattncomp.evaluation.rows import Example
from longattncomp.evaluation.targets import Asked, Target
from longattncomp.scorers.baseline import HeadScorer
from longattncomp.scorers.batch import score_batch
from longattncomp.types import Compressed, Node, Progress, Query, Scores

_PLACES = re.compile(r"(\{(?:context|query|options)\})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a target is asked.

    Attributes:
        target: reads what was kept.
        prompt: with `{context}`, `{query}` and maybe `{options}`.
        together: whether a right answer names all of an example's answers, instead of one of them.
    """

    target: Target
    prompt: str = "{context}\n\nQuestion: {query}\nAnswer:"
    together: bool = False

    def asked(self, example: Example, context: str) -> Asked:
        """The prompt for one example with what is left of its context."""
        options = "\n".join(
            f"{letter}. {option}" for letter, option in zip(ascii_uppercase, example.options, strict=False)
        )
        parts = {"{context}": context, "{query}": example.query, "{options}": options}
        # Split first: what stands in a context is no placeholder.
        text = "".join(parts.get(piece, piece) for piece in _PLACES.split(self.prompt))
        answers = (", ".join(example.answers),) if self.together and example.answers else example.answers
        return Asked(prompt=text, answers=answers, options=example.options)


@dataclass(frozen=True, slots=True)
class _Kept:
    """One record that lacks what the target says, and what it is to read."""

    record: Record
    example: Example
    text: str


def measure(
    examples: Iterable[Example],
    methods: Mapping[str, Compressor],
    *,
    budgets: Sequence[Budget],
    records: Records,
    reading: Reading | None = None,
    progress: Progress | None = None,
) -> None:
    """Measure what each method keeps of each example at each budget, and what a target makes of it.

    A budget alone ends the selection (`top_p` 1); an adaptive one leaves that to the method's own
    `top_p` and `min_score`. No node is longer than half the smallest budget. What is among the
    records already is not measured again.

    Args:
        examples: those that share their documents are read together.
        methods: by name, from `methods.compressors`.
        budgets: at least one.
        records: get what is found, example by example.
        reading: asks a target, and measures the whole context, none of it and the evidence beside.
        progress: called with (examples done, examples in all).

    Raises:
        InputError: nothing to measure.
    """
    given = list(examples)
    usable = [example for example in given if example.evidence or example.answers]
    left_out = len(given) - len(usable)
    if not (budgets and methods and usable):
        raise InputError(
            "expected at least one method, one budget and one example with evidence or answers, got "
            f"{len(methods)} methods, {len(budgets)} budgets, {len(usable)} such examples and {left_out} without"
        )
    if left_out:
        warn(f"{left_out} of {len(given)} examples are left out: they have neither evidence nor answers")
    done = 0
    groups: dict[int, list[Example]] = {}
    for example in usable:
        groups.setdefault(id(example.documents), []).append(example)
    for group in groups.values():
        for method, compressor in methods.items():
            found = list(_missing(_kept(group, method, compressor, budgets, records, reading), records))
            records.add(_read(found, reading))
        if reading is not None:
            first = next(iter(methods.values()))
            beside = [kept for example in group for kept in _beside(example, first, budgets)]
            records.add(_read(list(_missing(_named(beside, reading), records)), reading))
        done += len(group)
        if progress is not None:
            progress(done, len(usable))


def _kept(
    group: Sequence[Example],
    method: str,
    compressor: Compressor,
    budgets: Sequence[Budget],
    records: Records,
    reading: Reading | None,
) -> Iterator[_Kept]:
    """What a method keeps for examples of one context, unless all of it is known."""
    target = reading.target.name if reading else None
    wanted: list[Key] = [(one.task, one.id, method, str(budget), target) for one in group for budget in budgets]
    if all(key in records for key in wanted):
        return
    documents = group[0].documents
    context_tokens = _whole(group[0], compressor).original_tokens
    tokens = [budget.of(context_tokens) for budget in budgets]
    nodes = compressor.nodes(documents, token_budget=min(tokens))
    queries = [Query(example.query) for example in group]
    started = perf_counter()
    found = score_batch(compressor.scorer, queries, nodes)
    seconds = (perf_counter() - started) / len(group)
    for example, query, scores in zip(group, queries, found, strict=True):
        for budget, most in zip(budgets, tokens, strict=True):
            if budget.adaptive:
                result = compressor.assemble(query, documents, nodes, scores, token_budget=sys.maxsize)
            else:
                result = _within(most, query, example, nodes, scores, compressor)
            yield _Kept(
                replace(_record(example, method, result, seconds, target), budget=str(budget)), example, result.text
            )


def _beside(example: Example, compressor: Compressor, budgets: Sequence[Budget]) -> Iterator[_Kept]:
    """The whole context, nothing, and the evidence first at each budget."""
    whole = _whole(example, compressor)
    everything = _record(example, FULL, whole, 0.0, None)
    yield _Kept(replace(everything, budget="100%"), example, whole.text)
    nothing = dict.fromkeys(("recall", "strict"), None if everything.recall is None else 0.0)
    answer = None if everything.answer is None else 0.0
    yield _Kept(replace(everything, method=NONE, budget="0", tokens=0, answer=answer, **nothing), example, "")
    if not example.evidence:
        return
    for budget in budgets:
        if not budget.adaptive:
            most = budget.of(whole.original_tokens)
            nodes = compressor.nodes(example.documents, token_budget=most)
            exact = compressor.configured(surroundings=0.0)
            result = _within(most, Query(example.query), example, nodes, _oracle(example, nodes), exact)
            yield _Kept(replace(_record(example, ORACLE, result, 0.0, None), budget=str(budget)), example, result.text)


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


def _whole(example: Example, compressor: Compressor) -> Compressed:
    # Only the engine knows how the target that keeps the budget counts the whole.
    query, nodes = Query(example.query), compressor.nodes(example.documents)
    return _within(sys.maxsize, query, example, nodes, HeadScorer().score(query, nodes), compressor)


def _within(
    most: int, query: Query, example: Example, nodes: Sequence[Node], scores: Scores, compressor: Compressor
) -> Compressed:
    return compressor.assemble(
        query, example.documents, nodes, scores, token_budget=most, top_p=1.0, min_score=0.0, min_relevance=0.0
    )


def _record(example: Example, method: str, result: Compressed, seconds: float, target: str | None) -> Record:
    spans = {document.index: document.spans for document in result.documents}
    whole = "\n".join(document.text for document in example.documents)
    return Record(
        task=example.task,
        example=example.id,
        method=method,
        budget="",
        context_tokens=result.original_tokens,
        tokens=result.tokens,
        depth=_depth(example),
        recall=evidence_recall(spans, example.evidence) if example.evidence else None,
        strict=strict_recall(spans, example.evidence) if example.evidence else None,
        answer=answers_kept(result.text, whole, example.answers),
        seconds=seconds,
        target=target,
    )


def _depth(example: Example) -> float | None:
    """Mean place of the evidence's middles among the context's characters."""
    if not example.evidence:
        return None
    starts, length = [], 0
    for document in example.documents:
        starts.append(length)
        length += len(document.text)
    middles = [starts[span.document] + (span.start + span.end) / 2 for span in example.evidence]
    return sum(middles) / len(middles) / length


def _named(found: Iterable[_Kept], reading: Reading) -> Iterator[_Kept]:
    return (replace(kept, record=replace(kept.record, target=reading.target.name)) for kept in found)


def _missing(found: Iterable[_Kept], records: Records) -> Iterator[_Kept]:
    return (kept for kept in found if kept.record.key not in records)


def _read(found: Sequence[_Kept], reading: Reading | None) -> Iterator[Record]:
    if reading is None:
        yield from (kept.record for kept in found)
        return
    asked = [reading.asked(kept.example, kept.text) for kept in found]
    for kept, answered in zip(found, reading.target.read(asked), strict=True):
        yield replace(
            kept.record,
            likelihood=answered.likelihood,
            exact=answered.exact,
            f1=answered.f1,
            choice=answered.choice,
        )
