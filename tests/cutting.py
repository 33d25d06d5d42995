"""The nodes of a text by words, with what leads them in."""

import regex

from longattncomp import Document
from longattncomp.chunking.nodes import chunk
from longattncomp.types import Encoding


class Words:
    """One token for each word with the space after it."""

    def encode(self, text: str) -> Encoding:
        ends = [token.end() for token in regex.finditer(r"\S+\s*|^\s+", text)]
        return Encoding(list(range(len(ends))), ends)

    def count(self, text: str) -> int:
        return len(self.encode(text).ids)


def cut(text: str, node_tokens: int = 8, token_budget: int | None = None) -> list[tuple[str, tuple[str, ...]]]:
    """The nodes of a text, each with its lead-ins, the nearest first."""
    nodes = chunk([Document(text)], Words(), node_tokens=node_tokens, token_budget=token_budget)
    assert "".join(node.text for node in nodes) == text
    return [(node.text, tuple(text[start:end] for start, end in node.lead_ins)) for node in nodes]


def lead_ins(text: str, within: str, node_tokens: int = 5) -> str:
    """What leads in the node that has the text `within`, farthest first, and the node."""
    return next("".join([*reversed(above), node]) for node, above in cut(text, node_tokens) if within in node)
