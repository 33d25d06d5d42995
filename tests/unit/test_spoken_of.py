"""What says what a unit means, though it may stand elsewhere, leads it in."""

import pytest
from cutting import cut, lead_ins

ROWS = "".join(f"| bolt number {number} of steel | {number}.50 |\n" for number in range(9))
BOLTS = f"| part | price |\n|---|---|\n{ROWS}"
CELLS = "".join(f"<tr><td>bolt {number} of steel</td><td>{number}.50</td></tr>" for number in range(9))
HEADER = "<tr><th>part</th><th>price</th></tr>"

KINDS = {
    "a caption, a header and a row of one cell lead in rows of HTML": (
        f"<table><caption>Not valid any more</caption>{HEADER}<tr><td colspan=2>Sold out</td></tr>{CELLS}</table>",
        "bolt 7",
        f"<table><caption>Not valid any more</caption>{HEADER}<tr><td colspan=2>Sold out</td></tr>"
        "<tr><td>bolt 7 of steel</td><td>7.50</td></tr>",
    ),
    "a row that begins with its name leads in no other": (
        f"<table>{HEADER}" + CELLS.replace("<td>bolt", "<th>bolt") + "</table>",
        "bolt 7",
        f"<table>{HEADER}<tr><th>bolt 7 of steel</td><td>7.50</td></tr>",
    ),
    "a term leads in its definition": (
        "<dl><dt>colour</dt><dd>what the border is drawn in</dd><dt>width</dt><dd>how wide the border is</dd></dl>",
        "how wide",
        "<dt>width</dt><dd>how wide the border is</dd></dl>",
    ),
    "also on a manual's page": (
        "OPTIONS\n\n--verbose\n       Say more about what is done while it runs.\n\n"
        "--wipe\n       Remove all files in the folder.\n\n       It does not ask anybody before that.\n\n"
        "--quiet\n       Say nothing.\n",
        "not ask",
        "OPTIONS\n\n--wipe\n       Remove all files in the folder.\n\n       It does not ask anybody before that.\n\n",
    ),
    "a row of one cell leads in those below it": (
        "| part | price |\n|---|---|\n| **Sold out** | |\n| bolt of steel | 3 |\n| nut of steel | 4 |\n"
        "| **For sale** | |\n| bolt of brass | 5 |\n| nut of brass | 6 |\n",
        "nut of brass",
        "| part | price |\n|---|---|\n| **For sale** | |\n| nut of brass | 6 |\n",
    ),
    "a row with a first cell those without": (
        "region,who was there,sales\nNorth,Ann of Bell Street,31\n,Ben of Cole Street,32\n"
        "South,Cy of Dunn Street,41\n,Di of Elm Street,42\n,Ed of Fox Street,43\n",
        "43",
        "region,who was there,sales\nSouth,Cy of Dunn Street,41\n,Ed of Fox Street,43\n",
    ),
    "a sentence above a table, and a note below it": (
        f"Table 3. Prices until 2019.\n\n{BOLTS}\nNote: in thousands of euros.\n",
        "number 7",
        "Table 3. Prices until 2019.\n\nNote: in thousands of euros.\n| part | price |\n|---|---|\n"
        "| bolt number 7 of steel | 7.50 |\n",
    ),
    "a header of many columns": (
        ", ".join(f"column_{number}" for number in range(150)) + "\n" + (", ".join(map(str, range(150))) + "\n") * 3,
        "0, 1, ",
        ", ".join(f"column_{number}" for number in range(150)) + "\n0, 1, 2, 3, 4, ",
    ),
    "the target leads in the commands of its recipe": (
        "build: deps\n\tgo build ./...\n\ndeploy-prod:\n"
        + "".join(f"\tkubectl apply -f m{n}.yaml\n" for n in range(30)),
        "m20.yaml",
        "deploy-prod:\n\tkubectl apply -f m20.yaml\n",
    ),
    "a condition of SQL": (
        "SELECT * FROM orders o\nWHERE o.open = 1\n  AND NOT EXISTS (\n"
        + "".join(f"    SELECT {n} FROM refunds r WHERE r.id = o.id AND kind = {n}\n    UNION\n" for n in range(20))
        + "    SELECT 1\n  )\nORDER BY 1;\n",
        "kind = 12",
        "SELECT * FROM orders o\nWHERE o.open = 1\n  AND NOT EXISTS (\n"
        "    SELECT 12 FROM refunds r WHERE r.id = o.id AND kind = 12\n    UNION\n",
    ),
    "the head of a forwarded mail": (
        "It is fixed.\n\n-----Original Message-----\nFrom: Ben\nTo: Ann\n\nThe price is 30 EUR. That is final.\n",
        "30 EUR",
        "-----Original Message-----\nFrom: Ben\nTo: Ann\n\nThe price is 30 EUR. ",
    ),
    "what follows a list and speaks of all its items": (
        "We pay for\n(a) fire in the house,\n(b) storm above force eight,\n(c) theft from a room,\n"
        "provided that it is reported within three days.\n",
        "storm",
        "provided that it is reported within three days.\nWe pay for\n(b) storm above force eight,\n",
    ),
    "an alert leads in the lines below it": (
        "> [!WARNING]\n> Only for version one of it.\n> The width is given in pixels as before.\n",
        "pixels",
        "> [!WARNING]\n> The width is given in pixels as before.\n",
    ),
    "a footnote by a sign": (
        "It may be used at sea.* It is light.\n\nIt has *two* buttons.\n\n* Not below ten metres.\n",
        "at sea",
        "* Not below ten metres.\nIt may be used at sea.* ",
    ),
    "the footnote of its own page": (
        "It may be used at sea.¹ It is light.\n\n¹ Not in winter.\n\nIt may be used in ice.¹\n\n¹ In summer.\n",
        "in ice",
        "¹ In summer.\nIt may be used in ice.¹\n\n",
    ),
    "a sentence of what is struck out": (
        "~~The price is 30 EUR for a piece. It includes the postage for all.~~\n\nThe price is 40 EUR.\n",
        "postage",
        "~~The price is 30 EUR for a piece. It includes the postage for all.~~\n\n",
    ),
    "what holds otherwise": (
        "Until the first of May the fee is 10 EUR. Otherwise the fee is 300 EUR. Children are free.\n",
        "300",
        "Until the first of May the fee is 10 EUR. Otherwise the fee is 300 EUR. ",
    ),
    "what takes something back": (
        "The theft of things is paid for. This does not apply to bicycles. Claims are made by letter.\n",
        "theft",
        "This does not apply to bicycles. The theft of things is paid for. ",
    ),
    "a rule against it": (
        "Any order may be sent back at once. However, tickets cannot be returned. They are dear.\n",
        "sent back",
        "However, tickets cannot be returned. Any order may be sent back at once. ",
    ),
    "one in Spanish": (
        "El pedido se puede devolver. Sin embargo, las entradas no se devuelven. Son caras.\n",
        "El pedido",
        "Sin embargo, las entradas no se devuelven. El pedido se puede devolver. ",
    ),
    "a paragraph that takes back the one above": (
        "Orders are paid back in full. Send us the form for it.\n\nThis does not apply to tickets.\n\nBye.\n",
        "paid back",
        "This does not apply to tickets.\n\nOrders are paid back in full. ",
    ),
    "what does not hold": (
        "A folding bicycle travels free at night. This does not hold on Fridays and Sundays. Prams travel free.\n",
        "bicycle",
        "This does not hold on Fridays and Sundays. A folding bicycle travels free at night. ",
    ),
    "what is done with a figure": (
        "The judge awarded 18,400 for two seasons. That figure must be halved, unless ledgers come. Costs follow.\n",
        "18,400",
        "That figure must be halved, unless ledgers come. The judge awarded 18,400 for two seasons. ",
    ),
    "what is not significant": (
        "With 40 mg it was 33 per cent. That difference from placebo was not significant. Nausea was rare.\n",
        "33 per",
        "That difference from placebo was not significant. With 40 mg it was 33 per cent. ",
    ),
    "also in a clause of its own": (
        "6.1 The firm is liable up to 250,000 EUR.\n6.2 This limit does not apply to intent.\n6.3 It is insured.\n",
        "250,000",
        "6.2 This limit does not apply to intent.\n6.1 The firm is liable up to 250,000 EUR.\n",
    ),
    "who says it, before": (
        'The minister said: "The bridge is safe. Lorries may use it from Monday on." Nobody believes it.\n',
        "Lorries",
        'The minister said: "The bridge is safe. Lorries may use it from Monday on." ',
    ),
    "and after": (
        '"The bridge is safe. Lorries may use it from Monday on," said the liar. Nobody believes it.\n',
        "bridge",
        'Lorries may use it from Monday on," said the liar. "The bridge is safe. ',
    ),
    "several lines of a comment": (
        "first: 1\n# the old server,\n# not used any more\nhost: a.example for all of us\nport: 80\n",
        "host",
        "# not used any more\n# the old server,\nhost: a.example for all of us\n",
    ),
    "an intro in the middle of a list": (
        "Allowed in the cabin:\n- books of all kinds, small and large\n- music players with their headphones\n"
        "Forbidden in the cabin:\n- scissors and knives of all kinds\n- liquids in bottles of all kinds\n",
        "liquids",
        "Forbidden in the cabin:\n- liquids in bottles of all kinds\n",
    ),
    "also in bold": (
        "**Added**\n- support for pumps of all kinds\n**Removed**\n- support for valves of all kinds\n- the old one\n",
        "valves",
        "**Removed**\n- support for valves of all kinds\n",
    ),
    "a key leads in its items, indented or not": (
        "on:\n  push:\n    branches:\n    - main or another one\n    branches-ignore:\n    - old\n    - test of it\n"
        + "    - x\n" * 40,
        "test of it",
        "on:\n  push:\n    branches-ignore:\n    - test of it\n",
    ),
    "its condition and its verb lead in a clause of SQL": (
        "DELETE FROM users\nWHERE last_login < 2019\n  AND NOT protected;\n\n"
        f"UPDATE accounts\nSET {', '.join(f'balance_{n} = 0' for n in range(40))}\nWHERE closed = 1;\n",
        "balance_0",
        "WHERE closed = 1;\nUPDATE accounts\nSET balance_0 = 0, ",
    ),
    "captions that stand below their tables": (
        f"{BOLTS}\nTable 1. For sale in Italy.\n\n{BOLTS.replace('bolt', 'nut')}\nTable 2. Not for sale there.\n",
        "nut number 7",
        "Table 2. Not for sale there.\n| part | price |\n|---|---|\n| nut number 7 of steel | 7.50 |\n",
    ),
    "a question leads in a list below it": (
        "Which of these is false?\n\n- The moon is a stone.\n- The earth is flat like a plate.\n",
        "flat",
        "Which of these is false?\n\n- The earth is flat like a plate.\n",
    ),
    "so does a word with a colon": (
        "Covered:\n\n- smoke in the whole house\n\nExcluded:\n\n- damage by fire or water\n- theft from a car\n",
        "theft",
        "Excluded:\n\n- theft from a car\n",
    ),
    "a line with a colon the lines below it": (
        "Tested with:\n  Python 3.11 and later\n\nNot tested with:\n  Python 3.9\n"
        + "  PyPy 7.3\n" * 50
        + "  Jython 2\n",
        "Jython",
        "Not tested with:\n  PyPy 7.3\n  Jython 2\n",
    ),
    "a table right below its intro": (
        f"The parts below are old:\n{BOLTS}They are sold in shops of all kinds.\n",
        "number 7",
        "The parts below are old:\n| part | price |\n|---|---|\n| bolt number 7 of steel | 7.50 |\n",
    ),
    "a paragraph of HTML leads in the list below it": (
        "<p>Never do any of this:</p><ul><li>open the door of it</li><li>remove the guard of it</li></ul><p>Red.</p>",
        "guard",
        "<p>Never do any of this:</p><li>remove the guard of it</li></ul>",
    ),
    "an item the list in it": (
        "<ul><li>Never do this<ul><li>open the door of it</li></ul></li>"
        "<li>Always do this<ul><li>wear the gloves</li></ul></li></ul>",
        "gloves",
        "<li>Always do this<ul><li>wear the gloves</li></ul></li></ul>",
    ),
    "the head of a table without th": (
        "<table><thead><tr><td>part</td></tr></thead><tbody><tr><td>bolt of steel here</td></tr>"
        "<tr><td>nut of steel here</td></tr></tbody></table>",
        "nut",
        "<table><thead><tr><td>part</td></tr></thead><tr><td>nut of steel here</td></tr></tbody></table>",
    ),
    "the header of a grid": (
        "+------+-------+\n| part | price |\n+======+=======+\n| bolt | 5     |\n+------+-------+\n| nut  | 6     |\n",
        "nut",
        "+------+-------+\n| part | price |\n+======+=======+\n| nut  | 6     |\n",
    ),
    "the columns of LaTeX": (
        "\\caption{Old}\n\\begin{tabular}{ll}\npart & price \\\\\n\\hline\nbolt & 5 \\\\\nnut of steel & 6 \\\\\n"
        "\\end{tabular}\n",
        "nut",
        "\\caption{Old}\n\\begin{tabular}{ll}\npart & price \\\\\n\\hline\nnut of steel & 6 \\\\\n",
    ),
    "a title of rows in columns": (
        "Item      2023   2024\nLosses\n  Fire      10     20\n  Theft     30     40\nGains\n  Rent      50     60\n"
        "  Sale      70     80\n",
        "Sale",
        "Item      2023   2024\nGains\n  Sale      70     80\n",
    ),
    "the tags of a prompt's section": (
        "Be a clerk.\n\n<bad_example>\nUser: where is it?\nAssistant: Find it yourself.\n</bad_example>\n\nBrief.\n",
        "yourself",
        "where is it?\nUser: </bad_example>\n\n<bad_example>\nAssistant: Find it yourself.\n",
    ),
    "the summary of details": (
        "<details>\n<summary>Old versions only</summary>\n\nSet the flag to one or two here.\n\n</details>\n\nRest.\n",
        "flag",
        "</details>\n\n<details>\n<summary>Old versions only</summary>\n\nSet the flag to one or two here.\n\n",
    ),
    "a heading of a page, without what stands around it": (
        '<body>\n<header>\n<h1>Pumps</h1>\n<svg><path d="M 1 2 3 4 5 6 7 8 9"></path></svg>\n</header>\n'
        "<p>They are elsewhere now, all of them.</p>\n",
        "elsewhere",
        "<h1>Pumps</h1><p>They are elsewhere now, all of them.</p>\n",
    ),
    "an exception below a list": (
        "We pay for:\n- fire in the house\n- storm above force eight\n\nThis does not apply to bicycles.\n",
        "storm",
        "This does not apply to bicycles.\nWe pay for:\n- storm above force eight\n\n",
    ),
    "also one of a single item": (
        "Not covered:\n\n(a) damage by lightning\n(b) loss of goods\n\nExclusion (b) does not apply to dry goods.\n",
        "loss",
        "Exclusion (b) does not apply to dry goods.\nNot covered:\n\n(b) loss of goods\n\n",
    ),
    "a branch in prose": (
        "{% if paid %}\n\nYou pay nothing at all.\n\n{% else %}\n\nYou pay 30 EUR a month.\n\n{% endif %}\n\nThanks.\n",
        "30 EUR",
        "{% if paid %}\n\n{% endif %}\n\n{% else %}\n\nYou pay 30 EUR a month.\n\n",
    ),
}


@pytest.mark.parametrize(("text", "within", "expected"), KINDS.values(), ids=KINDS)
def test_what_leads_in(text: str, within: str, expected: str) -> None:
    assert lead_ins(text, within) == expected


@pytest.mark.parametrize(
    "text",
    [
        'She wrote "Hello! Goodbye!" in 1962. It was played in many towns.\n',
        "* one thing\n* another thing\n\nIt costs 3 EUR.* It is red.\n",
        "This is *light*. It is red.\n\n* Not in winter.\n",
        "It was not cold. However, they did not come.\n",
        "* Only members may enter.\n\nIt takes a char* and a size.\n",
        "/*\n!/src\n\n!/docs and more of it\n\n!/lib/*/\n",
        "# Make sure that it is there before\n# anything else is done.\nmkdir -p tmp\n\nrm -rf one two three four\n",
        "A **strong** word is here.\n\n**Never** pay it there.\n",
        "The flat has 70 m² of it.\n\n² Not in winter.\n",
        "[NOTE]\n====\nThe old rules hold.\n====\n\nThe pump runs at night.\n",
        "The shop sells bread.\n\nUnless it rains, the market is open.\n",
    ],
    ids=[
        *(
            "a title",
            "the items of a list",
            "emphasis",
            "a plain negation",
            "a pointer",
            "a pattern",
            "a script's comment",
        ),
        *("bold words", "a unit", "AsciiDoc's blocks", "an exception at the beginning"),
    ],
)
def test_what_speaks_of_nothing_else(text: str) -> None:
    assert not any(above for _, above in cut(text, 4))


@pytest.mark.parametrize(
    ("definition", "rest"),
    [
        ('"Guest" means any person who sleeps in the house.', "It does not include staff."),
        ("„Gast“ bezeichnet jede Person, die im Haus schläft.", "Dazu gehören keine Helfer."),
        ("« Client » désigne toute personne qui dort ici.", "Ce terme ne comprend pas le personnel."),
        ("Guest means any person who sleeps in the house.", "They pay at noon."),
    ],
)
def test_a_definition_leads_in_what_is_said_of_its_term(definition: str, rest: str) -> None:
    text = f"{definition}\n{rest}\n\nAll of them are told so.\nIt is written down.\n"
    assert lead_ins(text, rest, 4) == f"{definition}\n{rest}\n\n"
    assert lead_ins(text, "It is written", 4) == "It is written down.\n"


CORRECTS = [
    "EDIT: ",
    "Edit 2: ",
    "**Update (3. May):** ",
    "Correction of 2 March: ",
    "Nachtrag: ",
    "Corrección: ",
    "訂正：",
]


@pytest.mark.parametrize("sign", CORRECTS)
def test_a_correction_leads_in_its_section_above(sign: str) -> None:
    text = "# Ink\n\nInk is blue.\n\n# Belts\n\nBelts cost 40 EUR.\n\nThey are red.\n\n"
    text += (
        f"{sign}It is 14 EUR, as the list of the shop on the wall of the hall says. Sorry.\n\n# Oil\n\nOil is new.\n"
    )
    assert "It is 14" in lead_ins(text, "Belts cost")
    assert "It is 14" in lead_ins(text, "They are")
    assert not any("It is 14" in lead_ins(text, other) for other in ("Ink is", "Oil is"))


def test_many_updates_are_a_log_and_a_longer_word_is_no_correction() -> None:
    updates = "".join(f"Update {number}: The pump runs at {number} bar.\n\n" for number in range(4))
    assert "4 bar" not in lead_ins(f"# Pump\n\nIt was begun.\n\n{updates}", "It was")
    assert "Editors" not in lead_ins("# Pump\n\nIt was begun.\n\nEditors: Ada and Bo wrote it.\n", "It was")
