"""The README's code runs, and says what is so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from llama_index.core import Settings as LlamaIndexSettings
from llama_index.core import VectorStoreIndex
from llama_index.core.embeddings import MockEmbedding
from llama_index.core.llms.mock import MockLLM
from llama_index.core.schema import TextNode
from longattncomp import Settings

from llama_index.postprocessor.longattncomp import CompressToolResults, LongAttnOptions

README = (Path(__file__).parents[1] / "README.md").read_text()
BLOCKS = [block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "from_pretrained" not in block]


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_the_code_runs(number: int, opened: list[Settings], monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(LlamaIndexSettings, "_llm", MockLLM())
    index = VectorStoreIndex([TextNode(text="The lease.")], embed_model=MockEmbedding(embed_dim=3))
    imports = "from llama_index.postprocessor.longattncomp import LongAttnPostprocessor\n"
    exec(compile(imports + BLOCKS[number], "README.md", "exec"), {"index": index, "llm": MockLLM(), "tools": []})


def test_every_option_is_named() -> None:
    for name in [*LongAttnOptions.model_fields, *CompressToolResults.model_fields]:
        assert f"`{name}`" in README or f"`{name}=`" in README
