"""nodes, query -> shorter nodes inside a token budget."""

from __future__ import annotations

import time
from typing import Any

from llama_index.core.bridge.pydantic import Field
from llama_index.core.callbacks import CallbackManager, CBEventType, EventPayload
from llama_index.core.instrumentation import get_dispatcher  # type: ignore[attr-defined]
from llama_index.core.instrumentation.events.rerank import ReRankEndEvent, ReRankStartEvent
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeWithScore, QueryBundle
from llama_index.core.settings import Settings
from longattncomp import Compressed, Compressor
from longattncomp.adapters import BudgetError, InputError, fit_budget, in_thread, pass_whole, warn_of

from llama_index.postprocessor.longattncomp.events import report
from llama_index.postprocessor.longattncomp.nodes import left_of, shown_to_llm, text_of, without_metadata_lines
from llama_index.postprocessor.longattncomp.options import LongAttnOptions
from llama_index.postprocessor.longattncomp.shrinking import WHOLE

dispatcher = get_dispatcher(__name__)


class LongAttnPostprocessor(LongAttnOptions, BaseNodePostprocessor):
    """Keeps the pieces of nodes that matter to the query: verbatim, inside `token_budget`.

    The budget bounds what the LLM reads: the kept text and the metadata lines that a response synthesizer puts before
    it. Nodes stay in order, or the best come first with `order="score"`. A node of which nothing is kept is left out.
    A node without text, such as an image, passes: in its place, or at the end with `order="score"`. Each kept node is
    a copy with the same class, id, relationships and retrieval score. Its metadata gets `longattncomp_score` and
    `longattncomp_spans` (character ranges of its former text), which neither LLM nor embedder sees.

    Without a query the nodes are returned as they are, and so they are if the engine fails, both with a
    `longattncomp.LongAttnCompWarning`. A wrong option or a missing draft model is an error.
    """

    replace_score: bool = Field(default=False, description="Whether `longattncomp_score` replaces the retrieval score.")
    audit: bool = Field(
        default=False, description="Whether nodes stay as they are, and what would be saved is reported only."
    )
    callback_manager: CallbackManager = Field(default_factory=lambda: Settings.callback_manager, exclude=True)

    @classmethod
    def class_name(cls) -> str:
        return "LongAttnPostprocessor"

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        if wrong := next((node for node in nodes if not isinstance(node, NodeWithScore)), None):
            kind = type(wrong).__name__
            raise InputError(f"expected nodes with scores, got a {kind}: give NodeWithScore(node=...)")
        query = query_bundle.query_str if query_bundle else ""
        if not any(text_of(node).strip() for node in nodes):
            return nodes
        if query_bundle is None or not query.strip():
            warn_of(f"{len(nodes)} nodes pass whole, perhaps over the token budget", "there is no question")
            return nodes
        engine = self.engine()
        name = engine.settings.model
        dispatcher.event(ReRankStartEvent(query=query_bundle, nodes=nodes, top_n=len(nodes), model_name=name))
        payload: dict[str, Any] = {
            EventPayload.NODES: nodes,
            EventPayload.MODEL_NAME: name,
            EventPayload.QUERY_STR: query,
            EventPayload.TOP_K: len(nodes),
        }
        with self.callback_manager.event(CBEventType.RERANKING, payload=payload) as event:
            left = pass_whole(lambda: self._compressed(engine, nodes, query), nodes, WHOLE)
            event.on_end(payload={EventPayload.NODES: left})
        dispatcher.event(ReRankEndEvent(nodes=left))
        return left

    async def _apostprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        return await in_thread(self._postprocess_nodes, nodes, query_bundle)

    def _compressed(self, engine: Compressor, nodes: list[NodeWithScore], query: str) -> list[NodeWithScore]:
        started = time.perf_counter()
        result = engine.compress(query, [text_of(node) for node in nodes])
        left = self._fitted(engine, result, nodes)
        separator = engine.settings.separator
        before, after = (
            engine.count(separator.join(filter(None, map(shown_to_llm, shown)))) for shown in (nodes, left.values())
        )
        seconds = time.perf_counter() - started
        report(
            "nodes",
            before=before,
            after=after,
            stop_reason=result.stop_reason,
            seconds=seconds,
            audit=self.audit,
            relevance=result.relevance,
        )
        if self.audit:
            return nodes
        return [left[index] for index in (sorted(left) if engine.settings.order == "position" else left)]

    def _fitted(self, engine: Compressor, result: Compressed, nodes: list[NodeWithScore]) -> dict[int, NodeWithScore]:
        """Return what is left of the nodes by index, nodes without text at the end."""
        blank = {index: node for index, node in enumerate(nodes) if not text_of(node).strip()}

        def left(found: Compressed) -> dict[int, NodeWithScore]:
            kept = {
                document.index: left_of(nodes[document.index], document, replace_score=self.replace_score)
                for document in found.documents
            }
            return kept | {index: node for index, node in blank.items() if index not in kept}

        def shown(kept: dict[int, NodeWithScore]) -> str:
            return engine.settings.separator.join(filter(None, map(shown_to_llm, kept.values())))

        try:
            return fit_budget(engine, result, left, shown, token_budget=engine.settings.token_budget)
        except BudgetError as error:
            warn_of("the LLM will not see the metadata of these nodes", error)
            return {index: without_metadata_lines(node) for index, node in left(result).items()}
