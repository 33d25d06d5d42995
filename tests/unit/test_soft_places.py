"""Slots, anchors and pieces."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from longattncomp.soft.pieces import pieces
from longattncomp.soft.places import anchors, slots
from longattncomp.testing import ByteTokenizer

LENGTHS = st.integers(1, 600)
RATIOS = st.integers(1, 60)


@given(LENGTHS, RATIOS)
def test_every_token_is_near_an_anchor(length: int, ratio: int) -> None:
    found = anchors(length, ratio)
    assert found == sorted(set(found))
    assert found[0] >= 0
    assert found[-1] < length
    assert 1 <= len(found) <= slots(length, ratio)
    assert all(min(abs(token - anchor) for anchor in found) < ratio for token in range(length))


def test_anchors_are_in_the_middle_of_their_runs() -> None:
    assert anchors(10, 5) == [2, 7]
    assert anchors(12, 5) == [2, 7]
    assert anchors(13, 5) == [2, 7, 12]
    assert anchors(2, 15) == [0]
    assert anchors(4, 1) == [0, 1, 2, 3]


def test_slots_are_rounded_up() -> None:
    assert [slots(n, 4) for n in (1, 4, 5, 20)] == [1, 1, 2, 5]


@given(st.text(st.sampled_from("ab .!?\n租é"), max_size=200), st.integers(1, 30))
def test_pieces_tile_the_tokens(text: str, most: int) -> None:
    found = pieces(text, ByteTokenizer(), most)
    assert [token for piece in found for token in piece] == list(ByteTokenizer().encode(text).ids)
    assert all(1 <= len(piece) <= most for piece in found)


def test_pieces_end_where_sentences_do() -> None:
    text = "One two. Three. Four five six seven eight.\nNine. Ten"
    found = [bytes(piece).decode() for piece in pieces(text, ByteTokenizer(), 20)]
    assert found == ["One two. Three. ", "Four five six", " seven eight.\nNine. ", "Ten"]
