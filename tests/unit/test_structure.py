"""What makes sense alone stays whole, and what it is about leads it in."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

import pytest
import regex
from cutting import Words, cut
from hypothesis import example, given
from hypothesis import strategies as st

from longattncomp import Document, Node
from longattncomp.chunking.nodes import chunk
from longattncomp.chunking.sentences import ABBREVIATIONS, sentences
from longattncomp.chunking.structure import outline
from longattncomp.testing import ByteTokenizer


def test_no_heading_stands_with_the_text_before_it() -> None:
    text = "# One\n\nA first line of it.\n\n## Two\n\nA second line of it.\n\n## Three\n\nA third line of it.\n"
    for node, above in cut(text, 6):
        assert node.count("#") == 0 or node.startswith("#")
        assert "#" in node or above[-1] == "# One\n\n"


def test_a_section_that_fits_is_one_node() -> None:
    assert cut("# One\n\nShort.\n") == [("# One\n\nShort.\n", ())]


def test_a_traceback_stands_with_its_log_line_and_its_last_line() -> None:
    trace = "".join(f'  File "step_{number}.py", line {number}, in step\n    go(on)\n' for number in range(40))
    text = (
        "2026-05-03 10:00 INFO worker 1 did bolt\n2026-05-03 10:01 ERROR worker 2 failed on nut\n"
        f"Traceback (most recent call last):\n{trace}KeyError: 'nut'\n2026-05-03 10:02 INFO worker 3 did bolt\n"
    )
    above = dict(cut(text))['  File "step_17.py", line 17, in step\n    go(on)\n']
    assert above == ("2026-05-03 10:01 ERROR worker 2 failed on nut\n", "KeyError: 'nut'\n")
    short = text.replace(trace, trace[:200])
    assert any("ERROR" in node and "KeyError" in node for node, _ in cut(short, 12))


RECORDS = {
    "indented": json.dumps([{"id": n, "total": f"{n}.08", "lines": 2} for n in range(9)], indent=2),
    "one line": json.dumps({"orders": [{"id": n, "total": f"{n}.08", "lines": 2} for n in range(9)]}),
    "minified": json.dumps([{"id": n, "total": f"{n}.08", "lines": 2} for n in range(9)], separators=(", ", ":")),
    "lines": "\n".join(json.dumps({"id": n, "total": f"{n}.08", "lines": 2}) for n in range(9)),
}


@pytest.mark.parametrize("text", RECORDS.values(), ids=RECORDS)
def test_an_object_stays_whole(text: str) -> None:
    for n in range(9):
        (node,) = [node for node, _ in cut(text, 4) if regex.search(rf'"id": ?{n}\b', node)]
        assert f"{n}.08" in node
        assert node.count('"id"') == 1


def test_an_object_that_is_too_long_is_cut_into_entries_led_in_by_its_keys() -> None:
    text = json.dumps({"billing": {f"key{n}": f"the value of number {n}" for n in range(400)}}, indent=2)
    node, above = next(found for found in cut(text) if "number 217" in found[0])
    assert node.startswith('    "key217"')
    assert above == ('  "billing": {\n',)


def test_a_list_number_begins_its_item() -> None:
    text = "".join(f"{n}. Get the {n}th thing from the shed. Then lock it.\n" for n in range(1, 40))
    for node, _ in cut(text):
        assert regex.match(r"\d+\. Get", node)
        assert node.endswith("it.\n")


def test_a_short_record_may_not_be_longer_than_the_budget_has_room_for() -> None:
    text = RECORDS["indented"]
    assert max(Words().count(node) for node, _ in cut(text, 4, token_budget=6)) <= 6


# sentences


ONE_EACH = [
    "Mrs. Dalloway met Dr. Smith at 5 p.m. on 3.5 m. of lawn.",
    "See No. 5, § 17. Abs. 2 and Fig. 3, e.g. this.",
    "Das ist z. B. am 3. Mai bei Nr. 7 der Fall.",
    "M. Dupont et Mme. Roy sont venus, cf. p. 12 et art. 4!",
    "He paid 613,851.33 for it... and went.",
    "It met\non the third\nfloor of the house.",
    "Visit example.com.",
    "The most is MAX = 7.",
    "租约由王芳签署。",
    "他说：「不。」",
    "यह एक वाक्य है।",
    "هل هذا سؤال؟",
    "Is it “so?” she asked.",
    "P. Novak saw it.",
    "Im Regal steht die 7. Fassung.",
    "See Roe v. Lee, 12 F.2d 3 (2d Cir. 1951).",
    "Las FF. AA. y los EE. UU. votaron.",
    "Voir l'art. 9 al. 4 du code.",
    "MM. Roy et Roe vivaient sous Louis XIII.",
    "Er nahm die 12.",
    "1997) is what stands (see [3] and Roe, Leeds. 1997a) behind it.",
]


def test_sentences_end_where_they_end() -> None:
    for first in ONE_EACH:
        for second in ONE_EACH:
            text = f"{first} {second}"
            assert [text[start:end].strip() for start, end in sentences(text, 0, len(text))] == [first, second]


# Whatever the text


ALPHABETS = {
    "latin": "abcdefghijklmnopqrstuvwxyzäéñ",
    "greek": "αβγδεζηθικλμνξοπρστυφχψω",
    "cyrillic": "абвгдежзийклмнопрстуфхцчшщ",
    "arabic": "ابتثجحخدذرزسشصضطظعغفقكلمنهوي",
    "hebrew": "אבגדהוזחטיכלמנסעפצקרשת",
    "devanagari": "कखगघचछजझटठडढतथदधनपफबभम",
}
WORD = st.sampled_from(sorted(ALPHABETS)).flatmap(lambda name: st.text(ALPHABETS[name], min_size=1, max_size=12))
NUMBER = st.sampled_from(["7622.355", "613,851.33", "12", "10.19.243.153", "2026-06-20", "XD-313", "3.5"])
TOKEN = WORD | NUMBER | st.sampled_from(["Mrs.", "No. 5", "§ 17.", "e.g.", "3 000 000"])


def lines(parts: st.SearchStrategy[str], most: int = 12) -> st.SearchStrategy[str]:
    return st.lists(parts, min_size=1, max_size=most).map(" ".join)


PROSE = lines(TOKEN, 60).map(lambda text: f"{text}. ")
BLOCK = st.one_of(
    PROSE,
    lines(TOKEN, 5).map(lambda text: f"## {text}\n\n"),
    st.lists(lines(TOKEN), min_size=1, max_size=20).map(lambda own: "".join(f"- {line}\n" for line in own)),
    st.lists(lines(TOKEN), min_size=1, max_size=20).map(
        lambda own: "".join(f"{number}. {line}\n" for number, line in enumerate(own, 1))
    ),
    st.lists(st.lists(TOKEN, min_size=3, max_size=3), min_size=3, max_size=9).map(
        lambda rows: "".join(f"| {' | '.join(row)} |\n" + "|---|---|---|\n" * (not n) for n, row in enumerate(rows))
    ),
    st.lists(st.lists(TOKEN, min_size=4, max_size=4), min_size=3, max_size=9).map(
        lambda rows: "".join(";".join(row) + "\n" for row in rows)
    ),
    st.dictionaries(WORD, lines(TOKEN), min_size=1, max_size=12).map(
        lambda found: json.dumps(found, ensure_ascii=False) + "\n"
    ),
    st.dictionaries(WORD, lines(TOKEN), min_size=1, max_size=12).map(
        lambda found: json.dumps(found, ensure_ascii=False, indent=1) + "\n"
    ),
    st.dictionaries(WORD, lines(TOKEN), min_size=1, max_size=12).map(
        lambda found: "top:\n" + "".join(f"  {key}: {value}\n" for key, value in found.items())
    ),
    st.lists(WORD, min_size=1, max_size=9).map(
        lambda names: "".join(f"def {name}(x):\n    y = x + 7622.355\n    return y\n\n" for name in names)
    ),
    st.lists(lines(TOKEN), min_size=2, max_size=9).map(
        lambda own: "".join(f"2026-05-03 10:0{n}:01 INFO {line}\n" for n, line in enumerate(own))
    ),
)
INSIDE = regex.compile(r"(?<=[\p{L}\p{N}\p{M}])(?=[\p{L}\p{N}\p{M}])|(?<=\p{N}[.,:])(?=\p{N})")


def ends_inside(text: str, nodes: list[Node]) -> Iterator[str]:
    """The nodes that end inside a word or number."""
    for node in nodes:
        if node.end < len(text) and INSIDE.match(text, node.end):
            yield text[max(0, node.end - 20) : node.end + 20]


@example('{"a": "7.35 7.35 b 7.35 7.35 3 000 000 7.35 § 17. 7.35 7.35 7.35", "b": "c", "d": "7.35 7.35"}\n', 12)
@given(st.lists(BLOCK, min_size=1, max_size=6).map("\n".join), st.integers(4, 40))
def test_no_node_ends_inside_a_word_or_number_or_after_an_abbreviation(text: str, node_tokens: int) -> None:
    nodes = chunk([Document(text)], Words(), node_tokens=node_tokens)
    assert "".join(node.text for node in nodes) == text
    assert list(ends_inside(text, nodes)) == []
    for node in nodes[:-1]:
        last = node.text.split()[-1] if node.text.strip() else ""
        assert "\n" in node.text[len(node.text.rstrip()) :] or last not in ("Mrs.", "No.", "§", "e.g."), node.text
        assert not regex.search(r"\S.*\n\s*\d{1,3}\.\s*$", node.text)


@given(st.lists(st.tuples(st.integers(1, 3), lines(WORD, 4), PROSE), min_size=1, max_size=9), st.integers(4, 30))
def test_every_heading_is_in_the_nodes_that_it_heads_or_leads_them_in(
    sections: list[tuple[int, str, str]], node_tokens: int
) -> None:
    parts = [(f"{'#' * level} {title}\n\n", f"{body.strip()}\n\n") for level, title, body in sections]
    text = "".join(heading + body for heading, body in parts)
    nodes = chunk([Document(text)], Words(), node_tokens=node_tokens)
    at = 0
    for heading, body in parts:
        start, end = at + len(heading), at + len(heading) + len(body)
        for node in nodes:
            if node.start < end and node.end > start:
                assert node.start <= at or (at, start) in node.lead_ins
        at = end


BROKEN = {
    "json": '{"a": [1, 2, {"b": "c',
    "quotes": 'a,"b,c\n' * 500,
    "quoted lines": 'a,"x\ny",c\n' * 500,
    "tabs and spaces": "".join("\t" * (n % 3) + " " * (n % 7) + f"x{n} = 1\n" for n in range(500)),
    "brackets": "[" * 10_000,
    "objects": '{"a":' * 10_000,
    "tags": "<div>" * 10_000,
    "fences": "```\n" * 999,
    "pipes": "|" * 9_999,
    "rules": "---\n" * 999,
    "headings": "# x\n" * 5_000,
    "table": "| a |\n|--\n| b\n|||\n",
    "hunks": "@@ -1 +1 @@\n" * 999,
    "dots": "." * 20_000 + "x",
    "ruled": "=== a" + " " * 50_000 + "b\nc\n",
    "open tags": "<p " * 50_000,
    "bars": "a|b\n--" + "|" * 50_000 + "x\n",
    "a long item over many": "- " + "word goes on, " * 4_000 + ":\n" + "  - an item of it\n" * 4_000,
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_nothing_needs_to_be_well_formed(text: str) -> None:
    nodes = chunk([Document(text)], Words(), node_tokens=16)
    assert "".join(node.text for node in nodes) == text


def test_any_mixture_is_tiled() -> None:
    draw = random.Random(5)
    pieces = [
        "# a\n",
        "- b\n",
        "1. c\n",
        "| d | e |\n",
        "|---|---|\n",
        "{",
        "}",
        '"f": ',
        "<p>",
        "\n",
        "  g:\n",
        "```\n",
    ]
    pieces += [
        "@@ -1 +1 @@\n",
        "+h\n",
        "2026-01-01 i\n",
        "J: k\n",
        "def l():\n",
        "    m = 1\n",
        "N\n",
        "o. P ",
        "\r\n",
        "\t",
    ]
    for _ in range(400):
        text = "".join(draw.choices(pieces, k=draw.randrange(1, 60)))
        found = outline(text)
        assert found.starts[0] == 0
        assert found.starts == sorted(set(found.starts))
        assert all(parent < unit for unit, parent in enumerate(found.parents))
        assert "".join(node for node, _ in cut(text, draw.randrange(1, 9))) == text


def test_abbreviations_are_in_lower_case_without_their_stop() -> None:
    assert all(word == word.lower() and not word.endswith(".") for word in ABBREVIATIONS)


@pytest.mark.parametrize(
    "number", ["4111222233334444555566667777", "4111 2222 3333 4444 5555", "DE89370400440532013000"]
)
@pytest.mark.parametrize("budget", [12, 16, 20])
def test_a_number_that_does_not_fit_is_not_cut(number: str, budget: int) -> None:
    text = f"The account number is {number} for the rent. The roof is old, and the boiler is new."
    nodes = chunk([Document(text)], ByteTokenizer(), node_tokens=budget, token_budget=budget)
    assert any(number in node.text for node in nodes)


def test_a_row_of_numbers_is_cut_at_spaces() -> None:
    text = " ".join(str(number) for number in range(1000, 1200))
    nodes = chunk([Document(text)], ByteTokenizer(), node_tokens=16, token_budget=16)
    assert max(node.tokens for node in nodes) <= 16
    assert all(node.text.endswith(" ") for node in nodes[:-1])
