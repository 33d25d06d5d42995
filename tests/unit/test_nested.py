"""What stands in elements, items, routines, stages and blocks comes with the lines that name them."""

from typing import Any

import pytest
from cutting import cut, lead_ins

from longattncomp.chunking import structure
from longattncomp.chunking.lines.kinds import Line, lines_of
from longattncomp.chunking.markup import elements

FIELDS = "".join(f"      <field no='{number}'>left as it was at first</field>\n" for number in range(60))
DEPOTS = "".join(
    f'  <depot code="{number}">\n    <town>Town {number}</town>\n    <beds>{number}0</beds>\n  </depot>\n'
    for number in range(20)
)
SETS = "".join(f"    total_{number} := total_{number} + {number};\n" for number in range(60))
COPIES = "".join(f"COPY folder_{number}/ /srv/folder_{number}/\n" for number in range(60))
ENTRIES = "".join(f"      ~ entry_{number} = {number} -> {number + 1}\n" for number in range(60))
PAIRS = "".join(f"  entry_{number} = {number}\n" for number in range(60))

KINDS = {
    "a declared document": (
        f'<?xml version="1.0"?>\n<fleet>\n <ships>\n  <ship name="Ada">\n{FIELDS}  </ship>\n </ships>\n</fleet>\n',
        "no='15'",
        ("<fleet>", "<ships>", '<ship name="Ada">'),
    ),
    "all in one line": (
        f'<?xml version="1.0"?> <fleet> <ship name="Ada"> {FIELDS} </ship></fleet>'.replace("\n", ""),
        "no='15'",
        ("<fleet>", '<ship name="Ada">'),
    ),
    "one without a declaration": (
        f"See below.\n\n<fleet>\n  <ship\n      name='Ada'\n      flag='no'>\n{FIELDS}  </ship>\n</fleet>\n\nDone.\n",
        "no='15'",
        ("<fleet>\n", "  <ship\n      name='Ada'\n      flag='no'>\n"),
    ),
    "a document that is cut off": (
        f"<?xml version='1.0'?>\n<fleet>\n  <ship name='Ada'>\n{FIELDS}",
        "no='15'",
        ("<fleet>\n", "  <ship name='Ada'>\n"),
    ),
    "end tags that nothing began, and start tags that nothing ends": (
        f"<?xml version='1.0'?>\n<fleet>\n  </oar><![CDATA[<dock>]]>\n  <ship name='Ada'>\n    <hr>\n"
        f"    </ship>\n  <ship name='Eva'>\n"
        f"{FIELDS}  </ship>\n</fleet>\n",
        "no='15'",
        ("<fleet>\n", "  <ship name='Eva'>\n"),
    ),
    "elements that are commented out": (
        f"<?xml version='1.0'?>\n<fleet>\n  <!-- sold:\n{FIELDS}  -->\n</fleet>\n",
        "no='15'",
        ("<fleet>\n", "  <!-- sold:\n", "  -->\n"),
    ),
    "a comment above an element": (
        "<?xml version='1.0'?>\n<fleet>\n  <!-- in metres at low water in spring -->\n"
        f"  <depth>12.5 or more in all of the harbour</depth>\n{FIELDS}</fleet>\n",
        "12.5",
        ("<fleet>\n", "in metres"),
    ),
    "an item whose dash stands alone": (
        "boats:\n-\n  name: Ada\n  engine:\n" + PAIRS.replace("  entry", "    entry").replace(" =", ":"),
        "entry_15",
        ("boats:\n", "  engine:\n"),
    ),
    "a function of SQL": (
        f"CREATE OR REPLACE FUNCTION fee(a int)\nRETURNS int AS $x$\nBEGIN\n{SETS}END;\n$x$ LANGUAGE plpgsql;\n",
        "total_15",
        ("CREATE OR REPLACE FUNCTION fee(a int)\n", "BEGIN\n"),
    ),
    "a procedure with lines between its parts": (
        f"create procedure pay(a int)\nas\n\ndeclare x int;\n\nBEGIN\n\n{SETS}\nEND;\n/\n".replace(
            "    total", "total"
        ),
        "total_15",
        ("create procedure pay(a int)\n",),
    ),
    "a package, whose functions end before it does": (
        f"CREATE PACKAGE BODY fees IS\nFUNCTION a RETURN int IS\nBEGIN\nRETURN 1;\nEND;\nPROCEDURE b IS\nBEGIN\n{SETS}"
        "END;\nEND fees;\n/\n",
        "total_15",
        ("CREATE PACKAGE BODY fees IS\n",),
    ),
    "a stage of a Dockerfile": (
        f"# syntax=docker\nFROM golang AS build\nRUN make\n\nFROM alpine:3.20 AS small\n\n{COPIES}\nUSER 10\n",
        "folder_15",
        ("FROM alpine:3.20 AS small\n",),
    ),
    "one in a fenced block": (
        f"Build it:\n\n```\nFROM golang AS build\nRUN make \\\n  all\nFROM alpine\n{COPIES}```\n",
        "folder_15",
        ("FROM alpine\n",),
    ),
    "the last line of a stage": (
        f"FROM golang AS build\nRUN make\nFROM alpine\n{COPIES}RUN apt-get update \\\n    && apt-get clean\n",
        "&& apt-get clean",
        ("FROM alpine\n", "RUN apt-get update \\\n"),
    ),
    "a change in a plan": (
        f'  # disk.logs must be replaced\n  ~ resource "disk" "logs" {{\n        kind = "ssd"\n{ENTRIES}    }}\n',
        "entry_15",
        ("  # disk.logs must be replaced\n", '  ~ resource "disk" "logs" {\n'),
    ),
    "a block of Terraform with a comment": (
        f'# Never to be made\n# smaller\nresource "disk" "logs" {{\n{PAIRS}}}\n',
        "entry_15",
        ("# Never to be made\n", "# smaller\n", 'resource "disk" "logs" {\n'),
    ),
}


@pytest.mark.parametrize(("text", "within", "lines"), KINDS.values(), ids=KINDS)
def test_it_comes_with_what_names_it(text: str, within: str, lines: tuple[str, ...]) -> None:
    (found,) = ("".join([node, *above]) for node, above in cut(text, 6) if within in node)
    assert [line for line in lines if line not in found] == []


@pytest.mark.parametrize(
    "kind", ["a declared document", "a function of SQL", "a stage of a Dockerfile", "a change in a plan"]
)
def test_lines_may_end_as_on_windows(kind: str) -> None:
    text, within, lines = (KINDS[kind][0].replace("\n", "\r\n"), *KINDS[kind][1:])
    test_it_comes_with_what_names_it(text, within, tuple(line.rstrip() for line in lines))


AFTER = {
    "XML": ("<?xml version='1.0'?>\n<fleet>\n" + FIELDS + "</fleet>\n\nNothing else is known.\n", "Nothing else"),
    "a routine": (f"CREATE FUNCTION f() AS $$\nBEGIN\n{SETS}END;\n$$;\n\nSELECT total FROM fees;\n", "SELECT total"),
    "the next routine": (
        f"CREATE FUNCTION f() AS $$\nBEGIN\n{SETS}END;\n$$;\nCREATE FUNCTION g() AS $$\nBEGIN\n{SETS}END;\n$$;\n",
        "CREATE FUNCTION g",
    ),
    "the next stage": (f"FROM a AS b\n{COPIES}FROM c\n{COPIES}", "FROM c"),
    "a Dockerfile": (f"```\nFROM a AS b\n{COPIES}FROM c\n{COPIES}```\n\nThis is slow.\n", "This is slow"),
    "a plan": (
        f'  # disk.a will be created\n  + resource "disk" "a" {{\n{ENTRIES}    }}\n\nPlan: 1 to add.\n',
        "Plan: 1",
    ),
}


@pytest.mark.parametrize(("text", "within"), AFTER.values(), ids=AFTER)
def test_what_stands_below_it_is_not_led_in(text: str, within: str) -> None:
    ((node, above),) = ((node, above) for node, above in cut(text, 12) if within in node)
    assert node.startswith(within)
    assert above == ()


def test_elements_that_repeat_are_records() -> None:
    found = cut(f"<?xml version='1.0'?>\n<depots>\n{DEPOTS}</depots>\n", 6)
    assert found[5] == (
        '  <depot code="3">\n    <town>Town 3</town>\n    <beds>30</beds>\n  </depot>\n',
        ("<depots>\n",),
    )


def test_a_tag_that_tells_only_of_schemas_leads_in_nothing() -> None:
    schemas = " ".join(f'xmlns:x{number}="http://example.org/schemas/{number}"' for number in range(6))
    text = f"<?xml version='1.0'?>\n<fleet {schemas}>\n{DEPOTS}</fleet>\n"
    assert lead_ins(text, "Town 3<") == DEPOTS[DEPOTS.index('  <depot code="3"') : DEPOTS.index('  <depot code="4"')]


PROSE = "".join(f"Sentence {number} of what was said by them.\n" for number in range(20))

NONE = {
    "a prompt's sections": (f"<notes>\n<first>\n{PROSE}</first>\n</notes>\n", "Sentence 15", "Sentence 15 of"),
    "paragraphs between tags": (
        f"<first>\n<second>\n\n{PROSE[:156].replace(chr(10), ' ')}\n\n</second>\n</first>\n",
        "Sentence 3",
        "Sentence 3",
    ),
    "a page": (
        f"<html>\n<body>\n<h1>Fees</h1>\n<ul>\n{'<li>a fee</li>' * 30}<li>Last</li></ul></body></html>\n",
        "Last",
        "<li>",
    ),
    "a page that is XML, too": (
        f"<?xml version='1.0'?>\n<html xmlns='x'>\n<body>\n<h1>Fees</h1>\n<p>{PROSE}</p>\n<p>Last</p></body></html>\n",
        "Last",
        "<p>Last",
    ),
    "tags that nothing ends": (f"<first>\n<second>\n\n{PROSE}", "Sentence 15", "Sentence 15 of"),
    "words about a routine": (
        f"Create procedure for fees first\n\n{PROSE}\nEnd of it.\n",
        "Sentence 15",
        "Sentence 15 of",
    ),
    "one statement": (
        f"CREATE TRIGGER t AFTER UPDATE ON a EXECUTE FUNCTION f();\n{SETS.replace('    ', '')}",
        "total_15",
        "total_15",
    ),
    "one stage": (f"FROM alpine\n{COPIES}", "folder_15", "COPY"),
    "a query": (
        f"SELECT a\nFROM fees\nWHERE x = 1;\n\nSELECT b\nFROM fees\nWHERE x = 2;\n{SETS}",
        "total_15",
        "    total",
    ),
    "a comment on a call": (f"# disk.logs must be replaced\n{PAIRS.replace('  ', '')}", "entry_15", "entry_15"),
}


@pytest.mark.parametrize(("text", "within", "start"), NONE.values(), ids=NONE)
def test_what_is_none(text: str, within: str, start: str) -> None:
    named = ("<first>\n<", "<second>\n\nS", "<html", "<body", "CREATE", "FROM", "# disk")
    ((node, above),) = ((node, above) for node, above in cut(text, 6) if within in node)
    assert start in node
    assert not [part for part in (node, *above) if part.startswith(named)]


def test_a_document_below_a_tag_that_nothing_ends_does_not_begin_there() -> None:
    found = cut(f"<T extends Foo, U\n\n{PROSE}\n<ship>\n{FIELDS}</ship>\n", 8)
    assert ("Sentence 15 of what was said by them.\n", ()) in found
    assert [above for node, above in found if "no='15'" in node] == [("<ship>\n",)]


def test_tags_that_nothing_ends_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    document = elements._Document

    def counted(text: str, start: int) -> elements._Document:
        read.append(start)
        return document(text, start)

    monkeypatch.setattr(elements, "_Document", counted)
    structure.outline("".join(f"<foo bar {number}\n\n" for number in range(50)))
    assert read == [0]


class CountedLines(list[Line]):
    copied = 0

    def __getitem__(self, at: Any) -> Any:
        found = super().__getitem__(at)
        self.copied += len(found) if isinstance(at, slice) else 0
        return found


def test_values_below_each_other_copy_few_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    text = '{"id": 1}\n' * 50
    lines = CountedLines(lines_of(text))
    monkeypatch.setattr(structure, "lines_of", lambda _: lines)
    assert len(structure.outline(text).starts) == 100
    assert lines.copied <= 5 * len(lines)


def test_a_value_below_one_that_does_not_end_ends_before_prose() -> None:
    found = cut(f'{{"open": [1,\n\n{{"fee": 12}}\n{PROSE}', 8)
    assert ("Sentence 15 of what was said by them.\n", ()) in found


def test_a_deep_value_ends_where_its_brackets_do() -> None:
    text = '{"a": ' + "[" * 90 + "1" + "]" * 90 + ', "b": {"c": 1, "d": 2}}\n'
    found = structure.outline(text)
    assert [text[start : start + 4] for start in found.starts[-3:]] == ['"b":', '"c":', '"d":']
    assert found.parents[-3:] == [0, len(found.starts) - 3, len(found.starts) - 3]


LASTS = "<lasts>two years or more if nobody opens it</lasts>\n"


@pytest.mark.parametrize("rest", [LASTS, f"<text>\n{LASTS}</text>\n"], ids=["beside it", "within what is beside it"])
def test_the_name_of_a_document_leads_in_the_rest_of_it(rest: str) -> None:
    author = "<author>\n<name>Eva</name>\n</author>\n"
    found = lead_ins(f"<document>\n<source>pump.md</source>\n{author}{FIELDS}{rest}</document>\n", "nobody")
    assert "<source>pump.md</source>\n" in found
    assert "Eva" not in found


def test_what_names_no_document_leads_in_nothing() -> None:
    assert "Ada" not in lead_ins(f"<fleet>\n<name>Ada</name>\n{FIELDS}{LASTS}</fleet>\n", "nobody")
