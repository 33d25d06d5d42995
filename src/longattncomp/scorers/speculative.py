"""(query, nodes) -> scores, by where the draft model looks as it begins to answer (arXiv 2502.02789, 2603.02631)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from longattncomp.backbone.chat import UserTurn, user_turn
from longattncomp.backbone.lookahead import LookAhead
from longattncomp.backbone.tokenizer import DraftTokenizer
from longattncomp.backbone.whole import open_whole
from longattncomp.chunking.segments import whole
from longattncomp.errors import BrokenModelError, InputError, warn
from longattncomp.runtime.processors import beside_passes, one_thread
from longattncomp.settings import Settings
from longattncomp.types import Node, Prepared, Progress, Query, Scores

INSTRUCTION = "Read the documents below and answer the question.\n\n"
"""Stands before every window: a prompt's first tokens draw attention whatever they say, and none may be a node's."""

QUESTION = "\n\nQuestion: "
"""Stands before the query."""

ANSWER = "\nAnswer:"
"""Stands after the query where the draft model has no chat template, so that what is decoded next is the answer."""


class SpeculativePrefillScorer:
    """Scores a node by how much the draft model looks at it as it begins to answer; nothing is trained.

    The whole model reads instruction, context and query, and decodes a few tokens. Of the last token of
    that prompt and of each decoded one, attention to the prompt's positions is averaged over neighbouring
    positions, then the highest of all layers and heads counts, then the mean over these steps. A node has the
    mean of its tokens, over the sum of all nodes'; the instruction has nothing.

    A draft model with a chat template reads the prompt as what a user says: without, many a one takes the prompt for
    finished and ends its answer at once. One without goes on after `ANSWER`.

    A context that is longer than the draft model's window is cut into windows of like length, at nodes' ends where
    any are near, each between instruction and query. Each has a softmax of its own, under which a token of a
    short one has more for no merit of its own; so what a token gets is taken as a multiple of an equal share of
    its window, and then the windows stand side by side. A node may lie in several.
    """

    def __init__(self, model: Any, tokenizer: DraftTokenizer, *, look_ahead: int = 8, pool: int = 13) -> None:
        """Take a draft model, all layers of it.

        Args:
            model: a causal LM as `open_whole` gives it.
            tokenizer: its own.
            look_ahead: most tokens that are decoded; an end-of-sequence token ends them.
            pool: positions that are averaged, an odd number. As in the authors' code, positions before the first
                and after the last count as 0.

        Raises:
            InputError: a number out of its range, or the model's window has no room for a context.
            BrokenModelError: its chat template cannot be used.
        """
        if look_ahead < 0:
            raise InputError(f"expected look_ahead of at least 0, got {look_ahead}")
        if pool < 1 or pool % 2 == 0:
            raise InputError(f"expected pool to be an odd number of positions, got {pool}")
        self._draft = LookAhead(model)
        self._tokenizer = tokenizer
        self._look_ahead = look_ahead
        self._fold = partial(_highest, pool=pool)
        turn = user_turn(Path(model.name_or_path)) or UserTurn(tokenizer.prefix, tuple(tokenizer.encode(ANSWER).ids))
        self._instruction = [*turn.before, *tokenizer.encode(INSTRUCTION).ids]
        self._question, self._answer = list(tokenizer.encode(QUESTION).ids), list(turn.after)
        fixed = len(self._instruction) + len(self._question) + len(self._answer) + look_ahead
        self._room = self._draft.window - fixed  # of context and query
        if self._room < 2:
            raise InputError(
                f"the draft model's window of {self._draft.window} tokens has no room for a context beside {fixed} "
                "tokens of instruction and answer: use another draft model"
            )

    def prepare(self, nodes: Sequence[Node], *, progress: Progress | None = None) -> Prepared:
        """Nothing: the query is part of what is read.

        Raises:
            InputError: always.
        """
        raise InputError("method='speculative' reads a context anew for each question: there is nothing to prepare")

    def score(self, query: Query, nodes: Sequence[Node], *, progress: Progress | None = None) -> Scores:
        """Give every node the attention of its mean token, as a share of the sum.

        Args:
            query: stands after the context.
            nodes: in order, `tokens` as the draft model counts.
            progress: called with (tokens read, tokens in all), instruction and query included.

        Raises:
            InputError: the query has no tokens.
            BrokenModelError: the draft model's attention is not a number.
        """
        if not nodes:
            return Scores((), 1.0)
        asked = self._query_ids(query)
        context = whole(nodes, self._tokenizer)
        prompts = [
            (span, [*self._instruction, *context.ids[slice(*span)], *asked])
            for span in windows(context.units, self._room + len(self._question) + len(self._answer) - len(asked))
        ]
        read = _counting(progress, sum(len(prompt) for _, prompt in prompts))
        worth = np.zeros(len(context.ids))  # (n,)
        first = len(self._instruction)
        with beside_passes(self._draft.device):
            for (start, end), prompt in prompts:
                rows = list(self._draft.steps(prompt, self._look_ahead, self._fold, progress=read))
                importance = torch.stack(rows).mean(dim=0) * len(prompt)  # (n_prompt,)
                worth[start:end] = importance[first : first + end - start].cpu().numpy()
        return Scores(_shares(worth, np.asarray(context.units, dtype=np.int64), len(nodes)), 0.0)

    def _query_ids(self, query: Query) -> list[int]:
        ids = list(self._tokenizer.encode(query.text).ids)
        room = self._room // 2
        if not ids:
            raise InputError("expected a query with at least one token, got none")
        if len(ids) > room:
            warn(f"the query has {len(ids)} tokens; its last {room} are used, half of the draft model's window")
        return [*self._question, *ids[-room:], *self._answer]


def windows(units: Sequence[int], room: int) -> Iterator[tuple[int, int]]:
    """Cut a context into as few windows as hold it, of like length.

    Args:
        units: (n,) the node of each token, -1 for a token between documents.
        room: longest window, in tokens.

    Yields:
        (start, end) of each in tokens. It ends with a node if one ends within a quarter of a window of where the
        cut would be even, otherwise inside a node.
    """
    owners = np.asarray(units, dtype=np.int64)
    ends = (owners[1:] != owners[:-1]).nonzero()[0] + 1
    start, n = 0, len(owners)
    count = ceil(n / room)
    for index in range(1, count):
        even, latest = index * n // count, start + room
        low = max(even - n // (4 * count), n - (count - index) * room)  # what is left fits the windows that are left
        near = ends[(ends >= low) & (ends <= min(even + n // (4 * count), latest))]
        end = int(near[np.abs(near - even).argmin()]) if len(near) else min(even, latest)
        yield start, end
        start = end
    if n:
        yield start, n


def _highest(below: Tensor, attention: Tensor, *, pool: int) -> Tensor:
    """Of all heads (n_heads, n) after pooling, and of the layers below (n,)."""
    pooled = nn.functional.avg_pool1d(attention[None], pool, stride=1, padding=pool // 2)[0]
    return torch.maximum(below, pooled.amax(dim=0))


def _shares(worth: np.ndarray, units: np.ndarray, count: int) -> tuple[float, ...]:
    """The mean of each node's tokens, over the sum of them."""
    own = units >= 0
    sums = np.bincount(units[own], weights=worth[own], minlength=count)
    means = sums / np.bincount(units[own], minlength=count).clip(1)  # (n_nodes,)
    total = means.sum()
    if not np.isfinite(total):
        raise BrokenModelError("the draft model's attention is not a number: open it with dtype='float32'")
    shares: list[float] = (means / total if total else np.full(count, 1 / count)).tolist()  # all beyond every layer
    return tuple(shares)


def _counting(progress: Progress | None, total: int) -> Callable[[int], None] | None:
    if progress is None:
        return None
    done = 0

    def read(tokens: int) -> None:
        nonlocal done
        done += tokens
        progress(done, total)

    return read


def open_scorer(settings: Settings, *_: Any) -> tuple[SpeculativePrefillScorer, DraftTokenizer]:
    """Open the whole draft model for the method `speculative`; arguments and errors as `scorers.opening.build`."""
    with one_thread():
        model, tokenizer = open_whole(
            settings.model, model_dir=settings.model_dir, device=settings.device, dtype=settings.dtype
        )
    return SpeculativePrefillScorer(model, tokenizer), tokenizer
