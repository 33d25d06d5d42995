"""(query, nodes) -> scores by the draft model's attention as it begins to answer (arXiv 2502.02789, 2603.02631)."""

from collections.abc import Iterator, Sequence
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from longattncomp.backbone.chat import user_turn
from longattncomp.backbone.lookahead import LookAhead
from longattncomp.backbone.tokenizer import DraftTokenizer
from longattncomp.backbone.whole import open_whole
from longattncomp.chunking.segments import whole
from longattncomp.errors import BrokenModelError, InputError, warn
from longattncomp.runtime.processors import beside_passes, one_thread
from longattncomp.settings import Settings
from longattncomp.types import Node, Prepared, Progress, Query, Scores

INSTRUCTION = "Read the documents below and answer the question.\n\n"
"""The text before every window. The first tokens of a prompt draw attention whatever they say, so no node has them."""

QUESTION = "\n\nQuestion: "
"""The text between context and query."""

ANSWER = "\nAnswer:"
"""The text after the query for a draft model without a chat template, so that the next tokens are an answer."""


class SpeculativePrefillScorer:
    """Scores a node by the attention of the untrained draft model as it begins to answer.

    The whole model reads instruction, context and query, and decodes a few tokens. Each of these steps attends to the
    prompt: its attention is averaged over neighbouring positions, the maximum over layers and heads is taken, and then
    the mean over the steps. A node's score is the mean over its tokens, divided by the sum over nodes; the
    instruction's share is 0.

    A draft model with a chat template reads the prompt as a user's message, because without the template many models
    end their answer at once. Other models continue after `ANSWER`.

    A context longer than the draft model's window is cut into windows of similar length, where possible at the end of a
    node, and each window is read between instruction and query. Each window has its own softmax, which favours the
    tokens of a short window; so a token's attention is multiplied by the length of its prompt. A node may lie in
    several windows.
    """

    def __init__(self, model: Any, tokenizer: DraftTokenizer, *, look_ahead: int = 8, pool: int = 13) -> None:
        """Wrap a whole draft model.

        Args:
            model: a causal LM from `open_whole`.
            tokenizer: the model's own.
            look_ahead: most tokens that are decoded; an end-of-sequence token ends the decoding.
            pool: how many positions are averaged, an odd number. As in the authors' code, positions outside of the
                prompt count as 0.

        Raises:
            InputError: a number is out of its range, or the model's window has no room for a context.
            BrokenModelError: the chat template cannot be used.
        """
        if look_ahead < 0:
            raise InputError(f"expected look_ahead of at least 0, got {look_ahead}")
        if pool < 1 or pool % 2 == 0:
            raise InputError(f"expected pool to be an odd number of positions, got {pool}")
        self._draft = LookAhead(model)
        self._tokenizer = tokenizer
        self._look_ahead = look_ahead
        self._fold = partial(_highest, pool=pool)
        turn = user_turn(Path(model.name_or_path))
        before, self._answer = turn or ([*tokenizer.prefix], [*tokenizer.encode(ANSWER).ids])
        self._instruction = [*before, *tokenizer.encode(INSTRUCTION).ids]
        self._question = tokenizer.encode(QUESTION).ids
        fixed = len(self._instruction) + len(self._question) + len(self._answer) + look_ahead
        self._room = self._draft.window - fixed  # for context and query
        if self._room < 2:
            raise InputError(
                f"the draft model's window of {self._draft.window} tokens has no room for a context beside {fixed} "
                "tokens of instruction and answer: use another draft model"
            )

    def prepare(self, nodes: Sequence[Node], *, progress: Progress | None = None) -> Prepared:
        """Raise InputError: the query is part of what the model reads, so there is nothing to prepare."""
        raise InputError("method='speculative' reads a context anew for each question: there is nothing to prepare")

    def score(self, query: Query, nodes: Sequence[Node], *, progress: Progress | None = None) -> Scores:
        """Give every node the mean attention of its tokens, as a share of the sum.

        Raises:
            InputError: the query has no tokens.
            BrokenModelError: the draft model's attention is not a number.
        """
        if not nodes:
            return Scores((), 1.0)
        ids, most = self._tokenizer.encode(query.text).ids, self._room // 2
        if not ids:
            raise InputError("expected a query with at least one token, got none")
        if len(ids) > most:
            warn(f"the query has {len(ids)} tokens; its last {most} are used, half of the draft model's window")
        asked = [*self._question, *ids[-most:], *self._answer]
        context = whole(nodes, self._tokenizer)
        prompts = [
            (span, [*self._instruction, *context.ids[slice(*span)], *asked])
            for span in windows(context.units, self._room + len(self._question) + len(self._answer) - len(asked))
        ]
        total, done = sum(len(prompt) for _, prompt in prompts), 0

        def read(tokens: int) -> None:
            nonlocal done
            done += tokens
            if progress is not None:
                progress(done, total)

        worth = np.zeros(len(context.ids))  # (n,)
        first = len(self._instruction)
        with beside_passes(self._draft.device):
            for (start, end), prompt in prompts:
                rows = list(self._draft.steps(prompt, self._look_ahead, self._fold, progress=read))
                importance = torch.stack(rows).mean(dim=0) * len(prompt)  # (n_prompt,)
                worth[start:end] = importance[first : first + end - start].cpu().numpy()
        return Scores(_shares(worth, np.asarray(context.units, dtype=np.int64), len(nodes)), 0.0)


def windows(units: Sequence[int], room: int) -> Iterator[tuple[int, int]]:
    """Cut a context into as few windows of at most `room` tokens as hold it, of similar length.

    `units` (n,) are the nodes of the tokens, -1 between documents. A window ends with a node if a node ends within a
    quarter of a window of the even cut, otherwise inside a node.

    Yields:
        (start, end) of each window in tokens.
    """
    owners = np.asarray(units, dtype=np.int64)
    ends = (owners[1:] != owners[:-1]).nonzero()[0] + 1
    start, n = 0, len(owners)
    count = ceil(n / room)
    for index in range(1, count):
        even, latest = index * n // count, start + room
        low = max(even - n // (4 * count), n - (count - index) * room)  # the rest has to fit the remaining windows
        near = ends[(ends >= low) & (ends <= min(even + n // (4 * count), latest))]
        end = int(near[np.abs(near - even).argmin()]) if len(near) else min(even, latest)
        yield start, end
        start = end
    if n:
        yield start, n


def _highest(below: Tensor, attention: Tensor, *, pool: int) -> Tensor:
    """Take the maximum of this layer's heads (n_heads, n), pooled over positions, and the layers below (n,)."""
    pooled = nn.functional.avg_pool1d(attention[None], pool, stride=1, padding=pool // 2)[0]
    return torch.maximum(below, pooled.amax(dim=0))


def _shares(worth: np.ndarray, units: np.ndarray, count: int) -> tuple[float, ...]:
    """Divide the mean over each node's tokens by the sum of the means."""
    own = units >= 0
    sums = np.bincount(units[own], weights=worth[own], minlength=count)
    means = sums / np.bincount(units[own], minlength=count).clip(1)  # (n_nodes,)
    total = means.sum()
    if not np.isfinite(total):
        raise BrokenModelError("the draft model's attention is not a number: open it with dtype='float32'")
    # Where no layer sees a node, all are alike.
    return tuple((means / total if total else np.full(count, 1 / count)).tolist())


def open_scorer(settings: Settings, *_: Any) -> tuple[SpeculativePrefillScorer, DraftTokenizer]:
    """Open the scorer of the method `speculative`; arguments and errors are those of `scorers.opening.build`."""
    with one_thread():
        model, tokenizer = open_whole(
            settings.model, model_dir=settings.model_dir, device=settings.device, dtype=settings.dtype
        )
    return SpeculativePrefillScorer(model, tokenizer), tokenizer
