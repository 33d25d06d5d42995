"""contexts -> those kept out, and the steps of an epoch over the rest."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass

import xxhash

from longattncomp.errors import InputError
from longattncomp.training.queries import Context
from longattncomp.training.stages import Stage


@dataclass(frozen=True, slots=True)
class Item:
    """Some questions of one context."""

    context: int
    questions: tuple[int, ...]


def split(stage: Stage, contexts: Sequence[Context], seed: int) -> tuple[list[int], list[int]]:
    """Which contexts are kept out for validation, and which are trained on.

    Raises:
        InputError: too few to keep some out.
    """
    count = max(1, round(stage.validation * len(contexts)))
    if len(contexts) <= count:
        raise InputError(f"expected at least {count + 1} contexts to train on, got {len(contexts)}")
    # By what they hold, so that a stage keeps out what the stage before kept out.
    places = sorted(range(len(contexts)), key=lambda index: _place(contexts[index], seed))
    return places[:count], places[count:]


def _place(context: Context, seed: int) -> bytes:
    """Where a context stands, whichever others there are."""
    digest = xxhash.xxh3_128(f"{seed}/split".encode())
    digest.update(json.dumps([document.text for document in context[0].documents]).encode())
    return digest.digest()


def whole(contexts: Sequence[Context], chosen: Sequence[int]) -> list[Item]:
    """All questions of each of the chosen contexts."""
    return [Item(index, tuple(range(len(contexts[index])))) for index in chosen]


def epoch(contexts: Sequence[Context], chosen: Sequence[int], batch: int, seed: str) -> list[list[Item]]:
    """The steps of one epoch: the questions of the chosen contexts, shuffled, `batch` and a few more in each."""
    rng = random.Random(seed)  # noqa: S311
    items = []
    for index in chosen:
        numbers = rng.sample(range(len(contexts[index])), len(contexts[index]))
        items += [Item(index, tuple(numbers[at : at + batch])) for at in range(0, len(numbers), batch)]
    rng.shuffle(items)
    batches: list[list[Item]] = []
    size = batch
    for item in items:
        if size >= batch:
            batches.append([])
            size = 0
        batches[-1].append(item)
        size += len(item.questions)
    return batches
