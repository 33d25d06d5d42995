"""What is said comes with the question, the heading or the sentence that it needs."""

import pytest
from cutting import cut, lead_ins

RULE = "Dogs are not let into the halls of the museum."
DUTCH = {"pomp": "pump", "boor": "drill", "zaag": "saw"}
KINDS = {
    "the times of a subtitle": (
        "WEBVTT\n\n00:01.000 --> 00:04.000\n<v Ann>It was sold in 1962,\nto a man from Leeds.\n\n"
        "00:05.000 --> 00:07.000\n<v Ben>For how much money was it sold?\n",
        "Leeds",
        "WEBVTT\n\n00:01.000 --> 00:04.000\n<v Ann>It was sold in 1962,\nto a man from Leeds.\n\n",
    ),
    "what an answer in a mail answers": (
        "Date: Mon, 3 May 2021\nFrom: Ann\nTo: Ben\n\nOn Sunday, 2 May 2021, Ben wrote:\n"
        "> Shall I bring the old plans?\nNo, they are here.\n\n> May I bring my dog?\n\nYes, if it is small.\n",
        "small",
        "> May I bring my dog?\n\nDate: Mon, 3 May 2021\nFrom: Ann\nTo: Ben\n\nYes, if it is small.\n",
    ),
    "also without a blank line": (
        "From: Ann\nTo: Ben\n\nOn Sunday, 2 May 2021, Ben wrote:\n> Shall I bring the old plans?\nNo, leave them.\n",
        "leave",
        "> Shall I bring the old plans?\nFrom: Ann\nTo: Ben\n\nNo, leave them.\n",
    ),
    "the question of a hearing, below who asks it": (
        " 1        MRS ANN LEE, sworn\n 2        EXAMINATION BY MR ROE\n 3   Q. What did you see?\n 4   A. A van.\n"
        " 5        CROSS-EXAMINATION BY MS DOE\n 6   Q. Are you sure?\n 7   A. Yes, quite.\n",
        "quite",
        " 1        MRS ANN LEE, sworn\n 5        CROSS-EXAMINATION BY MS DOE\n 6   Q. Are you sure?\n"
        " 7   A. Yes, quite.\n",
    ),
    "headings by signs": (
        "ポンプの説明書\n\n■ P-10\n[仕様]\n電圧は100ボルトです。\n[保証]\n一年です。\n\n"
        "■ P-20\n[仕様]\n電圧は200ボルトです。\n[保証]\n保証の期間は二年です。\n",
        "二年",
        "ポンプの説明書\n\n■ P-20\n[保証]\n保証の期間は二年です。\n",
    ),
    "headings by numbers": (
        "Fees of the town\n\n§ 1 Graves\n\nI. Urns\nFor 15 years\na) small: 5 EUR\nb) large: 8 EUR\n\n"
        "II. Trees\nFor 20 years\na) small: 6 EUR\nb) large: 9 EUR\n\n§ 2 Halls\nThe hall costs 70 EUR for a day.\n",
        "9 EUR",
        "Fees of the town\n\n§ 1 Graves\n\nII. Trees\nFor 20 years\nb) large: 9 EUR\n\n",
    ),
    "chapters and articles": (
        "第一章 総則\n第1条 目的\nこの規則の目的は次のとおりです。\n第2条 対象\n社員が対象です。\n\n"
        "第二章 休暇\n第3条 日数\n日数は二十日です。\n第4条 申請\n申請は前日までです。\n",
        "前日",
        "第二章 休暇\n第4条 申請\n申請は前日までです。\n",
    ),
    "headings by letters and numbers": (
        "PART ONE\n\nA1 What is paid\nDamage by fire is paid.\n\nA2 Excess\nYou pay the first part: 100 EUR.\n",
        "100 EUR",
        "PART ONE\n\nA2 Excess\nYou pay the first part: 100 EUR.\n",
    ),
    "in what amounts are given": (
        "All amounts are stated in thousands of euros.\n\nThe cash was 315 at the end of the year.\n",
        "315",
        "All amounts are stated in thousands of euros.\n\nThe cash was 315 at the end of the year.\n",
    ),
    "a title above times": (
        "BOOK OF THE GATE\n\nMay 3, early shift (Ann)\n06:10 van in, two men\n07:30 van out\n\n"
        "May 3, late shift (Ben)\n15:10 lorry in\n16:45 lorry out, without a seal\n",
        "seal",
        "BOOK OF THE GATE\n\nMay 3, late shift (Ben)\n16:45 lorry out, without a seal\n",
    ),
    "points of a numbered one": (
        "5. The boat\n5.1 It goes to Ann.\n5.2 She pays the tax.\n\n6. The hut\n6.1 It goes to Ben.\n6.2 He pays it.\n",
        "He pays",
        "6. The hut\n6.2 He pays it.\n",
    ),
    "the first label of an example": (
        "Text: The pump is old and loud.\nTone: bad\n\nText: The drill is fine.\nTone: good\n\nText: Saws.\nTone:\n",
        "good",
        "Text: The drill is fine.\nTone: good\n\n",
    ),
    "what is to be translated": (
        "".join(f"Dutch: De {one}.\nEnglish: The {other}.\n\n" for one, other in DUTCH.items()),
        "drill",
        "Dutch: De boor.\nEnglish: The drill.\n\n",
    ),
    "questions that are to be translated": (
        "Dutch: Is het?\nEnglish: Is it?\n\nDutch: De boor.\nEnglish: The drill.\n\nDutch: De zaag.\nEnglish:\n",
        "drill",
        "Dutch: De boor.\nEnglish: The drill.\n\n",
    ),
    "who answers, between two questions": (
        "Q: Is it old?\nA: It is. So am I.\n\nNobody knows that.\n\nQ: Is it loud?\nA: No.\n\nThat is all.\n",
        "Nobody",
        "Q: Is it old?\nA: It is. So am I.\n\nNobody knows that.\n\n",
    ),
    "nobody below the last answer": (
        "Q: Is it old?\nA: It is. So am I.\n\nNobody knows that.\n\nQ: Is it loud?\nA: No.\n\nThat is all of it.\n",
        "That is",
        "That is all of it.\n",
    ),
    "the first sentence of a passage with a number": (
        "[1] Pumps lift water. They cost little.\n\n[2] Drills make holes. They cost more than that.\n",
        "more than",
        "[2] Drills make holes. They cost more than that.\n",
    ),
    "also with a title": (
        "Document [1](Title: Pump): Pumps lift water. They cost little.\n"
        "Document [2](Title: Drill): Drills make holes. They cost more than that.\n",
        "more than",
        "Document [2](Title: Drill): Drills make holes. They cost more than that.\n",
    ),
    "what an agent did": (
        "Thought: I have to look.\nAction: search\nAction Input: pumps\nObservation: It has two.\nBoth are old.\n"
        "Thought: So it is.\n",
        "Both",
        "Action: search\nAction Input: pumps\nObservation: It has two.\nBoth are old.\n",
    ),
    "in numbered steps": (
        "Thought 1: I have to look.\nAction 1: Search[pumps of Gent]\nObservation 1: It has two. Both are old.\n",
        "Both",
        "Action 1: Search[pumps of Gent]\nObservation 1: It has two. Both are old.\n",
    ),
    "what was seen by no agent": (
        "Observation: The floor is wet.\nAction: It is closed.\n\nObservation: A lamp is out.\nAction: A new one.\n",
        "A lamp",
        "Observation: A lamp is out.\n",
    ),
    "what a time is": (
        "The lamp is hot for an hour. Wait for that time before you open it.\n",
        "Wait",
        "The lamp is hot for an hour. Wait for that time before you open it.\n",
    ),
}


@pytest.mark.parametrize(("text", "within", "expected"), KINDS.values(), ids=KINDS)
def test_what_comes_along(text: str, within: str, expected: str) -> None:
    assert lead_ins(text, within, 4) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Pro: It is old.\nCon: It is loud.\n\nPro: It is new.\nCon: It is dear now.\n",
        "Ann: Is it?\nBen: It is.\n\nBen: Go on.\nAnn: I do.\n\nAnn: It is late.\nEve: It is dear now.\n",
        "Files:\n a.c\nOwner:\n Ann Lee and Ben Roe\nUse: free\n\n" * 3 + "Files:\n b.c\nOwner:\n Ann\nUse: dear now\n",
        "Guest: Hi.\nHost: Is it cold?\n\nGuest: It is.\nHost: Is it shut?\n\nGuest: Yes.\nHost: Heat is dear now.\n",
    ],
    ids=["two paragraphs", "a talk", "with the values below them", "a talk in pairs"],
)
def test_other_labels_are_no_examples(text: str) -> None:
    assert lead_ins(text, "dear", 4) == text.splitlines(keepends=True)[-1]


@pytest.mark.parametrize(
    ("said", "goes_on"),
    [
        ("It may stay for a year.", "Beyond that a permit is needed."),
        ("Man zahlt drei Wochen lang 20 Euro.", "Danach sind 15 Euro zu zahlen."),
        ("On paie vingt euros par mois.", "Sinon la carte est retirée."),
        ("Se pagan veinte euros al mes.", "En ese caso la tarjeta es gratuita."),
        ("Si pagano venti euro al mese.", "In tal caso la tessera è gratuita."),
        ("Паром отходит на час раньше.", "После этого автобус едет в город."),
    ],
)
def test_what_goes_on_comes_with_the_sentence_before(said: str, goes_on: str) -> None:
    assert lead_ins(f"{said} {goes_on}\n", goes_on) == f"{said} {goes_on}\n"


@pytest.mark.parametrize(
    "takes_back",
    [
        "Visitors with a guide dog are exempt from this rule.",
        "Diese Regel gilt jedoch nicht für Blindenhunde.",
        "Cette règle ne s'applique pas aux chiens guides.",
        "Esta regla no se aplica a los perros guía.",
        "Questa regola non si applica ai cani guida.",
        "Это правило не распространяется на собак-поводырей.",
    ],
)
def test_what_takes_back_comes_with_what_it_takes_back(takes_back: str) -> None:
    assert lead_ins(f"{RULE} {takes_back}\n", "Dogs") == f"{takes_back}\n{RULE} "


@pytest.mark.parametrize(
    "text",
    [
        "● first thing of the list\n● second thing of it\n● third thing of it\n",
        "I. Urns of stone\nII. Trees of wood\nIII. Halls of brick\n",
        "Ann Lee and Ben Roe met in York. She went home. Therefore he was alone.\n",
        "> It is quoted here from a book.\n\nThe rest of it is known. It is old.\n",
        "All figures were drawn by hand in pencil. There were 315 of them.\n",
        "A  Apple  3\nQ  Quince  4\nQ  Quark?  5\nA  Ananas  6\n",
        "A1 big bolts 5 EUR\nA2 small bolts 6 EUR\nA3 nuts of steel 7 EUR\n",
    ],
    ids=["a list", "contents", "prose", "no mail", "drawings", "fruits", "rows"],
)
def test_what_stands_alone(text: str) -> None:
    assert not any(above for _, above in cut(text, 4))


@pytest.mark.parametrize(
    ("text", "within", "above"),
    [
        ("I. Past\n\nIt was.\n\nII. Ways\n\nWe go.\n\nBooks\n\nOne by Roe.\n", "Roe", "Books\n\nOne by Roe.\n"),
        ("Monday\n\nWe go.\n\nTuesday\n\nWe sleep.\n\nCosts\n\nIt is free.\n", "free", "Costs\n\nIt is free.\n"),
        ("I. Past\n\nAims\n\nOne is.\n\nII. Ways\n\nAims\n\nTwo is.\n", "Two", "II. Ways\n\nAims\n\nTwo is.\n"),
    ],
)
def test_a_plain_title_is_beside_days_and_marked_headings_unless_they_have_such(
    text: str, within: str, above: str
) -> None:
    assert lead_ins(text, within, 4) == above


def test_what_holds_for_a_chapter_holds_below_its_other_headings() -> None:
    text = (
        "# 5 Pressure\n\n## 5.1 General\n\nAll pressures in this chapter are gauge pressures.\n\n"
        "## 5.2 Valves\n\nRV-3 opens at 345.\n\nNo valve is painted.\n\n# 6 Desk\n\nRing 123 456.\n"
    )
    assert "gauge" in lead_ins(text, "opens", 4)
    assert "gauge" not in lead_ins(text, "painted", 4)
    assert "gauge" not in lead_ins(text, "Ring", 4)
    below = "# Manual\n\n" + text.replace("# ", "## ")
    assert "gauge" in lead_ins(below, "opens", 4)
    assert "gauge" not in lead_ins(below, "Ring", 4)
    assert "gauge" in lead_ins(below.replace("this chapter", "this manual"), "Ring", 4)


def test_a_scale_above_one_table_speaks_of_the_next_one_too() -> None:
    text = (
        "Dues\n\nAll amounts in Table 1 are in euro, all in Table 2 in króna.\n\nTable 1. Ships\nShip       Call Year\n"
        "Trawlers   0.11    0.38\nTankers    0.24    0.80\n\nTable 2. Goods\nGoods      Import  Export\n"
        "Salt       145     95\nTimber     230     150\n"
    )
    assert "króna" in lead_ins(text, "Timber", 4)


def test_a_scale_ends_with_its_section() -> None:
    text = "Book\n\n# Sums\n\nAll amounts are in thousand EUR.\n\nCash is 300.\n\n# Desk\n\nRing 123 456.\n"
    assert "thousand" in lead_ins(text, "Cash", 4)
    assert "thousand" not in lead_ins(text, "Ring", 4)
