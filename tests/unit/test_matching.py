"""Which tokens are the same word, how rare it is, and what that adds to the logits."""

from __future__ import annotations

import math

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers

from longattncomp.backbone.tokenizer import DraftTokenizer
from longattncomp.chunking.segments import Segment
from longattncomp.scorers.cross_attention.matching import Match, Words


def draft(*vocabulary: str | None) -> DraftTokenizer:
    """One token per id; None leaves an id out."""
    known = {token: index for index, token in enumerate(vocabulary) if token is not None}
    tokenizer = Tokenizer(models.WordLevel(known, unk_token=next(iter(known))))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return DraftTokenizer(tokenizer)


def test_case_and_the_mark_of_a_space_are_folded() -> None:
    byte_level = draft("a", "lease", "ĠLease", "LEASE", "Ġlease", "leases", "ĠA", "b")
    sentence_piece = draft("▁Ärger", "ärger", "arger", "▁▁ÄRGER")

    assert byte_level.words == (0, 1, 1, 1, 1, 5, 0, 7)
    assert sentence_piece.words == (0, 0, 2, 0)


def test_a_mark_without_letters_is_its_own_word() -> None:
    assert draft("Ġ", "ĠĠ", "▁", "Ċ", "ĠĠĊ").words == (0, 1, 2, 3, 3)


def test_an_id_that_no_token_has_is_its_own_word() -> None:
    assert draft("a", None, "A", None, None, "ĠA").words == (0, 1, 0, 3, 4, 0)


def test_special_tokens_have_words_too() -> None:
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "A": 1}, unk_token="a"))
    tokenizer.add_special_tokens(["<|END|>", "<|end|>"])

    assert DraftTokenizer(tokenizer).words == (0, 0, 2, 2)


WORDS = (0, 1, 0, 3)  # 0 and 2 are one word
PARTS = (
    Segment(ids=(0, 2, 9, 1, 1), units=(0, 0, -1, 1, 1)),
    Segment(ids=(2, 7), units=(1, 2)),  # node 1 is spread over both
)


def test_words_of_ids_within_and_beyond_the_vocabulary() -> None:
    words = Words(PARTS, 3, WORDS)

    assert words.of([2, 0, 3, 4, 700]).tolist() == [0, 0, 3, 4, 700]
    assert words.of([]).tolist() == []
    assert Words(PARTS, 3, ()).of([2, 0]).tolist() == [2, 0]


def test_rarity_counts_nodes_not_tokens() -> None:
    found = Words(PARTS, 3, WORDS).rarity([0, 2, 1, 7, 3, 9]).tolist()

    def idf(nodes: int) -> float:
        return math.log(1 + (3 - nodes + 0.5) / (nodes + 0.5))

    # 0 and 2 stand in nodes 0 and 1; 1 in node 1 twice; 7 in node 2; 3 nowhere; 9 between documents only.
    assert found == pytest.approx([idf(2), idf(2), idf(1), idf(1), 0, 0])
    assert idf(1) > idf(2) > 0


def test_a_word_of_all_nodes_still_counts() -> None:
    parts = [Segment((5, 5), (0, 1))]

    assert Words(parts, 2, ()).rarity([5]).tolist() == pytest.approx([math.log(1 + 0.5 / 2.5)])


MATCH = Match(
    query=torch.tensor([4, 7, 4]),
    context=torch.tensor([-1, 4, 7, 7, 1]),
    rarity=torch.tensor([2.0, 0.5, 3.0]),
)
STRENGTH = torch.tensor([1.0, -2.0])


def test_logits_are_strength_times_rarity_where_words_are_the_same() -> None:
    found = MATCH.logits(STRENGTH, slice(None), slice(None))

    same = [[0, 2, 0, 0, 0], [0, 0, 0.5, 0.5, 0], [0, 3, 0, 0, 0]]
    assert found.tolist() == [same, [[-2 * value for value in row] for row in same]]


def test_blocks_of_logits_are_those_of_the_whole() -> None:
    whole = MATCH.logits(STRENGTH, slice(None), slice(None))

    for rows in (slice(0, 2), slice(1, 1), slice(2, 9)):
        for columns in (slice(0, 3), slice(3, 9)):
            assert torch.equal(MATCH.logits(STRENGTH, rows, columns), whole[:, rows, columns])
