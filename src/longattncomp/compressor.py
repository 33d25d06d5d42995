"""(queries, documents) -> results, through a draft model and head that stay open."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longattncomp.counting import counter
from longattncomp.errors import InputError
from longattncomp.inputs import Documents, as_documents, as_query, neighbours, what_is_wrong
from longattncomp.pipeline import Pipeline
from longattncomp.query.parsing import Mode, ParsedPrompt, parse_prompt
from longattncomp.runtime.cancellation import stopping
from longattncomp.runtime.threads import in_thread, in_threads
from longattncomp.scorers.batch import PreparedScorer
from longattncomp.scorers.methods import METHODS, Method
from longattncomp.selection import SelectionRule
from longattncomp.settings import Settings
from longattncomp.types import Compressed, Document, Node, Pin, Prepared, Progress, Query, Scorer, Scores, Tokenizer

if TYPE_CHECKING:
    from longattncomp.runtime.stores import ByteStore


class Compressor:
    """Keeps what matters to a query, verbatim and in order, inside a token budget; safe under threads."""

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
            scorer: gives every node its share of the attention mass.
            tokenizer: measures nodes; the draft model's, if there is one.
            settings: defaults of every call; otherwise read from environment, `.env` and YAML. Give
                `context_weight=0` for a scorer whose shares hardly differ.
            target_tokenizer: counts the budget, see `counting.counter`; otherwise the one that the settings name,
                else `tokenizer`.
            method: says where nodes end and which scores are too low; otherwise that of `settings.method`.
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
            model: as the setting `model`.
            head: as the setting `head`.
            target_tokenizer: counts the budget, see `counting.counter`.
            settings: used instead of reading the environment, `.env` and YAML.
            shared: whether to reuse the draft model and head that an earlier call with `shared` opened for the same
                settings; they stay open until the process ends.
            store: keeps keys between processes, instead of the folder `key_store`.
            **options: any other setting by name, see `Settings`.

        Raises:
            ModelError: the model or head cannot be found, read or used.
            CacheError: the model folder cannot be written.
            InputError: a setting is unknown or out of its range.
        """
        from longattncomp.scorers import opening

        options |= {"model": str(model) if model else None, "head": head}
        resolved = settings.override(**options) if settings else Settings.load(**options)
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
            token_budget: most tokens of the result, as the target counts.
            pins: text that is always kept and charged to the budget: a document's index, or (document, start, end) in
                characters; with `order="score"` these documents come first.
            allow_empty: whether the result may be empty if no node passes the rules; with `min_relevance` above 0 it
                may be empty anyway.
            progress: called with (tokens read, tokens in all).
            **options: `keep_rate`, `min_relevance`, `top_p`, `context_weight`, `node_tokens`, `gap_mark`,
                `separator` or `order`, each as in `Settings`.

        Raises:
            InputError: an argument is not as described.
            BudgetError: the pins exceed the budget, or not one character fits it.
        """
        options |= {"token_budget": token_budget, "pins": pins, "allow_empty": allow_empty, "progress": progress}
        return self._compress([query], documents, **options)[0]

    async def acompress(
        self, query: str | Query, documents: Documents, *, progress: Progress | None = None, **options: Any
    ) -> Compressed:
        """Run `compress` in a thread; when cancelled, it ends with the batch that the draft model reads."""
        return await in_thread(self.compress, query, documents, progress=progress, **options)

    def prepare(
        self, documents: Documents, *, token_budget: int | None = None, progress: Progress | None = None, **options: Any
    ) -> Prepared:
        """Read documents ahead, so that later questions over them cost little, whatever other documents are given.

        Text that was read before is not read again, so a call that was killed can be repeated.

        Args:
            documents: as `compress`.
            token_budget: as `compress`, like the options; no node is longer than half of it.
            progress: called with (tokens ready, tokens in all).
            **options: `keep_rate` and `node_tokens`.

        Raises:
            InputError: an argument is not as described, or nothing would be kept.
        """
        nodes = self.nodes(documents, token_budget=token_budget, **options)
        if not isinstance(self.scorer, PreparedScorer):
            tokens = sum(node.tokens for node in nodes)
            return Prepared(tokens, tokens, 0)
        return self.scorer.prepare(nodes, progress=stopping(progress))

    async def aprepare(self, documents: Documents, *, progress: Progress | None = None, **options: Any) -> Prepared:
        """Run `prepare` in a thread, as `acompress` does."""
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
        """Compress each query over its own documents.

        Args:
            queries: one per row.
            documents: one context per row. Neighbouring rows with the same object share one reading, and small
                contexts share a batch.
            pins: as `compress`, for each context.
            progress: as `compress`, for each context by itself and from several threads.
            **options: as `compress`.

        Raises:
            InputError: queries and documents differ in number, or as `compress`.
        """

        def run(rows: Sequence[tuple[str | Query, Documents]], stoppable: Progress) -> list[Compressed]:
            asked = [query for query, _ in rows]
            return self._compress(asked, rows[0][1], pins=pinned, progress=stoppable, **options)

        pinned = tuple(pins) if isinstance(pins, Iterator) else pins
        return [one for found in in_threads(run, neighbours(queries, documents), progress) for one in found]

    def compress_prompt(
        self,
        prompt: str | Sequence[Mapping[str, Any]],
        *,
        query: str | Query | None = None,
        mode: Mode = "accurate",
        **options: Any,
    ) -> Compressed:
        """Find the query in a whole prompt or chat, keep it and what stands around the documents, and compress these.

        Args:
            prompt: a text, or messages with `role` and `content`. Each message becomes a document, with its role in
                `metadata`.
            query: what the prompt asks; if not given, it is looked for.
            mode: how the query is found, see `query.parsing.parse_prompt`.
            **options: as `compress`.

        Raises:
            InputError: no text to read, or as `compress`.
        """
        given = None if query is None else as_query(query)
        parsed = parse_prompt(prompt, mode=mode, query=given.text if given else None, tokenizer=self.tokenizer)
        return self._compress([given or parsed.query], parsed.documents, prompt=parsed, **options)[0]

    def configured(self, **options: Any) -> Compressor:
        """Return a compressor with the same draft model and head, and other defaults.

        Args:
            **options: settings that `compress` takes.

        Raises:
            InputError: an option is unknown, out of its range, or set when a compressor is made.
        """
        return self._with(self.scorer, self.settings.of_call(**options))

    @property
    def rule(self) -> SelectionRule:
        """Which nodes `compress` keeps."""
        return self._pipeline.rule(self.settings)

    def scored_by(self, scorer: Scorer) -> Compressor:
        """Return a compressor with the same settings and tokenizers, and another scorer."""
        return self._with(scorer, self.settings)

    def count(self, text: str) -> int:
        """Count tokens as the budget does."""
        return self._pipeline.count(text)

    def budget(self, documents: Documents) -> int:
        """Return the most tokens of a result over these documents, by `token_budget` and `keep_rate`."""
        return self._pipeline.bounded(self.settings, as_documents(documents)).token_budget

    def nodes(self, documents: Documents, **options: Any) -> list[Node]:
        """Cut documents into the nodes that `compress` would score; `tokens` as the draft model counts."""
        texts = as_documents(documents)
        return list(self._pipeline.nodes(texts, self._pipeline.bounded(self.settings.of_call(**options), texts))[0])

    def score(self, queries: Sequence[str | Query], nodes: Sequence[Node]) -> list[Scores]:
        """Score nodes from `nodes` for each query, as `compress` does."""
        return [found.scores for found in self._pipeline.score([as_query(query) for query in queries], nodes)]

    def assemble(
        self,
        query: Query,
        documents: Sequence[Document],
        nodes: Sequence[Node],
        scores: Scores,
        *,
        rule: SelectionRule | None = None,
        **options: Any,
    ) -> Compressed:
        """Do what `compress` does after scoring, for scores that came from elsewhere.

        Args:
            query: stored in the result.
            documents: the texts that the nodes were cut from.
            nodes: from `nodes`, or those of a result, of which the pinned ones stay.
            scores: one share per node.
            rule: replaces the rule of settings and method, such as `replace(compressor.rule, top_p=1.0)`.
            **options: settings that `compress` takes, except `node_tokens`.

        Raises:
            InputError: the scores are not one share of the mass for each node; or as `compress`.
        """
        if wrong := what_is_wrong(scores, nodes):
            raise InputError(wrong)
        settings = self._pipeline.bounded(self.settings.of_call(**options), documents)
        return self._pipeline.assemble(query, documents, nodes, scores, settings, rule)

    def _compress(
        self,
        queries: Sequence[str | Query],
        documents: Documents,
        *,
        pins: Iterable[Pin] = (),
        prompt: ParsedPrompt | None = None,
        allow_empty: bool = False,
        progress: Progress | None = None,
        **options: Any,
    ) -> list[Compressed]:
        asked, texts = [as_query(query) for query in queries], as_documents(documents)
        settings = self._pipeline.bounded(self.settings.of_call(**options), texts)
        if prompt:
            pins = [*prompt.kept(self.count, settings.token_budget), *(pins or ())]
        return self._pipeline.run(
            asked, texts, settings, pins=pins, prompt=bool(prompt), allow_empty=allow_empty, progress=stopping(progress)
        )

    def _with(self, scorer: Scorer, settings: Settings) -> Compressor:
        other = copy(self)
        other.scorer, other.settings = scorer, settings
        other._pipeline = self._pipeline.scored_by(scorer)
        return other
