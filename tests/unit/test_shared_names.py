"""Names of columns that stand once above several groups of rows lead in the rows of all groups."""

import pytest
from cutting import lead_ins

WEEK = "Monday to Friday\n  Adults              7.50     10.00\n  Children            3.00      4.00\n"
WEEKEND = "Saturday, Sunday\n  Adults              9.00     12.00\n  Children            3.50      5.00\n"
NAMES = "                    2 hours  4 hours\n"
FIRST = "Ticket              2 hours  4 hours\n"
RULE = "------------------------------------\n"
TABLES = {
    "below a title with a line below it": (
        f"POOL OF ARNHOLM          in EUR\n{RULE}{NAMES}{RULE}{WEEK}{RULE}{WEEKEND}",
        NAMES,
    ),
    "with blank lines between the groups": (f"Pool of Arnholm\n\n{NAMES}\n{WEEK}\n{WEEKEND}", NAMES),
    "with a name above those of the rows": (f"{FIRST}{RULE}{WEEK}\n{WEEKEND}", FIRST),
    "years and what the figures are in": (
        "                       2024     2023\n                    EUR 000  EUR 000\n\n"
        + WEEK.replace(".", ",")
        + "\n"
        + WEEKEND.replace(".", ","),
        "                       2024     2023\n                    EUR 000  EUR 000\n",
    ),
}


@pytest.mark.parametrize(("text", "names"), TABLES.values(), ids=TABLES)
def test_names_lead_in_the_rows_of_all_groups(text: str, names: str) -> None:
    for within, group in (("7.50", "Monday to Friday\n"), ("9.00", "Saturday, Sunday\n")):
        within = within if within in text else within.replace(".", ",")
        found = lead_ins(text, within)
        assert all(line in found for line in names.splitlines())
        assert group in found


SALES = "Place            North    South\n\nSPRING\n  Beds            20       30\n  Huts            21       31\n\n"


@pytest.mark.parametrize(
    ("below", "within"),
    [
        (f"We close at nine. Ask us for more.\n\n{WEEKEND}", "9.00"),
        (f"# Other prices\n\n{WEEKEND}", "9.00"),
        (f"Table 2. Other prices\n\n{WEEKEND}", "9.00"),
        (f"Other pools\n===========\n\n{WEEKEND}", "9.00"),
        ("THE POOL                  page 9\n\n", "page 9"),
        (f"SUMMER\n  Plain words, and then a lot more  13.00  12.00\n{WEEKEND}", "9.00"),
        (SALES, "20 "),
        ("\nTelephone\n  Desk              555-100  555-200\n  Guard             555-101  555-201\n", "555-101"),
        ("\nGuests in two years\n  Adults              7150     10100\n  Children            3100      4100\n", "3100"),
        (f"Adults only         Monday   Sunday\nSauna               closed   closed\n{WEEKEND}", "9.00"),
    ],
    ids=[
        "a sentence",
        "a heading",
        "a caption",
        "a title",
        "a page",
        "other columns",
        "other names",
        "telephones",
        "guests",
        "words",
    ],
)
def test_names_lead_in_no_row_below_something_else(below: str, within: str) -> None:
    assert "2 hours" not in lead_ins(f"Pool of Arnholm\n\n{NAMES}\n{WEEK}\n{below}", within)


GAS = (
    "  Month       Reading    Reading        Used\n              start      end            (m3)\n"
    "  Jan 2023     21,874     22,686        812\n  Feb 2023     22,686     23,430        744\n"
    "  Mar 2023     23,430     24,063        633\n"
)


@pytest.mark.parametrize(
    "title", ["B. Gas, meter 0091825\n", "Gas: all figures, as read.\n", "B. Gas, meter 5\n\n", ""]
)
def test_names_of_two_lines_lead_in_rows_below_any_title(title: str) -> None:
    assert (
        lead_ins(title + GAS, "Mar 2023")
        == f"{title}{''.join(GAS.splitlines(True)[:2])}  Mar 2023     23,430     24,063        633\n"
    )


def test_names_lead_in_groups_of_other_rows_below_blank_lines() -> None:
    loans = "Loans\n  Of banks            8.00     11.00\n  Of others           3.10      4.10\n"
    assert NAMES in lead_ins(f"Pool of Arnholm\n\n{NAMES}\n{WEEK}\n{loans}", "8.00")


@pytest.mark.parametrize(
    ("below", "within"),
    [
        ("\nOpening hours\n  Monday              9.00     18.00\n  Sunday             10.00     16.00\n", "18.00"),
        (f"{WEEKEND}                       2022     2023\nGuests\n  Adults              7150     10100\n", "7150"),
    ],
)
def test_names_right_above_the_rows_lead_in_no_other_table(below: str, within: str) -> None:
    assert "2 hours" not in lead_ins(f"Pool of Arnholm\n\n{NAMES}{WEEK}{below}", within)
