"""Words at the beginning of a paragraph, or of a part of it, lead in the rest of that."""

import pytest
from cutting import cut, lead_ins

LED = {
    "a label": ("Deliveries:\n", "They come at eight. Ring twice.\n"),
    "with lines below": ("Send it to:\n", "Bell Works\nRing twice.\n"),
    "marked words": ("**Care.** ", "Wash it by hand. Ring twice.\n"),
    "with a sign behind them": ("__Care__: ", "Wash it by hand. Ring twice.\n"),
    "a section's number": ("Article 3. Delivery. ", "The seller brings it. Ring twice.\n"),
    "without a stop": ("Section 3.1 Delivery. ", "The seller brings it. Ring twice.\n"),
    "a document's number and title": ("Document [3](Title: Bells (old)) ", "It was cast here. Ring twice.\n"),
}


@pytest.mark.parametrize(("head", "rest"), LED.values(), ids=LED)
def test_such_words_lead_in_the_rest_of_their_paragraph(head: str, rest: str) -> None:
    text = f"Read it first, all of it.\n\n{head}{rest}\nThis stands below all of that. Go on.\n"
    assert lead_ins(text, "Ring", 3).startswith(head)
    assert lead_ins(text, "Go on", 3) == "Go on.\n"


@pytest.mark.parametrize(
    "block",
    [
        "Denies:\npain at rest or while walking,\nCough or fever since the last visit\n",
        "Für den Teig\n300 ml lauwarmes Wasser, gefiltert\nSalz\n40 g weiche Butter\n7 g Hefe\n",
        "Residents under 30\nYes: 61%\nNo: 28%\nDo not know: 11%\n",
    ],
    ids=["a label in data", "a title above amounts", "a title above shares"],
)
def test_the_first_line_of_a_block_leads_in_all_of_it(block: str) -> None:
    first, *_, last = block.splitlines(keepends=True)
    text = f"Patient: M. Bell, 58 years, with fever\n\n{block}\nThen all of it is weighed.\n"
    assert lead_ins(text, last[:-1], 3) == f"{first}{last}\n"
    assert lead_ins(text, "weighed", 3) == "Then all of it is weighed.\n"


def test_no_line_of_code_or_of_rows_is_such_a_title() -> None:
    settings = "Parameters:\nResources: none\nOutputs: all\n"
    rows = "12 Bells\n7 Drums\n9 Horns\n"
    assert lead_ins(settings, "Outputs", 3) == "Outputs: all\n"
    assert lead_ins(rows, "Horns", 3) == "9 Horns\n"


def test_each_line_may_begin_with_them() -> None:
    text = "Passage [1](Title: Bell) It was cast here. Ring it.\nPassage [2](Title: Drum) It is of wood. Beat it.\n"
    assert lead_ins(text, "Beat", 3) == "Passage [2](Title: Drum) It is of wood. Beat it.\n"


def test_a_label_ends_the_one_above() -> None:
    text = "Before:\nOpen the lid. Fill it up.\nAfter:\nLet it cool. Dry it.\n"
    assert lead_ins(text, "Dry", 3) == "After:\nDry it.\n"


def test_a_row_begins_with_what_it_is_about() -> None:
    text = (
        "Commands\n  push    Send the files. Asks for a name.\n  pull    Fetch the files. They are\n"
        "          overwritten. Asks for nothing.\n"
    )
    assert lead_ins(text, "nothing", 4) == "Commands\n  pull    Fetch the files. Asks for nothing.\n"
    assert "  pull" in [node[:6] for node, _ in cut(text, 4)]


@pytest.mark.parametrize("sign", ["[1] ", "[BC20] ", ""], ids=["with a number", "with letters", "without"])
def test_an_entry_of_a_bibliography_is_one(sign: str) -> None:
    entry = f"{sign}Bell, C. (2020). Nuts and bolts. Journal of Tools, 3(2), 1-10.\n"
    text = entry + entry.replace("Bell", "Dunn").replace("1]", "2]")
    assert [node for node, _ in cut(text, 4)] == text.splitlines(keepends=True)


@pytest.mark.parametrize(
    "text",
    [
        "**Mind** that it is loud, as it is. Ring twice.\n",
        "Windows 10 is fine for that. Ring twice.\n",
        "It is  a day  of May.\nNobody  knew it. Ring twice.\n",
        "Bell, C. wrote that once. It is as it is. Ring twice.\n",
        "It stands here as one long sentence that ends in what leads to nothing at all:\nIt is as it is. Ring twice.\n",
    ],
    ids=["a marked word", "a name", "gaps", "an author", "a long line"],
)
def test_other_words_lead_in_nothing(text: str) -> None:
    assert lead_ins(text, "Ring", 3) == "Ring twice.\n"
