"""What nodes give to their neighbours: within a document, to the near ones most, and no mass is lost."""

from __future__ import annotations

import pytest
import torch
from naive import cut, prose, spread

from longattncomp.scorers.cross_attention.spreading import SCALES, Neighbours
from longattncomp.types import Node

NODES = [*cut([prose(1, 300), prose(2, 20), prose(3, 900)], 48), Node(3, 0, 1, "", 0)]
SHARES = torch.rand(len(NODES), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
PARTS = torch.tensor([0.4, 0.3, 0.2, 0.1], dtype=torch.float64)


def test_it_is_node_by_node_the_same() -> None:
    found = Neighbours(NODES[:-1]).spread(SHARES[:-1], PARTS)

    assert found.tolist() == pytest.approx(spread(SHARES[:-1].tolist(), NODES[:-1], PARTS.tolist()), abs=1e-12)


def test_each_document_keeps_its_sum() -> None:
    found = Neighbours(NODES).spread(SHARES, PARTS)

    documents = torch.tensor([node.document for node in NODES])
    for document in range(4):
        own = documents == document
        assert float(found[own].sum()) == pytest.approx(float(SHARES[own].sum()), abs=1e-6)
    assert found[-1] == pytest.approx(float(SHARES[-1]), abs=1e-6)


def test_what_stays_stays() -> None:
    assert torch.equal(Neighbours(NODES).spread(SHARES, torch.tensor([1.0, 0, 0, 0]).double()), SHARES)


@pytest.mark.parametrize("scale", range(len(SCALES)))
def test_the_near_get_more_than_the_far(scale: int) -> None:
    nodes = cut([prose(4, 1600)], 32)
    shares = torch.zeros(len(nodes))
    shares[20] = 1.0
    parts = torch.zeros(1 + len(SCALES))
    parts[1 + scale] = 1.0

    found = Neighbours(nodes).spread(shares, parts)

    for near, far in ((20, 21), (21, 25), (19, 15)):
        assert found[near] > found[far]
    assert float(found[21] / found[20]) == pytest.approx(2.718281828 ** (-32 / SCALES[scale]), rel=1e-4)


def test_far_beyond_its_reach_a_node_gives_nothing() -> None:
    nodes = cut(["x" * 60_000], 100)
    shares = torch.zeros(len(nodes))
    shares[0] = 1.0

    found = Neighbours(nodes).spread(shares, PARTS.float())

    assert float(found.sum()) == pytest.approx(1, abs=1e-5)
    assert found[80] > 0
    assert not found[-5:].any()
