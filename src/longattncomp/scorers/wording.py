"""query, nodes, scores -> which nodes come first because they have the query's words."""

from collections import Counter
from collections.abc import Sequence

from longattncomp.chunking.lead_ins import LeadIns
from longattncomp.inputs import asking
from longattncomp.query.identifiers import named
from longattncomp.scorers.bm25 import BM25Scorer
from longattncomp.scorers.overview import telling, wants_overview
from longattncomp.selection import Priority
from longattncomp.types import Node, Query, Scores

_UNSURE = 0.5
"""Weight of words where the head finds no answer."""

_STRUCTURED = 0.75
"""Weight of words in a document whose nodes all have lead-ins; the head that ships has learned from prose and chats."""

_FLOOR = 0.5
"""Share of the words that nodes without any have together, as part of all."""

_ECHO = 0.25
"""Novelty under which a node's words, names and numbers are only those of the query."""


def priority(query: Query, nodes: Sequence[Node], scores: Scores, worth: Sequence[float]) -> Priority:
    """Let the words of the query count besides a head's scores, by BM25 over the nodes with their lead-ins.

    They count the more the less the head finds, which the instruction's score tells, and the more of a document has
    lead-ins: tables, records, code, contracts. Where the query has a number or a name that only few nodes have, these
    nodes come first. Where a summary is wanted, numbers and names count in place of the query's words. By `worth`, the
    `novelty` of the nodes, mere copies of the query have no words of their own, and a question beside its answer has
    the rank of its whole share.
    """
    leads = LeadIns(nodes)
    asked = asking(query)
    echoes = {index for index, part in enumerate(worth) if part < _ECHO}
    counts = named(asked.text, leads, echoes)
    overview = wants_overview(asked)
    found = telling(nodes) if overview else BM25Scorer().score(asked, nodes).nodes
    words = [share * (index not in echoes) for index, share in enumerate(found)]
    least = _STRUCTURED if overview else _UNSURE * scores.instruction**2
    tokens: Counter[int] = Counter()
    led: Counter[int] = Counter()
    for index, node in enumerate(nodes):
        if index not in leads.served:
            tokens[node.document] += node.tokens
            led[node.document] += node.tokens * bool(leads.of[index])
    weights = {index: max(least, _STRUCTURED * led[index] / max(1, tokens[index])) for index in tokens}
    return Priority(
        counts or [0] * len(nodes),
        [(share + _FLOOR / len(nodes)) / (1 + _FLOOR) for share in words],
        [weights.get(node.document, least) for node in nodes],
        [1.0 if index in echoes else 1 / part for index, part in enumerate(worth)],
    )
