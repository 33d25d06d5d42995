"""The adapters that ship: the target reads something of the right text, and nothing of another."""

from __future__ import annotations

import pytest

from longattncomp.settings import DEFAULT_MODEL
from longattncomp.soft import SoftReader

ROWS = [
    (
        "The library of the old town was built by a brewer who loved maps. It holds more charts of the sea than books.",
        "What does the library hold most of?",
        "charts of the sea",
    ),
    (
        "The strike at the glass works ended in a hard winter, because the union ran out of money for coal.",
        "Why did the strike end?",
        "the union ran out of money",
    ),
    (
        "The expedition crossed the desert with mules, since camels were too dear. Two of the mules died of thirst.",
        "Which animals did the expedition take?",
        "mules",
    ),
    (
        "The opera was a failure at first: the tenor was ill, and the orchestra had only one evening to rehearse.",
        "Why was the opera a failure?",
        "the tenor was ill",
    ),
    (
        "The bridge is closed to lorries since its third pillar was found to be cracked by the frost.",
        "What damaged the bridge?",
        "frost",
    ),
]


@pytest.mark.long
@pytest.mark.model
@pytest.mark.parametrize(("method", "ratio"), [("sac", 5), ("sac", 15), ("compllm", 2), ("compllm", 4)])
def test_the_right_text_is_read(method: str, ratio: int) -> None:
    reader = SoftReader.from_pretrained(DEFAULT_MODEL, method=method, ratio=ratio)
    contexts = [reader.compress(text) for text, _, _ in ROWS]
    gained = [
        reader.likelihood(question, [answer], contexts[index])[0]
        - reader.likelihood(question, [answer], contexts[index - 1])[0]
        for index, (_, question, answer) in enumerate(ROWS)
    ]
    assert sum(gained) / len(gained) > 0.3, gained
