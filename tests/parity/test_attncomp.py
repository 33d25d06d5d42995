"""AttnComp (arXiv 2509.17486) is LongAttnComp with a node for each document and a score to stop at."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from heads import head_for
from naive import naive, prose
from toy import segments_of

from longattncomp import Compressor, Document
from longattncomp.errors import HeadMismatchError
from longattncomp.scorers.cross_attention.scorer import CrossAttentionScorer
from longattncomp.scorers.methods import METHODS
from longattncomp.testing import ByteTokenizer

TEXTS = [Document(prose(seed, length), id=f"d{seed}") for seed, length in enumerate((210, 40, 333, 64, 500, 90))]
QUERY = "Who signed the lease in 1997?"
TOY = {"layers": 2, "dtype": "float32", "device": "cpu"}


@pytest.fixture(scope="module")
def attncomp(toy_folder: Path) -> Compressor:
    with segments_of(128):
        return Compressor.from_pretrained(toy_folder, method="attncomp", **TOY)


def stopping_at(attncomp: Compressor, min_score: float) -> Compressor:
    """AttnComp with another epsilon."""
    method = replace(attncomp.method, min_score=min_score)
    return Compressor(attncomp.scorer, attncomp.tokenizer, settings=attncomp.settings, method=method)


def test_it_agrees_with_longattncomp(attncomp: Compressor, toy_folder: Path) -> None:
    with segments_of(128):
        ours = Compressor.from_pretrained(toy_folder, node_tokens="document", context_weight=0.0, top_p=0.95, **TOY)
    method = replace(METHODS["longattncomp"], min_score=0.01, words=False)
    other = Compressor(ours.scorer, ours.tokenizer, settings=ours.settings, method=method)
    for options in ({}, {"token_budget": 300}, {"top_p": 0.6}, {"order": "score"}):
        found, expected = (engine.compress(QUERY, TEXTS, **options) for engine in (attncomp, other))
        assert [(node.start, node.end, node.reason) for node in found.all_nodes] == [
            (node.start, node.end, node.reason) for node in expected.all_nodes
        ]
        assert found.text == expected.text
        assert found.scores == pytest.approx(expected.scores, abs=1e-6)  # one may have packed other segments together


@torch.no_grad()
def test_documents_have_the_shares_of_the_paper(attncomp: Compressor, toy_folder: Path) -> None:
    from transformers import AutoModelForCausalLM

    whole = AutoModelForCausalLM.from_pretrained(toy_folder, dtype=torch.float32, attn_implementation="eager").eval()
    backbone, tokenizer = attncomp.scorer.backbone, ByteTokenizer()
    scorer = CrossAttentionScorer(backbone, head_for(backbone, "after"), tokenizer)
    engine = Compressor(scorer, tokenizer, settings=attncomp.settings)
    nodes = engine.nodes(TEXTS)
    assert [node.document for node in nodes] == list(range(len(TEXTS)))
    expected = naive(whole, QUERY, nodes, place="after", longest=128)
    result = engine.compress(QUERY, TEXTS)
    assert result.scores == pytest.approx(expected.nodes, abs=1e-5)
    assert result.instruction_score == pytest.approx(expected.instruction, abs=1e-5)


def test_it_stops_at_epsilon_and_at_p(attncomp: Compressor) -> None:
    shares = sorted(attncomp.compress(QUERY, TEXTS).scores, reverse=True)
    least = (shares[2] + shares[3]) / 2
    assert len(stopping_at(attncomp, least).compress(QUERY, TEXTS).documents) == 3
    reached = 1 - sum(shares) + shares[0] + shares[1] / 2  # the instruction's share, the first, half of the second
    assert len(stopping_at(attncomp, 0.0001).compress(QUERY, TEXTS, top_p=reached).documents) == 2


def test_the_query_stands_after_the_text(attncomp: Compressor, toy_folder: Path, tmp_path: Path) -> None:
    head_for(attncomp.scorer.backbone, "alone").save(tmp_path / "alone.safetensors")
    with pytest.raises(HeadMismatchError, match=r"made with query_place=.alone.*set method to longattncomp-alone$"):
        Compressor.from_pretrained(toy_folder, method="attncomp", head=tmp_path / "alone.safetensors", **TOY)
