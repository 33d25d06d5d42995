"""examples -> records of what a local target answers from vectors in place of text."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from time import perf_counter

from longattncomp.data.rows import Example
from longattncomp.errors import InputError, warn
from longattncomp.evaluation.budget import Budget
from longattncomp.evaluation.records import Record, Records
from longattncomp.evaluation.targets.target import TargetAnswer, TargetQuestion, judged
from longattncomp.settings import Settings
from longattncomp.soft.adapter import Adapter, adapter_file, load_adapter
from longattncomp.soft.context import SoftContext
from longattncomp.soft.reader import SoftReader
from longattncomp.soft.target import Target


class VectorReaders:
    """Soft methods at all ratios of their adapters, over one target.

    A ratio of 5 is compared with other methods at a budget of 20%: it leaves as many vectors as these leave tokens.
    What a task's prompt has before the context comes after it here.
    """

    def __init__(self, target: str, methods: Collection[str], *, settings: Settings, files: Collection[Path]) -> None:
        """Open a target, and for each method the adapter among the files, or else the one that ships.

        Raises:
            InputError: no adapter ships for this target, or a file is for a method that is not measured.
            ModelError: the target or an adapter cannot be found, read or used, or they do not belong together.
        """
        given: Mapping[str, Adapter] = {found.config.method: found for found in map(load_adapter, files)}
        if unused := sorted(given.keys() - set(methods)):
            raise InputError(f"expected --method {unused[0]} beside its adapter: add it, or leave the adapter out")
        adapters = {name: given.get(name) or load_adapter(adapter_file(target, name)) for name in methods}
        opened = Target(target, model_dir=settings.model_dir, device=settings.device, dtype=settings.dtype)
        self.name = target
        self._readers = [
            (name, str(Budget(share=1 / ratio)), SoftReader(opened, adapter, ratio=ratio))
            for name, adapter in adapters.items()
            for ratio in adapter.config.ratios
        ]

    def records(
        self, asked: Sequence[tuple[Example, TargetQuestion]], context_tokens: int, records: Records
    ) -> Iterator[Record]:
        """Answer questions about one context, where records are missing.

        The examples share their documents, and their questions have an empty context.
        """
        for name, budget, reader in self._readers:
            missing = [
                (example, question)
                for example, question in asked
                if (example.task, example.id, name, budget, self.name) not in records
            ]
            if not missing:
                continue
            started = perf_counter()
            context = reader.compress(missing[0][0].documents)
            seconds = (perf_counter() - started) / len(missing)
            for example, question in missing:
                try:
                    answer = _answered(reader, context, question)
                except InputError as error:  # a model's window ends, and a half context would be another method
                    warn(f"{name} at {budget}: {example.task} {example.id} is left out: {error}")
                    continue
                yield Record(
                    task=example.task,
                    example=example.id,
                    method=name,
                    budget=budget,
                    context_tokens=context_tokens,
                    tokens=-(-context.tokens // reader.ratio),
                    depth=None,
                    recall=None,
                    strict=None,
                    answer=None,
                    seconds=seconds,
                    target=self.name,
                    likelihood=answer.likelihood,
                    exact=answer.exact,
                    f1=answer.f1,
                    choice=answer.choice,
                )


def _answered(reader: SoftReader, context: SoftContext, question: TargetQuestion) -> TargetAnswer:
    prompt = question.prompt.lstrip()
    texts = (*question.answers, *question.options)
    likelihoods = dict(zip(texts, reader.likelihood(prompt, texts, context), strict=True))
    text = reader.answer(prompt, context, answer_tokens=question.answer_tokens)
    return judged(text.partition("\n")[0].rstrip() if question.one_line else text, question, likelihoods)
