"""Scoring by embeddings: with a stand-in for the library, and with the embedded model."""

from __future__ import annotations

import importlib.util
import shutil
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from longattncomp.errors import BrokenModelError, ModelNotFoundError
from longattncomp.scorers import embedding
from longattncomp.scorers.embedding import INSTALL, MINILM, EmbeddingScorer
from longattncomp.testing import ByteTokenizer
from longattncomp.types import Node, Query, Scores

ROOM = 20  # bytes
PACKAGES = ("sentence_transformers", "all_minilm_l6_v2")


class LetterModel:
    """Embeds a text by how often a, b and c stand in its first ROOM bytes."""

    def __init__(self) -> None:
        self.embedded: list[str] = []

    def encode_query(self, texts: Sequence[str], **_: Any) -> np.ndarray:
        counts = np.array([[text[:ROOM].count(letter) for letter in "abc"] for text in texts], dtype=np.float32)
        return counts / np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1e-9)

    def encode_document(self, texts: Sequence[str], **options: Any) -> np.ndarray:
        self.embedded += texts
        return self.encode_query(texts, **options)


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch) -> LetterModel:
    model = LetterModel()
    monkeypatch.setattr(EmbeddingScorer, "_open", lambda _: (model, ByteTokenizer(), ROOM))
    return model


def nodes_of(*texts: str) -> list[Node]:
    return [Node(index, 0, len(text), text, len(text)) for index, text in enumerate(texts)]


def without(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == package else find(name))


def test_by_hand(letters: LetterModel) -> None:
    found = EmbeddingScorer().score(Query("a"), nodes_of("aaa", "ab", "b"))  # cosines 1, 0.7071, 0
    total = 2 + 1.7071 + 1
    assert found.nodes == pytest.approx((2 / total, 1.7071 / total, 1 / total), abs=1e-4)
    assert found.instruction == 0


def test_a_long_node_has_the_cosine_of_its_best_window(letters: LetterModel) -> None:
    """The model itself would not see past the first window."""
    long = "b" * 30 + "c" * 30 + "a" * 20
    found = EmbeddingScorer().score(Query("a"), nodes_of("a", long, "b" * 90))
    assert found.nodes[0] == found.nodes[1] > found.nodes[2]
    assert "".join(letters.embedded) == "a" + long + "b" * 90
    assert max(map(len, letters.embedded)) <= ROOM


def test_a_long_query_has_windows_too(letters: LetterModel) -> None:
    found = EmbeddingScorer().score(Query("b" * 30 + "a" * 30), nodes_of("a", "c"))
    assert found.nodes == pytest.approx((2 / 3, 1 / 3))


@pytest.mark.parametrize(("tokens", "size"), [(0, 100), (100, 100), (101, 58), (200, 100), (201, 77), (1000, 100)])
def test_windows_are_even(tokens: int, size: int) -> None:
    assert embedding._window_tokens(tokens, 100) == size


def test_each_text_is_embedded_once(letters: LetterModel) -> None:
    scorer = EmbeddingScorer()
    nodes = nodes_of("aab", "b", "aab", "ca")
    first = scorer.score(Query("a"), nodes)
    assert letters.embedded == ["aab", "b", "ca"]
    assert first.nodes[0] == first.nodes[2]
    for _ in range(3):
        scorer.score(Query("b"), nodes[::-1])
    assert scorer.score(Query("a"), nodes) == first
    assert len(letters.embedded) == 3


def test_only_the_latest_texts_are_kept(letters: LetterModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "_KEPT_TEXTS", 2)
    scorer = EmbeddingScorer()
    for text in ("a", "b", "c", "b", "a"):
        scorer.score(Query("a"), nodes_of(text))
    assert letters.embedded == ["a", "b", "c", "a"]


def test_no_similarity_at_all_is_uniform(letters: LetterModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letters, "encode_query", lambda *_, **__: -np.eye(3, dtype=np.float32)[:1])
    monkeypatch.setattr(letters, "encode_document", lambda *_, **__: np.eye(3, dtype=np.float32)[:1])
    assert EmbeddingScorer().score(Query("a"), nodes_of("a", "b")) == Scores((0.5, 0.5), 0.0)


def test_nothing_is_opened_before_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, PACKAGES[0])
    scorer = EmbeddingScorer()
    assert scorer.score(Query("a"), []) == Scores((), 1.0)


@pytest.mark.parametrize("package", PACKAGES)
def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, package: str, tmp_path: Path) -> None:
    if package == PACKAGES[1]:
        pytest.importorskip(PACKAGES[0], reason=INSTALL)
    without(monkeypatch, package)
    with pytest.raises(ModelNotFoundError, match=r"pip install 'longattncomp\[peers\]'"):
        EmbeddingScorer(model_dir=tmp_path).score(Query("a"), nodes_of("a"))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with a model.zip of two files in it."""
    folder = tmp_path / "package"
    folder.mkdir()
    with zipfile.ZipFile(folder / "model.zip", "w") as archive:
        archive.writestr("modules.json", "[]")
        archive.writestr("1_Pooling/config.json", "{}")
    spec = SimpleNamespace(submodule_search_locations=[str(folder)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda *_: spec)
    return folder


def test_the_archive_is_unpacked_once(package: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    with ThreadPoolExecutor(4) as pool:
        folders = set(pool.map(lambda _: embedding._unpacked(cache), range(8)))
    (folder,) = folders
    assert (folder / "1_Pooling" / "config.json").read_text() == "{}"
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    shutil.move(package / "model.zip", package / "old.zip")
    with zipfile.ZipFile(package / "model.zip", "w") as archive:
        archive.writestr("modules.json", "[1]")
    assert embedding._unpacked(cache) != folder


def test_a_broken_archive_leaves_nothing(package: Path, tmp_path: Path) -> None:
    (package / "model.zip").write_bytes(b"PK no zip")
    for _ in range(2):
        with pytest.raises(BrokenModelError, match="reinstall"):
            embedding._unpacked(tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("layers-*"))


@pytest.fixture(scope="module")
def minilm() -> EmbeddingScorer:
    for name in PACKAGES:
        if importlib.util.find_spec(name) is None:
            pytest.skip(INSTALL)
    return EmbeddingScorer()


@pytest.mark.model
def test_minilm_reads_the_meaning(minilm: EmbeddingScorer) -> None:
    texts = (
        "The museum opens at nine and closes at five.",
        "Ada Marsh put her name under the rental contract.",
        "A violin has four strings, tuned in perfect fifths.",
    )
    found = minilm.score(Query("Who signed the lease?"), nodes_of(*texts)).nodes
    assert max(range(3), key=found.__getitem__) == 1


@pytest.mark.model
def test_minilm_finds_what_stands_past_its_window(minilm: EmbeddingScorer) -> None:
    filler = "The museum opens at nine and closes at five. " * 40
    found = minilm.score(
        Query("Who signed the lease?"), nodes_of(filler, filler + "The lease was signed by Ada.", filler + "It rains.")
    ).nodes
    assert max(range(3), key=found.__getitem__) == 1


@pytest.mark.model
def test_minilm_reads_no_more_than_its_window_at_once(minilm: EmbeddingScorer) -> None:
    minilm.score(Query("open"), nodes_of("open"))
    _, tokenizer, room = minilm._opened  # type: ignore[misc]
    assert room == 254  # 256 less [CLS] and [SEP]
    assert tokenizer.count("unbelievably") > 1


@pytest.mark.model
def test_no_such_model(minilm: EmbeddingScorer, tmp_path: Path) -> None:
    with pytest.raises(BrokenModelError, match=MINILM):
        EmbeddingScorer(tmp_path).score(Query("a"), nodes_of("a"))
