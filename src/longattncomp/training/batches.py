"""contexts, seed -> contexts kept out for validation, and batches of questions to train on."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass

import xxhash

from longattncomp.data.rows import Context
from longattncomp.errors import InputError


@dataclass(frozen=True, slots=True)
class Item:
    """Indices of a context and of some of its questions."""

    context: int
    questions: tuple[int, ...]


def split(contexts: Sequence[Context], share: float, seed: int) -> tuple[list[int], list[int]]:
    """Split contexts by a hash of their text, so that a stage keeps out what the stage before it kept out.

    Kept out is a `share` of them, at least one.

    Returns:
        indices of the contexts kept out, and of the others.

    Raises:
        InputError: no context is left to train on.
    """
    n_kept_out = max(1, round(share * len(contexts)))
    if len(contexts) <= n_kept_out:
        raise InputError(f"expected at least {n_kept_out + 1} contexts to train on, got {len(contexts)}")

    def place(index: int) -> bytes:
        digest = xxhash.xxh3_128(f"{seed}/split".encode())
        digest.update(json.dumps([document.text for document in contexts[index][0].documents]).encode())
        return digest.digest()

    order = sorted(range(len(contexts)), key=place)
    return order[:n_kept_out], order[n_kept_out:]


def batches(contexts: Sequence[Context], chosen: Sequence[int], size: int, seed: str) -> list[list[Item]]:
    """Draw the batches of one epoch, each with at least `size` questions but for the last.

    The questions of a context stay together, `size` at most: its keys are then computed once.
    """
    rng = random.Random(seed)  # noqa: S311 (a sample, no secret)
    items = []
    for index in chosen:
        numbers = rng.sample(range(len(contexts[index])), len(contexts[index]))
        items += [Item(index, tuple(numbers[at : at + size])) for at in range(0, len(numbers), size)]
    rng.shuffle(items)
    found: list[list[Item]] = []
    n_questions = size
    for item in items:
        if n_questions >= size:
            found.append([])
            n_questions = 0
        found[-1].append(item)
        n_questions += len(item.questions)
    return found
