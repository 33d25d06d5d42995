"""Field > environment > .env > YAML > LlamaIndex's tokenizer > the engine's default; all of it at the next call."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from llama_index.core import Settings as LlamaIndexSettings
from llama_index.core.callbacks import CallbackManager
from llama_index.core.schema import NodeWithScore, TextNode
from longattncomp import Compressor, LongAttnCompWarning, Settings
from pydantic import ValidationError

from llama_index.postprocessor.longattncomp import (
    LongAttnMemory,
    LongAttnMemoryBlock,
    LongAttnOptions,
    LongAttnPostprocessor,
    LongAttnPreparer,
)

TEXT = "".join(f"Flat {n} has three rooms and a balcony. Ada signed lease {n} in May of this year. " for n in range(9))


def length(postprocessor: LongAttnPostprocessor) -> int:
    left = postprocessor.postprocess_nodes([NodeWithScore(node=TextNode(text=TEXT))], query_str="Who signed the lease?")
    return len(left[0].get_content())


def test_the_strongest_source_wins(opened: list[Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    assert LongAttnPostprocessor().engine().settings.token_budget == 16384
    Path("longattncomp.yaml").write_text("token_budget: 400\n")
    assert LongAttnPostprocessor().engine().settings.token_budget == 400
    Path(".env").write_text("LONGATTNCOMP_TOKEN_BUDGET=300\n")
    assert LongAttnPostprocessor().engine().settings.token_budget == 300
    monkeypatch.setenv("LONGATTNCOMP_TOKEN_BUDGET", "200")
    assert LongAttnPostprocessor().engine().settings.token_budget == 200
    assert LongAttnPostprocessor(token_budget=100).engine().settings.token_budget == 100
    assert 50 < length(LongAttnPostprocessor(token_budget=100)) <= 100
    assert 150 < length(LongAttnPostprocessor()) <= 200


@pytest.mark.parametrize("component", [LongAttnPostprocessor, LongAttnPreparer, LongAttnMemoryBlock, LongAttnOptions])
@pytest.mark.parametrize("named", ["top_k", "max_tokens", "k", "budget", "similarity_top_k"])
def test_a_wrong_name_gets_the_right_one(component: Any, named: str) -> None:
    with pytest.raises(ValidationError, match=rf"no such option: {named} \(did you mean token_budget\?\)"):
        component(**{named: 5})


def test_a_wrong_name_may_mean_a_component_s_own_option() -> None:
    with pytest.raises(ValidationError, match=r"did you mean keep_last\?"):
        LongAttnMemory.from_defaults(keep=5)
    with pytest.raises(ValidationError, match=r"did you mean replace_score\?"):
        LongAttnPostprocessor(replace_scores=True)


def test_a_downloaded_directory_names_no_model(opened: list[Settings]) -> None:
    Path("longattncomp.yaml").write_text("model: evil\nkey_store: evil\ntoken_budget: 300\n")
    with pytest.warns(LongAttnCompWarning, match=r"model, key_store in "):
        settings = LongAttnPostprocessor().engine().settings
    assert settings == Settings(token_budget=300)
    assert [one.model for one in opened] == [Settings().model]


def test_a_changed_field_counts_from_the_next_call(opened: list[Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    postprocessor = LongAttnPostprocessor(token_budget=100)
    assert length(postprocessor) <= 100
    monkeypatch.setenv("LONGATTNCOMP_NODE_TOKENS", "30")
    postprocessor.token_budget = 500
    assert 300 < length(postprocessor) <= 500
    assert postprocessor.engine().settings.node_tokens == 30, "what lies outside is read again, too"
    assert len(opened) == 1


def test_a_changed_field_counts_with_a_compressor_of_one_s_own(words: Compressor) -> None:
    postprocessor = LongAttnPostprocessor(compressor=words, token_budget=100)
    assert length(postprocessor) <= 100
    postprocessor.token_budget = 300
    assert 200 < length(postprocessor) <= 300


def test_one_model_for_every_component_and_another_one_for_another_model(opened: list[Settings]) -> None:
    for budget in (100, 200, 300):
        length(LongAttnPostprocessor(token_budget=budget))
    length(LongAttnPostprocessor(model="other"))
    assert [settings.model for settings in opened] == ["smollm2-135m-instruct", "other"]


def test_llama_index_s_tokenizer_counts_and_is_read_at_each_call(opened: list[Settings]) -> None:
    postprocessor = LongAttnPostprocessor(token_budget=100)
    assert length(postprocessor) <= 100
    LlamaIndexSettings.tokenizer = lambda text: text.split()
    assert length(postprocessor) > 300, "100 words"


def test_whose_tokenizer_counts(opened: list[Settings], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Ours from the environment before LlamaIndex's, and the field before both."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    words.save(str(tmp_path / "tokenizer.json"))
    postprocessor = LongAttnPostprocessor()
    assert postprocessor.engine().count("Who signed it") == 13
    monkeypatch.setenv("LONGATTNCOMP_TARGET_TOKENIZER", str(tmp_path))
    assert LongAttnPostprocessor().engine().count("Who signed it") == 3
    assert LongAttnPostprocessor(target_tokenizer=lambda _: 7).engine().count("Who signed it") == 7


def test_without_a_tokenizer_set_llama_index_s_default_counts(opened: list[Settings]) -> None:
    """tiktoken's, which `llama-index-core` carries: the budget is the LLM's, never the draft model's."""
    import llama_index.core

    llama_index.core.global_tokenizer = None
    assert LongAttnPostprocessor().engine().count("Who signed the lease?") == 5


@pytest.mark.parametrize("wrap", [lambda tok: tok.encode, lambda tok: partial(tok.encode, add_special_tokens=False)])
def test_transformers_47085_already_borrowed(wrap: Any, opened: list[Settings]) -> None:
    """`Settings.tokenizer = AutoTokenizer...encode` shares a tokenizer with the LLM; the engine takes a copy."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    shared = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    shared.pre_tokenizer = pre_tokenizers.WhitespaceSplit()

    class FastTokenizer:
        backend_tokenizer = shared

        def encode(self, text: str, add_special_tokens: bool = True) -> list[int]:
            raise RuntimeError("Already borrowed")

    LlamaIndexSettings.tokenizer = wrap(FastTokenizer())
    assert LongAttnPostprocessor().engine().count("Who signed it") == 3


def test_the_callback_manager_of_llama_index_is_the_default() -> None:
    LlamaIndexSettings.callback_manager = CallbackManager()
    assert LongAttnPostprocessor().callback_manager is LlamaIndexSettings.callback_manager
