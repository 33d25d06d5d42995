"""a node, its kept text -> a new node of the same class, id and relationships."""

from __future__ import annotations

from typing import Any

from llama_index.core.schema import MetadataMode, NodeWithScore, TextNode
from longattncomp import CompressedDocument

SCORE = "longattncomp_score"
SPANS = "longattncomp_spans"


def text_of(node: NodeWithScore) -> str:
    """Return the text without metadata lines; "" for an image."""
    return node.node.get_content(metadata_mode=MetadataMode.NONE)


def shown_to_llm(node: NodeWithScore) -> str:
    """Return the text with metadata lines, as a response synthesizer puts it into the prompt."""
    return node.node.get_content(metadata_mode=MetadataMode.LLM)


def left_of(found: NodeWithScore, document: CompressedDocument, *, replace_score: bool) -> NodeWithScore:
    """Copy a retrieved node with what the engine kept of its text, and its score if that replaces the retriever's."""
    node = found.node
    spans = [list(span) for span in document.spans]
    changes: dict[str, Any] = {
        "metadata": {**node.metadata, SCORE: document.score, SPANS: spans},
        "excluded_llm_metadata_keys": _with_ours(node.excluded_llm_metadata_keys),
        "excluded_embed_metadata_keys": _with_ours(node.excluded_embed_metadata_keys),
        "relationships": dict(node.relationships),
    }
    shorter = document.text != text_of(found)
    if shorter:
        changes["embedding"] = None  # it belongs to the whole text
        if isinstance(node, TextNode):
            changes["start_char_idx"], changes["end_char_idx"] = _place(node, document)
    copy = node.model_copy(update=changes)
    if shorter:
        copy.set_content(document.text)
    return NodeWithScore(node=copy, score=document.score if replace_score else found.score)


def without_metadata_lines(found: NodeWithScore) -> NodeWithScore:
    """Copy a node so that the LLM sees none of its metadata."""
    hidden = {"excluded_llm_metadata_keys": list(found.node.metadata)}
    return NodeWithScore(node=found.node.model_copy(update=hidden), score=found.score)


def _with_ours(keys: list[str]) -> list[str]:
    return [*dict.fromkeys([*keys, SCORE, SPANS])]


def _place(node: TextNode, document: CompressedDocument) -> tuple[int | None, int | None]:
    """Return where the kept text lies in the source document, if it is one piece of it."""
    start, end = node.start_char_idx, node.end_char_idx
    if start is None or end is None or end - start != len(node.text) or len(document.spans) != 1:
        return None, None
    ((first, last),) = document.spans
    return start + first, start + last
