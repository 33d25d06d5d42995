"""examples x methods x budgets -> records."""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from string import ascii_uppercase
from time import perf_counter

from longattncomp.compressor import Compressor
from longattncomp.data.rows import Example
from longattncomp.errors import InputError, warn
from longattncomp.evaluation.budget import Budget
from longattncomp.evaluation.kept import Kept, record, whole, within
from longattncomp.evaluation.records import Record, Records
from longattncomp.evaluation.references import beside
from longattncomp.evaluation.targets.target import SHORT_ANSWER, Target, TargetQuestion
from longattncomp.scorers.batch import score_batch
from longattncomp.types import Node, Progress, Query

_PLACES = re.compile(r"(\{(?:context|query|options)\})")


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetReading:
    """What a target is asked.

    Attributes:
        target: reads what was kept.
        prompt: with `{context}`, `{query}` and maybe `{options}`.
        together: whether a right answer names all of an example's answers, instead of one of them.
        answer_tokens: most that the target writes.
    """

    target: Target
    prompt: str = "{context}\n\nQuestion: {query}\nAnswer:"
    together: bool = False
    answer_tokens: int = SHORT_ANSWER

    def asked(self, example: Example, context: str) -> TargetQuestion:
        """The prompt for one example with what is left of its context."""
        options = "\n".join(
            f"{letter}. {option}" for letter, option in zip(ascii_uppercase, example.options, strict=False)
        )
        parts = {"{context}": context, "{query}": example.query, "{options}": options}
        # Split first: what stands in a context is no placeholder.
        text = "".join(parts.get(piece, piece) for piece in _PLACES.split(self.prompt))
        answers = (", ".join(example.answers),) if self.together and example.answers else example.answers
        return TargetQuestion(prompt=text, answers=answers, options=example.options, answer_tokens=self.answer_tokens)


def measure(
    examples: Iterable[Example],
    methods: Mapping[str, Compressor],
    *,
    budgets: Sequence[Budget],
    records: Records,
    reference: Compressor,
    reading: TargetReading | None = None,
    progress: Progress | None = None,
) -> None:
    """Measure what each method keeps of each example at each budget, and what a target makes of it.

    A budget alone ends the selection (`top_p` 1); an adaptive one leaves that to the method's own
    `top_p` and `min_score`. No node is longer than half its budget, whatever other budgets there are.
    What is among the records already is not measured again.

    Args:
        examples: those that share their documents are read together.
        methods: by name, from `methods.compressors`.
        budgets: at least one.
        records: get what is found, example by example.
        reference: cuts the nodes of what stands beside the methods, whichever they are.
        reading: asks a target, and measures the whole context, none of it and the evidence beside.
        progress: called with (examples done, examples in all).

    Raises:
        InputError: nothing to measure, or two examples of one task with one id.
    """
    given = list(examples)
    usable = _usable(given)
    if not (budgets and methods and usable):
        raise InputError(
            "expected at least one method, one budget and one example with a text and evidence or answers, got "
            f"{len(methods)} methods, {len(budgets)} budgets, {len(usable)} such examples and "
            f"{len(given) - len(usable)} without"
        )
    done = 0
    groups: dict[int, list[Example]] = {}
    for example in usable:
        groups.setdefault(id(example.documents), []).append(example)
    for group in groups.values():
        unread: list[Kept] = []
        for method, compressor in methods.items():
            found = _kept(group, method, compressor, budgets, records, reading)
            if reading is None:
                records.add(kept.record for kept in found)
            else:
                unread += found
        if reading is not None:
            target = reading.target.name
            unread += [kept for one in group for kept in beside(one, reference, budgets, records, target)]
            records.add(_read(unread, reading))  # together: an endpoint answers several at a time
        done += len(group)
        if progress is not None:
            progress(done, len(usable))


def _usable(examples: Sequence[Example]) -> list[Example]:
    """Those that can be measured, with a warning for the others.

    Raises:
        InputError: two have one id.
    """
    seen: set[tuple[str, str]] = set()
    for example in examples:
        if (key := (example.task, example.id)) in seen:
            raise InputError(
                f"expected ids that differ within {example.task}, got {example.id!r} twice: rows of several "
                "collections in one file want ids of their own"
            )
        seen.add(key)
    asking = [example for example in examples if example.evidence or example.answers]
    usable = [example for example in asking if any(document.text.strip() for document in example.documents)]
    silent, blank = len(examples) - len(asking), len(asking) - len(usable)
    if silent and usable:
        warn(f"{silent} of {len(examples)} examples are left out: they have neither evidence nor answers")
    if blank and usable:
        warn(f"{blank} of {len(examples)} examples are left out: their documents are blank")
    return usable


def _kept(
    group: Sequence[Example],
    method: str,
    compressor: Compressor,
    budgets: Sequence[Budget],
    records: Records,
    reading: TargetReading | None,
) -> Iterator[Kept]:
    """What a method keeps for examples of one context, as far as it is not known."""
    target = reading.target.name if reading else None

    def known(example: Example, budget: Budget) -> bool:
        return (example.task, example.id, method, str(budget), target) in records

    missing = [budget for budget in budgets if not all(known(example, budget) for example in group)]
    if not missing:
        return
    documents = group[0].documents
    context_tokens = whole(group[0], compressor).original_tokens
    cut: dict[tuple[Node, ...], list[Budget]] = defaultdict(list)  # budgets of the same nodes share their scores
    for budget in missing:
        cut[tuple(compressor.nodes(documents, token_budget=budget.of(context_tokens)))].append(budget)
    queries = [Query(example.query) for example in group]
    for nodes, own in cut.items():
        started = perf_counter()
        found = score_batch(compressor.scorer, queries, nodes)
        seconds = (perf_counter() - started) / len(group)
        for example, query, scores in zip(group, queries, found, strict=True):
            for budget in own:
                if known(example, budget):
                    continue
                if budget.adaptive:
                    result = compressor.assemble(query, documents, nodes, scores, token_budget=sys.maxsize)
                else:
                    result = within(budget.of(context_tokens), query, example, nodes, scores, compressor)
                yield Kept(record(example, method, str(budget), target, result, seconds), example, result.text)


def _read(found: Sequence[Kept], reading: TargetReading) -> Iterator[Record]:
    asked = [reading.asked(kept.example, kept.text) for kept in found]
    for kept, answered in zip(found, reading.target.read(asked), strict=True):
        yield replace(
            kept.record,
            likelihood=answered.likelihood,
            exact=answered.exact,
            f1=answered.f1,
            choice=answered.choice,
        )
