"""Options of components have the settings' names and words, are read at each use, and can be copied and dumped."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from longattncomp import Compressor, Settings
from longattncomp.adapters import InputError, Options
from longattncomp.testing import ByteTokenizer, WordScorer


class Component(Options):
    """A component as a framework would build it."""

    name: str = "component"


class Store(dict[str, bytes]):
    """A store without a hash, because a dict has none."""

    def mget(self, keys: Sequence[str]) -> list[bytes | None]:
        return [self.get(key) for key in keys]

    def mset(self, key_value_pairs: Sequence[tuple[str, bytes]]) -> None:
        self.update(key_value_pairs)


@pytest.fixture
def given(toy_folder: Path) -> dict[str, Any]:
    return {"model": toy_folder, "layers": 2, "head": "untrained", "device": "cpu", "node_tokens": 32}


def test_every_setting_is_an_option_with_its_words() -> None:
    options = Options.model_fields
    assert options.keys() - {"compressor", "store"} == Settings.model_fields.keys()
    for name in options.keys() - {"compressor", "store", "target_tokenizer"}:
        assert options[name].description == Settings.model_fields[name].description
        assert options[name].default is None


@pytest.mark.parametrize(
    "option",
    [
        {"token_budget": 0},
        {"top_p": 1.5},
        {"order": "size"},
        {"node_tokens": -1},
        {"method": "magic"},
        {"nonsense": 1},
        {"min_relevance": 2},
        {"cache_bytes": -1},
        {"store": {}},
    ],
    ids=str,
)
def test_a_wrong_option_is_an_error_when_it_is_given(option: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(option))):
        Component(**option)


def test_the_environment_is_read_at_each_use(given: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    component = Component(**given)
    monkeypatch.setenv("LONGATTNCOMP_TOKEN_BUDGET", "77")
    monkeypatch.setenv("LONGATTNCOMP_NODE_TOKENS", "77")
    assert component.engine().settings.token_budget == 77
    assert component.engine().settings.node_tokens == 32
    monkeypatch.setenv("LONGATTNCOMP_TOKEN_BUDGET", "78")
    assert component.engine().settings.token_budget == 78


def test_components_share_the_draft_model_and_the_same_ones_the_compressor(given: dict[str, Any]) -> None:
    first = Component(**given, token_budget=100).engine()
    again = Component(**given, token_budget=100).engine()
    other = Component(**given, token_budget=200).engine()
    assert first is again
    assert (other is first, other.scorer is first.scorer) == (False, True)


def test_a_targets_tokenizer_is_copied_once_for_all_budgets(given: dict[str, Any], toy_folder: Path) -> None:
    class Counted:
        copied = 0

        def encode(self, text: str) -> list[str]:
            return text.split()

        @property
        def count(self) -> Any:
            Counted.copied += 1
            return lambda text: len(text.split())

    tokenizer = Counted()
    for budget in (5, 6, 7):
        assert Component(**given, token_budget=budget, target_tokenizer=tokenizer).engine().count("a b") == 2
    assert Counted.copied == 1


def test_an_option_may_change(given: dict[str, Any]) -> None:
    component = Component(**given, token_budget=100)
    assert component.engine().settings.token_budget == 100
    component.token_budget = 50
    assert component.engine().settings.token_budget == 50


def test_whose_tokenizer_counts(given: dict[str, Any], monkeypatch: pytest.MonkeyPatch, toy_folder: Path) -> None:
    def words(text: str) -> int:
        return len(text.split())

    assert Component(**given).engine(target_tokenizer=words).count("one two") == 2
    assert Component(**given, target_tokenizer=len).engine(target_tokenizer=words).count("one two") == 7
    assert Component(**given).engine().count("one two") == Component(**given).engine().tokenizer.count("one two")
    monkeypatch.setenv("LONGATTNCOMP_TARGET_TOKENIZER", str(toy_folder))
    named = Component(**given).engine(target_tokenizer=words)
    assert named.count("one two three, four") == named.tokenizer.count("one two three, four")


def test_a_tokenizer_without_a_hash_counts(given: dict[str, Any]) -> None:
    class Words:
        __hash__ = None  # type: ignore[assignment]

        def encode(self, text: str) -> list[str]:
            return text.split()

    assert Component(**given, target_tokenizer=Words()).engine().count("one two") == 2


def test_a_compressor_that_is_open_is_used_as_it_is(toy: Compressor) -> None:
    component = Component(compressor=toy, token_budget=9)
    engine = component.engine()
    assert engine.scorer is toy.scorer
    assert (engine.settings.token_budget, engine.settings.node_tokens) == (9, toy.settings.node_tokens)
    for option in ({"layers": 2}, {"target_tokenizer": len}, {"key_store": "keys"}, {"store": Store()}):
        with pytest.raises(ValidationError, match=r"open already"):
            Component(compressor=toy, **option)


def test_what_was_read_goes_into_the_store_and_is_not_read_again(given: dict[str, Any]) -> None:
    store = Store()
    text = "Ada signed the lease in May. " * 20
    first = Component(**given, method="longattncomp-alone", store=store).engine()
    again = Component(**given, method="longattncomp-alone", store=store, token_budget=50).engine()
    other = Component(**given, method="longattncomp-alone", store=Store(store)).engine()
    assert (again.scorer is first.scorer, other.scorer is first.scorer) == (True, False)
    assert first.prepare(text).read > 0
    assert store
    assert Component(**given, method="longattncomp-alone", store=Store(store)).engine().prepare(text).read == 0


def test_cache_bytes_and_a_folder_are_settings_like_others(given: dict[str, Any], tmp_path: Path) -> None:
    kept = Component(**given, method="longattncomp-alone", cache_bytes=0, key_store=tmp_path / "keys")
    assert kept.model_dump()["key_store"] == str(tmp_path / "keys")
    assert kept.engine().settings.key_store == tmp_path / "keys"
    assert kept.engine().prepare("Ada signed the lease.").read == kept.engine().count("Ada signed the lease.")
    assert (tmp_path / "keys").is_dir()
    with pytest.raises(InputError, match="set cache_bytes above 0, or key_store"):
        Component(**given, cache_bytes=0).engine().prepare("Ada signed the lease.")


def test_configured_keeps_what_counts(toy: Compressor) -> None:
    words = Compressor(toy.scorer, toy.tokenizer, settings=toy.settings, target_tokenizer=str.split)
    assert words.configured(token_budget=3).count("one two three") == 3
    with pytest.raises(InputError, match="set when the compressor is made"):
        words.configured(layers=3)


def test_dumps_copies_and_pickles(toy: Compressor, given: dict[str, Any]) -> None:
    component = Component(**given, target_tokenizer="cl100k_base", token_budget=5)
    assert Component.model_validate_json(component.model_dump_json()).given() == component.given() | {
        "head": "untrained"
    }
    assert Component(**component.model_dump()).target_tokenizer == "cl100k_base"
    assert Component(target_tokenizer=len).model_dump()["target_tokenizer"] is None
    opened = Component(compressor=toy)
    assert "compressor" not in opened.model_dump()
    assert copy.deepcopy(opened).compressor is toy
    assert pickle.loads(pickle.dumps(opened)).compressor is None
    assert opened.compressor is toy
    kept = Component(store=Store())
    assert "store" not in kept.model_dump()
    assert copy.deepcopy(kept).store is kept.store
    assert pickle.loads(pickle.dumps(kept)).store is None


def test_a_default_of_a_component_counts_where_nothing_else_says(monkeypatch: pytest.MonkeyPatch) -> None:
    words = Compressor(WordScorer(), ByteTokenizer(), settings=Settings())
    assert Component(compressor=words).engine(edge_marks=True).settings.edge_marks
    assert not Component(compressor=words, edge_marks=False).engine(edge_marks=True).settings.edge_marks
    assert not Component(compressor=words.configured(edge_marks=False)).engine(edge_marks=True).settings.edge_marks
    monkeypatch.setenv("LONGATTNCOMP_EDGE_MARKS", "false")
    assert not Component(method="bm25").engine(edge_marks=True).settings.edge_marks


def test_a_secret_is_neither_dumped_nor_pickled_nor_shown() -> None:
    given = Component(store_key="open sesame", method="longattncomp-alone", key_store="keys")

    assert given.given()["store_key"].get_secret_value() == "open sesame"
    for shown in (repr(given), given.model_dump_json(), str(given.model_dump()), repr(pickle.dumps(given))):
        assert "open sesame" not in shown
    assert pickle.loads(pickle.dumps(given)).store_key is None
