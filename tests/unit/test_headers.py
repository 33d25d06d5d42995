"""The names of columns lead in the rows of a table however it is drawn."""

import pytest
from cutting import cut, lead_ins

BOXED = ("│ Nut  │ 3     │\n", "│ Bolt │ 5     │\n")
TABLES = {
    "in a box": ("┌──────┬───────┐\n│ Part │ Price │\n├──────┼───────┤\n", *BOXED),
    "in a box, with types": ("┌──────┬─────┐\n│ Part │ EUR │\n│ text │ int │\n├──────┼─────┤\n", *BOXED),
    "in a double box": ("╔══════╦═══════╗\n║ Part ║ Price ║\n╠══════╬═══════╣\n", "║ Nut  ║ 3 ║\n", "║ Bolt ║ 5 ║\n"),
    "in a box below a title": ("Stock of May\n╭──────┬─────╮\n│ Part │ EUR │\n├──────┼─────┤\n", *BOXED),
    "of two columns": ("Part     Price\n", "Nut      3 EUR\n", "Bolt     5 EUR\n"),
    "of HTML, with bold names": (
        "<table>\n<tr><td><b>Part</b></td><td><strong>Price</strong></td></tr>\n",
        "<tr><td>Nut</td><td>3</td></tr>\n",
        "<tr><td>Bolt</td><td>5</td></tr>\n",
    ),
    "without bars at its edges": ("Part | Price | Stock\n--- | --- | ---\n", "Nut | 3 | 7\n", "Bolt | 5 | 2\n"),
}


@pytest.mark.parametrize(("header", "row", "last"), TABLES.values(), ids=TABLES)
def test_the_names_of_columns_lead_in_the_rows(header: str, row: str, last: str) -> None:
    found = lead_ins(header + row + last, "Bolt", 1)
    assert found.endswith(last)
    assert "Part" in found
    assert "Nut" not in found


def test_a_title_between_signs_is_a_heading() -> None:
    assert (
        lead_ins("--- Parts ---\nNuts are here. Bolts are there.\n", "Bolts", 3) == "--- Parts ---\nBolts are there.\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        "Ann      here\nBen      away\nBolt     5\n",
        "Part: a  3\nNut      4\nBolt     5\n",
        "Part  4\nNut         4\nBolt   5\n",
    ],
    ids=["no numbers", "a key", "no names"],
)
def test_other_rows_name_no_columns(text: str) -> None:
    assert lead_ins(text, "Bolt", 2) == text.splitlines(keepends=True)[-1]


@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_each_of_several_tables_has_its_title_and_names(sign: str) -> None:
    text = "Bought in May\nPart,Bell,Dunn\nNut,3,4\nBolt,5,6\nSent back\nPart,Bell,Dunn\nNut,1,0\nBolt,2,7\n"
    found = lead_ins(text.replace(",", sign), f"2{sign}7", 1)
    assert found == "Sent back\nPart,Bell,Dunn\nBolt,2,7\n".replace(",", sign)


def test_a_line_of_prose_is_no_title_of_a_table() -> None:
    text = "He had 3, 4, 5\nof them\nand she, he, they\nwho had 4, 5, 6\n"
    assert "He had" in "".join(node + "".join(above) for node, above in cut(text, 1) if "who had" in node)
