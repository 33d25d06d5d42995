"""Cards of a text or page are records, and their first line or heading leads in the rest of them, but no other."""

import json

import pytest
from cutting import cut

NAMES = ("blue bicycle", "oak wardrobe", "old piano")
ADVERTS = [f"{name.title()}, as new\nPrice: {number}0 euros\nWhere: Elm Street\n" for number, name in enumerate(NAMES)]
CLAIMS = [
    f"Claim 24-08{number} | {name}\n  Loss: fire, May | Kept: {number}00\n  State: open | By: Ann\n"
    for number, name in enumerate(NAMES)
]
MEMOS = [f"[memo {number}] kind=fact by=Ann\ntopic: {name}\nState: open\n" for number, name in enumerate(NAMES)]
NOTICES = [f"Notice: {number}\nSubject: {name}\nState: open\n" for number, name in enumerate(NAMES)]
CARDS = [
    f'<article class="card">\n<h3>{name.title()}</h3>\n<p>As new</p>\n<p>Price: {number}0 euros</p>\n</article>\n'
    for number, name in enumerate(NAMES)
]
COURSES = [f"{name.title()}\nPrice: {number}0 euros.\nTest: written.\n" for number, name in enumerate(NAMES)]
TEXTS = {
    "adverts": (ADVERTS, "\n"),
    "courses, whose values end in a stop": (COURSES, "\n"),
    "adverts between rules": (ADVERTS, "---\n"),
    "claims with deeper lines": (CLAIMS, "\n"),
    "memos with a number": (MEMOS, "\n"),
    "notices between rules": (NOTICES, "--\n"),
    "cards of a page": (CARDS, ""),
    "cards of a page, with blank lines": (CARDS, "\n"),
}


@pytest.mark.parametrize(("cards", "between"), TEXTS.values(), ids=TEXTS)
def test_a_card_is_a_record(cards: list[str], between: str) -> None:
    nodes = [node for node, _ in cut(between.join(cards))]
    assert [node.removesuffix(between).strip() for node in nodes] == [card.strip() for card in cards]


@pytest.mark.parametrize(("cards", "between"), TEXTS.values(), ids=TEXTS)
def test_the_first_line_of_a_long_card_leads_in_the_rest(cards: list[str], between: str) -> None:
    found = [above for node, above in cut(between.join(cards), 4, 6) if any(key in node for key in ("Price", "State"))]
    firsts = [card.splitlines()[1 if card.startswith("<") else 0] for card in cards]
    assert [[first in "".join(above) for first in firsts] for above in found] == [
        [one == other for other in firsts] for one in firsts
    ]


def test_what_stands_below_cards_is_part_of_none() -> None:
    page = "".join(CARDS) + "<p>All prices with tax, and the office is closed in August.</p>\n"
    (above,) = (above for node, above in cut(page) if "August" in node)
    assert above == ()


NO_CARDS = {
    "prose": "\n".join(
        f"We went to the town of {name} in the morning and came\nback at noon. It rained.\nNote: see map {number}.\n"
        for number, name in enumerate(NAMES)
    ),
    "settings": "\n".join(f"{name.replace(' ', '_')}:\n  price: 3\n  where: here\n" for name in NAMES),
    "a talk": "\n".join(f"In scene {number}\nAnn: Where is it?\nBen: Here.\nAnn: Good.\n" for number in range(3)),
}


@pytest.mark.parametrize("text", NO_CARDS.values(), ids=NO_CARDS)
def test_what_is_no_card(text: str) -> None:
    for node, above in cut(text, 4, 6):
        assert not any(lead.startswith(("We went", "In scene")) for lead in above), node


def test_a_title_leads_in_its_keys_and_values_whatever_they_are() -> None:
    text = "Day shift\nStart: at six\nEnd: at two\n\nNight shift\nStart: at ten\nBreak: none\n"
    assert [node for node, _ in cut(text, 4)] == text.replace("\n\n", "\n\n|").split("|")
    sentence = text.replace("at six", "at six.")
    assert not any("Day shift" in "".join(above) for _, above in cut(sentence, 2))


def test_the_head_of_a_mail_is_no_card() -> None:
    text = "\n".join(f"Name: {name}\nFrom: Ann\nSubject: {name}\n\nIs it sold?\n" for name in NAMES)
    assert not any("Name" in lead for _, above in cut(text, 4, 6) for lead in above)


def test_an_object_in_one_line_is_a_record_whatever_it_holds() -> None:
    calls = [{"id": number, "of": {"name": name}} for number, name in enumerate(NAMES)]
    lines = [json.dumps({"role": role, "calls": calls}) + "\n" for role in ("one", "two")]
    assert [node for node, _ in cut("".join(lines))] == lines


def test_a_name_leads_in_how_somebody_is_reached() -> None:
    people = [
        f"{name}\nHead of the boats\n{name[:3]}@boats.example\n+49 30 12345{n}\n\n" for n, name in enumerate(NAMES)
    ]
    text = "".join(people)
    assert [node for node, _ in cut(text, 4)] == people
    assert [node for node, _ in cut(text.replace("boats\n", "boats.\n"), 4)] != people
