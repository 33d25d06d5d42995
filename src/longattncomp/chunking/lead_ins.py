"""nodes -> which of them lead others in."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence

from longattncomp.runtime.forking import cached_property
from longattncomp.types import Node


class LeadIns:
    """The nodes that say what other nodes are about, such as headings and header rows.

    A lead-in is kept only with a node that it serves, so what it scores counts for those nodes.

    Attributes:
        nodes: in order.
        of: for each node the indices of its lead-ins, the nearest first; those that are not among the nodes are left
            out.
    """

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.nodes = nodes
        self.of: list[tuple[int, ...]] = [()] * len(nodes)
        if not any(node.lead_ins for node in nodes):
            return
        places = [(node.document, node.start) for node in nodes]
        known: dict[tuple[int, int, int], list[int]] = {}
        for index, node in enumerate(nodes):
            found: dict[int, None] = {}
            for start, end in node.lead_ins:
                key = (node.document, start, end)
                if key not in known:
                    known[key] = self._within(places, *key)
                found.update(dict.fromkeys(known[key]))
            found.pop(index, None)
            self.of[index] = tuple(found)

    def _within(self, places: Sequence[tuple[int, int]], document: int, start: int, end: int) -> list[int]:
        first = bisect_left(places, (document, start))
        if first and self.nodes[first - 1].document == document and self.nodes[first - 1].end > start:
            first -= 1
        after = bisect_left(places, (document, end), first)
        return list(range(first, after))

    @cached_property
    def served(self) -> dict[int, list[int]]:
        """For each lead-in the nodes that it serves and that are no lead-ins; a node that serves none is no lead-in."""
        leading = set().union(*self.of)
        served: dict[int, list[int]] = defaultdict(list)
        for index, own in enumerate(self.of):
            if index not in leading:
                for lead in own:
                    served[lead].append(index)
        return dict(served)

    def texts(self) -> list[str]:
        """The text of each node with its lead-ins before it; "" for a lead-in, which its nodes stand for."""
        return [
            ""
            if index in self.served
            else "".join([*(self.nodes[lead].text for lead in reversed(own)), self.nodes[index].text])
            for index, own in enumerate(self.of)
        ]

    def passed_on(self, shares: Sequence[float]) -> list[float]:
        """Pass the share of each lead-in on to the nodes that it serves, in proportion to their own."""
        found = list(shares)
        for lead, nodes in self.served.items():
            found[lead] = 0.0
            own = [shares[index] for index in nodes]
            if not (total := sum(own)):
                own = [float(max(1, self.nodes[index].tokens)) for index in nodes]
                total = sum(own)
            for index, share in zip(nodes, own, strict=True):
                found[index] += shares[lead] * share / total
        return found
