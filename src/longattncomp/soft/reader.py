"""documents and questions -> answers of a local target that reads vectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from pydantic import SecretStr
from torch import Tensor

from longattncomp.backbone.batches import length_buckets
from longattncomp.errors import InputError
from longattncomp.inputs import Documents, as_documents
from longattncomp.runtime.checked import entry_name
from longattncomp.runtime.processors import OneByOne, beside_passes, one_thread
from longattncomp.runtime.recent import Recent
from longattncomp.runtime.stores import ByteStore, LMDBStore
from longattncomp.runtime.threads import in_thread
from longattncomp.settings import Settings
from longattncomp.soft.adapter import Adapter, adapter_file, load_adapter
from longattncomp.soft.concepts import Concepts
from longattncomp.soft.context import SoftContext, SoftDocument, SoftPiece
from longattncomp.soft.kept import Kept
from longattncomp.soft.methods import method_named
from longattncomp.soft.pieces import pieces
from longattncomp.soft.serving import content_part
from longattncomp.soft.target import Memory, Target

ANSWER_TOKENS = 32
"""Most tokens of an answer, unless the caller allows more."""
_BATCH_TOKENS = 2048


class SoftReader:
    """Compresses documents before any question is known, and answers questions over them. Safe under threads.

    Attributes:
        target: the model that answers.
        method: `compllm` or `sac`.
        ratio: how many times smaller a context becomes.
    """

    def __init__(
        self,
        target: Target,
        adapter: Adapter,
        *,
        ratio: int | None = None,
        store: ByteStore | None = None,
        cache_bytes: int = 10**9,
        store_key: SecretStr | None = None,
    ) -> None:
        """Compose a reader from parts; `from_pretrained` is the usual way.

        Raises:
            InputError: the adapter was not trained for this ratio.
            HeadMismatchError: the adapter was made for another target.
            UnsupportedModelError: the target cannot be read by this method.
        """
        ratios = adapter.config.ratios
        self.ratio = ratios[0] if ratio is None else ratio
        if self.ratio not in ratios:
            raise InputError(
                f"ratio: expected one that this adapter for {adapter.config.method} was trained for, "
                f"{' or '.join(map(str, ratios))}; got {ratio}"
            )
        self.target = target
        self.method = adapter.config.method
        self._ratios = ratios
        self._soft = adapter.open(target)
        self._made_by = f"{self.method} {self.ratio} {adapter.mark} {target.fingerprint} {target.dtype}"
        self._kept = Kept(cache_bytes, store, store_key=store_key)
        self._memories: Recent[tuple[str, ...], Memory] = Recent(cache_bytes, lambda _, memory: memory.nbytes)
        self._pass = OneByOne(target.device)

    @classmethod
    def from_pretrained(
        cls,
        target: str | Path,
        *,
        method: str = "compllm",
        ratio: int | None = None,
        adapter: str | Path | None = None,
        store: ByteStore | str | Path | None = None,
        **options: Any,
    ) -> SoftReader:
        """Open a local target and what was trained for it.

        Args:
            target: an embedded model's name, a folder, a GGUF file or a Hugging Face id.
            method: `compllm` or `sac`.
            ratio: how many times smaller a context becomes; the adapter's first by default.
            adapter: a file that `longattncomp train` made, instead of the one that ships for this target.
            store: keeps vectors between processes: a folder, or an object with `mget` and `mset`.
            **options: the settings `device`, `dtype`, `model_dir`, `cache_bytes` and `store_key`.

        Raises:
            ModelError: the target or the adapter cannot be found, read or used, or do not belong together.
            CacheError: the model folder or the store cannot be used.
            InputError: an argument is not as described, or no adapter ships for this target.
        """
        method_named(method)
        settings = Settings.load(**options)
        found = load_adapter(Path(adapter) if adapter else adapter_file(str(target), method))
        if found.config.method != method:
            raise InputError(
                f"expected an adapter for method={method!r}, got one for {found.config.method!r} in {adapter}: "
                f"give method={found.config.method!r}"
            )
        with one_thread():
            opened = Target(str(target), model_dir=settings.model_dir, device=settings.device, dtype=settings.dtype)
            where = LMDBStore(store) if isinstance(store, str | Path) else store
            kept: Any = {"store": where, "cache_bytes": settings.cache_bytes, "store_key": settings.store_key}
            return cls(opened, found, ratio=ratio, **kept)

    def compress(self, documents: Documents) -> SoftContext:
        """Turn documents into vectors. What was compressed before, in any company, is not compressed again.

        Args:
            documents: a string, or a sequence of strings and `Document`s, in the order in which they are to be read.

        Raises:
            InputError: no document has text, or one is not a string.
        """
        with beside_passes(self.target.device):
            tokenizer = self.target.tokenizer
            cut = [pieces(document.text, tokenizer, self._soft.piece_tokens) for document in as_documents(documents)]
            names = [[entry_name(self._made_by, piece) for piece in own] for own in cut]
            ids = dict(zip(chain(*names), chain(*cut), strict=True))
            wanted = {
                name: torch.empty(self._soft.shape(len(piece), self.ratio), dtype=self.target.dtype, device="meta")
                for name, piece in ids.items()
            }
            found = self._kept.get(wanted)
            missing = [name for name in ids if name not in found]
            for batch in length_buckets([len(ids[name]) for name in missing], _BATCH_TOKENS):
                chosen = [missing[index] for index in batch]
                made = self._pass(partial(self._encoded, [ids[name] for name in chosen]))
                self._kept.put(dict(zip(chosen, made, strict=True)))
                found |= zip(chosen, made, strict=True)

            def document(own: Sequence[str]) -> SoftDocument:
                sizes = {name: len(ids[name]) for name in own}
                positions = {name: self._soft.positions(size, self.ratio) for name, size in sizes.items()}
                return tuple(SoftPiece(name, sizes[name], positions[name], found[name]) for name in own)

            return SoftContext(self.method, self.ratio, self._made_by, tuple(map(document, names)), self._soft.joint)

    def answer(self, question: str, context: SoftContext | None, *, answer_tokens: int = ANSWER_TOKENS) -> str:
        """Answer a question greedily.

        Args:
            question: what to ask, with any wish for the form of the answer.
            context: what to read; None to ask without a context.
            answer_tokens: most tokens of the answer.

        Raises:
            InputError: the context is another reader's, or does not fit the window with question and answer.
        """
        return "".join(self.stream(question, context, answer_tokens=answer_tokens)).rstrip()

    async def aanswer(self, question: str, context: SoftContext | None, *, answer_tokens: int = ANSWER_TOKENS) -> str:
        """Run `answer` in a thread; when cancelled, it ends with the token that the target writes."""
        return await in_thread(self.answer, question, context, answer_tokens=answer_tokens)

    def stream(
        self, question: str, context: SoftContext | None, *, answer_tokens: int = ANSWER_TOKENS
    ) -> Iterator[str]:
        """Answer a question piece by piece; arguments and errors as `answer`, raised at the first piece."""
        if answer_tokens < 1:
            raise InputError(f"answer_tokens: expected at least 1, got {answer_tokens}")
        asked, target = self._asked(question, context), self.target
        self._require_room(context, len(asked), answer_tokens)

        def read(memory: Memory, new: list[int]) -> tuple[Tensor, Memory]:
            reading = target.read(memory, target.embed(new)[None])
            return reading.logits[0, -1], reading.memory

        logits, memory = self._pass(lambda: read(self._memory(context), asked))
        ids: list[int] = []
        told = text = ""
        while (token := int(logits.argmax())) not in target.ends:
            ids.append(token)
            text = target.text(ids).lstrip()
            if not text.endswith("\ufffd"):  # a character may take several tokens
                yield text[len(told) :]
                told = text
            if len(ids) == answer_tokens:
                break
            logits, memory = self._pass(partial(read, memory, ids[-1:]))
        if text != told:
            yield text[len(told) :]

    def likelihood(self, question: str, answers: Sequence[str], context: SoftContext | None) -> list[float]:
        """Return the mean log-likelihood of the tokens of each answer, in nats; arguments and errors as `answer`."""
        asked = self._asked(question, context)
        follow = [self.target.form.follow(self._end(question, context), answer) for answer in answers]
        self._require_room(context, len(asked), max((len(found.ids) for found in follow), default=0))

        def measured() -> list[float]:
            memory = self._memory(context)
            found = []
            for continuation in follow:
                ids = [*asked[: len(asked) - continuation.back], *continuation.ids]
                reading = self.target.read(memory, self.target.embed(ids[:-1])[None], last=len(continuation.ids))
                wanted = torch.tensor(continuation.ids, device=self.target.device)
                found.append(-torch.nn.functional.cross_entropy(reading.logits[0], wanted).item())
            return found

        return self._pass(measured)

    def prompt_embeds(self, context: SoftContext) -> dict[str, str]:
        """Return the part of a chat message that a vLLM server with this target reads in place of the documents.

        Raises:
            InputError: the context is another reader's, or of a method whose vectors no server takes.
        """
        self._require_own(context)
        soft = self._soft
        if not isinstance(soft, Concepts):
            raise InputError(f"expected a context of method='compllm', got {self.method!r}, which no server takes")
        documents = [[(piece.tokens, piece.vectors) for piece in own] for own in context.documents if own]
        return content_part(self._pass(lambda: soft.embeddings(documents)))

    def _end(self, question: str, context: SoftContext | None) -> str:
        return f"\n\n{question}" if context is not None and context.pieces else question

    def _asked(self, question: str, context: SoftContext | None) -> list[int]:
        if not isinstance(question, str) or not question.strip():
            raise InputError(f"expected a question, got {question!r}")
        self._require_own(context)
        return self.target.form.around(self._end(question, context))[1]

    def _require_own(self, context: SoftContext | None) -> None:
        if context is not None and context.made_by != self._made_by:
            raise InputError(
                f"expected a context that this reader made ({self.method} at ratio {self.ratio}), got one of "
                f"{context.method} at ratio {context.ratio}, or of another target or adapter: compress the documents "
                "with this reader"
            )

    def _require_room(self, context: SoftContext | None, asked: int, answer_tokens: int) -> None:
        before = len(self.target.form.around("")[0])
        taken = context.positions if context is not None else 0
        over = before + taken + asked + answer_tokens - self.target.window
        if over > 0:
            pieces = context.pieces if context is not None else []
            sizes = {one: sum(self._soft.positions(piece.tokens, one) for piece in pieces) for one in self._ratios}
            fits = next((f"take ratio={one}, " for one, size in sizes.items() if over <= sizes[self.ratio] - size), "")
            raise InputError(
                f"expected a context, a question and an answer of at most {self.target.window} positions, got "
                f"{taken} of the context, {before + asked} of the prompt and {answer_tokens} of the answer, {over} too "
                f"many: {fits}take fewer documents, compress them first with Compressor, or give a shorter question"
            )

    def _memory(self, context: SoftContext | None) -> Memory:
        before = self.target.before()
        if context is None or not context.pieces:
            return before
        key = tuple(name for own in context.documents for name in (*(piece.name for piece in own), ""))
        if (memory := self._memories.get(key)) is None:
            documents = [[(piece.tokens, piece.vectors) for piece in own] for own in context.documents if own]
            memory = self._soft.memory(before, documents)
            self._memories.put(key, memory)
        return memory

    def _encoded(self, chosen: Sequence[Sequence[int]]) -> list[Tensor]:
        return [vectors.cpu() for vectors in self._soft.encode(chosen, self.ratio)]
