"""Lines that stand farther left than the block they are in do not end it."""

import pytest
from cutting import cut, lead_ins

from longattncomp.chunking.structure import outline

SOWN = "".join(f"    sow_the_bed({number}, of_beans, until='May')\n" for number in range(30))
BLOCKS = {
    "a string": f'def garden(name):\n    words = """\nBeans are sown\nin May\n"""\n{SOWN}    return words\n',
    "a string with a blank line": (
        f"def garden(name):\n    words = f'''\nBeans are sown in May.\n\nThey want sun.\n'''\n{SOWN}    return words\n"
    ),
    "a comment": f"def garden(name):\n    words = 1\n# sow(peas)\n{SOWN}    return words\n",
    "a text for a command": (
        f"#!/bin/sh\ngarden() {{\n  cat > words <<-'END'\nBeans are sown\nin May\nEND\n{SOWN}    echo words\n}}\n"
    ),
}


def above(text: str, within: str) -> str:
    return next("".join(lead) for node, lead in cut(text, 12) if within in node)


@pytest.mark.parametrize("text", BLOCKS.values(), ids=BLOCKS)
def test_a_line_farther_left_does_not_end_a_block(text: str) -> None:
    assert "garden(" in above(text, "sow_the_bed(20")


@pytest.mark.parametrize("text", [text for text in BLOCKS.values() if "Beans" in text])
def test_a_text_comes_with_what_it_is(text: str) -> None:
    found = lead_ins(text, "Beans", 3)
    assert found.startswith(text[: text.index("\n", text.index("words"))].removeprefix("#!/bin/sh\n"))
    assert "words =" not in above(text, "sow_the_bed(20")


def test_a_comment_before_the_other_branch_stays_in_the_first() -> None:
    text = "def f(x):\n    if x:\n        a = 1\n# or else\n    else:\n        b = 2\n"
    units = outline(text)
    above = {text[units.starts[lead] :].partition("\n")[0].strip() for lead in units.lead_ins(len(units.starts) - 1)}
    assert above == {"else:", "if x:", "def f(x):"}


def test_a_comment_before_another_definition_ends_the_first() -> None:
    text = f"def f(x):\n{SOWN}# Water it.\ndef g(x):\n    water(1)\n    water(2)\n    water(3)\n"
    assert "def f" not in above(text, "water(2)")
    assert "def f" not in above(text, "Water it")


def test_a_string_that_nothing_ends_is_none() -> None:
    text = f"def f(x):\n    words = '''\ndef g(x):\n{SOWN}"
    assert "def f" not in above(text, "sow_the_bed(20")
