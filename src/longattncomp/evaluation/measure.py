"""examples x methods x budgets -> records."""

import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING

from longattncomp.compressor import Compressor
from longattncomp.data.rows import Example
from longattncomp.errors import InputError, warn
from longattncomp.evaluation.budget import Budget
from longattncomp.evaluation.kept import KeptContext, record, references, whole, within
from longattncomp.evaluation.records import Record, Records
from longattncomp.evaluation.targets.answers import lettered
from longattncomp.evaluation.targets.target import SHORT_ANSWER, Target, TargetQuestion
from longattncomp.types import Node, Progress, Query

if TYPE_CHECKING:  # it loads torch, which most runs of `eval` need, and its `--list` does not
    from longattncomp.evaluation.vectors import VectorReaders

_PLACEHOLDERS = re.compile(r"\{(?:context|query|options)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetPrompt:
    """A target, and how it is asked, as in `Task`."""

    target: Target
    prompt: str = "{context}\n\nQuestion: {query}\nAnswer:"
    together: bool = False
    answer_tokens: int = SHORT_ANSWER

    def question(self, example: Example, context: str) -> TargetQuestion:
        """Fill the template in with an example and what is left of its context."""
        parts = {"{context}": context, "{query}": example.query, "{options}": lettered(example.options)}
        # All places are filled at once, so that "{query}" in a context stays as it is.
        text = _PLACEHOLDERS.sub(lambda found: parts[found[0]], self.prompt)
        answers = (", ".join(example.answers),) if self.together and example.answers else example.answers
        return TargetQuestion(prompt=text, answers=answers, options=example.options, answer_tokens=self.answer_tokens)


def measure(
    examples: Iterable[Example],
    methods: Mapping[str, Compressor],
    *,
    budgets: Sequence[Budget],
    records: Records,
    reference: Compressor,
    target_prompt: TargetPrompt | None = None,
    vectors: "VectorReaders | None" = None,
    progress: Progress | None = None,
) -> None:
    """Measure what each method keeps of each example at each budget, and how well a target answers from it.

    The budget alone ends the selection (`top_p` is 1); at an adaptive budget the method's own `top_p` and least score
    do. No node is longer than half of its budget, whatever other budgets are measured. What has a record already is
    not measured again.

    Args:
        examples: examples that share their documents are scored together.
        methods: by name, from `methods.compressors`.
        budgets: at least one.
        records: receives the measurements, example by example.
        reference: cuts the nodes of the contexts that methods are compared with (`kept.references`).
        target_prompt: asks a target, which also reads the whole context, none of it and the evidence first.
        vectors: soft methods over the same target.
        progress: called with (examples done, examples in all).

    Raises:
        InputError: there is nothing to measure, or two examples of one task share an id.
    """
    given = list(examples)
    usable = _usable(given)
    if not (budgets and (methods or vectors) and usable):
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
        unread: list[KeptContext] = []
        for method, compressor in methods.items():
            found = _kept(group, method, compressor, budgets, records, target_prompt)
            if target_prompt is None:
                records.add(kept.record for kept in found)
            else:
                unread += found
        if target_prompt is not None:
            target = target_prompt.target.name
            unread += [kept for one in group for kept in references(one, reference, budgets, records, target)]
            records.add(_answered(unread, target_prompt))  # together: an endpoint answers several at a time
            if vectors is not None:
                asked = [(one, target_prompt.question(one, "")) for one in group]
                records.add(vectors.records(asked, whole(group[0], reference).original_tokens, records))
        done += len(group)
        if progress is not None:
            progress(done, len(usable))


def _usable(examples: Sequence[Example]) -> list[Example]:
    """Select the examples that can be measured, with a warning about the others."""
    seen: set[tuple[str, str]] = set()
    for example in examples:
        if (key := (example.task, example.id)) in seen:
            raise InputError(
                f"expected ids that differ within {example.task}, got {example.id!r} twice: give the rows of "
                "several collections in one file ids that differ"
            )
        seen.add(key)
    asking = [example for example in examples if example.evidence or example.answers]
    usable = [example for example in asking if any(document.text.strip() for document in example.documents)]
    silent, blank = len(examples) - len(asking), len(asking) - len(usable)
    for number, why in ((silent, "they have neither evidence nor answers"), (blank, "their documents are blank")):
        if number and usable:
            warn(f"{number} of {len(examples)} examples are left out: {why}")
    return usable


def _kept(
    group: Sequence[Example],
    method: str,
    compressor: Compressor,
    budgets: Sequence[Budget],
    records: Records,
    target_prompt: TargetPrompt | None,
) -> Iterator[KeptContext]:
    """Compress examples of one context where records are missing."""
    target = target_prompt.target.name if target_prompt else None

    def known(example: Example, budget: Budget) -> bool:
        return (example.task, example.id, method, str(budget), target) in records

    missing = [budget for budget in budgets if not all(known(example, budget) for example in group)]
    if not missing:
        return
    documents = group[0].documents
    context_tokens = whole(group[0], compressor).original_tokens
    cut: dict[tuple[Node, ...], list[Budget]] = defaultdict(list)  # budgets with the same nodes share scores
    for budget in missing:
        cut[tuple(compressor.nodes(documents, token_budget=budget.of(context_tokens)))].append(budget)
    queries = [Query(example.query) for example in group]
    for nodes, own in cut.items():
        started = perf_counter()
        found = compressor.score(queries, nodes)
        seconds = (perf_counter() - started) / len(group)
        for example, query, scores in zip(group, queries, found, strict=True):
            for budget in own:
                if known(example, budget):
                    continue
                if budget.adaptive:
                    result = compressor.assemble(query, documents, nodes, scores, token_budget=sys.maxsize)
                else:
                    result = within(budget.of(context_tokens), query, example, nodes, scores, compressor)
                yield KeptContext(record(example, method, str(budget), target, result, seconds), example, result.text)


def _answered(contexts: Sequence[KeptContext], target_prompt: TargetPrompt) -> Iterator[Record]:
    """Let the target answer from each context."""
    questions = [target_prompt.question(kept.example, kept.text) for kept in contexts]
    for kept, answer in zip(contexts, target_prompt.target.read(questions), strict=True):
        yield replace(kept.record, likelihood=answer.likelihood, exact=answer.exact, f1=answer.f1, choice=answer.choice)
