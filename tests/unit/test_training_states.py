"""What the training reads: the backbone's own states, once, and where the evidence lies."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor

from longattncomp.backbone.forward import Backbone
from longattncomp.backbone.tokenizer import DraftTokenizer
from longattncomp.chunking.nodes import chunk
from longattncomp.data.rows import Evidence, Example
from longattncomp.scorers.cross_attention.layout import INSTRUCTION, QUESTION
from longattncomp.training.stages import Stage
from longattncomp.training.states import Layout, StateReader, States
from longattncomp.types import Document, NodeBoundary

Place = Literal["after", "alone"]
PLENTY = 10**9  # bytes
TEXTS = ("The lease of the house was signed by Ms. Ivory on 3 May. " * 3, "Rent is due.", "The garden has a wall. " * 4)
QUERIES = ("Who signed the lease?", "?", "When is the rent of the house due, and to whom is it paid?")


@pytest.fixture(scope="module")
def backbone(toy_folder: Path) -> Backbone:
    return Backbone.open(toy_folder, 2, device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def tokenizer(toy_folder: Path) -> DraftTokenizer:
    return DraftTokenizer.from_folder(toy_folder)


class Opener:
    """Makes readers on one folder and counts what they ask of the backbone."""

    def __init__(self, backbone: Backbone, tokenizer: DraftTokenizer, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        self._backbone = backbone
        self._tokenizer = tokenizer
        self._folder = folder
        read = backbone.read

        def counted(contexts: Sequence[Sequence[int]], questions: Sequence[Sequence[int]] = ()) -> Iterator[Any]:
            self.calls += 1
            return read(contexts, questions)

        patch.setattr(backbone, "read", counted)

    def __call__(
        self,
        place: Place = "after",
        *,
        segment: int = 128,
        node: int = 32,
        boundary: NodeBoundary = "unit",
        most_bytes: int = PLENTY,
    ) -> StateReader:
        stage = Stage(
            name="toy",
            sources={},
            query_place=place,
            segment_tokens=segment,
            node_tokens=node,
            node_boundary=boundary,
        )
        reader = StateReader(self._backbone, self._tokenizer, stage, folder=self._folder, most_bytes=most_bytes)
        self.calls = 0  # the rotary embedding is read first
        return reader


@pytest.fixture
def reader(backbone: Backbone, tokenizer: DraftTokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Opener:
    return Opener(backbone, tokenizer, tmp_path / "states", monkeypatch)


def examples(
    *spans: tuple[int, int, int], queries: Sequence[str] = QUERIES, texts: Sequence[str] = TEXTS
) -> tuple[Example, ...]:
    """Questions of one context; all have the same evidence, (document, start, end)."""
    documents = tuple(Document(text) for text in texts)
    evidence = tuple(Evidence(*span) for span in spans)
    return tuple(Example(str(index), "toy", query, (), documents, evidence) for index, query in enumerate(queries))


def assert_near(found: Tensor, expected: Tensor) -> None:
    """Equal but for the rounding to bf16."""
    assert found.shape == expected.shape
    torch.testing.assert_close(found.float(), expected, rtol=2**-7, atol=1e-3 * float(expected.abs().max()))


def assert_equal(found: States, expected: States) -> None:
    assert found.starts == expected.starts
    for one, other in zip(found.segments, expected.segments, strict=True):
        assert torch.equal(one, other)
    for row, other_row in zip(found.questions, expected.questions, strict=True):
        for one, other in zip(row.values(), other_row.values(), strict=True):
            assert torch.equal(one, other)


def only(backbone: Backbone, ids: Sequence[int]) -> Tensor:
    (reading,) = backbone.read([ids])
    return reading.states


def test_nodes_end_where_the_stage_says(reader: Opener, tokenizer: DraftTokenizer) -> None:
    before, lease = "It rained. The roof held. " * 2, "Ada signed it. "
    asked = examples((0, len(before), len(before + lease)), texts=[before + lease + before])
    boundaries: tuple[NodeBoundary, ...] = ("unit", "exact")
    largest = {}
    for boundary in boundaries:
        nodes = chunk(asked[0].documents, tokenizer, node_tokens=32, boundary=boundary)
        evidence = reader(boundary=boundary).layout(asked).questions[0].evidence
        assert (len(evidence), evidence.sum()) == (len(nodes), len(lease))
        largest[boundary] = evidence.max()
    assert largest["exact"] < largest["unit"] == len(lease)


@pytest.mark.parametrize("queries", [QUERIES, QUERIES[:1]], ids=["several", "one"])
def test_states_after_are_the_backbone_s(
    queries: tuple[str, ...], reader: Opener, backbone: Backbone, tokenizer: DraftTokenizer
) -> None:
    opened = reader("after")
    layout = opened.layout(examples(queries=queries))
    assert len(layout.segment_ids) > 1

    found = opened.states(layout)

    assert len(found.segments) == len(found.questions) == len(found.starts) == len(layout.segment_ids)
    question = tokenizer.encode(QUESTION).ids
    for context, states, row, start in zip(
        layout.segment_ids, found.segments, found.questions, found.starts, strict=True
    ):
        assert start == len(context)
        assert_near(states, only(backbone, context))
        for query, asked in zip(queries, row.values(), strict=True):
            whole = only(backbone, [*context, *question, *tokenizer.encode(query).ids])
            assert_near(asked, whole[start:])


def test_states_alone_stand_once_for_all_segments(
    reader: Opener, backbone: Backbone, tokenizer: DraftTokenizer
) -> None:
    opened = reader("alone")
    layout = opened.layout(examples())
    assert len(layout.segment_ids) > 1

    found = opened.states(layout)

    before = [*tokenizer.encode(INSTRUCTION).ids, *tokenizer.encode(QUESTION).ids]
    for number, query in enumerate(QUERIES):
        ((start, asked),) = found.asked(number)
        assert start == len(before)
        assert_near(asked, only(backbone, [*before, *tokenizer.encode(query).ids])[len(before) :])
    for context, states in zip(layout.segment_ids, found.segments, strict=True):
        assert_near(states, only(backbone, context))


@pytest.mark.parametrize("place", ["after", "alone"])
def test_the_second_time_comes_from_disk(place: Place, reader: Opener) -> None:
    opened = reader(place)
    layout = opened.layout(examples())
    first = opened.states(layout)
    asked = reader.calls
    assert asked == (1 if place == "after" else 2)

    assert_equal(opened.states(layout), first)
    assert_equal(opened.states(opened.layout(examples())), first)

    assert reader.calls == asked


class Trap:
    """Leaves a file when it is unpickled."""

    def __reduce__(self) -> Any:
        return Path.write_text, (Path("sprung"), "!")


@pytest.mark.parametrize(
    "plant",
    [
        lambda _: pickle.dumps(Trap()),
        lambda _: b"",
        lambda stored: stored[:-1],
        lambda stored: b"\xff" * 8 + stored[8:],
        lambda stored: save({name: states[:, :1].contiguous() for name, states in load(stored).items()}),
        lambda stored: save({name: states.float() for name, states in load(stored).items()}),
        lambda stored: save(dict(list(load(stored).items())[1:])),
    ],
    ids=["pickle", "empty", "cut", "header", "width", "dtype", "names"],
)
def test_what_was_planted_is_neither_run_nor_used(plant: Callable[[bytes], bytes], reader: Opener) -> None:
    opened = reader()
    layout = opened.layout(examples())
    first = opened.states(layout)
    (file,) = reader._folder.iterdir()
    kept = file.read_bytes()
    file.write_bytes(plant(kept))

    for found, states in zip(opened.states(layout).segments, first.segments, strict=True):
        assert torch.equal(found, states)

    assert reader.calls == 2
    assert file.read_bytes() == kept
    assert not Path("sprung").exists()


def test_readers_share_a_folder(reader: Opener) -> None:
    one, other = reader(), reader()
    first = one.states(one.layout(examples()))
    second = other.states(other.layout(examples(queries=QUERIES[:1])))
    assert reader.calls == 2

    assert_equal(other.states(other.layout(examples())), first)
    assert_equal(one.states(one.layout(examples(queries=QUERIES[:1]))), second)
    assert reader.calls == 2


def test_what_was_read_otherwise_is_read_anew(reader: Opener, toy_folder: Path, tokenizer: DraftTokenizer) -> None:
    after = reader()
    after.states(after.layout(examples()))
    reader.calls = 0
    for opened in (reader("alone"), reader(segment=64)):
        layout = opened.layout(examples())
        reader.calls = 0
        found = opened.states(layout)
        assert reader.calls > 0
        assert len(found.segments) == len(layout.segment_ids)

    deeper = Backbone.open(toy_folder, 3, device="cpu", dtype="float32")
    stage = Stage(name="toy", sources={}, segment_tokens=128, node_tokens=32)
    opened = StateReader(deeper, tokenizer, stage, folder=reader._folder, most_bytes=PLENTY)
    layout = opened.layout(examples())
    assert_near(opened.states(layout).segments[0], only(deeper, layout.segment_ids[0]))


def test_without_room_nothing_is_stored(reader: Opener) -> None:
    opened = reader(most_bytes=0)
    layout = opened.layout(examples())

    assert_equal(opened.states(layout), opened.states(layout))

    assert reader.calls == 2


def test_what_no_longer_fits_is_read_again(reader: Opener, tmp_path: Path) -> None:
    limit = 300_000
    opened = reader(most_bytes=limit)
    layouts = [opened.layout(examples(texts=[f"{number} lease " * 100])) for number in range(8)]
    first = [opened.states(layout) for layout in layouts]
    assert reader.calls == 8

    for layout, states in zip(layouts, first, strict=True):
        assert_equal(opened.states(layout), states)

    assert 8 < reader.calls < 16
    stored = [file.stat().st_size for file in (tmp_path / "states").iterdir()]
    assert stored
    assert sum(stored) <= limit


def test_evidence_is_counted_in_characters_of_each_node(reader: Opener) -> None:
    texts = ("abcdefghij", "klmnop")  # nodes: abcd efgh ij klmn op
    spans = ((0, 2, 9), (1, 0, 1), (1, 3, 4), (1, 5, 6))

    layout = reader(node=4, boundary="exact").layout(examples(*spans, texts=texts))

    for question in layout.questions:
        assert question.evidence.tolist() == [2, 4, 1, 2, 1]
    (nothing,) = reader(node=4, boundary="exact").layout(examples(texts=texts, queries=["?"])).questions
    assert nothing.evidence.tolist() == [0] * 5


def test_a_layout_by_hand(reader: Opener, tokenizer: DraftTokenizer) -> None:
    texts = ("abcdefghij", "kBmnop")

    layout = reader(node=4, segment=8, boundary="exact").layout(examples(queries=["b?"], texts=texts))

    instruction = tuple(tokenizer.encode(INSTRUCTION).ids)
    n = len(instruction)

    def ids(text: str) -> tuple[int, ...]:
        return tuple(tokenizer.encode(text).ids)

    # abcd efgh | ij || kBmn op: a segment never holds two documents
    assert layout.segment_ids == (
        (*instruction, *ids("abcdefgh")),
        (*instruction, *ids("ij")),
        (*instruction, *ids("kBmnop")),
    )
    assert layout.question_ids == ((*ids(QUESTION), *ids("b?")),)
    first, second, third = layout.columns
    assert [(part.first, part.n_units) for part in layout.columns] == [(0, 3), (2, 2), (3, 3)]
    assert first.units.tolist() == [1] * 4 + [2] * 4
    assert second.units.tolist() == [1] * 2
    assert third.units.tolist() == [1] * 4 + [2] * 2
    for columns, ids_read in zip(layout.columns, layout.segment_ids, strict=True):
        assert columns.places.tolist() == list(range(len(ids_read) - n))
    (question,) = layout.questions
    assert (first.words == question.tokens.words[0]).nonzero().tolist() == [[1]]
    assert (third.words == question.tokens.words[0]).nonzero().tolist() == [[1]]  # a capital b
    # b stands in two of five nodes, the question mark in none
    assert question.tokens.rarity.tolist() == pytest.approx([0.8754687, 0])


def test_rotary_is_long_enough_for_a_segment_and_its_question(reader: Opener) -> None:
    opened = reader(segment=128)
    layout: Layout = opened.layout(examples())

    longest = max(map(len, layout.segment_ids)) + max(map(len, layout.question_ids))
    cos, sin = opened.rotary
    assert cos.shape == sin.shape
    assert cos.shape[1] >= longest
    assert not cos.is_inference()  # else no gradient could pass
