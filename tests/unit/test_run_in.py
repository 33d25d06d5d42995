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
