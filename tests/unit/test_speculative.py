"""Windows, look-ahead, prompts and bad input of Speculative Prefill; its formula is held by tests/parity."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from math import ceil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from longattncomp.backbone.loading import end_tokens
from longattncomp.backbone.lookahead import LookAhead
from longattncomp.backbone.tokenizer import DraftTokenizer
from longattncomp.backbone.whole import open_whole
from longattncomp.chunking.nodes import chunk
from longattncomp.errors import BrokenModelError, InputError, LongAttnCompWarning
from longattncomp.scorers.speculative import ANSWER, INSTRUCTION, QUESTION, SpeculativePrefillScorer, windows
from longattncomp.testing import save_draft_model
from longattncomp.types import Document, Node, Query, Scores

QUERY = Query("Who signed the lease?")
TEXTS = ["Ms. Ivory signed the lease on 3 May. " * 4, "ok", "The garden has a wall and two gates. " * 5]
SMALL = 220  # tokens of a window


def opened(folder: Path, **options: Any) -> SpeculativePrefillScorer:
    model, tokenizer = open_whole(str(folder), model_dir=folder / "cache", device="cpu", dtype="float32")
    return SpeculativePrefillScorer(model, tokenizer, **options)


def changed(folder: Path, target: Path, **config: Any) -> Path:
    """A copy of a model with another configuration."""
    shutil.copytree(folder, target)
    file = target / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | config))
    return target


@pytest.fixture(scope="module")
def scorer(toy_folder: Path) -> SpeculativePrefillScorer:
    return opened(toy_folder)


@pytest.fixture(scope="module")
def small(toy_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> SpeculativePrefillScorer:
    return opened(changed(toy_folder, tmp_path_factory.mktemp("small") / "toy", max_position_embeddings=SMALL))


@pytest.fixture(scope="module")
def nodes(toy_folder: Path) -> list[Node]:
    return chunk([Document(text) for text in TEXTS], DraftTokenizer.from_folder(toy_folder), node_tokens=32)


@pytest.fixture
def prompts(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """Those that the draft model is given, as they come."""
    given_prompts: list[list[int]] = []
    steps = LookAhead.steps

    def noting(self: LookAhead, prompt: Sequence[int], *args: Any, **options: Any) -> Any:
        given_prompts.append(list(prompt))
        return steps(self, prompt, *args, **options)

    monkeypatch.setattr(LookAhead, "steps", noting)
    return given_prompts


def text_of(prompt: Sequence[int], folder: Path) -> str:
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(folder / "tokenizer.json")).decode(list(prompt), skip_special_tokens=False)


# --- windows ----------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 60), max_size=40), st.integers(1, 100))
def test_windows_tile_the_context(sizes: list[int], room: int) -> None:
    units = [index for index, size in enumerate(sizes) for _ in range(size)]

    found = list(windows(units, room))

    assert [0, *(end for _, end in found)] == [*(start for start, _ in found), len(units)]
    assert all(0 < end - start <= room for start, end in found)
    assert len(found) == ceil(len(units) / room)
    if found:
        assert min(end - start for start, end in found) >= len(units) // len(found) // 2


@pytest.mark.parametrize(
    ("sizes", "room", "expected"),
    [
        ([], 10, []),
        ([10], 10, [(0, 10)]),
        ([10, 10, 10, 10], 25, [(0, 20), (20, 40)]),
        ([10, 10, 10], 25, [(0, 15), (15, 30)]),  # no node ends within 3 tokens of the middle
        ([30], 10, [(0, 10), (10, 20), (20, 30)]),  # inside a node
        ([1, 99], 60, [(0, 50), (50, 100)]),  # a window of one token would not be even
        ([48, 52], 60, [(0, 48), (48, 100)]),
        ([48, 52], 50, [(0, 50), (50, 100)]),  # the rest would not fit one window
        ([20, 22, 2, 18], 21, [(0, 20), (20, 41), (41, 62)]),  # as few windows as hold it
    ],
)
def test_windows_are_alike_and_end_with_nodes(sizes: list[int], room: int, expected: list[tuple[int, int]]) -> None:
    units = [index for index, size in enumerate(sizes) for _ in range(size)]
    assert list(windows(units, room)) == expected


def test_every_window_has_the_query(
    small: SpeculativePrefillScorer, nodes: list[Node], toy_folder: Path, prompts: list[list[int]]
) -> None:
    small.score(QUERY, nodes)

    assert len(prompts) > 2
    texts = [text_of(prompt, toy_folder) for prompt in prompts]
    assert all(len(prompt) + 8 <= SMALL for prompt in prompts)
    before, after = INSTRUCTION, f"{QUESTION}{QUERY.text}{ANSWER}"
    assert all(text.startswith(before) and text.endswith(after) for text in texts)
    assert "".join(text[len(before) : -len(after)] for text in texts) == "\n\n".join(TEXTS)


def test_a_model_that_looks_everywhere_alike_prefers_no_node(toy_folder: Path, tmp_path: Path) -> None:
    """Over windows of different lengths, and nodes of different sizes."""
    model, tokenizer = open_whole(
        str(changed(toy_folder, tmp_path / "toy", max_position_embeddings=SMALL)),
        model_dir=tmp_path,
        device="cpu",
        dtype="float32",
    )
    for layer in model.model.layers:
        layer.self_attn.q_proj.weight.data.zero_()
    texts = ["a" * 70, "b" * 35, "c" * 300, "d" * 20]
    documents = [Node(index, 0, len(text), text, len(text)) for index, text in enumerate(texts)]

    found = SpeculativePrefillScorer(model, tokenizer).score(QUERY, documents)

    assert found.nodes == pytest.approx([1 / 4] * 4, rel=1e-5)


# --- prompts ----------------------------------------------------------------------------------


def test_special_tokens_and_instruction_come_first(
    toy_folder: Path, tmp_path: Path, nodes: list[Node], prompts: list[list[int]]
) -> None:
    from tokenizers import Tokenizer, processors

    folder = changed(toy_folder, tmp_path / "toy", vocab_size=256)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    begin = tokenizer.get_vocab_size() - 1
    letter = tokenizer.id_to_token(begin)
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{letter} $A", special_tokens=[(letter, begin)])
    tokenizer.save(str(folder / "tokenizer.json"))

    opened(folder).score(QUERY, nodes)

    (prompt,) = prompts
    assert prompt[0] == begin
    assert text_of(prompt[1:], toy_folder).startswith(INSTRUCTION)


def test_a_chat_template_frames_the_prompt(
    toy_folder: Path, tmp_path: Path, nodes: list[Node], prompts: list[list[int]]
) -> None:
    folder = changed(toy_folder, tmp_path / "toy")
    (folder / "chat_template.jinja").write_text(
        "{% for message in messages %}[{{ message.role }}]{{ message.content | trim }}[end]{% endfor %}"
        "{% if add_generation_prompt %}[assistant]{% endif %}"
    )

    found = opened(folder).score(QUERY, nodes)

    (prompt,) = prompts
    text = text_of(prompt, toy_folder)
    assert text == f"[user]{INSTRUCTION}" + "\n\n".join(TEXTS) + f"{QUESTION}{QUERY.text}[end][assistant]"
    assert len(found.nodes) == len(nodes)


def test_a_broken_chat_template(toy_folder: Path, tmp_path: Path) -> None:
    folder = changed(toy_folder, tmp_path / "toy")
    (folder / "chat_template.jinja").write_text("{{ raise_exception('system first') }}")
    with pytest.raises(BrokenModelError, match=r"chat template in .*: system first"):
        opened(folder)


@pytest.mark.parametrize("template", ["fixed words", "{{ messages[0].content * 2 }}"])
def test_a_template_that_does_not_show_the_words_once_frames_nothing(
    toy_folder: Path, tmp_path: Path, nodes: list[Node], prompts: list[list[int]], template: str
) -> None:
    folder = changed(toy_folder, tmp_path / "toy")
    (folder / "chat_template.jinja").write_text(template)
    opened(folder).score(QUERY, nodes)
    (prompt,) = prompts
    assert text_of(prompt, toy_folder).startswith(INSTRUCTION)
    assert text_of(prompt, toy_folder).endswith(ANSWER)


def test_a_long_query_loses_its_beginning(
    small: SpeculativePrefillScorer, nodes: list[Node], toy_folder: Path, prompts: list[list[int]]
) -> None:
    with pytest.warns(LongAttnCompWarning, match=r"the query has 303 tokens; its last \d+ are used"):
        small.score(Query("x" * 300 + "end"), nodes)

    assert prompts
    assert all(len(prompt) + 8 <= SMALL for prompt in prompts)
    assert all(text_of(prompt, toy_folder).endswith(f"xxend{ANSWER}") for prompt in prompts)


# --- scores -----------------------------------------------------------------------------------


def test_options_matter(toy_folder: Path, scorer: SpeculativePrefillScorer, nodes: list[Node]) -> None:
    expected = scorer.score(QUERY, nodes)
    assert opened(toy_folder, look_ahead=8, pool=13).score(QUERY, nodes) == expected
    assert opened(toy_folder, look_ahead=0).score(QUERY, nodes) != expected
    assert opened(toy_folder, pool=1).score(QUERY, nodes) != expected


def test_where_no_layer_sees_a_node_all_are_alike(tmp_path: Path, nodes: list[Node]) -> None:
    scorer = opened(save_draft_model(tmp_path / "toy", "gemma3_text"))  # its layers see 64 tokens
    assert scorer.score(Query("x" * 100), nodes) == Scores((1 / len(nodes),) * len(nodes), 0.0)


def test_progress_counts_every_token_that_is_read(
    small: SpeculativePrefillScorer, nodes: list[Node], prompts: list[list[int]]
) -> None:
    calls: list[tuple[int, int]] = []
    small.score(QUERY, nodes, progress=lambda done, total: calls.append((done, total)))

    total = sum(map(len, prompts))
    assert calls == [(sum(map(len, prompts[: index + 1])), total) for index in range(len(prompts))]


def test_a_model_that_gives_no_numbers(toy_folder: Path, nodes: list[Node]) -> None:
    model, tokenizer = open_whole(str(toy_folder), model_dir=toy_folder / "cache", device="cpu", dtype="float32")
    model.model.layers[1].self_attn.q_proj.weight.data[0, 0] = torch.nan
    with pytest.raises(BrokenModelError, match=r"not a number: open it with dtype='float32'"):
        SpeculativePrefillScorer(model, tokenizer).score(QUERY, nodes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"look_ahead": -1}, "expected look_ahead of at least 0, got -1"),
        ({"pool": 0}, "expected pool to be an odd number of positions, got 0"),
        ({"pool": 12}, "expected pool to be an odd number of positions, got 12"),
        ({"look_ahead": 2000}, "the draft model's window of 2048 tokens has no room for a context beside 20"),
    ],
)
def test_bad_options(toy_folder: Path, options: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        opened(toy_folder, **options)


def test_an_empty_query(scorer: SpeculativePrefillScorer, nodes: list[Node]) -> None:
    with pytest.raises(InputError, match="expected a query with at least one token, got none"):
        scorer.score(Query(""), nodes)


@pytest.mark.parametrize(
    ("config", "generation", "expected"),
    [(2, None, {2}), (None, 2, {2}), (2, [3, 4], {2, 3, 4}), (None, None, set()), (0, 0, {0})],
)
def test_end_of_sequence_tokens_of_both_configurations(config: Any, generation: Any, expected: set[int]) -> None:
    model = SimpleNamespace(config=SimpleNamespace(eos_token_id=config))
    model.generation_config = SimpleNamespace(eos_token_id=generation)
    assert end_tokens(model) == expected


def test_there_is_nothing_to_prepare(scorer: SpeculativePrefillScorer, nodes: list[Node]) -> None:
    with pytest.raises(InputError, match="anew for each question"):
        scorer.prepare(nodes)
