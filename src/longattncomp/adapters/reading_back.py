"""(whole text, page or query) -> what a model reads of a text that was shortened for it."""

import hashlib
from collections.abc import Iterator, Sequence

from longattncomp.adapters.budget import fit_budget
from longattncomp.adapters.tool_results import compress_results
from longattncomp.compressor import Compressor
from longattncomp.errors import InputError
from longattncomp.query.parsing import query_for
from longattncomp.runtime.packing import packs

GONE = "Nothing is kept under {!r} (any more): call the tool that gave the text again."
"""What a model is told that asks for a text by a key under which none is kept."""

PAGE_TOKENS = 4000
"""Least tokens of a full page: a model that wants all of a text should need few calls."""

_PAGE = "[page {} of {}]\n"
_FOUND = "[what {!r} needs of {} tokens]\n"
_SHOWN = 80
"""Most characters of a query that are repeated."""

_PIECE = 64
"""Tokens up to which sentences share a piece of a page, as the draft model counts them."""


def original(texts: Sequence[str]) -> tuple[str, str]:
    """Return a key for the texts of a result, and the whole text; the same texts get the same key."""
    whole = "\n\n".join(texts)
    return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:12], whole


def last_line(tokens: int, reader: str, key: str) -> str:
    """Return the line that ends a shortened text: how many tokens it had, and the tool that reads it."""
    return f'[Shortened from {tokens} tokens; {reader}(id="{key}", query="...") searches the whole text.]'


def read_back(compressor: Compressor, text: str, *, page: int = 1, query: str = "") -> str:
    """Return what a query needs of a text within the budget, or one page of it; a first line says which.

    Args:
        compressor: its `token_budget` bounds what is found for a query; a page may have `PAGE_TOKENS`, too.
        text: the whole of it.
        page: counted from 1.
        query: what is looked for; "" for a page.

    Raises:
        InputError: there is no such page; the message is for the model.
    """
    if asked := query_for(query, tokenizer=compressor.tokenizer):
        budget = compressor.settings.token_budget
        head = _FOUND.format(query if len(query) <= _SHOWN else f"{query[:_SHOWN]}…", compressor.count(text))
        room = max(1, budget - compressor.count(head))
        result = compress_results(compressor, asked, [text], token_budget=room, keep_rate=1.0)
        return fit_budget(compressor, result, lambda found: head + found.text, token_budget=budget, keep_rate=1.0)
    found = pages(compressor, text, max(PAGE_TOKENS, compressor.settings.token_budget))
    if not 1 <= page <= len(found):
        raise InputError(f"There are pages 1 to {len(found)}.")
    return _PAGE.format(page, len(found)) + found[page - 1]


def pages(compressor: Compressor, text: str, token_budget: int) -> list[str]:
    """Cut a text into pages at the ends of sentences and lines; each fits the budget with the line before it."""
    room = max(1, token_budget - compressor.count(_PAGE.format(9999, 9999)))
    return list(map("".join, packs(_pieces(compressor, text, room, room), compressor.count, room))) or [""]


def _pieces(compressor: Compressor, text: str, most: int, room: int) -> Iterator[str]:
    """Cut a text into pieces of `most` tokens as the draft model counts, fewer where the target counts over `room`."""
    for node in compressor.configured(node_tokens=min(_PIECE, most), token_budget=most, keep_rate=1.0).nodes(text):
        if compressor.count(node.text) > room and (half := min(most, node.tokens) // 2):
            yield from _pieces(compressor, node.text, half, room)
        else:
            yield node.text
