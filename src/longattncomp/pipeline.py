"""(queries, documents, settings of a call) -> results, through chunking, scorer, selection and rendering."""

from bisect import bisect_left, bisect_right
from collections.abc import Container, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from sys import getsizeof
from typing import Any

from longattncomp.assembly import Assembler
from longattncomp.chunking.nodes import chunk, paragraph_ends
from longattncomp.chunking.outline import RECORD_TOKENS
from longattncomp.counting import Counter, remembering
from longattncomp.inputs import asking, pinned_spans
from longattncomp.query.spelling import respelled
from longattncomp.runtime.recent import Recent
from longattncomp.scorers.batch import score_batch, score_questions
from longattncomp.scorers.echoes import novelty, without_echoes
from longattncomp.scorers.methods import Method
from longattncomp.scorers.relevance import CalibratedScorer
from longattncomp.scorers.wording import priority
from longattncomp.selection import SelectionRule
from longattncomp.settings import Settings
from longattncomp.types import (
    Compressed,
    Document,
    Node,
    Pin,
    Progress,
    Query,
    ScoredNode,
    Scorer,
    Scores,
    Span,
    Tokenizer,
)

_REMEMBERED = 64_000_000
"""Bytes of contexts whose nodes are cached for the next question."""

_LEAST = 500_000
"""Bytes that a context counts with at least: small ones are cut again at once, and few are kept."""

_NODE_BYTES = 600  # of one node as the draft model counts and as the budget does, beside its text

_PART_TOKENS = 192
"""Least tokens of a part of a prompt that is scored as a document; with the instruction it fills 256 tokens."""


@dataclass(frozen=True, slots=True)
class Scored:
    """Nodes scored for one query."""

    query: Query  # what the query asks, well spelled
    scores: Scores  # one share per node
    worth: Sequence[float]  # the `novelty` of each node


class Pipeline:
    """The stages in a row. Nodes and token counts are cached for the next question; safe under threads."""

    def __init__(self, method: Method, scorer: Scorer, tokenizer: Tokenizer, target: Counter | None) -> None:
        """Create a pipeline with empty caches; `target` counts the budget, None if the tokenizer does."""
        self.method = method
        self.scorer = scorer
        self.tokenizer = tokenizer
        self.target = target
        # A text is often counted again: the finished one, the context of the next question, an agent's history.
        self.count: Counter = remembering(target or tokenizer.count)
        self._cut: Recent[Any, tuple[tuple[Node, ...], tuple[Node, ...]]] = Recent(
            _REMEMBERED,
            lambda key, found: max(
                _LEAST, sum(map(getsizeof, key[0])) + sum(getsizeof(node.text) + _NODE_BYTES for node in found[0])
            ),
        )

    def scored_by(self, scorer: Scorer) -> "Pipeline":
        """Return a pipeline with another scorer that shares what is cached here."""
        other = copy(self)
        other.scorer = scorer
        return other

    def rule(self, settings: Settings) -> SelectionRule:
        """Combine the settings and the method into a rule of selection."""
        return SelectionRule(
            token_budget=settings.token_budget,
            top_p=settings.top_p,
            min_relevance=settings.min_relevance,
            min_score=self.method.min_score,
            context_weight=settings.context_weight,
            surroundings=self.method.surroundings,
            words=self.method.words,
        )

    def bounded(self, settings: Settings, documents: Sequence[Document]) -> Settings:
        """Lower `token_budget` to what `keep_rate` allows for these documents."""
        if settings.keep_rate == 1:
            return settings
        whole = self.count(settings.separator.join(document.text for document in documents if document.text))
        most = max(1, int(settings.keep_rate * whole + 1e-9))  # 0.29 * 100 is 28.999...
        return settings.override(token_budget=min(settings.token_budget, most))

    def nodes(
        self, documents: Sequence[Document], settings: Settings, cuts: Mapping[int, Sequence[int]] | None = None
    ) -> tuple[tuple[Node, ...], tuple[Node, ...]]:
        """Cut documents into nodes, and return them with tokens as the draft model counts, and as the budget does.

        The settings are from `bounded`; no node is longer than half of the budget. A node must end at the `cuts`,
        offsets by document.
        """
        node_tokens = settings.node_tokens
        if node_tokens != "document":  # so that at least two nodes fit, and the best is not left out for its size
            node_tokens = min(node_tokens, max(1, settings.token_budget // 2))
        boundary = self.method.node_boundary
        ends = tuple(sorted((index, tuple(offsets)) for index, offsets in (cuts or {}).items()))
        room = min(settings.token_budget, 2 * RECORD_TOKENS)
        key = (
            tuple(document.text for document in documents),
            node_tokens,
            boundary,
            ends,
            room,
            settings.lead_ins,
            settings.deduplicate,
        )
        found = self._cut.get(key)
        if found is None:
            nodes = tuple(
                chunk(
                    documents,
                    self.tokenizer,
                    node_tokens=node_tokens,
                    boundary=boundary,
                    token_budget=room,
                    cuts=cuts,
                    deduplicate=settings.deduplicate,
                )
            )
            if not settings.lead_ins:
                nodes = tuple(replace(node, lead_ins=()) for node in nodes)
            found = nodes, self._counted(nodes)
            self._cut.put(key, found)
        return found

    def run(
        self,
        queries: Sequence[Query],
        documents: Sequence[Document],
        settings: Settings,
        *,
        pins: Iterable[Pin] = (),
        prompt: bool = False,
        allow_empty: bool = False,
        progress: Progress | None = None,
    ) -> list[Compressed]:
        """Compress the same documents for each query, as `Compressor.compress` does, with settings from `bounded`.

        `prompt` says whether the documents are a prompt, whose long paragraphs are scored as if each were a document.
        """
        spans = pinned_spans(pins, documents)
        parts = {
            index: paragraph_ends(document.text, self.tokenizer, least_tokens=_PART_TOKENS)
            for index, document in enumerate(documents if prompt and self.method.paragraphs else ())
        }
        cuts = {
            index: [*parts.get(index, ()), *(offset for span in spans.get(index, ()) for offset in span)]
            for index in spans.keys() | parts.keys()
        }
        nodes, counted = self.nodes(documents, settings, cuts)
        pinned = {
            index for index, node in enumerate(nodes if spans else ()) if _overlaps(spans.get(node.document, ()), node)
        }
        assembler = self._assembler(settings, allow_empty=allow_empty)
        found = self.score(queries, nodes, pinned=pinned, parts=parts, progress=progress)
        results = []
        for query, one in zip(queries, found, strict=True):
            first = priority(one.query, nodes, one.scores, one.worth) if assembler.rule.words else None
            results.append(assembler.assemble(query, documents, counted, one.scores, pinned=pinned, priority=first))
        return results

    def score(
        self,
        queries: Sequence[Query],
        nodes: Sequence[Node],
        *,
        pinned: Container[int] = (),
        parts: Mapping[int, Sequence[int]] | None = None,
        progress: Progress | None = None,
    ) -> list[Scored]:
        """Score nodes from `nodes` for each query.

        Those `pinned`, by index, are kept anyway: they are not read, and have no share. At the `parts`, offsets by
        document, a document goes on as another one.
        """
        free = [index for index in range(len(nodes)) if index not in pinned]
        read = [nodes[index] for index in free] if len(free) < len(nodes) else nodes
        read = _apart(read, parts) if parts else read
        asked = [asking(query) for query in queries]
        spelled = [self._spelled(query, nodes) for query in queries]
        if self.method.words:
            found = score_questions(self.scorer, asked, spelled, read, progress=progress)
        else:
            found = score_batch(self.scorer, asked, read, progress=progress)
        calibration = self.scorer.calibration if isinstance(self.scorer, CalibratedScorer) else None
        tokens = sum(node.tokens for node in read)
        results = []
        for query, words, scores in zip(queries, spelled, found, strict=True):
            shares = [0.0] * len(nodes)
            for index, share in zip(free, scores.nodes, strict=True):
                shares[index] = share
            worth = [1.0] * len(nodes) if self.method.as_published else novelty(query, nodes)
            fresh = without_echoes(Scores(tuple(shares), scores.instruction), worth)
            chance = calibration.chance(fresh.instruction, tokens) if calibration and tokens else scores.chance
            results.append(Scored(words, replace(fresh, chance=chance), worth))
        return results

    def assemble(
        self,
        query: Query,
        documents: Sequence[Document],
        nodes: Sequence[Node],
        scores: Scores,
        settings: Settings,
        rule: SelectionRule | None = None,
    ) -> Compressed:
        """Do what `run` does after scoring; a rule replaces that of the settings, and what was pinned stays so."""
        assembler = self._assembler(settings, rule=rule)
        first = None
        if assembler.rule.words:
            first = priority(self._spelled(query, nodes), nodes, scores, novelty(query, nodes))
        pinned = {index for index, node in enumerate(nodes) if isinstance(node, ScoredNode) and node.reason == "pinned"}
        return assembler.assemble(query, documents, self._counted(nodes), scores, pinned=pinned, priority=first)

    def _spelled(self, query: Query, nodes: Sequence[Node]) -> Query:
        return respelled(asking(query), nodes, self.tokenizer) if self.method.words else asking(query)

    def _counted(self, nodes: Sequence[Node]) -> tuple[Node, ...]:
        count = self.target
        if count is None:
            return tuple(nodes)
        # The nodes of a result were counted before.
        return tuple(node if isinstance(node, ScoredNode) else replace(node, tokens=count(node.text)) for node in nodes)

    def _assembler(
        self, settings: Settings, *, rule: SelectionRule | None = None, allow_empty: bool = False
    ) -> Assembler:
        return Assembler(
            count=self.count,
            rule=self.rule(settings) if rule is None else rule,
            gap_mark=settings.gap_mark,
            separator=settings.separator,
            edge_marks=settings.edge_marks,
            order=settings.order,
            allow_empty=allow_empty,
        )


def _overlaps(spans: Sequence[Span], node: Node) -> bool:
    """Whether any of the increasing spans overlaps the node."""
    before = bisect_left(spans, node.end, key=lambda span: span[0])
    return before > 0 and spans[before - 1][1] > node.start


def _apart(nodes: Sequence[Node], parts: Mapping[int, Sequence[int]]) -> list[Node]:
    """Renumber nodes as if every part were a document."""
    starts = sorted(
        {(node.document, 0) for node in nodes} | {(index, at) for index, own in parts.items() for at in own}
    )
    return [replace(node, document=bisect_right(starts, (node.document, node.start)) - 1) for node in nodes]
