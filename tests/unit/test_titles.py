"""A title right above its paragraph leads it in if several of one form stand in a text."""

import pytest
from cutting import lead_ins

TWO = {
    "a word with a number": ("Passage 1: Garden pump\n", "Passage 2: Drill\n"),
    "without a title behind it": ("Extract 1:\n", "Extract 2:\n"),
    "in brackets": ("[Document 4]\n", "[Document 7]\n"),
    "of a form": ("Part A: Buyer\n", "Part B: Seller\n"),
    "a key": ("Source: pump.pdf\n", "Source: drill.pdf\n"),
    "two keys": ("URL: https://a.org/pump\nTitle: Pump\n", "URL: https://a.org/drill\nTitle: Drill\n"),
    "a title with a number in brackets": ("[1] Garden pump\n", "[2] Drill\n"),
    "a title in brackets": ("[DUTIES]\n", "[RIGHTS]\n"),
    "parts of a section": ("3.2 Overview\n", "3.3 Earlier work\n"),
    "two lines in capital letters": ("ARTICLE I\nPUMPS\n\n", "ARTICLE II\nDRILLS\n\n"),
    "a section's number": ("1 Overview\n", "2 Earlier work\n"),
}


@pytest.mark.parametrize(("first", "second"), TWO.values(), ids=TWO)
def test_a_title_right_above_its_paragraph_leads_it_in(first: str, second: str) -> None:
    text = f"{first}It lasts for two years. Nobody opens it before that.\n\n{second}It lasts one year. Send it back.\n"
    assert lead_ins(text, "Nobody").startswith(first)
    assert lead_ins(text, "Send") == f"{second}Send it back.\n"


@pytest.mark.parametrize(
    ("first", "second"), [("1. Overview\n", "2. Earlier work\n"), ("1. OVERVIEW\n", "2. EARLIER WORK\n")]
)
def test_a_number_with_a_full_stop_is_a_section_s_if_several_paragraphs_stand_below(first: str, second: str) -> None:
    text = f"{first}It is old.\n\nIt lasts for two years. Nobody opens it.\n\n{second}It is new. Send it back.\n"
    assert lead_ins(text, "Nobody").startswith(first)
    assert lead_ins(text, "Send") == f"{second}Send it back.\n"


DISHES = (
    "Porridge\n\n1. Boil\nBoil oats in milk.\n\n{}2. Rest\nLet it rest.\n\n"
    "Toast\n\n1. Cut\nCut two slices.\n\n2. Heat\nHeat them well.\n"
)


@pytest.mark.parametrize("between", ["", "It must not burn.\n\n"])
def test_steps_that_are_counted_again_are_led_in_by_their_own_title(between: str) -> None:
    text = DISHES.format(between)
    assert lead_ins(text, "Heat them", 5) == "Toast\n\n2. Heat\nHeat them well.\n"
    assert lead_ins(text, "Boil oats", 5) == "Porridge\n\n1. Boil\nBoil oats in milk.\n\n"


def test_the_last_step_does_not_lead_in_the_end_of_a_text() -> None:
    text = "1. Fill\nFill the tank.\n\n2. Ride\nTurn the key.\n\nYou are on the road. Go on.\n\n-- \nAnn\n"
    assert lead_ins(text, "Go on", 4).startswith("Go on")
    assert lead_ins(text, "Ann", 4) == "-- \nAnn\n"


DIVIDED = (
    "Use these.\n\n---\nSource: pump.pdf, page 3\nIt lasts for two years. Nobody opens it.\n"
    "---\nSource: drill.pdf\nIt lasts one year.\n---\n\nQuestion: How long does it last?\nAnswer:\n"
)


@pytest.mark.parametrize(
    ("within", "expected"),
    [
        ("Nobody", "---\nSource: pump.pdf, page 3\nNobody opens it.\n"),
        ("one year", "---\nSource: drill.pdf\nIt lasts one year.\n"),
        ("How long", "Question: How long does it last?\n"),
    ],
)
def test_lines_of_signs_between_documents(within: str, expected: str) -> None:
    assert lead_ins(DIVIDED, within, 4) == expected


BETWEEN_SIGNS = "---\nSource: pump.pdf\nIt lasts.\n---\nSource: drill.pdf\nSend it back.\n"


@pytest.mark.parametrize(
    ("text", "above"),
    [
        ("Source: pump.pdf\nIt lasts.\n\nSource: drill.pdf\nSend it back.\n\nQuestion: Is it so?\n", ""),
        ("Source: pump.pdf\nIt lasts.\n\nSource: drill.pdf\nQuestion: Is it so? It is.\n", "Source: drill.pdf\n"),
        ("Doc: a.pdf\nQ: Why? So.\n\nQ: Who?\n\nDoc: b.pdf\nIt is.\n\nQuestion: Is it so?\n", "Doc: b.pdf\n"),
        (f"{BETWEEN_SIGNS}---\nQuestion: Is it so?\n", ""),
        (f"{BETWEEN_SIGNS}---\nThe Question is open.\n", "The "),
        (f"{BETWEEN_SIGNS}---\nIt is.\n---\nThe Question is open.\n", "---\nSource: drill.pdf\nThe "),
    ],
    ids=["the question", "in a document", "several", "without a blank line", "no label", "signs in a document"],
)
def test_the_question_below_documents_is_part_of_none(text: str, above: str) -> None:
    assert lead_ins(text, "Question", 4).partition("Question")[0] == above


@pytest.mark.parametrize(
    "text",
    [
        "Part A of this law says that nobody\nmay enter. It is so.\n\nPart B says that all\nmay. Go on.\n",
        "Step 1: Mix it.\n\nStep 2: Bake it.\n\nThey went home at noon. Go on.\n",
        "7 Cole Street\nNorwich is nice. So it is.\n\n9 Cole Street\nYork is as nice as that. Go on.\n",
        "PAGE 1\nPUMPS\n\nThey are wet. So it is.\n\nPAGE 2\nDRILLS\n\nThey are dry. Go on.\n",
        "1. Take the smaller one of both the new\nKeys with you.\n\n2. Lock the inner gate behind the last of the\n"
        "Guests.\n\nThey went home at noon. Go on.\n",
        "Do this:\n\n1. Pump\nFill it up.\n\n2. Drill\nOil it.\n\nThey went home at noon. Go on.\n",
        "4.1 Pump\nIt is wet.\n\n4.2 Drill\nIt is dry.\n\n4.3 We pay for:\n(a) oil;\n(b) care.\n\nGo on.\n",
        "Part A: Buyer\nHe pays for it. He may leave.\n\nOther words stand here now. Go on.\n",
        "[1] Garden pump\nhttps://a.org/pump\n\n[2] Drill\nhttps://a.org/drill\n\nIt is so from now on. Go on.\n",
    ],
    ids=[
        "a sentence that goes on",
        "steps of one line",
        "addresses",
        "pages",
        "items",
        "steps below what leads to them",
        "titles among items",
        "only one",
        "links",
    ],
)
def test_what_is_no_title_leads_in_nothing(text: str) -> None:
    assert lead_ins(text, "Go on", 4).startswith("Go on")


def test_documents_with_headings_of_their_own_are_beside_each_other() -> None:
    text = "Document 1: Pump\n# Care\n\nRinse it well. Dry it then.\n\nDocument 2: Drill\nOil it. Wipe it off.\n"
    assert lead_ins(text, "Wipe", 3) == "Document 2: Drill\nWipe it off.\n"
    assert lead_ins(text, "Dry", 3) == "Document 1: Pump\n# Care\n\nDry it then.\n\n"


def test_two_cards_with_the_same_keys_are_led_in_by_their_first() -> None:
    text = "Name: Ann Bell\nRole: a smith\nMail: a@b.org\n\nName: Cy Dunn\nRole: a cook\nMail: c@b.org\n"
    assert lead_ins(text, "c@b.org", 3) == text[text.index("Name: Cy") :]
    other = text.replace("Role: a cook\n", "")
    assert "Name" not in lead_ins(other, "c@b.org", 2)
