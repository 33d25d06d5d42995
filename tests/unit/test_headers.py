"""The names of columns lead in the rows of a table however it is drawn."""

import pytest
from cutting import lead_ins

TABLES = {
    "without bars at its edges": ("Part | Price | Stock\n--- | --- | ---\n", "Nut | 3 | 7\n", "Bolt | 5 | 2\n"),
}


@pytest.mark.parametrize(("header", "row", "last"), TABLES.values(), ids=TABLES)
def test_the_names_of_columns_lead_in_the_rows(header: str, row: str, last: str) -> None:
    assert lead_ins(header + row + last, "Bolt", 4) == header + last


def test_a_title_between_signs_is_a_heading() -> None:
    assert (
        lead_ins("--- Parts ---\nNuts are here. Bolts are there.\n", "Bolts", 3) == "--- Parts ---\nBolts are there.\n"
    )
