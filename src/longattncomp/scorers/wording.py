"""query, nodes, scores -> which nodes come first because they have the query's words."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from longattncomp.chunking.lead_ins import LeadIns
from longattncomp.chunking.lines.kinds import speaker
from longattncomp.inputs import asking
from longattncomp.query.identifiers import named
from longattncomp.scorers.blocks import blocks_of, raised
from longattncomp.scorers.bm25 import BM25Scorer, matches
from longattncomp.scorers.bridges import bridges, names_in
from longattncomp.scorers.codes import is_entry, with_its_codes
from longattncomp.scorers.dominance import raised_above
from longattncomp.scorers.overview import telling, wants_overview
from longattncomp.selection import Priority
from longattncomp.types import Node, Query, Scores

_UNSURE = 0.55
"""Weight of words where the head finds no answer."""

_STRUCTURED = 0.75
"""Weight of words in a document whose nodes all have lead-ins, or are entries of a log: the head that ships has learned
from prose and chats.
"""

_SHORT_TOKENS = 800
"""Tokens up to which words weigh so much; in a longer document they weigh less, by the root of its length: many of its
nodes have them. Entries of a log are told apart by words alone.
"""

_COMPARED = 0.2
"""Weight of words from which on the nodes of a document are compared by which words they have."""

_NAMED = 3.0
"""What the rank of a node is multiplied by for each name or number of the query that only few nodes have."""

_MOST_NAMED = 8
"""Most of them that count."""

_BLOCK_WORDS, _BLOCK_SCORE = 0.75, 0.2
"""Part of the way by which the words and the score of a node are raised to the most in its block."""

_FLOOR = 0.5
"""Share of the words that nodes without any have together, as part of all."""

_AROUND = 0.03
"""Part of the mass around a node in a long talk that is added to its score for its rank."""

_TALK_TOKENS, _TURN_TOKENS = 2_048, (12, 200)
"""Least tokens of a long talk; least and most tokens of its turns on average: fewer have the fields of records."""

_ECHO = 0.25
"""Novelty under which a node's words, names and numbers are only those of the query."""


def priority(query: Query, nodes: Sequence[Node], scores: Scores, worth: Sequence[float]) -> Priority:
    """Let the words of the query count besides a head's scores, by BM25 over the nodes with their lead-ins.

    They count the more the less the head finds, which the instruction's score tells, the more of a document has lead-
    ins (tables, records, code, contracts), and the shorter it is. Where the query has a number or a name that only few
    nodes have, these nodes and those of their blocks rank higher. What a block is about often stands only in its first
    line, so words and scores count in part for the whole block. A row or a line that has all the words of another and
    more comes before it (`raised_above`), and entries of a log with a code of the best one rank higher
    (`with_its_codes`). Where a summary is wanted, numbers and names count in place of the query's words. By `worth`,
    the `novelty` of the nodes, mere copies of the query have no words of their own, and a question beside its answer
    has the rank of its whole share. In a long talk what stands around a node counts, too, for an answer goes over many
    turns. What the best nodes lead to by a name has more than its score.
    """
    leads = LeadIns(nodes)
    asked = asking(query)
    echoes = {index for index, part in enumerate(worth) if part < _ECHO}
    counts = named(asked.text, leads, echoes, titles=names_in(asked.text))
    overview = wants_overview(asked)
    blocks = [] if overview else blocks_of(nodes)
    n_terms, terms = (0, [[]] * len(nodes)) if overview else matches(asked.text, leads.texts())
    found = telling(nodes) if overview else BM25Scorer().shares(n_terms, terms)
    words = raised([share * (index not in echoes) for index, share in enumerate(found)], blocks, _BLOCK_WORDS)
    gains = bridges(query, nodes, scores)
    sizes = Counter(node.document for node in nodes)
    inner = [block for block in blocks if len(block) < sizes[nodes[block[0]].document]]
    shares = raised([share * gain for share, gain in zip(scores.nodes, gains, strict=True)], inner, _BLOCK_SCORE)
    shares = leads.passed_on(shares)
    least = _STRUCTURED if overview else _UNSURE * scores.instruction**2
    talks = _talks(nodes)
    weights = [max(least, weight) for weight in _structured(leads)]
    words = [(share + _FLOOR / len(nodes)) / (1 + _FLOOR) for share in words]
    lifts = [
        _NAMED ** min(count, _MOST_NAMED) * (1.0 if index in echoes else 1 / part)
        for index, (count, part) in enumerate(zip(raised(counts, blocks, 1.0), worth, strict=True))
    ]
    compared = [
        frozenset(term) - {0}
        if weight >= _COMPARED and index not in echoes and index not in leads.served
        else frozenset[int]()
        for index, (term, weight) in enumerate(zip(terms, weights, strict=True))
    ]
    gains = [share / own if own else 1.0 for share, own in zip(shares, leads.passed_on(scores.nodes), strict=True)]
    return Priority(
        words,
        weights,
        lifts,
        [_AROUND * (node.document in talks) for node in nodes],
        gains,
        lambda ranks: with_its_codes(raised_above(ranks, nodes=nodes, words=compared), nodes=nodes, query=asked),
    )


def _structured(leads: LeadIns) -> list[float]:
    """For each node the weight of words by the part of its document that has lead-ins, or is entries of a log.

    Lead-ins themselves do not count.
    """
    sizes, judged, led = Counter[int](), Counter[int](), Counter[int]()
    entries = [is_entry(node.text) for node in leads.nodes]
    for index, node in enumerate(leads.nodes):
        sizes[node.document] += node.tokens
        if index not in leads.served:
            judged[node.document] += node.tokens
            led[node.document] += node.tokens * (bool(leads.of[index]) or entries[index])
    found = []
    for node, is_one in zip(leads.nodes, entries, strict=True):
        part = led[node.document] / max(1, judged[node.document])
        length = 1.0 if is_one else max(1.0, sizes[node.document] / _SHORT_TOKENS)
        found.append(_STRUCTURED * part / length**0.5)
    return found


def _talks(nodes: Sequence[Node]) -> set[int]:
    """Find the documents that are long talks, such as meetings: most of their lines begin with one of a few names."""
    tokens: Counter[int] = Counter()
    names: dict[int, Counter[str]] = defaultdict(Counter)
    for node in nodes:
        tokens[node.document] += node.tokens
        names[node.document].update(speaker(line) for line in node.text.splitlines())
    found = set()
    for document, said in names.items():
        del said[""]
        turns = said.total()
        again = sum(count for count in said.values() if count > 1)
        usual = _TURN_TOKENS[0] * turns <= tokens[document] <= _TURN_TOKENS[1] * turns
        if tokens[document] >= _TALK_TOKENS and usual and 2 * again >= turns:
            found.add(document)
    return found
