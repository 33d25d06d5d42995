"""Where nodes end, and what the draft model reads of them."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
import regex

from longattncomp import Document, Node
from longattncomp.chunking.boundaries import snap, text_boundaries
from longattncomp.chunking.nodes import chunk, paragraph_ends
from longattncomp.chunking.segments import Segment, segments, whole
from longattncomp.testing import ByteTokenizer
from longattncomp.types import Encoding, NodeBoundary

BYTES = ByteTokenizer()


class WordTokenizer:
    """One token per word with the space before it: a token of several characters. The id is the text's own."""

    def encode(self, text: str) -> Encoding:
        tokens = list(regex.finditer(r"\s*\S+|\s+$", text))
        return Encoding([int.from_bytes(token[0].encode()[:3]) for token in tokens], [token.end() for token in tokens])

    def count(self, text: str) -> int:
        return len(self.encode(text).ids)


def cut(text: str, node_tokens: int, boundary: NodeBoundary = "exact") -> list[str]:
    return [node.text for node in chunk([Document(text)], BYTES, node_tokens=node_tokens, boundary=boundary)]


# chunk


def test_exact_cuts_at_the_token() -> None:
    assert cut("The end. Or not.", 6, "exact") == ["The en", "d. Or ", "not."]
    assert cut("abc", 3, "exact") == ["abc"]
    assert cut("abcd", 3, "exact") == ["abc", "d"]
    assert cut("abc", 1, "exact") == ["a", "b", "c"]


def test_exact_never_halves_a_character() -> None:
    assert cut("日本語", 4, "exact") == ["日", "本", "語"]  # 3 bytes each
    assert cut("日本語", 6, "exact") == ["日本", "語"]
    assert cut("日本", 2, "exact") == ["日", "本"]  # a character longer than a node is a node
    assert cut("a日b", 2, "exact") == ["a", "日", "b"]


def test_document_is_one_node_each() -> None:
    documents = [Document("One. Two.\n\nThree."), Document(""), Document("日" * 9)]
    assert chunk(documents, BYTES, node_tokens="document") == [
        Node(0, 0, 17, "One. Two.\n\nThree.", 17),
        Node(2, 0, 9, "日" * 9, 27),
    ]


def test_nodes_know_their_place_and_length() -> None:
    assert chunk([Document("aé"), Document("bcd")], BYTES, node_tokens=2, boundary="exact") == [
        Node(0, 0, 1, "a", 1),
        Node(0, 1, 2, "é", 2),
        Node(1, 0, 2, "bc", 2),
        Node(1, 2, 3, "d", 1),
    ]


def test_a_token_belongs_to_the_node_with_its_last_character() -> None:
    nodes = chunk([Document("one two three")], WordTokenizer(), node_tokens=2, boundary="exact")
    assert [(node.text, node.tokens) for node in nodes] == [("one two", 2), (" three", 1)]
    nodes = chunk([Document("one two three")], WordTokenizer(), node_tokens=2, boundary="exact", cuts={0: [5, 10]})
    # " two" ends in the second piece, " three" in the last
    assert [(node.text, node.tokens) for node in nodes] == [("one t", 1), ("wo th", 1), ("ree", 1)]


@pytest.mark.parametrize(
    ("text", "node_tokens", "nodes"),
    [
        ("abc\r\ndef", 4, ["abc", "\r\nde", "f"]),
        ("ae\u0301b", 2, ["a", "e", "\u0301", "b"]),  # the cluster has more tokens than a node
        ("ae\u0301b", 3, ["a", "e\u0301", "b"]),
        ("x👍🏽y", 8, ["x", "👍🏽", "y"]),
        ("🇩🇪🇫🇷🇯🇵", 20, ["🇩🇪🇫🇷", "🇯🇵"]),  # the flags, not 🇪🇫
        ("🇩🇪🇫🇷🇯🇵", 12, ["🇩🇪", "🇫🇷", "🇯🇵"]),
        ("o👨‍👩‍👧o", 18, ["o", "👨‍👩‍👧", "o"]),
    ],
)
def test_no_cluster_is_split(text: str, node_tokens: int, nodes: list[str]) -> None:
    assert cut(text, node_tokens) == nodes


def test_long_runs_of_clusters_keep_their_phase() -> None:
    for count in (31, 32, 33, 40, 100):
        for node_tokens in range(64, 84):
            for flags in ("🇩🇪" * count, "x" + "🇩🇪" * count):
                assert all(len(node) % 2 == (node[0] == "x") for node in cut(flags, node_tokens, "exact"))


def test_cuts_end_a_node_each() -> None:
    def chunked(cuts: dict[int, Sequence[int]]) -> list[tuple[int, str]]:
        nodes = chunk([Document("abcdefgh"), Document("ijkl")], BYTES, node_tokens=5, boundary="exact", cuts=cuts)
        return [(node.document, node.text) for node in nodes]

    assert chunked({}) == [(0, "abcde"), (0, "fgh"), (1, "ijkl")]
    assert chunked({0: [2]}) == [(0, "ab"), (0, "cdefg"), (0, "h"), (1, "ijkl")]
    assert chunked({1: [3, 1, 3]}) == [(0, "abcde"), (0, "fgh"), (1, "i"), (1, "jk"), (1, "l")]
    assert chunked({0: [0, 8, 9, -1], 1: [4]}) == chunked({})  # outside, or an end already
    assert chunked({7: [1]}) == chunked({})


def test_cuts_hold_for_whole_documents_too() -> None:
    nodes = chunk([Document("One. Two.")], BYTES, node_tokens="document", cuts={0: [3]})
    assert [node.text for node in nodes] == ["One", ". Two."]


def test_nothing_in_nothing_out() -> None:
    assert chunk([], BYTES) == []
    assert chunk([Document(""), Document("")], BYTES) == []


@pytest.mark.parametrize("boundary", ["unit", "exact"])
@pytest.mark.parametrize("letter", ["x", "租", "x. ", "\n", " ", "\r\n"])
def test_a_long_line(letter: str, boundary: NodeBoundary) -> None:
    """`benchmarks/linear.py` measures that the time is linear."""
    assert_tiled(letter, 200_000, boundary)


@pytest.mark.parametrize("letter", ["🇩🇪", "\u0301", "\u200d"])
def test_a_run_that_is_hard_to_part(letter: str) -> None:
    assert_tiled(letter, 250_000, "exact")


def assert_tiled(letter: str, n_bytes: int, boundary: NodeBoundary) -> None:
    text = letter * (n_bytes // len(letter.encode()))
    nodes = chunk([Document(text)], BYTES, node_tokens=256, boundary=boundary)
    assert "".join(node.text for node in nodes) == text


# snap and text_boundaries


def test_snap_goes_back_to_the_cluster_but_not_past_the_floor() -> None:
    assert snap("abc", 2, 0) == 2
    assert snap("a\r\nb", 2, 0) == 1
    assert snap("a\r\nb", 2, 1) == 2  # nothing lies after the floor
    assert snap("ae\u0301", 2, 0) == 1
    assert snap("e\u0301", 1, 0) == 1
    assert snap("abc", 3, 0) == snap("abc", 9, 0) - 6 == 3


def test_text_boundaries_are_increasing_and_end_with_the_end() -> None:
    text = "One. Two!\nThree\r\n\r\nfour 五。六"
    ends = ["One. ", "One. Two!\n", "One. Two!\nThree\r\n\r\n", "One. Two!\nThree\r\n\r\nfour 五。", text]
    assert {len(end) for end in ends} <= set(text_boundaries(text))
    assert all(low < high for low, high in pairwise(text_boundaries(text)))
    assert text.index("\r\n") + 1 not in text_boundaries(text)  # inside a CRLF
    assert text_boundaries("") == [0]


# segments


def test_a_segment_is_a_value_of_plain_numbers() -> None:
    part = Segment((5, 70_000, 5), (0, -1, 1))
    assert part == Segment([5, 70_000, 5], np.array([0, -1, 1]))
    assert len({part, Segment(part.ids, part.units)}) == 1
    assert part != Segment((5, 70_000, 6), (0, -1, 1))
    assert part != Segment((5, 70_000, 5), (0, -1, 2))
    assert repr(part) == "Segment(ids=(5, 70000, 5), units=(0, -1, 1))"
    assert {type(number) for number in part.ids + part.units} == {int}
    assert (len(part), len(Segment((), ())), Segment((), ()).ids) == (3, 0, ())
    assert part.id_array.tolist() == [5, 70_000, 5]
    with pytest.raises(ValueError, match="read-only"):
        part.unit_array[0] = 3


def test_a_segment_keeps_no_object_per_token() -> None:
    """A million tokens are remembered: 8 bytes each, not 80."""
    n = 100_000
    ids, units = np.arange(n) + 1000, np.arange(n) + 1000
    tracemalloc.start()
    part = Segment(ids, units)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(part) == n
    assert size < 9 * n


def owners(nodes: Sequence[Node], parts: Sequence[Segment]) -> list[bytes]:
    """What each node's tokens decode to."""
    texts = [b""] * len(nodes)
    for part in parts:
        assert len(part.ids) == len(part.units)
        for token, unit in zip(part.ids, part.units, strict=True):
            if unit >= 0:
                texts[unit] += bytes([token])
    return texts


DOCUMENTS = [Document("One. Two. Three.\n"), Document(""), Document("日本語。" * 3), Document("a\r\nb👍🏽" * 4)]


@pytest.mark.parametrize("segment_tokens", [1, 2, 7, 16, 33, 1000])
@pytest.mark.parametrize("node_tokens", [1, 5, 13, 64, "document"])
def test_every_token_belongs_to_its_node(node_tokens: int, segment_tokens: int) -> None:
    nodes = chunk(DOCUMENTS, BYTES, node_tokens=node_tokens)
    parts = list(segments(nodes, BYTES, segment_tokens=segment_tokens))
    assert owners(nodes, parts) == [node.text.encode() for node in nodes]
    units = [unit for part in parts for unit in part.units if unit >= 0]
    assert units == sorted(units)
    for part in parts:
        assert len({nodes[unit].document for unit in part.units}) == 1
        assert len(part.ids) <= segment_tokens


def test_no_segment_holds_two_documents_and_separators_stand_where_all_is_read_at_once() -> None:
    nodes = chunk([Document("ab"), Document("c"), Document("d")], BYTES, node_tokens=1, boundary="exact")
    assert list(segments(nodes, BYTES, segment_tokens=5)) == [
        Segment(tuple(b"ab"), (0, 1)),
        Segment(tuple(b"c"), (2,)),
        Segment(tuple(b"d"), (3,)),
    ]
    assert whole(nodes, BYTES) == Segment(tuple(b"ab\n\nc\n\nd"), (0, 1, -1, -1, 2, -1, -1, 3))


def test_nodes_that_do_not_touch_are_parted_too() -> None:
    nodes = [Node(0, 0, 2, "ab", 2), Node(0, 4, 5, "e", 1)]  # the pinned text between them is not read
    assert list(segments(nodes, BYTES, segment_tokens=9)) == [Segment(tuple(b"ab"), (0, 0)), Segment(tuple(b"e"), (1,))]
    assert whole(nodes, BYTES) == Segment(tuple(b"ab\n\ne"), (0, 0, -1, -1, 1))


def test_a_node_longer_than_a_segment_is_spread_over_several() -> None:
    text = "abcdefghij" * 3
    nodes = chunk([Document("x"), Document(text), Document("y")], BYTES, node_tokens="document")
    parts = list(segments(nodes, BYTES, segment_tokens=10))
    assert [set(part.units) - {-1} for part in parts] == [{0}, {1}, {1}, {1}, {2}]
    assert b"".join(bytes(part.ids) for part in parts[1:4]).decode() == text


def test_a_segment_ends_at_a_boundary_of_its_second_half() -> None:
    nodes = chunk([Document("abcdefghij")], BYTES, node_tokens=2, boundary="exact")
    assert [len(part.ids) for part in segments(nodes, BYTES, segment_tokens=4)] == [4, 4, 2]  # no boundary at all
    nodes = chunk([Document("One. Two.\nThree. Four. Five.")], BYTES, node_tokens=2)
    assert [bytes(part.ids) for part in segments(nodes, BYTES, segment_tokens=16)] == [
        b"One. Two.\n",  # the end of a line goes before that of a sentence
        b"Three. Four. ",
        b"Five.",
    ]


def test_segments_do_not_depend_on_the_size_of_nodes() -> None:
    text = Document(prose(random.Random(1), 400))
    ids = [
        [part.ids for part in segments(chunk([text], BYTES, node_tokens=size), BYTES, segment_tokens=200)]
        for size in (7, 50, "document")
    ]
    assert ids[0] == ids[1] == ids[2]


def test_what_is_appended_changes_the_last_segment_only() -> None:
    text = prose(random.Random(2), 600)
    before, after = segment_ids(text), segment_ids(text + prose(random.Random(3), 300))
    assert after[: len(before) - 1] == before[:-1]


@pytest.mark.parametrize("at", [0.0, 0.3, 0.6])
def test_an_edit_changes_the_segments_nearby_only(at: float) -> None:
    texts = [prose(random.Random(f"{seed}"), 1500) for seed in range(10)]
    again = total = 0
    for text in texts:
        place, before = int(at * len(text)), set(segment_ids(text))
        edited = segment_ids(text[:place] + "a word or two more, " + text[place:])
        total += len(edited)
        again += len([ids for ids in edited if ids not in before])
    assert total > 500
    assert again / len(texts) < 5  # of about 60 each


def prose(draw: random.Random, words: int) -> str:
    return "".join(
        draw.choice(["lease", "the", "signed", "x1"]) + draw.choice([" "] * 8 + [". "] * 2 + ["\n"])
        for _ in range(words)
    )


def segment_ids(text: str) -> list[tuple[int, ...]]:
    nodes = chunk([Document(text)], BYTES, node_tokens=20)
    return [part.ids for part in segments(nodes, BYTES, segment_tokens=200)]


def test_a_token_over_a_node_boundary_goes_to_the_node_with_its_last_character() -> None:
    tokenizer = WordTokenizer()
    nodes = chunk([Document("one two three")], tokenizer, node_tokens=9, cuts={0: [5]})
    (part,) = segments(nodes, tokenizer, segment_tokens=9)
    assert part.units == (0, 1, 1)
    assert part.ids == tuple(tokenizer.encode("one two three").ids)


def test_a_document_has_the_same_segments_in_any_company() -> None:
    tokenizer = WordTokenizer()
    draw = random.Random(3)
    texts = [" ".join(draw.choices(["lease", "the", "signed", "x1"], k=40)) for _ in range(6)]

    def ids(order: Sequence[int]) -> set[tuple[int, ...]]:
        nodes = chunk([Document(texts[i]) for i in order], tokenizer, node_tokens=10, boundary="exact")
        return {part.ids for part in segments(nodes, tokenizer, segment_tokens=20)}

    assert ids(range(6)) == ids(range(5, -1, -1))
    assert len(ids(range(6))) == 12
    assert ids([2]) < ids(range(6))


def test_no_nodes_no_segments() -> None:
    assert list(segments([], BYTES, segment_tokens=5)) == []


# paragraph_ends


@pytest.mark.parametrize("blank", ["\n\n", "\r\n\r\n", "\n \t\n\n"])
def test_paragraphs_are_put_together_until_they_are_long_enough(blank: str) -> None:
    texts = ["a" * 7, "b" * 20, "c" * 30, "d" * 3, "e" * 9]
    text = blank.join(texts)
    found = paragraph_ends(text, BYTES, least_tokens=18)
    assert [text[start:end].replace(blank, "") for start, end in pairwise([0, *found, len(text)])] == [
        texts[0] + texts[1],
        texts[2],
        texts[3] + texts[4],
    ]
    assert all(text[:cut].endswith(blank) for cut in found)


def test_what_ends_in_a_blank_line_has_no_empty_part() -> None:
    assert paragraph_ends("a" * 20 + "\n\n", BYTES, least_tokens=10) == []
    assert paragraph_ends("", BYTES, least_tokens=10) == []
