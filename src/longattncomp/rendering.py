"""kept nodes -> text, with the spans that it is made of."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from longattncomp.types import Document, Node, Span


@dataclass(frozen=True, slots=True)
class Rendered:
    """Kept text."""

    text: str  # all documents' texts, joined by the separator
    documents: tuple[tuple[int, str, tuple[Span, ...]], ...]  # index, text and spans of each, in the order of `text`


def render(
    documents: Sequence[Document],
    kept: Iterable[Node],
    *,
    gap_mark: str,
    separator: str,
    edge_marks: bool = False,
    rank: Callable[[int], tuple[float, ...]] | None = None,
) -> Rendered:
    """Join kept nodes, sliced from the originals, in positional order.

    Nodes that touch become one span; between two spans of one document stands the gap mark, with `edge_marks` at the
    edges of a document, too, where more than white space is missing. The rank sorts documents by their index, lowest
    first; otherwise they stay in order.
    """
    spans: dict[int, list[Span]] = {}
    for node in kept:
        known = spans.setdefault(node.document, [])
        if known and known[-1][1] == node.start:
            known[-1] = (known[-1][0], node.end)
        else:
            known.append((node.start, node.end))
    parts = []
    for index, ranges in sorted(spans.items(), key=lambda item: rank(item[0])) if rank else spans.items():
        whole = documents[index].text
        text = gap_mark.join(whole[start:end] for start, end in ranges)
        if edge_marks:
            before = gap_mark.lstrip() if whole[: ranges[0][0]].strip() else ""
            after = gap_mark.rstrip() if whole[ranges[-1][1] :].strip() else ""
            text = before + text + after
        parts.append((index, text, tuple(ranges)))
    return Rendered(separator.join(text for _, text, _ in parts), tuple(parts))
