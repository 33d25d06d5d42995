"""The values that the stages of the pipeline pass to each other."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

QueryPlace = Literal["after", "alone"]
ContextEncoding = Literal["segmented", "causal"]
Order = Literal["position", "score"]
Overflow = Literal["fill", "paper"]
NodeBoundary = Literal["unit", "exact"]
StopReason = Literal["min_relevance", "top_p", "min_score", "budget", "all"]
NodeReason = Literal[
    "selected", "pinned", "cut", "lead_in", "min_relevance", "top_p", "min_score", "budget", "duplicate"
]
QuerySource = Literal["given", "messages", "label", "options", "trailing", "leading", "arbitrary"]
Progress = Callable[[int, int], None]
"""Called with (tokens done, tokens in all) while a long context is read."""
Span = tuple[int, int]
"""Character offsets `[start, end)`."""
Pin = int | tuple[int, int, int]
"""Text that is always kept: a document's index, or (document, start, end) in characters."""


def merged(spans: Iterable[Span]) -> list[Span]:
    """Merge spans into increasing spans that do not touch each other."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


@dataclass(frozen=True, slots=True)
class Document:
    """One source text, as the caller passed it."""

    text: str
    id: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Query:
    """The question that the context is read for, and how it was found in a prompt."""

    text: str
    source: QuerySource = "given"


@dataclass(frozen=True, slots=True)
class Node:
    """One contiguous piece of one document.

    Attributes:
        document: index of the document in the caller's order.
        start: first character in the document.
        end: one past the last character; `text == document.text[start:end]`.
        text: the piece itself.
        tokens: its length in tokens.
        lead_ins: spans of the same document that say what the piece is about, such as its headings, the nearest first.
        passages: numbers of its words, as ranges, where a part of it stands in other nodes, too; equal words of such a
            part have equal numbers.
    """

    document: int
    start: int
    end: int
    text: str
    tokens: int
    lead_ins: tuple[Span, ...] = ()
    passages: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class ScoredNode(Node):
    """A node with its share of the attention mass and the reason why it was kept or left out.

    Attributes:
        score: share of the mass, in [0, 1]; 0 for a pinned node, which is not scored.
        reason: `selected`, `pinned`, `cut` (shortened to fit) or `lead_in` (it came with a node that it leads in) if it
            was kept; otherwise the rule that left it out: `min_relevance`, `top_p`, `min_score`, `budget`, or
            `duplicate` (its words are kept where they stand again).
    """

    score: float = field(kw_only=True)
    reason: NodeReason = field(kw_only=True)

    @property
    def kept(self) -> bool:
        return self.reason in ("selected", "pinned", "cut", "lead_in")


@dataclass(frozen=True, slots=True)
class Scores:
    """Shares of the attention mass: one per node, in node order, and the instruction's.

    `instruction + sum(nodes) == 1`, each in [0, 1] (AttnComp, arXiv 2509.17486, eq. 3 to 5).

    Attributes:
        nodes: (n_nodes,) shares.
        instruction: its share.
        chance: calibrated chance, in [0, 1], that the nodes answer the query; None where nothing was calibrated.
    """

    nodes: tuple[float, ...]
    instruction: float
    chance: float | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """How much of a context is cached for later questions.

    Attributes:
        tokens: tokens of the context.
        ready: tokens that are cached now.
        read: tokens that this call read.
    """

    tokens: int
    ready: int
    read: int


@dataclass(frozen=True, slots=True)
class Selection:
    """The nodes that are kept.

    Attributes:
        indices: kept nodes, strictly increasing.
        reasons: one per node.
        stop_reason: the rule that left out the last of the nodes, in the order of rank, or `all`.
        tokens: tokens charged for the kept nodes, gap marks and separators included.
    """

    indices: tuple[int, ...]
    reasons: tuple[NodeReason, ...]
    stop_reason: StopReason
    tokens: int


@dataclass(frozen=True, slots=True)
class CompressedDocument:
    """The kept text of one document.

    Attributes:
        index: the document's place in the caller's order.
        id: the caller's id.
        text: the kept spans in order, joined by the gap mark.
        spans: kept character ranges of the original text, merged and increasing.
        score: the mass of all the document's nodes, kept or not.
        metadata: the caller's own mapping.
    """

    index: int
    id: str | None
    text: str
    spans: tuple[Span, ...]
    score: float
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Compressed:
    """The result of one compression.

    Attributes:
        text: the kept text of all documents, in their order unless another was asked for.
        tokens: length of `text`, counted by the target's tokenizer.
        original_tokens: length of the whole context in the order given, by the same count.
        token_budget: most tokens that were allowed.
        query: the query it was compressed for.
        instruction_score: the instruction's share of the mass, in [0, 1]; high where nothing answers the query.
        relevance: chance, in [0, 1], that what is not pinned answers the query; None where nothing was read, or with
            a method that has no calibrated head.
        stop_reason: the rule that left out the last of the nodes, in the order of rank: `min_relevance`, `top_p`,
            `min_score` or `budget`; or `all`.
        documents: one per document with kept text, in the order of `text`.
        nodes: kept nodes, in order; a node cut to fit has its shorter range.
        all_nodes: every node of the context, in order; they tile the documents.
        context: the documents as the caller passed them.
    """

    text: str
    tokens: int
    original_tokens: int
    token_budget: int
    query: Query
    instruction_score: float
    relevance: float | None
    stop_reason: StopReason
    documents: tuple[CompressedDocument, ...]
    nodes: tuple[ScoredNode, ...]
    all_nodes: tuple[ScoredNode, ...] = field(repr=False)
    context: tuple[Document, ...] = field(repr=False)

    @property
    def scores(self) -> tuple[float, ...]:
        """Every node's score, in the order of `all_nodes`."""
        return tuple(node.score for node in self.all_nodes)

    def __str__(self) -> str:
        return self.text

    def to_html(self) -> str:
        """Render the whole context as one self-contained HTML page, kept parts highlighted."""
        from longattncomp.html.page import page

        return page(self)

    def _repr_html_(self) -> str:
        from longattncomp.html.page import fragment

        return fragment(self)


@dataclass(frozen=True, slots=True)
class Encoding:
    """A tokenized text.

    Attributes:
        ids: (n_tokens,) token ids.
        ends: (n_tokens,) character offset one past each token's last character, never
            decreasing; the bytes of one character share its end.
    """

    ids: Sequence[int]
    ends: Sequence[int]


class Tokenizer(Protocol):
    """Turns text into tokens with character offsets; safe to call from several threads."""

    def encode(self, text: str) -> Encoding: ...

    def count(self, text: str) -> int: ...


class Scorer(Protocol):
    """Gives every node its share of the attention mass; every method is one. Several threads may call it at once."""

    def score(self, query: Query, nodes: Sequence[Node], *, progress: Progress | None = None) -> Scores: ...
