"""A record of a text stays whole: a card of keys and values, an event, an entry, a row over several lines."""

import pytest
from cutting import cut

from longattncomp.chunking.lines.kinds import lines_of
from longattncomp.chunking.printed.records import card_keys

NAMES = ("Ada", "Bo", "Cy", "Di")
CARDS = [f"Name: {name} Hill\nRoom: {number} in the old wing\nPhone: 555 {number}" for number, name in enumerate(NAMES)]
GAPPED = [card.replace(": ", "      ") for card in CARDS]
PEOPLE = [f"# {name}\ndn: cn={name},dc=farm\ncn: {name}\nmail: {name}@farm.example" for name in NAMES]
PARTS = [f"part = bolt {name}\nsize = {number} mm\nshelf = {number}" for number, name in enumerate(NAMES)]
EVENTS = [f"BEGIN:VEVENT\nSUMMARY:Walk with {name}\nBEGIN:VALARM\nEND:VALARM\nEND:VEVENT" for name in NAMES]
BOOKS = [f"@book{{{name}1999,\n  author = {{{name} Hill}},\n  title = {{On\n    {name}}}\n}}" for name in NAMES]
RECORDS = {
    "cards": ("\n\n".join(CARDS), CARDS[2]),
    "cards with gaps": ("\n\n".join(GAPPED), GAPPED[2]),
    "cards below a title": ("The people of the house\n\n" + "\n\n".join(CARDS), CARDS[2]),
    "cards below comments": ("\n\n".join(PEOPLE), PEOPLE[2]),
    "cards with equals signs": ("\n\n".join(PARTS), PARTS[2]),
    "events": ("BEGIN:VCALENDAR\n" + "\n".join(EVENTS) + "\nEND:VCALENDAR\n", EVENTS[2]),
    "entries": ("\n\n".join(BOOKS), BOOKS[2]),
    "entries without blank lines": ("\n".join(BOOKS), BOOKS[2]),
}


@pytest.mark.parametrize(("text", "record"), RECORDS.values(), ids=RECORDS)
def test_a_record_stays_whole(text: str, record: str) -> None:
    assert record in [node.strip() for node, _ in cut(text, 4)]


def test_the_first_line_of_a_long_record_leads_in_the_others() -> None:
    cards = [f"{card}\n" + "".join(f"Key {n}: value {n}\n" for n in range(99)) for card in CARDS]
    (above,) = (
        above for node, above in cut("\n".join(cards), 4) if "Key 50" in node and above[-1].startswith("Name: C")
    )
    assert above == ("Name: Cy Hill\n",)


STATUSES = {"Status: Closed since 2023": True, "Estado: revocada": True, "Status: open": False, "Hours: closed": False}


@pytest.mark.parametrize(("field", "leads"), STATUSES.items(), ids=STATUSES)
def test_a_field_that_says_that_a_card_holds_no_longer_leads_in_the_others(field: str, leads: bool) -> None:
    text = "\n\n".join([*CARDS[:2], f"{CARDS[2]}\nCity: York\n{field}", CARDS[3]])
    found = [[lead.strip() for lead in above] for node, above in cut(text, 3, 6) if node.startswith("Phone")]
    assert [field in above for above in found] == [False, False, leads, False]


@pytest.mark.parametrize(
    "text",
    [
        "\n\n".join(f"Ann: Who has the {name} of it?\nBen: I do not know it." for name in NAMES),
        "\n\n".join(f"Q: which {name} is it of all of them\nA: the old one of all of them" for name in NAMES),
        "\n\n".join(f"host: a.example\nport: {number}\n" for number in range(2)),
        "\n\n".join(f"try:\n    open('{name}')\nexcept OSError:\n    close('{name}')" for name in NAMES),
        "\n\n".join(f"From: {name}@farm.example\nSubject: Hay\n\nWe have no more of it." for name in NAMES),
        "\n\n".join(f"total = add(1, {number})\nassert total == {number + 1}" for number in range(4)),
        "\n\n".join(f"INFO: {name} begun\nINFO: {name} done" for name in NAMES),
        "\n\n".join(f"kind: {name}\nspec:\n  size: 3\n  color: red\n  place: north" for name in NAMES),
    ],
    ids=["a talk", "questions", "settings", "code", "the heads of mails", "calls", "a log", "nested settings"],
)
def test_what_is_no_record(text: str) -> None:
    assert not card_keys(lines_of(text))


REVIEW = (
    'no,guest,comment,by\n1,Ann,"It is far,\nand the ""big"" bed is old.",Joe\n'
    '2,Ben,"Good food,\nnice.\n{}",Joe\n3,Cy,"Fine.",Kim\n'
)
ROWS = {
    "commas": REVIEW,
    "semicolons": REVIEW.replace("far,", "far").replace("food,", "food").replace(",", ";"),
    "tabs": REVIEW.replace("far,", "far").replace("food,", "food").replace(",", "\t"),
}


@pytest.mark.parametrize("text", ROWS.values(), ids=ROWS)
def test_a_row_over_several_lines_has_its_header(text: str) -> None:
    text = text.format("Not cheap at all.")
    header = text[: text.index("\n") + 1]
    assert [(node, above) for node, above in cut(text, 4) if "cheap" in node] == [
        (text[text.index("2") : text.index("3")], (header,))
    ]


def test_a_quote_that_nothing_ends_takes_in_no_other_row() -> None:
    rows = [
        f'{number},"bolt {number} of steel,{number} EUR\n' if number == 3 else f"{number},bolt,5 EUR\n"
        for number in range(9)
    ]
    found = [node for node, _ in cut("no,part,price\n" + "".join(rows), 2)]
    assert rows[5] in found
