"""The embedded draft model on real text, as a user runs it."""

from __future__ import annotations

import asyncio
import copy
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

import longattncomp
from longattncomp import Compressor, Settings
from longattncomp.backbone.locate import EMBEDDED, locate, package_file, tokenizer_folder

pytestmark = pytest.mark.model

NAME = "smollm2-135m-instruct"
SOURCES = Path(asyncio.__file__).parent
HEADS = Path(longattncomp.__file__).parent / "scorers" / "cross_attention" / "heads"


def test_real_sources_come_back_verbatim_in_order_and_inside_the_budget(smollm2: Compressor) -> None:
    documents = [(SOURCES / name).read_text(encoding="utf-8") for name in ("threads.py", "timeouts.py")]
    result = smollm2.compress("What happens when a deadline passes?", documents, token_budget=700)
    assert 500 < result.tokens <= 700
    assert result.tokens == smollm2.tokenizer.count(result.text)
    assert abs(result.instruction_score + sum(result.scores) - 1) < 1e-4
    for node in result.nodes:
        assert documents[node.document][node.start : node.end] == node.text
        assert node.text in result.text
    assert [(node.document, node.start) for node in result.nodes] == sorted(
        (node.document, node.start) for node in result.nodes
    )
    for index, text in enumerate(documents):
        assert "".join(node.text for node in result.all_nodes if node.document == index) == text


PASSAGES = [
    "The museum opens at nine and closes at five, except on Mondays.",
    "Photosynthesis turns light into chemical energy inside the leaves of plants.",
    "The lease for the flat in Harbour Street was signed by Ada Marsh on the third of May.",
    "A violin has four strings, tuned in perfect fifths.",
    "The bakery sells rye bread, rolls and, on Sundays, plum cake.",
]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("Who signed the lease for the flat in Harbour Street?", 2),
        ("Which instrument is described?", 3),  # shares no word with its passage
        ("How do green organisms live on sunshine?", 1),
    ],
)
def test_the_head_finds_the_passage_that_the_query_is_about(query: str, expected: int, smollm2: Compressor) -> None:
    result = smollm2.compress(query, PASSAGES, token_budget=30)
    assert max(result.all_nodes, key=lambda node: node.score).document == expected


def test_the_instruction_takes_the_mass_where_nothing_answers(smollm2: Compressor) -> None:
    query = "Who signed the lease for the flat in Harbour Street?"
    there = smollm2.compress(query, PASSAGES).instruction_score
    gone = smollm2.compress(query, [text for text in PASSAGES if "lease" not in text]).instruction_score
    assert there < 0.5 < gone


def test_the_heads_that_ship_are_trained_and_small(smollm2: Compressor) -> None:
    config = smollm2.scorer.head.config
    assert set(config.trained) >= {"1", "2"}
    assert (config.query_place, config.layers) == ("after", smollm2.scorer.backbone.layers)
    (folder,) = HEADS.iterdir()
    assert {file.stem for file in folder.iterdir()} == {"after", "alone", "attncomp"}
    assert sum(file.stat().st_size for file in folder.iterdir()) < 12_000_000
    from longattncomp.scorers.cross_attention.head import read_head_config

    for file in folder.iterdir():
        config = read_head_config(file)
        assert config.query_place == ("after" if file.stem == "attncomp" else file.stem)
        assert config.trained
    untrained = Compressor.from_pretrained(head="untrained", device="cpu")
    assert untrained.scorer.head.config.trained == {}


def test_the_same_weights_by_another_name_find_their_heads(smollm2: Compressor) -> None:
    embedded = EMBEDDED[NAME]
    file = package_file(embedded.gguf_package, embedded.gguf)
    by_path = Compressor.from_pretrained(str(file), method="longattncomp-cascade", device="cpu").scorer
    assert by_path.after.head.config == smollm2.scorer.head.config
    assert set(by_path.alone.head.config.trained) == {"alone"}


def test_the_tokenizer_that_ships_is_that_of_the_draft_model() -> None:
    options: dict[str, Any] = {"layers": None, "model_dir": Settings.load().model_dir}
    folders = (locate(NAME, **options).folder, tokenizer_folder(NAME, **options))
    read, shipped = (Tokenizer.from_file(str(folder / "tokenizer.json")).to_str() for folder in folders)
    assert shipped == read


def test_attncomp_keeps_whole_documents_with_a_head_of_its_own() -> None:
    engine = Compressor.from_pretrained(method="attncomp", device="cpu")
    assert set(engine.scorer.head.config.trained) == {"attncomp"}
    documents = ["The flat has three rooms.", "Ada Marsh signed the lease in May.", "The roof was mended in 1987."]
    result = engine.compress("Who signed the lease?", documents, token_budget=12)
    assert [document.text for document in result.documents] == documents[1:2]


def test_every_query_place_and_causal_encoding_run(smollm2: Compressor, tmp_path: Path) -> None:
    text = (SOURCES / "timeouts.py").read_text(encoding="utf-8")[:1500]
    head = copy.deepcopy(smollm2.scorer.head)
    head.config = replace(head.config, encoding="causal")
    head.save(tmp_path / "causal.safetensors")
    for options in (
        {"method": "longattncomp-alone"},
        {"method": "longattncomp-cascade"},
        {"head": tmp_path / "causal.safetensors"},
    ):
        compressor = Compressor.from_pretrained(device="cpu", **options)
        result = compressor.compress("What happens when a deadline passes?", text, token_budget=300)
        assert 0 < result.tokens <= 300


# taskgroups and timeouts; or all
@pytest.mark.parametrize("names", ["t*u[pt]s.py", pytest.param("*.py", marks=pytest.mark.long)])
def test_demo_prints_what_it_kept_and_writes_the_picture(names: str, tmp_path: Path) -> None:
    """As `python -m longattncomp demo` runs it, on some of asyncio's sources or on all of them."""
    (tmp_path / "asyncio").mkdir()
    for file in SOURCES.glob(names):
        shutil.copy(file, tmp_path / "asyncio")
    script = (
        "import asyncio, runpy\n"
        f"asyncio.__file__ = {str(tmp_path / 'asyncio' / '__init__.py')!r}\n"
        "runpy.run_module('longattncomp', run_name='__main__', alter_sys=True)\n"
    )
    environment = os.environ | {"LONGATTNCOMP_NODE_TOKENS": "512", "LONGATTNCOMP_LAYERS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script, "demo", "--html", "d.html"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "taskgroups.py" in (tmp_path / "d.html").read_text(encoding="utf-8")
    assert "of 2,048 allowed" in done.stderr
    assert "it/s" not in done.stderr  # no bars where nobody watches
    assert len(done.stdout) > 1000


@pytest.mark.long
def test_a_second_process_opens_the_converted_model(tmp_path: Path) -> None:
    code = (
        "from longattncomp import Compressor\n"
        "print(Compressor.from_pretrained().compress('Who?', 'Ada signed. ' * 60, token_budget=100).tokens)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert 0 < int(done.stdout) <= 100
