"""A sign for a comment begins no heading in a script."""

import pytest
from cutting import cut

from longattncomp.chunking.structure import outline

SCRIPTS = {
    "after the line that names its program": (
        "#!/bin/sh\nset -eu\n\n# Where the seeds lie.\nSEEDS=/srv/seeds\n\ncount --fast\n\n# Sow them.\nsow $SEEDS\n",
        "sow $SEEDS",
        "seeds lie",
    ),
    "after a comment for a program": (
        "# frozen_string_literal: true\n\nclass Garden\n  def sow(seed)\n    beds << seed\n  end\nend\n",
        "beds << seed",
        "frozen",
    ),
}


def above(text: str, within: str) -> str:
    return next("".join(lead) for node, lead in cut(text, 3) if within in node)


@pytest.mark.parametrize(("text", "within", "comment"), SCRIPTS.values(), ids=SCRIPTS)
def test_a_comment_of_a_script_is_no_heading(text: str, within: str, comment: str) -> None:
    assert any(comment in node for node, _ in cut(text, 3))
    assert comment not in above(text, within)


def test_headings_of_markdown_are_headings() -> None:
    text = "# Garden\n\nSeeds are sown in spring. They want warmth.\n\n# Shed\n\nTools hang there. They are old.\n"
    assert "# Shed" in above(text, "They are old")


def test_sentences_of_a_script_are_prose() -> None:
    text = "#!/usr/bin/env python\n\nThe script sows all seeds\nof a bed. It waters them.\n"
    assert any(node.startswith("It waters") for node, _ in cut(text, 3))


def test_commands_of_a_script_stay_apart() -> None:
    text = (
        "#!/bin/sh\nsow all of the beds of $GARDEN\nwater --slowly the beds of the garden\n"
        "count the seeds of $GARDEN once more\n"
    )
    found = outline(text)
    assert [text[start:].split()[0] for start in found.starts] == ["#!/bin/sh", "sow", "water", "count"]
