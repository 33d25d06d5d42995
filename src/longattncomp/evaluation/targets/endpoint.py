"""prompts -> what a model behind an OpenAI-compatible endpoint answers."""

import asyncio
import hashlib
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from longattncomp.counting import Counter, counter, encodable
from longattncomp.errors import CacheError, InputError, ModelError, warn
from longattncomp.evaluation.targets.address import Address, masked
from longattncomp.evaluation.targets.completion import Completion
from longattncomp.evaluation.targets.spending import Prices, Spent
from longattncomp.evaluation.targets.target import ENDPOINT, TargetAnswer, TargetQuestion, judged
from longattncomp.installed import require
from longattncomp.runtime.files import KeptFiles
from longattncomp.settings import DEFAULT_MODEL

_LEAST_TOKENS = 64  # a chat model writes more than the bare answer
_MOST_BYTES = 1 << 24  # of a finished answer


_Ask = Callable[[str, int], Awaitable[str]]
"""Answers a prompt with so many tokens."""

_ADVICE = {
    "AuthenticationError": "check OPENAI_API_KEY",
    "PermissionDeniedError": "check OPENAI_API_KEY",
    "NotFoundError": "check the model's name and OPENAI_BASE_URL",
    "RateLimitError": "lower the concurrency, or wait and run again",
    "APITimeoutError": "lower the concurrency, or allow more timeout_seconds",
    "APIConnectionError": "check OPENAI_BASE_URL and that the server runs",
    "BadRequestError": "check the parameters, and that the model's window holds the prompt",
}
"""What to do about an error of the library `openai`, by the name of its class or of a base class."""


class Endpoint:
    """A chat model behind any OpenAI-compatible endpoint.

    Likelihoods are None: a chat endpoint returns log-likelihoods of what it writes, never of a given answer. The
    choice is the option that the answer names (`answers.chosen`); an answer that names none is wrong.

    Finished answers are kept on disk by endpoint, model, prompt and parameters, so that a run that was stopped goes on
    and pays for nothing twice.

    Attributes:
        name: `openai:` and the model.
        spent: what has been charged so far.
    """

    def __init__(
        self,
        model: str,
        *,
        model_dir: Path,
        base_url: str | None = None,
        api_key: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        prices: Prices | None = None,
        concurrency: int = 8,
        retries: int = 5,
        timeout_seconds: float = 600.0,
    ) -> None:
        """Prepare to send requests.

        Args:
            model: the endpoint's name of the model.
            model_dir: finished answers are kept in its folder `answers`.
            base_url: address of the endpoint; None for `OPENAI_BASE_URL`, else OpenAI's own.
            api_key: None for `OPENAI_API_KEY`.
            parameters: parameters of a chat completion; if not given, temperature 0 and as `max_tokens` the question's
                `answer_tokens`, at least 64. A reasoning model needs `{"max_completion_tokens": 4000}`.
            prices: prices for `spent.cost`.
            concurrency: most requests at a time.
            retries: retries of a request, after rate limits, server errors and lost connections.
            timeout_seconds: most seconds for a request.

        Raises:
            InputError: a value out of range, no key, or a library is not installed.
        """
        if not model or concurrency < 1 or retries < 0 or timeout_seconds <= 0:
            raise InputError(
                "expected a model's name, concurrency of at least 1, retries of at least 0 and timeout_seconds above "
                f"0, got {model!r}, {concurrency}, {retries} and {timeout_seconds}"
            )
        require("anyio", "openai", "torchmetrics", extra="evaluation")
        import openai

        self.name = f"{ENDPOINT}{model}"
        self.spent = Spent(prices=prices)
        self._model = model
        self._model_dir = model_dir
        self._folder = model_dir / "answers"
        self._parameters = parameters
        self._concurrency = concurrency
        self._warned = False
        given = base_url or os.environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1"
        self._address = address = Address.parse(given)
        # Every call of `read` opens a client of its own, since a client belongs to one event loop.
        self._client = partial(
            openai.AsyncOpenAI,
            base_url=address.url,
            default_query=address.query,
            default_headers=address.headers,
            api_key=api_key,
            max_retries=retries,
            timeout=timeout_seconds,
        )
        try:
            self._secrets = {*address.secrets, self._client().api_key}
        except openai.OpenAIError as error:
            raise InputError(
                f"cannot use an endpoint for {self.name}: {error} For a server that wants no key, any text will do."
            ) from error

    def count(self, text: str) -> int:
        """Count the tokens of a text by tiktoken if it knows the model, else as the embedded draft model does."""
        return self._counter(text)

    def read(self, questions: Sequence[TargetQuestion]) -> Iterator[TargetAnswer]:
        """Answer each question, in order; equal prompts are sent once.

        Raises:
            ModelError: the endpoint refuses, or fails after all retries; finished answers are kept.
            CacheError: finished answers cannot be written to disk.
        """
        from anyio.from_thread import start_blocking_portal

        answers: dict[tuple[str, int], Future[str]] = {}
        # In a separate thread, since the caller may run an event loop, and requests go on while the caller works.
        with start_blocking_portal() as portal, portal.wrap_async_context_manager(self._asking()) as ask:
            try:
                for one in questions:
                    if (key := (one.prompt, one.answer_tokens)) not in answers:
                        answers[key] = portal.start_task_soon(ask, *key)
                for one in questions:
                    yield judged(answers[one.prompt, one.answer_tokens].result(), one)
            finally:
                for answer in answers.values():
                    answer.cancel()
                wait(answers.values())

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[_Ask]:
        """Open the kept answers and a client."""
        with self._keeping():
            answers = KeptFiles(self._folder, most_bytes=_MOST_BYTES)
        async with self._client() as client:
            yield partial(self._answer, client, answers, asyncio.Semaphore(self._concurrency))

    @contextmanager
    def _keeping(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise CacheError(
                error.errno,
                f"cannot keep answers in {self._folder} ({error}): free space there, or name another model_dir",
            ) from error

    async def _answer(
        self, client: Any, answers: KeptFiles, slots: asyncio.Semaphore, prompt: str, answer_tokens: int
    ) -> str:
        parameters = self._parameters
        if parameters is None:
            parameters = {"temperature": 0, "max_tokens": max(_LEAST_TOKENS, answer_tokens)}
        messages = [{"role": "user", "content": encodable(prompt)}]
        request = {"model": self._model, "messages": messages, **parameters}
        key = json.dumps({"base_url": self._address.url, "query": self._address.query, **request}, sort_keys=True)
        key = hashlib.sha256(key.encode()).hexdigest()
        with suppress(UnicodeDecodeError):
            if (kept := answers.get(key)) is not None:
                found = kept.decode()
                self.spent = self.spent.plus(kept=1)
                return found
        async with slots:
            completion = await self._ask(client, request)
        choice = completion.choices[0]
        text, finish = choice.message.content, choice.finish_reason
        if text is None and finish not in ("length", "content_filter"):
            raise self._failure(f"no text, finish_reason {finish!r}", "run again later")
        if not text and finish == "length" and not self._warned:
            self._warned = True
            limits = {name: value for name, value in parameters.items() if name.endswith("tokens")}
            warn(
                f"{self.name} reached its limit of tokens before it wrote anything; give it more "
                f"(parameters, now {limits})"
            )
        if text is not None:
            with self._keeping():
                answers.put(key, text.encode())
        usage = completion.usage
        sent, written = (usage.prompt_tokens, usage.completion_tokens) if usage else (0, 0)
        self.spent = self.spent.plus(paid=1, prompt_tokens=sent, completion_tokens=written)
        return text or ""

    async def _ask(self, client: Any, request: dict[str, Any]) -> Completion:
        import openai

        try:
            reply = await client.chat.completions.with_raw_response.create(**request)
        except openai.OpenAIError as error:
            advice = (_ADVICE[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in _ADVICE)
            # The error itself may repeat what the server has been sent.
            raise self._failure(f"{type(error).__name__}: {error}", next(advice, "run again later")) from None
        content = reply.http_response.content
        try:
            return Completion.model_validate_json(content)
        except ValidationError:  # not a chat endpoint, or a proxy that hides an error
            came = content.decode("utf-8", "replace")
            raise self._failure(f"no chat completion but {came}", "check OPENAI_BASE_URL") from None

    def _failure(self, came: str, advice: str) -> ModelError:
        return ModelError(
            f"{self.name} at {self._address.url} gave no answer ({masked(came, self._secrets)}): {advice}; finished "
            f"answers are kept in {self._folder}, and the same run goes on from there"
        )

    @cached_property
    def _counter(self) -> Counter:
        try:
            return counter(self._model)
        except InputError:
            from longattncomp.backbone.locate import locate

            return counter(locate(DEFAULT_MODEL, layers=None, model_dir=self._model_dir).folder)
