"""what a compression saved -> an event of LlamaIndex's instrumentation."""

from __future__ import annotations

from llama_index.core.instrumentation import get_dispatcher  # type: ignore[attr-defined]
from llama_index.core.instrumentation.events import BaseEvent

dispatcher = get_dispatcher(__name__)


class CompressionEvent(BaseEvent):
    """Texts were shortened, or with `audit` would be.

    Attributes:
        what: was shortened: "nodes", "texts" (of a view or of tool results) or "turns".
        tokens_before: of the whole texts, as the budget counts.
        tokens_after: of what is kept, with what is shown around it.
        stop_reason: the rule that left out the rest, see `longattncomp.Compressed`.
        milliseconds: that the compression took.
        audit: whether the texts pass whole all the same.
        relevance: of "nodes", see `longattncomp.Compressed`; None where it is not known.
    """

    what: str
    tokens_before: int
    tokens_after: int
    stop_reason: str
    milliseconds: float
    audit: bool = False
    relevance: float | None = None

    @classmethod
    def class_name(cls) -> str:
        return "CompressionEvent"


def report(
    what: str,
    *,
    before: int,
    after: int,
    stop_reason: str,
    seconds: float,
    audit: bool = False,
    relevance: float | None = None,
) -> None:
    """Emit a `CompressionEvent`."""
    dispatcher.event(
        CompressionEvent(
            what=what,
            tokens_before=before,
            tokens_after=after,
            stop_reason=stop_reason,
            milliseconds=round(1000 * seconds, 1),
            audit=audit,
            relevance=relevance,
        )
    )
