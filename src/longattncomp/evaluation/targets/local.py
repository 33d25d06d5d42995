"""prompts -> what a local causal LM makes of them: likelihood, answer and choice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from longattncomp.backbone.loading import cache_argument
from longattncomp.backbone.locate import locate
from longattncomp.backbone.prompt_form import (
    Continuation,
    answer_ends,
    common_prefix,
    open_transformers_tokenizer,
    read_form,
)
from longattncomp.backbone.whole import open_whole
from longattncomp.errors import InputError, warn
from longattncomp.evaluation.targets.target import TargetAnswer, TargetQuestion, judged
from longattncomp.installed import require


class LocalTarget:
    """Any causal LM that `open_whole` opens.

    The model reads each prompt once. From there it scores the accepted answers and the options by their mean
    log-likelihood per token, and writes a greedy answer of at most `answer_tokens`, which ends with its first line if
    `TargetQuestion.one_line`. Its choice is the likeliest option, the first of equals. A model with a chat template
    gets the prompt as the user's message.

    A prompt that is longer than the window loses its middle, as in LongBench: the first and the last half of what
    fits stay, and the first such prompt gives a warning.

    Attributes:
        name: name of the model, as given.
        window: most tokens that the model reads and writes.
    """

    def __init__(self, name: str, *, model_dir: Path, device: str = "auto", dtype: str = "auto") -> None:
        """Open the model; arguments and errors as `open_whole`.

        Raises:
            InputError: torchmetrics is not installed.
        """
        require("torchmetrics", extra="evaluation")
        self.name = name
        self._model, self._tokenizer = open_whole(name, model_dir=model_dir, device=device, dtype=dtype)
        self._opened = open_transformers_tokenizer(locate(name, layers="all", model_dir=model_dir).folder)
        self._form = read_form(self._opened, self._tokenizer)
        self._ends = answer_ends(self._model, self._opened)
        self.window: int = self._model.config.max_position_embeddings
        self._warned = False

    def count(self, text: str) -> int:
        """Count the tokens of a text, special tokens left out."""
        return self._tokenizer.count(text)

    def read(self, questions: Sequence[TargetQuestion]) -> Iterator[TargetAnswer]:
        """Answer each question, in order.

        Raises:
            InputError: an answer or an option is as long as the window.
        """
        return map(self._answer, questions)

    @torch.inference_mode()
    def _answer(self, question: TargetQuestion) -> TargetAnswer:
        texts = (*question.answers, *question.options)
        follow = {text: self._form.follow(question.prompt, text) for text in texts}
        longest = max((len(continuation.ids) for continuation in follow.values()), default=0)
        prompt = self._cut(self._form.ids(question.prompt), self.window - max(longest, question.answer_tokens))
        model = _CachedModel(self._model)
        likelihoods = {text: model.likelihood(prompt, continuation) for text, continuation in follow.items()}
        return judged(self._write(model, prompt, question), question, likelihoods)

    def _cut(self, prompt: list[int], room: int) -> list[int]:
        if room < 2:
            raise InputError(
                f"expected answers, options and answer_tokens shorter than the window of {self.name}, {self.window} "
                f"tokens, less 2; got {self.window - room}"
            )
        if len(prompt) <= room:
            return prompt
        if not self._warned:
            self._warned = True
            warn(
                f"a prompt of {len(prompt)} tokens does not fit the window of {self.name} ({self.window}): the middle "
                "is cut out of this prompt and of every other such prompt"
            )
        return prompt[: room // 2] + prompt[len(prompt) - (room - room // 2) :]

    def _write(self, model: _CachedModel, prompt: list[int], question: TargetQuestion) -> str:
        """Decode the greedy answer."""
        ids: list[int] = []
        text = ""
        while len(ids) < question.answer_tokens:
            if (token := int(model.logits(prompt + ids).argmax())) in self._ends:
                break
            ids.append(token)
            text = self._opened.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False).lstrip()
            if question.one_line and "\n" in text:
                break
        return (text.partition("\n")[0] if question.one_line else text).rstrip()


class _CachedModel:
    """A model that keeps the keys and values of the last sequence, and reads only what is new in the next one."""

    def __init__(self, model: Any) -> None:
        from transformers import DynamicCache

        self._model = model
        self._cache = DynamicCache()  # no configuration: the cache of a sliding layer cannot be cropped
        self._held: list[int] = []

    def likelihood(self, prompt: list[int], continuation: Continuation) -> float:
        """Return the mean log-likelihood of a continuation's tokens, in nats."""
        before = prompt[: max(len(prompt) - continuation.back, 1)]  # the first likelihood needs a token before it
        logits = self.logits([*before, *continuation.ids[:-1]], rows=len(continuation.ids))
        ids = torch.tensor(continuation.ids, device=logits.device)  # (rows,)
        return -torch.nn.functional.cross_entropy(logits, ids).item()

    def logits(self, ids: list[int], *, rows: int = 1) -> Tensor:
        """Return the logits after each of the last `rows` ids, (rows, vocabulary) in fp32."""
        start = min(common_prefix(self._held, ids), len(ids) - rows)
        if surplus := len(self._held) - start:
            self._cache.crop(-surplus)
        fed = torch.tensor([ids[start:]], device=self._model.device)  # (1, n)
        cached = {cache_argument(self._model): self._cache}
        found = self._model(input_ids=fed, use_cache=True, logits_to_keep=rows, **cached)
        self._held = ids
        logits: Tensor = found.logits[0].float()
        return logits
