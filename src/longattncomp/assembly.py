"""scores -> Compressed: select, render and count until the text fits the budget."""

import sys
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

import regex

from longattncomp.chunking.boundaries import text_boundaries
from longattncomp.chunking.lead_ins import LeadIns
from longattncomp.counting import Counter
from longattncomp.errors import BudgetError
from longattncomp.rendering import Rendered, render
from longattncomp.selection import Priority, SelectionRule, select
from longattncomp.types import (
    Compressed,
    CompressedDocument,
    Document,
    Node,
    NodeReason,
    Order,
    Query,
    ScoredNode,
    Scores,
    StopReason,
)

_CUTS: tuple[Callable[[str], list[int]], ...] = (
    text_boundaries,
    lambda text: [match.end() for match in regex.finditer(r"\S+\s*", text)],
    lambda text: [match.end() for match in regex.finditer(r"\X", text)],
)

Rank = Callable[[int], tuple[float, ...]]
"""Sort key of a document by its index, lowest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembler:
    """Turns scores into a result inside the budget."""

    count: Counter  # counts tokens as the target does
    rule: SelectionRule  # which nodes are kept, and the budget
    gap_mark: str  # stands where text of a document was left out
    separator: str  # stands between two documents
    edge_marks: bool = False  # whether the gap mark stands at the edges of a document, too
    order: Order = "position"  # of the documents in the text; by score, documents with pinned text come first
    allow_empty: bool = False  # whether the result may be empty when the rules keep nothing

    def assemble(
        self,
        query: Query,
        documents: Sequence[Document],
        nodes: Sequence[Node],
        scores: Scores,
        *,
        pinned: Collection[int] = (),
        priority: Priority | None = None,
    ) -> Compressed:
        """Keep the best nodes within the budget.

        Token counts of joined texts differ a little from the sum of their parts, so the finished text is counted, and
        the limit of the selection is lowered until the text fits. The nodes tile the documents, and their `tokens` are
        as `count` counts; those `pinned`, by index, are kept whatever they score. For the priority see `select`.

        Raises:
            BudgetError: the pinned nodes exceed the budget, or not one character fits it.
        """
        scores = replace(scores, nodes=tuple(LeadIns(nodes).passed_on(scores.nodes)))
        mass: dict[int, float] = {}
        for node, score in zip(nodes, scores.nodes, strict=True):
            mass[node.document] = mass.get(node.document, 0.0) + score
        budget = self.rule.token_budget
        first = {nodes[index].document for index in pinned}  # pinned text has no score
        rank: Rank | None = None if self.order == "position" else lambda i: (i not in first, -mass[i], i)
        whole = self._render(documents, nodes).text
        original_tokens = whole_tokens = self.count(whole)
        if rank is not None and original_tokens <= budget:  # in another order it may have more
            whole_tokens = self.count(self._render(documents, nodes, rank).text)
        gap_tokens = self.count(self.gap_mark)
        costs = {
            "gap_tokens": gap_tokens,
            "separator_tokens": self.count(self.separator),
            "edge_tokens": 2 * gap_tokens * self.edge_marks,
        }

        def result(
            reasons: Sequence[NodeReason], stop_reason: StopReason, piece: tuple[int, Node] | None = None
        ) -> Compressed:
            scored = [
                ScoredNode(
                    node.document,
                    node.start,
                    node.end,
                    node.text,
                    node.tokens,
                    node.lead_ins,
                    node.passages,
                    score=score,
                    reason=reason,
                )
                for node, score, reason in zip(nodes, scores.nodes, reasons, strict=True)
            ]
            kept = [node for node in scored if node.kept]
            if piece is not None:
                index, cut = piece
                reason: NodeReason = "selected" if cut.text == nodes[index].text else "cut"
                scored[index] = replace(scored[index], reason=reason)
                kept = [replace(scored[index], start=cut.start, end=cut.end, text=cut.text, tokens=cut.tokens)]
            rendered = self._render(documents, kept, rank)
            return Compressed(
                text=rendered.text,
                tokens=self.count(rendered.text),
                original_tokens=original_tokens,
                token_budget=budget,
                query=query,
                instruction_score=scores.instruction,
                relevance=scores.chance,
                stop_reason=stop_reason,
                documents=tuple(
                    CompressedDocument(i, documents[i].id, text, spans, min(mass[i], 1.0), documents[i].metadata)
                    for i, text, spans in rendered.documents
                ),
                nodes=tuple(kept),
                all_nodes=tuple(scored),
                context=tuple(documents),
            )

        # A context that fits needs no limit: gap marks cost tokens only on the way to the whole text.
        limit, step = budget if whole_tokens > budget else sys.maxsize, 1
        while True:
            selection = select(
                scores, nodes, replace(self.rule, token_budget=limit), pinned=pinned, priority=priority, **costs
            )
            text = self._render(documents, [nodes[index] for index in selection.indices], rank).text
            tokens = self.count(text)
            over = tokens - budget
            longer = len(text) > len(whole) or tokens > whole_tokens
            if (over > 0 or longer) and whole_tokens <= budget:  # gap marks cost more than the text they stand for
                return result([reason if reason == "pinned" else "selected" for reason in selection.reasons], "all")
            blank = selection.stop_reason == "budget" and not (pinned or text.strip())
            if len(selection.indices) == len(pinned) or blank:
                break
            if over <= 0 and not longer:
                return result(selection.reasons, selection.stop_reason)
            limit = min(limit - max(over, 0), selection.tokens - step)
            step *= 2
        if self.edge_marks:  # they leave no room for text
            unmarked = replace(self, edge_marks=False)
            return unmarked.assemble(query, documents, nodes, scores, pinned=pinned, priority=priority)
        if pinned and over > 0:
            raise BudgetError(
                f"the pinned text has {tokens} tokens, {over} more than the budget of {budget}: pin less or raise "
                "token_budget"
            )
        may_be_empty = self.allow_empty and "budget" not in selection.reasons
        if pinned or may_be_empty or selection.stop_reason == "min_relevance":
            return result(selection.reasons, selection.stop_reason)
        reasons: list[NodeReason] = ["budget" if reason == "selected" else reason for reason in selection.reasons]
        return result(reasons, selection.stop_reason, self._best_piece(nodes, scores))

    def _best_piece(self, nodes: Sequence[Node], scores: Scores) -> tuple[int, Node]:
        """Return the best node that fits and is not blank, or the beginning of it that fits."""
        ranked = sorted(range(len(nodes)), key=lambda i: (-scores.nodes[i], i))
        for index in ranked:
            node = nodes[index]
            if self.count(node.text) <= self.rule.token_budget and node.text.strip():
                return index, node
            start = node.text.rfind("\n", 0, len(node.text) - len(node.text.lstrip())) + 1  # past blank lines
            if head := self._longest_head(node.text[start:]):
                return index, _slice(node, start, start + len(head), self.count(head))
        for index in ranked:
            if self.count(nodes[index].text) <= self.rule.token_budget:
                return index, nodes[index]
            for character in regex.finditer(r"\X", nodes[index].text):
                if (tokens := self.count(character[0])) <= self.rule.token_budget:
                    return index, _slice(nodes[index], character.start(), character.end(), tokens)
        raise BudgetError(
            f"not one character of the context fits a budget of {self.rule.token_budget} tokens: raise token_budget"
        )

    def _longest_head(self, text: str) -> str:
        blank = len(text) - len(text.lstrip())
        for cuts in _CUTS:
            offsets = cuts(text)
            reach = 1  # doubled, so that little of a large text is counted for a small budget
            while reach < len(offsets) and self.count(text[: offsets[reach]]) <= self.rule.token_budget:
                reach *= 2
            reach = min(reach, len(offsets))
            fitting = bisect_right(offsets, self.rule.token_budget, hi=reach, key=lambda end: self.count(text[:end]))
            for end in reversed(offsets[:fitting]):
                if end <= blank:
                    break
                if self.count(text[:end]) <= self.rule.token_budget:
                    return text[:end]
        return ""

    def _render(self, documents: Sequence[Document], nodes: Iterable[Node], rank: Rank | None = None) -> Rendered:
        return render(
            documents,
            nodes,
            gap_mark=self.gap_mark,
            separator=self.separator,
            edge_marks=self.edge_marks,
            rank=rank,
        )


def _slice(node: Node, start: int, end: int, tokens: int) -> Node:
    return Node(node.document, node.start + start, node.start + end, node.text[start:end], tokens)
