"""Rules, titles and lists: each line comes with what leads it in, and with nothing else."""

import pytest
from cutting import lead_ins

from longattncomp.chunking.structure import outline


def above(text: str, within: str) -> list[str]:
    """The lines that lead in the unit that begins with `within`, the nearest first."""
    found = outline(text)
    units = [text[start:end].strip() for start, end in zip(found.starts, [*found.starts[1:], len(text)], strict=True)]
    unit = next(number for number, words in enumerate(units) if words.startswith(within))
    return [units[number] for number in found.lead_ins(unit)]


LED = {
    "a heading below a rule": (
        "# Tents\n\nThey sleep four. They are dry.\n\n---\n\n# Boats\n\nThey seat six. They are fast.\n",
        "They seat",
        ["# Boats"],
    ),
    "a heading below what a page says of itself": (
        "---\ntitle: Boats\ntags:\n  - sea\n---\n# Rowing\n\nSit down. Take the oars.\n",
        "Sit",
        ["# Rowing"],
    ),
    "the item of another region": (
        "<morning>\n- Milk\n- Bread\n</morning>\n\n<evening>\n- Soup\n- Rice\n</evening>\n",
        "- Rice",
        ["<evening>", "</evening>"],
    ),
    "an item that holds under a condition": (
        "The fee is for:\n- Towels\n{% if winter %}\n- Wood\n{% endif %}\n- Bread\n",
        "- Wood",
        ["{% if winter %}", "{% endif %}", "The fee is for:"],
    ),
    "one below it": (
        "The fee is for:\n- Towels\n{% if winter %}\n- Wood\n{% endif %}\n- Bread\n",
        "- Bread",
        ["The fee is for:"],
    ),
    "one below another condition": (
        "{% if sick %}\n- Rest\n{% endif %}\n{% if well %}\n- Run\n{% else %}\n- Sit\n{% endif %}\n",
        "- Sit",
        ["{% else %}", "{% endif %}", "{% if well %}"],
    ),
    "the title of a section that begins with a list": (
        "2. Left at home\n\nCats are not taken. Nor are dogs.\n\n3. Taken along\n\n- Birds\n- Fish\n",
        "- Birds",
        ["3. Taken along"],
    ),
    "a title right below that of its chapter": (
        "2. Walls\n\n2.1 Paint\n\nIt must be white. It dries in a day.\n\n2.2 Damp\n\nAir the room. Keep it warm.\n",
        "It must",
        ["2.1 Paint", "2. Walls"],
    ),
    "the title of a text, above the intros of lists": (
        "The house at sea\n\n- Sleeps four\n\nYou bring:\n\n- Towels\n- Soap\n",
        "- Towels",
        ["You bring:", "The house at sea"],
    ),
    "what takes back the list above": (
        "Included\n- Soup\n- Bread\n\nThis does not apply on Sundays.\n",
        "- Soup",
        ["Included", "This does not apply on Sundays."],
    ),
    "a part of a wiki's page": (
        "== Rivers ==\nThe Ode is long. It is deep.\n=== Fish ===\nPike live in it. So do eels.\n",
        "Pike",
        ["=== Fish ===", "== Rivers =="],
    ),
    "another part of it": (
        "== Rivers ==\nThe Ode is long. It is deep.\n=== Fish ===\nPike live in it. So do eels.\n"
        "== Roads ==\nThere is one. It is old.\n",
        "There",
        ["== Roads =="],
    ),
    "a part of AsciiDoc": (
        "= The Ode\n:toc:\n\nIt is long.\n\n== Fish\n\nPike live in it. So do eels.\n",
        "Pike",
        ["== Fish", "= The Ode"],
    ),
    "a part of an item that is not indented": (
        "1. **Bring:**\n- Soap\n- Towels\n2. **Leave:**\n- Cats\n- Dogs\n",
        "- Dogs",
        ["2. **Leave:**"],
    ),
    "a part with another number": (
        "(a) The guest may\n(1) cook;\n(2) sing.\n(b) The guest may not\n(1) smoke;\n(2) dance.\n",
        "(2) dance",
        ["(b) The guest may not"],
    ),
    "a part with a Roman number": (
        "4.1 We do not pay for:\n(a) loss through:\n(i) frost;\n(ii) rain;\n(b) age.\n",
        "(ii)",
        ["(a) loss through:", "4.1 We do not pay for:"],
    ),
    "an item below the parts of another": (
        "4.1 We do not pay for:\n(a) loss through:\n(i) frost;\n(ii) rain;\n(b) age.\n",
        "(b) age",
        ["4.1 We do not pay for:"],
    ),
    "the ninth letter": (
        "We pay for:\n" + "".join(f"({letter}) room {letter};\n" for letter in "abcdefghij"),
        "(i) room",
        ["We pay for:"],
    ),
    "a part of an item with a capital letter": (
        "A. Taken along\n1. Birds\n2. Fish\nB. Left at home\n1. Cats\n2. Dogs\n",
        "2. Dogs",
        ["B. Left at home"],
    ),
    "the only item below a title": ("Needed\n- Salt\n\nOptional\n- Pepper\n", "- Pepper", ["Optional"]),
    "several short lines above a list": (
        "# Work\n\n**Mill & Sons** — Cook\n*2011 – 2014*\n\n- Made bread\n- Sold it\n",
        "- Sold",
        ["*2011 – 2014*", "**Mill & Sons** — Cook", "# Work"],
    ),
    "the second question of a paragraph": (
        "Q1. May I cook?\nA1. You may cook.\nQ2. May I sing?\nA2. You may not.\n",
        "A2. You",
        ["Q2. May I sing?"],
    ),
    "one with a colon": (
        "Q1: May I cook?\nA1: You may cook.\nQ2: May I sing?\nA2: You may not.\n",
        "A2:",
        ["Q2: May I sing?"],
    ),
    "an item with an arrow": ("Never:\n→ Pull the plug\n→ Lift the lid\n", "→ Lift", ["Never:"]),
    "the title of a commit above what it changes": (
        "commit 3d8e1f04\nAuthor: Bo <b@a.org>\n\n    pump: say when it stops.\n\ndiff --git a/p b/p\n@@ -1 @@\n-a\n",
        "diff",
        ["pump: say when it stops.", "commit 3d8e1f04\nAuthor: Bo <b@a.org>"],
    ),
    "one above its files": (
        "commit 3d8e1f04\nAuthor: Bo <b@a.org>\n\n    Say when it stops\n\n src/pump.c | 4 ++--\n 1 file changed\n",
        "src/pump.c",
        ["Say when it stops", "commit 3d8e1f04\nAuthor: Bo <b@a.org>"],
    ),
    "a term in capital letters": (
        "JIB\n    A sail before the mast.\nBOOM\n    A pole below the sail.\n\n    It hits heads.\n",
        "A pole",
        ["BOOM"],
    ),
    "what goes on below it": (
        "JIB\n    A sail before the mast.\nBOOM\n    A pole below the sail.\n\n    It hits heads.\n",
        "It hits",
        ["BOOM"],
    ),
    "a section of a page with lines around its title": (
        "=====\nBoats\n=====\n\nRowing\n======\n\nSit down.\n\nOars\n----\n\nTake them. Pull.\n",
        "Take",
        ["Oars\n----", "Rowing\n======", "=====\nBoats\n====="],
    ),
    "one of a chapter with lines around its title": (
        "####\nSea\n####\n\n*****\nBoats\n*****\n\nRowing\n======\n\nSit down.\n\n*****\nShips\n*****\n\nWait.\n",
        "Wait",
        ["*****\nShips\n*****", "####\nSea\n####"],
    ),
    "prose below code with blank lines between tags": (
        "<snippet>\ndef one():\n    return 1\n\ndef two():\n    return 2\n</snippet>\nSay what it does. Then go on.\n",
        "Then go",
        [],
    ),
    "what stands bare below a step": (
        "To bake:\n\n1. Heat the stove:\n\nstove on --heat 200\n\n2. Wait:\n\nsleep 600\n\n3. Put it in.\n",
        "stove on",
        ["1. Heat the stove:", "To bake:"],
    ),
    "the next step": (
        "To bake:\n\n1. Heat the stove:\n\nstove on --heat 200\n\n2. Wait:\n\nsleep 600\n\n3. Put it in.\n",
        "2. Wait",
        ["To bake:"],
    ),
    "one below a sentence": (
        "1. Heat the stove:\n\nTurn the knob to the right and wait.\n\n2. Wait.\n",
        "2. Wait",
        [],
    ),
    "settings below a step": (
        "1. Write the file:\n\nheat: 200\ntime: 30\n\n2. Wait:\n\n```\nsleep 600\n```\n\n3. Put it in.\n",
        "time:",
        ["1. Write the file:"],
    ),
    "a block below one": (
        "1. Write the file:\n\nheat: 200\ntime: 30\n\n2. Wait:\n\n```\nsleep 600\n```\n\n3. Put it in.\n",
        "```",
        ["2. Wait:"],
    ),
    "what stands below the last step": (
        "1. Heat it.\n2. Wait:\n\nSELECT rest(600);\n\nThat is all.\n",
        "SELECT",
        ["2. Wait:"],
    ),
    "a second paragraph of a step": (
        "You need:\n\n1. A stove.\n\nIt should be new.\n\nIt may be small.\n\n2. A tray.\n",
        "It may",
        ["1. A stove.", "You need:"],
    ),
    "a block below an item of another step": (
        "1. By hand:\n\n- Do:\n\n```\nstir\n```\n\n2. By mixer:\n\n- Do:\n\n```\nmix\n```\n",
        "```\nmix",
        ["- Do:", "2. By mixer:"],
    ),
    "a block below an item with a bullet": (
        "Ways:\n\n- By hand:\n\n```\nstir\n```\n\n- By mixer:\n\n```\nmix\n```\n",
        "- By mixer",
        ["Ways:"],
    ),
    "an item below the title that stands below an empty field": (
        "Device\n\n- Model:\n- Colour:\n\nWhat to do\n\n- Turn it on.\n- Wait.\n",
        "- Turn",
        ["What to do"],
    ),
    "a sentence there": ("- Model:\n- Colour:\n\nTrouble\n\nIt does not start.\n", "It does", ["Trouble"]),
    "one below a single empty field": (
        "1. A tent\n2. Tools:\n\nMore to know\n\nIt is cold there.\n",
        "It is cold",
        ["More to know"],
    ),
    "what an item without a title below it ends in": ("- Name:\n\nAnn Bell\n\n- Age:\n\n12\n", "Ann Bell", ["- Name:"]),
    "an item below a link and a label": (
        "For:\n\n- Small, as on:\n\nhttps://a.org/b\n\nAgainst:\n\n- Slow\n",
        "- Slow",
        ["Against:"],
    ),
    "the next number below the head of another mail": (
        "1. Sit down.\n\nSome words on it.\n\nFrom: Cy\nSubject: Re: it\n\n2. I sit.\n",
        "2. I sit",
        ["From: Cy\nSubject: Re: it"],
    ),
    "one below a name": ("**Ann**\n\n1. Get bread:\n\nbrown\n\n**Cy**\n\nFine.\n\n2. Milk?\n", "2. Milk", ["**Cy**"]),
    "lines that were wrapped behind a semicolon": (
        "Not paid for:\n\n(a) sheds that were blown\n    down by a storm;\n(b) carpets;\n",
        "(b)",
        ["Not paid for:"],
    ),
    "a sentence that says what those below are": (
        "Those below are all false.\n\n1. Ice is hot.\n2. Fire is cold.\n",
        "2. Fire",
        ["Those below are all false."],
    ),
    "a sentence that speaks of the next numbers": (
        "True ones:\n\n1. Ice is cold.\n2. Fire is hot.\n\nThose below are false. Mend them.\n\n3. Ice is hot.\n",
        "3. Ice",
        ["Mend them.", "Those below are false."],
    ),
    "one with a comma of Chinese": ("以下物品禁止带入:\n1、鞋子\n2、食物\n", "2、", ["以下物品禁止带入:"]),
}


@pytest.mark.parametrize(("text", "within", "lines"), LED.values(), ids=LED)
def test_what_leads_a_line_in(text: str, within: str, lines: list[str]) -> None:
    assert above(text, within) == lines


NOT_LED = {
    "a comment between documents of YAML": (
        "---\nport: 80\n---\nhost: a\n\n# the second\n\nport: 81\n\nhost: b\n",
        "host: b",
        "# the second",
    ),
    "a step of a recipe": ("1. Mix it\n\n2. Take\n\n- flour\n\n3. Bake it\n\nServe it. Eat it.\n", "Serve", "2. Take"),
    "the title of the first list": (
        "Cats may\n\n- sleep\n- eat\n\nDogs may\n\n- bark\n- run\n",
        "- bark",
        "Cats may",
    ),
    "the title of the first table": (
        "Cats\n\n| Name | Age |\n|---|---|\n| Tom | 3 |\n\nDogs\n\n| Name | Age |\n|---|---|\n| Rex | 4 |\n",
        "| Rex",
        "Cats",
    ),
    "the title of the list below": (
        "Included\n- Soup\n- Bread\n\nNot included\n- Wine\n- Beer\n",
        "- Soup",
        "Not included",
    ),
    "another day of a log": (
        "== Monday 2024-05-06 ==\nThe door was shut. It was locked.\n\n== 2024-05-07 ==\nIt was open. It was wide.\n",
        "The door",
        "== 2024-05-07 ==",
    ),
    "an item above another list": (
        "1. Close the door;\n2. Turn the key.\n\n- Bread\n- Milk\n",
        "- Bread",
        "2. Turn the key.",
    ),
    "the initial of a name": ("A. Miller came. B. was ill.\n\n1. Soup\n2. Bread\n", "1. Soup", "A. Miller came."),
    "a step below what stands bare in the one above": (
        "1. Heat it:\n\nstove on\n\n2. Wait:\n\nsleep 600\n\n3. Put it in.\n",
        "2. Wait",
        "stove on",
    ),
    "what follows the block below the last step": (
        "1. Heat it.\n2. Wait:\n\nSELECT rest(600);\n\nThat is all.\n",
        "That",
        "2. Wait:",
    ),
    "an empty field beside another": (
        "- Model:\n- Colour:\n\nIt does not start at all.\n",
        "It does",
        "- Colour:",
    ),
    "an item above the head of another mail": (
        "1. Sit down.\n\nSome words on it.\n\nFrom: Cy\nSubject: Re: it\n\n2. I sit.\n",
        "Some words",
        "1. Sit down.",
    ),
    "an item above a rule": ("1. Sit down.\n\nSome words.\n\n* * *\n\nGo on.\n\n2. I sit.\n", "Go on", "1. Sit down."),
    "an item above a title of several": (
        "Part A: Ann\n1. Sit.\n\nSo it is.\n\nPart B: Cy\nGo on.\n\n2. Run.\n",
        "So it is",
        "1. Sit.",
    ),
    "the last item of a list": ("- Soup\n- Bread\n\nNobody came.\n\n- Wine\n- Beer\n", "Nobody", "- Bread"),
    "an item above a heading": ("1. Heat it.\n\n## Cold\n\nThe end is near.\n\n2. Wait.\n", "The end", "1. Heat it."),
    "code between tags": (
        "Look at it:\n<snippet>\nfor leaf in tree:\n    water(leaf)\n</snippet>\nSay what it does.\n",
        "Say what",
        "<snippet>",
    ),
    "the exception that leads to the next list": (
        "We pay for:\n- storm\n- fire\n\nUnless it was agreed, we do not pay for:\n- carpets\n",
        "- storm",
        "Unless it was agreed, we do not pay for:",
    ),
    "a sentence before a short line": ("We came late.\nTo be done:\n- Cook\n- Eat\n", "- Eat", "We came late."),
}


@pytest.mark.parametrize(("text", "within", "line"), NOT_LED.values(), ids=NOT_LED)
def test_what_does_not(text: str, within: str, line: str) -> None:
    assert line not in above(text, within)


@pytest.mark.parametrize("intro", ["次の費用は対象外です。", "以下の費用は除きます。", "费用如下。"])
def test_a_sentence_that_points_on_leads_to_a_list_in_chinese_and_japanese(intro: str) -> None:
    assert lead_ins(f"{intro}\n・本の代金\n・船の代金\n", "船", 1) == f"{intro}\n・船の代金\n"


@pytest.mark.parametrize("text", ["私は次の日に船で行く。", "10円以下の船は多い。"])
def test_a_sentence_about_what_is_next_or_less_does_not(text: str) -> None:
    assert lead_ins(f"{text}\n\n・本の代金\n・船の切符\n", "切符", 1) == "・船の切符\n"


def test_no_item_goes_on_behind_a_sentence_in_japanese() -> None:
    text = "（1）本の代金は含まない。\n代金は税込みです。\n（2）船の代金は含まない。\n"
    assert lead_ins(text, "税込み", 1) == "代金は税込みです。\n"
    assert (
        lead_ins(f"費用は次のとおりです。\n{text}", "船の", 1) == "費用は次のとおりです。\n（2）船の代金は含まない。\n"
    )


def test_numbers_in_wide_brackets_are_parts_of_an_item() -> None:
    text = "1、书的费用\n2、船的费用\n（1）去程\n（2）回程\n3、其他\n"
    assert lead_ins(text, "回程", 1) == "2、船的费用\n（2）回程\n"
    assert lead_ins(text, "其他", 1) == "3、其他\n"
