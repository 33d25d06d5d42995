"""(queries, documents) -> results, through a draft model and head that stay open."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longattncomp.counting import counter
from longattncomp.errors import InputError
from longattncomp.inputs import Documents, as_documents, as_query, neighbours, what_is_wrong
from longattncomp.pipeline import Pipeline
from longattncomp.query.parsing import Mode, parse_prompt
from longattncomp.runtime.cancellation import stopping
from longattncomp.scorers.batch import PreparedScorer
from longattncomp.scorers.methods import METHODS, Method
from longattncomp.selection import SelectionRule
from longattncomp.settings import Settings
from longattncomp.types import Compressed, Document, Node, Pin, Prepared, Progress, Query, Scorer, Scores, Tokenizer

if TYPE_CHECKING:
    from longattncomp.scorers.cross_attention.stores import ByteStore


class Compressor:
    """Keeps what matters to a query, verbatim and in order, inside a token budget.

    Safe to use from several threads at once.
    """

    def __init__(
        self,
        scorer: Scorer,
        tokenizer: Tokenizer,
        *,
        settings: Settings | None = None,
        target_tokenizer: Any = None,
        method: Method | None = None,
    ) -> None:
        """Compose a compressor from parts; `from_pretrained` is the usual way.

        Args:
            scorer: gives every node its share of the mass.
            tokenizer: the draft model's; sizes nodes and segments.
            settings: defaults of every call; read from their sources if not given. Give `context_weight=0` for a
                scorer whose shares hardly differ, and `Settings(method="bm25")` for BM25.
            target_tokenizer: counts the budget, see `counting.counter`; if not given the one
                that the settings name, else the draft model's.
            method: where nodes end and which scores are too low; if not given, that of `settings.method`.
        """
        self.scorer = scorer
        self.tokenizer = tokenizer
        self.settings = settings or Settings.load()
        target = self.settings.target_tokenizer if target_tokenizer is None else target_tokenizer
        self.target = counter(target) if target is not None else None
        self.method = method or METHODS[self.settings.method]
        self._pipeline = Pipeline(self.method, scorer, tokenizer, self.target)

    @classmethod
    def from_pretrained(
        cls,
        model: str | Path | None = None,
        *,
        head: str | Path | None = None,
        target_tokenizer: Any = None,
        settings: Settings | None = None,
        shared: bool = False,
        store: ByteStore | None = None,
        **options: Any,
    ) -> Compressor:
        """Open a draft model and the head that scores with it.

        Args:
            model: `smollm2-135m-instruct`, a folder, a GGUF file or a Hugging Face id.
            head: checkpoint of a trained head, or "untrained" for the draft model's own layer L+1;
                if not given the head that ships for this draft model, if there is one.
            target_tokenizer: what counts the budget, see `counting.counter`.
            settings: used instead of reading the environment, `.env` and YAML.
            shared: whether to take the draft model and head that an earlier call with `shared` opened,
                if they are the same; what is shared stays open until the process ends.
            store: where keys are kept between processes, instead of the folder `key_store`.
            **options: any other setting by name, see `Settings`.

        Raises:
            ModelError: the model or head cannot be found, read or used.
            CacheError: the cache directory cannot be written.
            InputError: a setting is unknown or out of its range.
        """
        options |= {"model": str(model) if model else None, "head": head}
        resolved = settings.override(**options) if settings else Settings.load(**options)
        from longattncomp.scorers import opening

        scorer, tokenizer = (opening.shared if shared else opening.build)(resolved, store)
        return cls(scorer, tokenizer, settings=resolved, target_tokenizer=target_tokenizer)

    def compress(
        self,
        query: str | Query,
        documents: Documents,
        *,
        token_budget: int | None = None,
        pins: Iterable[Pin] = (),
        allow_empty: bool = False,
        progress: Progress | None = None,
        **options: Any,
    ) -> Compressed:
        """Keep what matters to the query.

        Args:
            query: the question; its text may not be blank.
            documents: one text, or texts and `Document`s in order.
            token_budget: most tokens of the result, in the target's tokens.
            pins: what is kept in any case and charged to the budget: a document's index, or
                (document, start, end) in characters; with `order="score"` these documents come first.
            allow_empty: whether nothing may be kept if no node passes the rules; with
                `min_relevance` above 0 nothing may be kept in any case.
            progress: called with (tokens done, tokens in all) while the context is read.
            **options: `keep_rate`, `min_relevance`, `top_p`, `context_weight`, `node_tokens`, `gap_mark`,
                `separator` or `order`, each as in `Settings`.

        Raises:
            InputError: an argument is not as described.
            BudgetError: the pins exceed the budget, or not one character fits it.
        """
        given: dict[str, Any] = {"pins": pins, "allow_empty": allow_empty, "progress": progress}
        (result,) = self._compress([query], documents, token_budget=token_budget, **given, **options)
        return result

    async def acompress(
        self, query: str | Query, documents: Documents, *, progress: Progress | None = None, **options: Any
    ) -> Compressed:
        """`compress` in a thread, so that an event loop goes on; cancelled, it reads 8,192 tokens more at most."""
        from longattncomp.runtime.threads import in_thread

        return await in_thread(self.compress, query, documents, progress=progress, **options)

    def prepare(
        self, documents: Documents, *, token_budget: int | None = None, progress: Progress | None = None, **options: Any
    ) -> Prepared:
        """Read ahead, so that questions over these documents, in any company, cost little.

        What was read before is not read again, so a killed call goes on where it was.

        Args:
            documents: as `compress`.
            token_budget: as `compress`; no node is longer than half of it.
            progress: called with (tokens ready, tokens in all).
            **options: `keep_rate` and `node_tokens`, as `compress`.

        Raises:
            InputError: an argument is not as described, or nothing would be kept.
        """
        nodes = self._nodes(documents, token_budget=token_budget, **options)
        if not isinstance(self.scorer, PreparedScorer):
            tokens = sum(node.tokens for node in nodes)
            return Prepared(tokens, tokens, 0)
        return self.scorer.prepare(nodes, progress=stopping(progress))

    async def aprepare(self, documents: Documents, *, progress: Progress | None = None, **options: Any) -> Prepared:
        """`prepare` in a thread, as `acompress`."""
        from longattncomp.runtime.threads import in_thread

        return await in_thread(self.prepare, documents, progress=progress, **options)

    def compress_batch(
        self,
        queries: Sequence[str | Query],
        documents: Sequence[Documents],
        *,
        pins: Iterable[Pin] = (),
        progress: Progress | None = None,
        **options: Any,
    ) -> list[Compressed]:
        """`compress` each query over its own documents.

        Args:
            queries: one per row.
            documents: one context per row; neighbours that are the same object are read once, and
                contexts too small to fill a batch share one.
            pins: as `compress`, for each context.
            progress: as `compress`, of each context by itself and from several threads.
            **options: as `compress`.

        Raises:
            InputError: the two differ in length, or as `compress`.
        """
        from longattncomp.runtime.threads import in_threads

        def run(rows: Sequence[tuple[str | Query, Documents]], stoppable: Progress) -> list[Compressed]:
            asked = [query for query, _ in rows]
            return self._compress(asked, rows[0][1], pins=pinned, progress=stoppable, **options)

        pinned = tuple(pins) if isinstance(pins, Iterator) else pins
        return [one for found in in_threads(run, neighbours(queries, documents), progress) for one in found]

    def compress_prompt(
        self,
        prompt: str | Sequence[Mapping[str, Any]],
        *,
        mode: Mode = "accurate",
        **options: Any,
    ) -> Compressed:
        """Find the query in a whole prompt or chat, keep it, and compress the rest for it.

        Args:
            prompt: a text, or messages with `role` and `content`; a message is a document, with its
                place as `index` and its role in `metadata`.
            mode: how the query is found, see `query.parse_prompt`.
            **options: as `compress`.

        Raises:
            InputError: no text to read, or as `compress`.
        """
        parsed = parse_prompt(prompt, mode=mode, tokenizer=self.tokenizer)
        documents = [
            Document(text, metadata={"role": role}) for text, role in zip(parsed.texts, parsed.roles, strict=True)
        ]
        return self.compress(
            parsed.query, documents, pins=[*parsed.pins, *(options.pop("pins", None) or ())], **options
        )

    def configured(self, **options: Any) -> Compressor:
        """The same draft model and head with other defaults for its calls.

        Args:
            **options: what `compress` takes by the name of a setting.

        Raises:
            InputError: an option is unknown, out of its range, or set when a compressor is made.
        """
        settings = self.settings.of_call(**options)
        return Compressor(
            self.scorer, self.tokenizer, settings=settings, target_tokenizer=self.target, method=self.method
        )

    @property
    def rule(self) -> SelectionRule:
        """Which nodes `compress` keeps."""
        return self._pipeline.rule(self.settings)

    def scored_by(self, scorer: Scorer) -> Compressor:
        """The same settings and counts with another scorer."""
        return Compressor(
            scorer, self.tokenizer, settings=self.settings, target_tokenizer=self.target, method=self.method
        )

    def count(self, text: str) -> int:
        """Tokens of a text as the budget counts them."""
        return self._pipeline.count(text)

    def budget(self, documents: Documents) -> int:
        """Most tokens that a result over these documents may have: `token_budget`, and what `keep_rate` leaves.

        Args:
            documents: as `compress`.
        """
        return self._pipeline.bounded(self.settings, as_documents(documents)).token_budget

    def nodes(self, documents: Documents, *, token_budget: int | None = None) -> list[Node]:
        """The nodes that `compress` would score, in order; `tokens` as the draft model counts.

        Args:
            documents: as `compress`.
            token_budget: as `compress`; no node is longer than half of it.
        """
        return list(self._nodes(documents, token_budget=token_budget))

    def assemble(
        self,
        query: Query,
        documents: Sequence[Document],
        nodes: Sequence[Node],
        scores: Scores,
        *,
        token_budget: int | None = None,
        rule: SelectionRule | None = None,
        **options: Any,
    ) -> Compressed:
        """Do what `compress` does after scoring, for scores that came from elsewhere.

        Args:
            query: handed through to the result.
            documents: the texts that the nodes were cut from.
            nodes: from `nodes`.
            scores: one share per node.
            token_budget: as `compress`.
            rule: used instead of the one that settings and method make, such as `replace(compressor.rule, top_p=1.0)`.
            **options: what else `compress` takes by the name of a setting, `node_tokens` apart.

        Raises:
            InputError: the scores are no shares of the mass, one for each node; or as `compress`.
        """
        if wrong := what_is_wrong(scores, nodes):
            raise InputError(wrong)
        settings = self._pipeline.bounded(self.settings.of_call(token_budget=token_budget, **options), documents)
        return self._pipeline.assemble(query, documents, nodes, scores, settings, rule)

    def _compress(
        self,
        queries: Sequence[str | Query],
        documents: Documents,
        *,
        pins: Iterable[Pin] = (),
        allow_empty: bool = False,
        progress: Progress | None = None,
        **options: Any,
    ) -> list[Compressed]:
        asked, texts = [as_query(query) for query in queries], as_documents(documents)
        settings = self._pipeline.bounded(self.settings.of_call(**options), texts)
        return self._pipeline.run(
            asked, texts, settings, pins=pins, allow_empty=allow_empty, progress=stopping(progress)
        )

    def _nodes(self, documents: Documents, **options: Any) -> Sequence[Node]:
        texts = as_documents(documents)
        nodes, _ = self._pipeline.nodes(texts, self._pipeline.bounded(self.settings.of_call(**options), texts))
        return nodes
