"""The adapter that ships: the target reads something of the right text, and nothing of another."""

from __future__ import annotations

import pytest

from longattncomp.settings import DEFAULT_MODEL
from longattncomp.soft import SoftReader

ROWS = [
    (
        "The Amazon river carries more water than any other. It rises in the Andes.",
        "Where does the river rise?",
        "Andes",
    ),
    ("The museum is closed on Mondays. Students pay half of the price.", "When is the museum closed?", "Mondays"),
    ("Bees make honey from nectar. In winter they stay in the hive.", "What do bees make honey from?", "nectar"),
    ("Bread is made of flour, water and salt. Yeast lets it rise.", "What lets bread rise?", "yeast"),
]


@pytest.mark.long
@pytest.mark.model
@pytest.mark.parametrize("ratio", [5, 15])
def test_the_right_text_is_read(ratio: int) -> None:
    reader = SoftReader.from_pretrained(DEFAULT_MODEL, method="sac", ratio=ratio)
    contexts = [reader.compress(text) for text, _, _ in ROWS]
    gained = [
        reader.likelihood(question, [answer], contexts[index])[0]
        - reader.likelihood(question, [answer], contexts[index - 1])[0]
        for index, (_, question, answer) in enumerate(ROWS)
    ]
    assert sum(gained) / len(gained) > 0.3
