"""argument > environment > .env > YAML > the user's own YAML > default."""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator
from copy import deepcopy
from itertools import product
from pathlib import Path
from typing import Any

import platformdirs
import pytest
from pydantic import ValidationError

from longattncomp import Settings
from longattncomp.errors import InputError, LongAttnCompWarning
from longattncomp.settings import DEFAULT_MODEL

SOURCES = ("argument", "environment", ".env", "yaml", "own")  # strongest first
PLACES = {
    "argument": "",
    "environment": " in the environment",
    ".env": " in the file .env",
    "yaml": "longattncomp.yaml",
    "own": "longattncomp.yaml",
}
"""How an error names where a setting stands."""


def provide(name: str, values: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Set a setting in each source that has a value; the arguments are handed back."""
    if "environment" in values:
        monkeypatch.setenv(f"LONGATTNCOMP_{name.upper()}", str(values["environment"]))
    if ".env" in values:
        Path(".env").write_text(f"OTHER_APP=1\nLONGATTNCOMP_{name.upper()}={values['.env']}\n")
    if "yaml" in values:
        Path("longattncomp.yaml").write_text(f"{name}: {values['yaml']}\n")
    if "own" in values:
        write_own(f"{name}: {values['own']}\n", monkeypatch)
    return {name: values["argument"]} if "argument" in values else {}


def write_own(content: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write the settings file of the user's configuration folder."""
    folder = Path.cwd() / "home" / "longattncomp"
    monkeypatch.setattr(platformdirs, "user_config_path", lambda _: folder)
    folder.mkdir(parents=True)
    (folder / "longattncomp.yaml").write_text(content)
    return folder / "longattncomp.yaml"


@pytest.mark.parametrize("given", list(product([True, False], repeat=5)))
def test_the_strongest_source_wins(given: tuple[bool, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    values = {source: 10 + rank for rank, source in enumerate(SOURCES) if given[rank]}
    arguments = provide("token_budget", values, monkeypatch)
    assert Settings.load(**arguments).token_budget == next(iter(values.values()), 16384)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("top_p", 0.5, 0.5),
        ("node_tokens", 32, 32),
        ("node_tokens", "document", "document"),
        ("method", "bm25", "bm25"),
        ("layers", 3, 3),
        ("head", "some/head.safetensors", Path("some/head.safetensors")),
        ("model_dir", "some/models", Path("some/models")),
        ("gap_mark", "<gap>", "<gap>"),
        ("order", "score", "score"),
    ],
)
def test_every_source_reads_every_type(
    source: str, name: str, value: Any, read: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LONGATTNCOMP_TRUST_DIRECTORY", "1")
    settings = Settings.load(**provide(name, {source: value}, monkeypatch))
    assert getattr(settings, name) == read
    assert settings == Settings(**{name: read})  # and nothing else


def test_sources_are_mixed(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("longattncomp.yaml").write_text("top_p: 0.1\nkeep_rate: 0.1\nlayers: 1\nnode_tokens: 64\n")
    Path(".env").write_text("LONGATTNCOMP_KEEP_RATE=0.2\nLONGATTNCOMP_LAYERS=2\nLONGATTNCOMP_NODE_TOKENS=65\n")
    monkeypatch.setenv("LONGATTNCOMP_LAYERS", "3")
    monkeypatch.setenv("LONGATTNCOMP_NODE_TOKENS", "66")
    settings = Settings.load(node_tokens=67)
    assert (settings.top_p, settings.keep_rate, settings.layers, settings.node_tokens) == (0.1, 0.2, 3, 67)
    assert settings == Settings(top_p=0.1, keep_rate=0.2, layers=3, node_tokens=67)


def test_defaults() -> None:
    settings = Settings.load()
    assert settings == Settings()
    assert (settings.token_budget, settings.top_p, settings.min_relevance) == (16384, 1.0, 0.0)
    assert (settings.node_tokens, settings.keep_rate, settings.order) == (32, 1.0, "position")
    assert (settings.model, settings.method) == (DEFAULT_MODEL, "longattncomp")
    assert (settings.gap_mark, settings.separator) == ("\n[...]\n", "\n\n")
    assert settings.model_dir == platformdirs.user_cache_path("longattncomp")


def test_what_the_sources_say_now_and_not_what_they_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What was read is remembered by all that was read, also that of another folder."""
    assert Settings.load().layers is None
    for number in "345":
        Path(".env").write_text(f"LONGATTNCOMP_LAYERS={number}")
        assert Settings.load().layers == int(number)
    for number in "67":  # as long as before, and maybe in the same tick of the clock
        Path("longattncomp.yaml").write_text(f"node_tokens: {number}{number}")
        assert Settings.load().node_tokens == int(2 * number)
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert Settings.load() == Settings()
    assert Settings.load(layers=1).layers == 1
    with pytest.raises(InputError, match="layers"):
        Settings.load(layers=1.5)
    with pytest.raises(InputError, match=r"layers.*\[1\]"):
        Settings.load(layers=[1])


def test_every_setting_says_what_it_is_and_they_are_few() -> None:
    assert all(field.description for field in Settings.model_fields.values())
    assert len(Settings.model_fields) <= 23


def test_none_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONGATTNCOMP_TOP_P", "0.5")
    assert Settings.load(top_p=None, layers=None) == Settings(top_p=0.5)


def test_an_empty_string_is_given_but_not_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("longattncomp.yaml").write_text("gap_mark: ''\nlayers: 3\n")
    monkeypatch.setenv("LONGATTNCOMP_LAYERS", "")  # as a shell or a compose file leaves what is not set
    assert Settings.load(separator="") == Settings(gap_mark="", separator="", layers=3)


def test_paths_may_begin_at_home() -> None:
    settings = Settings.load(model_dir="~/models", head="~/head")
    assert (settings.model_dir, settings.head) == (Path.home() / "models", Path.home() / "head")


def test_a_yaml_file_by_name(tmp_path: Path) -> None:
    Path("longattncomp.yaml").write_text("top_p: 0.1\nkeep_rate: 0.1\n")
    file = tmp_path / "other.yaml"
    file.write_text("top_p: 0.2\n")
    for name in (file, str(file)):
        assert Settings.load(yaml_file=name) == Settings(top_p=0.2)  # instead of the other, not over it
    assert Settings.load() == Settings(top_p=0.1, keep_rate=0.1)


def test_a_yaml_file_by_name_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^expected a YAML file of settings, found none at '.*none\.yaml'$"):
        Settings.load(yaml_file=tmp_path / "none.yaml")
    with pytest.raises(InputError, match="found none at"):
        Settings.load(yaml_file=tmp_path)  # a folder


def test_an_empty_yaml_file_says_nothing() -> None:
    for content in ("", "# top_p: 0.5\n", "---\n"):
        Path("longattncomp.yaml").write_text(content)
        assert Settings.load() == Settings()


@pytest.mark.parametrize(
    "content", ["top_p: [", "- 1\n- 2\n", "3\n", "just words\n", "a: b: c\n", "\x00", "\tx: 1\n", "? [1]\n: 2\n"]
)
@pytest.mark.parametrize("by_name", [True, False])
def test_a_yaml_file_that_is_none(content: str, by_name: bool) -> None:
    Path("longattncomp.yaml").write_text(content)
    with pytest.raises(InputError, match=r"^cannot read \S+[/\\]longattncomp\.yaml as YAML: "):
        Settings.load(yaml_file="longattncomp.yaml" if by_name else None)


# Unknown names.


def test_an_unknown_argument() -> None:
    for call in (Settings.load, Settings().override):
        with pytest.raises(
            InputError,
            match=r"^no such setting: a, budget \(did .*\?\); there are: method, .*model_dir$",
        ):
            call(budget=1, top_p=0.5, a=None)


def test_an_unknown_name_in_the_yaml_file() -> None:
    Path("longattncomp.yaml").write_text("top_p: 0.5\nTOKEN_BUGET: 3\n")
    with pytest.raises(InputError, match=r"in \S+longattncomp.yaml: TOKEN_BUGET \(did you mean token_budget\?\); "):
        Settings.load()


def test_other_names_in_the_environment_are_others_business(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONGATTNCOMP_UNHEARD_OF", "1")
    monkeypatch.setenv("TOP_P", "0.5")
    Path(".env").write_text("TOP_P=0.5\nOPENAI_API_KEY=x\n")
    assert Settings.load() == Settings()


# Values out of range, from everywhere.


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("top_p", 1.5, "^top_p: input should be less than or equal to 1, got '?1.5'?$"),
        ("token_budget", 0, "^token_budget: input should be greater than or equal to 1, got '?0'?$"),
        ("cache_bytes", "x", "^cache_bytes: input should be a valid integer, .*, got 'x'$"),
        ("dtype", "int8", "^dtype: input should be 'auto', 'float32', 'bfloat16' or 'float16', got 'int8'$"),
    ],
)
def test_a_value_out_of_range(
    source: str, name: str, value: Any, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = provide(name, {source: value}, monkeypatch)
    with pytest.raises(InputError) as caught:
        Settings.load(**arguments)
    said = str(caught.value)
    place = said[len(name) : said.index(": input")]
    assert re.match(message, said.replace(place, "", 1))
    assert place.endswith(PLACES[source])
    assert place.startswith(" in ") or not PLACES[source]


def test_an_error_names_the_file_that_gives_the_value_and_not_one_that_leaves_it_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    provide("top_p", {"own": 7}, monkeypatch)
    Path("longattncomp.yaml").write_text("top_p: null\n")
    with pytest.raises(InputError, match=r"^top_p in \S+home\S+longattncomp\.yaml: "):
        Settings.load()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"node_tokens": "doc"}, "node_tokens: expected a whole number of at least 1, or 'document', got 'doc'"),
        ({"head": 3}, "head: expected a path, or 'untrained', got 3"),
        ({"token_budget": True}, "token_budget: expected a whole number, got True"),
    ],
)
def test_what_is_expected_is_said_in_plain_words(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        Settings.load(**given)
    assert str(caught.value) == message


def test_an_unknown_option_of_a_call_names_those_of_a_call() -> None:
    with pytest.raises(InputError, match=r"token_bugdet \(did you mean token_budget\?\)") as caught:
        Settings().of_call(token_bugdet=5)
    assert "store_key" not in str(caught.value)


def test_several_values_out_of_range_are_told_at_once() -> None:
    with pytest.raises(InputError, match=r"token_budget: .*, got 0; top_p: .*, got 7"):
        Settings.load(token_budget=0, top_p=7)


# override and frozen.


def test_override_replaces_what_is_given() -> None:
    settings = Settings(top_p=0.5, layers=3)
    changed = settings.override(top_p=0.7, node_tokens="document", layers=None)
    assert changed == Settings(top_p=0.7, node_tokens="document", layers=3)
    assert settings == Settings(top_p=0.5, layers=3)
    assert settings.override() == settings.override(top_p=None) == settings


def test_override_does_not_read_the_sources_again(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings()
    monkeypatch.setenv("LONGATTNCOMP_LAYERS", "9")
    assert settings.override(top_p=0.7) == Settings(top_p=0.7)
    assert Settings() == settings  # nor does the class itself


def test_override_validates() -> None:
    with pytest.raises(InputError, match=r"^top_p: input should be greater than 0, got -1$"):
        Settings().override(top_p=-1)


def test_settings_are_frozen() -> None:
    settings = Settings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.top_p = 0.5  # type: ignore[misc]
    with pytest.raises(ValidationError, match="frozen"):
        del settings.top_p
    with pytest.raises(ValidationError, match="frozen"):
        Settings.load().token_budget = 3  # type: ignore[misc]
    assert hash(settings) == hash(Settings())
    assert type(Settings.load()) is Settings


def test_a_method_brings_its_own_defaults() -> None:
    assert Settings.load(method="attncomp").node_tokens == "document"
    assert (Settings().node_tokens, Settings().context_weight) == (32, 0.35)
    assert Settings.load(method="bm25").node_tokens == 64
    assert Settings.load(method="speculative", node_tokens=128).node_tokens == 128
    assert Settings.load(method="speculative").top_p == 1.0


def test_variants_of_a_method_have_defaults_of_their_own() -> None:
    alone = Settings.load(method="longattncomp-alone")
    assert (alone.node_tokens, alone.context_weight) == (64, 0.35)
    assert Settings().override(method="longattncomp-alone") == alone
    assert alone.override(method="longattncomp-cascade").node_tokens == 32
    assert Settings.load(method="longattncomp-alone", node_tokens=32).node_tokens == 32


def test_the_environment_is_stronger_than_a_methods_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONGATTNCOMP_METHOD", "attncomp")
    monkeypatch.setenv("LONGATTNCOMP_CONTEXT_WEIGHT", "0.5")
    found = Settings.load()
    assert (found.node_tokens, found.context_weight) == ("document", 0.5)


def test_another_method_leaves_the_defaults_of_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONGATTNCOMP_TOP_P", "0.7")
    found = Settings.load(method="attncomp").override(method="speculative")
    assert (found.node_tokens, found.context_weight, found.top_p) == (32, 0.0, 0.7)
    assert found.override(method="bm25").node_tokens == 64
    assert found.override(token_budget=9).node_tokens == 32


def given_top_p(monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Speculative Prefill with its own `top_p`, which was asked for, by every way to ask."""
    yield Settings(method="speculative", top_p=1.0)
    yield Settings.load(method="speculative", top_p=1.0)
    yield Settings(method="speculative").override(top_p=1.0)
    yield Settings(top_p=1.0).override(method="speculative")
    Path("longattncomp.yaml").write_text("method: speculative\ntop_p: 1.0\n", encoding="utf-8")
    yield Settings.load()
    Path("longattncomp.yaml").unlink()
    monkeypatch.setenv("LONGATTNCOMP_TOP_P", "1.0")
    yield Settings.load(method="speculative")


def test_what_was_asked_for_stays_with_another_method(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if it is what the method has by default."""
    for settings in given_top_p(monkeypatch):
        copies = settings, settings.override(token_budget=9), deepcopy(settings), pickle.loads(pickle.dumps(settings))
        for copy in copies:
            assert (copy.node_tokens, copy.top_p) == (32, 1.0)
            other = copy.override(method="bm25")
            assert (other.node_tokens, other.top_p) == (64, 1.0)
            assert copy.override(method="attncomp").node_tokens == "document"


def test_a_methods_default_is_worth_as_much_as_the_same_value_asked_for() -> None:
    default, asked = Settings(method="speculative"), Settings(method="speculative", top_p=1.0)
    assert default == asked
    assert hash(default) == hash(asked)
    assert default.model_dump() == asked.model_dump()
    assert Settings(**default.model_dump()) == default
    assert Settings.model_validate_json('{"method": "speculative"}') == default
    assert default.model_dump(exclude_unset=True) == {"method": "speculative"}
    assert deepcopy(default) == pickle.loads(pickle.dumps(default)) == default
    with pytest.raises(ValidationError, match="extra"):
        Settings(method="speculative", top_q=1.0)  # type: ignore[call-arg]


@pytest.mark.parametrize("method", ["telepathy", ["bm25"], 3])
def test_a_method_that_is_none(method: Any) -> None:
    with pytest.raises(InputError, match="method: "):
        Settings.load(method=method)


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        *((name, "token_budget") for name in ("top_k", "max_tokens", "k", "budget", "token_budgets")),
        ("tokenizer", "target_tokenizer"),
        ("gapmark", "gap_mark"),
    ],
)
def test_a_wrong_name_says_what_was_meant(wrong: str, meant: str) -> None:
    with pytest.raises(InputError, match=rf"no such setting: {wrong} \(did you mean {meant}\?\)"):
        Settings.load(**{wrong: 5})


def test_a_misspelt_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONGATTNCOMP_TOKN_BUDGET", "30")
    with pytest.warns(LongAttnCompWarning, match="ignored in the environment.*tokn_budget .did you mean token_budget"):
        assert Settings.load().token_budget == Settings().token_budget
