"""Rows come with the names of their columns, the title and the notes of their table, and what they go on in."""

import pytest
from cutting import cut, lead_ins

from longattncomp.chunking.lines.columns import ruled
from longattncomp.chunking.lines.kinds import lines_of
from longattncomp.chunking.sentences import sentences
from longattncomp.chunking.tables.rows import is_table_edge

STATEMENT = (
    "Date    Text                       Out        In\n"
    "03 May  Card                     12.40\n        TOOL SHOP\n        card 77\n"
    "04 May  Transfer                100.00\n        ANN COLE\n        rent of a boat\n"
    "05 May  Salary                           2,100.00\n        MILL LTD\n"
)
ROOMS = "Name       Town      Room\nAnn Cole   Leeds     12\nBen Dunn   York      14\nCy Ford    Hull      15\n"
KINDS = {
    "several lines of names above strokes": (
        "kind       least   gross       notice\n                   to 9,999    in days\n"
        "---------  ------  ----------  -------\nFlex       1       1.10 %      none\n"
        "Term       500     2.05 %      30 days\nYoung      1       3.00 %      none\n",
        "Term",
        "kind       least   gross       notice\n                   to 9,999    in days\n"
        "---------  ------  ----------  -------\nTerm       500     2.05 %      30 days\n",
    ),
    "a row below the names that speaks of all": (
        "| Sample | Iron | Zinc |\n|---|---|---|\n| Range | 10-32 | 15-50 |\n| 88-06 | 22 | 20 |\n| 88-07 | 9 | 11 |\n",
        "88-07",
        "| Range | 10-32 | 15-50 |\n| Sample | Iron | Zinc |\n|---|---|---|\n| 88-07 | 9 | 11 |\n",
    ),
    "also in aligned columns": (
        "Sample    Iron     Zinc\n          umol/l   ug/l\n  range   10-32    15-150\n"
        "88-06     22.4     120\n88-07     9.2      11\n",
        "88-07",
        "  range   10-32    15-150\nSample    Iron     Zinc\n          umol/l   ug/l\n88-07     9.2      11\n",
    ),
    "but not one of many with a number": (
        "| Company | Sales | Profit |\n|---|---|---|\n| Limit | 106 | 2.7 |\n| Mill | 89 | 1 |\n| Bell | 17 | 0.4 |\n",
        "Bell",
        "| Company | Sales | Profit |\n|---|---|---|\n| Bell | 17 | 0.4 |\n",
    ),
    "one stroke below the names": (
        "Name       Town      Room\n-------------------------\nAnn Cole   Leeds     12\nBen Dunn   York      14\n",
        "York",
        "Name       Town      Room\n-------------------------\nBen Dunn   York      14\n",
    ),
    "days as names": (
        "Hall      Kind     02 Feb   09 Feb\nBlue      dance    31       28\nGreen     song     12       40\n"
        "Red       chess    9        11\n",
        "Red",
        "Hall      Kind     02 Feb   09 Feb\nRed       chess    9        11\n",
    ),
    "units in a line of their own": (
        "Place     Sales      Costs\n          EUR m      EUR m\nNorth     12.1       9.0\nSouth     14.1       9.5\n",
        "South",
        "Place     Sales      Costs\n          EUR m      EUR m\nSouth     14.1       9.5\n",
    ),
    "groups of columns": (
        "              2022               2021\nPlace     Q1      Q2        Q1       Q2\n"
        "North     12      13        9        8\nSouth     14      15        7        6\n",
        "South",
        "              2022               2021\nPlace     Q1      Q2        Q1       Q2\n"
        "South     14      15        7        6\n",
    ),
    "names with a number": (
        "boat\tlane\t500_m\t1000_m\tfinish\nred\t1\t1:48\t3:39\t5:32\nblue\t2\t1:46\t3:35\t5:26\ngrey\t3\t1:45\t3:34\t5:24\n",
        "blue",
        "boat\tlane\t500_m\t1000_m\tfinish\nblue\t2\t1:46\t3:35\t5:26\n",
    ),
    "a title with other signs above the names": (
        "Costs in May;;;; made on 3 June\nitem,owner,spent,planned\nec2,core,38.75,57.63\nrds,shop,55.60,25.32\n"
        "s3,data,46.81,28.63\n",
        "rds",
        "Costs in May;;;; made on 3 June\nitem,owner,spent,planned\nrds,shop,55.60,25.32\n",
    ),
    "names that come again in another order": (
        "Fruit;;\nname;price;stock\napple;3;4\npear;4;5\nRoots;;\nname;stock;price\nleek;3;4\nbeet;4;5\n",
        "beet",
        "Roots;;\nname;stock;price\nbeet;4;5\n",
    ),
    "a row of one cell leads in deeper rows, not the total": (
        "             2022     2021\nAssets\n  Land       12.5     11.2\n  Cash       1.0      2.0\n"
        "Total        19.3     18.1\n",
        "Total",
        "             2022     2021\nTotal        19.3     18.1\n",
    ),
    "a row whose first cell stands above": (
        "Place    Fruit     Boxes   Sum\nNorth    Apples    10      20\n         Pears     12      30\n"
        "South    Apples    9       40\n",
        "Pears",
        "Place    Fruit     Boxes   Sum\nNorth    Apples    10      20\n         Pears     12      30\n",
    ),
    "cells of HTML that span rows": (
        "<table><tr><th>Place</th><th>Fruit</th></tr><tr><td rowspan=2>North</td><td>Apples and nuts</td></tr>"
        "<tr><td>Pears and plums</td></tr><tr><td>South</td><td>Grapes and figs</td></tr></table>",
        "Pears",
        "<tr><td rowspan=2>North</td><td>Apples and nuts</td></tr><table><tr><th>Place</th><th>Fruit</th></tr>"
        "<tr><td>Pears and plums</td></tr>",
    ),
    "a box without its strokes": (
        "+-------+--------+\n| Part  | Price  |\n+-------+--------+\n| bolt  | 3 EUR  |\n| nut   | 4 EUR  |\n"
        "+-------+--------+\n",
        "nut",
        "| Part  | Price  |\n| nut   | 4 EUR  |\n+-------+--------+\n",
    ),
    "a day and its week": (
        "WEEK 3: FISH, 1,600 KCAL\nMade by Ann.\n\nMONDAY\n"
        "  Noon    soup of leeks     400 kcal\n  Night   bass with rice    600 kcal\n",
        "bass",
        "WEEK 3: FISH, 1,600 KCAL\nMONDAY\n  Night   bass with rice    600 kcal\n",
    ),
    "a section of names with dots": (
        "[B-40]\nMedium ........... water\nOutput ........... 4 to 20 mA\nPower .. 12 V\n",
        "Output",
        "[B-40]\nOutput ........... 4 to 20 mA\n",
    ),
    "one stroke above groups of rows": (
        "Hall         Seats      Doors\n-----------------------------\nUpper floor\n  Blue          31          2\n"
        "  Green         12          1\nGround floor\n  Red            9          1\n"
        "-----------------------------\nAll             52          4\n",
        "Red",
        "Hall         Seats      Doors\n-----------------------------\nGround floor\n"
        "  Red            9          1\n-----------------------------\n",
    ),
    "and the row below them": (
        "Hall         Seats\n------------------\nUpper floor\n  Blue          31\n------------------\n"
        "All             52\n",
        "All",
        "Hall         Seats\n------------------\nAll             52\n",
    ),
    "cells that are missing": (
        "Part          Boxes    Price\nBolts             4    12.40\nFreight                 9.00\n"
        "Sum                    21.40\n",
        "Sum",
        "Part          Boxes    Price\nSum                    21.40\n",
    ),
    "also last ones": (
        "Name       Town      Room\nAnn Cole   Leeds\nBen Dunn             14\nCy Ford    Hull\n",
        "Cy Ford",
        "Name       Town      Room\nCy Ford    Hull\n",
    ),
    "names more indented than the word above them": (
        "Jobs:\n  Kind     Age    Text\n  ----     ---    ----\n  load     2m     done\n",
        "load",
        "Jobs:\n  Kind     Age    Text\n  ----     ---    ----\n  load     2m     done\n",
    ),
    "but not what stands below that table": (
        "Jobs:\n  Kind     Age    Text\n  ----     ---    ----\n  load     2m     done\nPort:    80\n",
        "80",
        "Port:    80\n",
    ),
    "nor what is indented below a word there": (
        "Name:    hull\nDisks:\n  big:\n    Size:  8\nJobs:\n  Kind     Age    Text\n  ----     ---    ----\n"
        "  load     2m     done\nHosts:\n  north:\n    Port:  80\n",
        "80",
        "Hosts:\n  north:\n    Port:  80\n",
    ),
    "also right below settings": (
        "Name:    hull\nPort:    80\nJobs:\n  Kind     Age    Text\n  ----     ---    ----\n  load     2m     done\n"
        "  fill     3m     no room\n",
        "fill",
        "Jobs:\n  Kind     Age    Text\n  ----     ---    ----\n  fill     3m     no room\n",
    ),
    "more names in a second row": (
        "| | 2022 | 2022 |\n|---|---|---|\n| | Goal | Made |\n| Bolts | 8 | 9 |\n| Nuts | 4 | 5 |\n",
        "Nuts",
        "| | 2022 | 2022 |\n|---|---|---|\n| | Goal | Made |\n| Nuts | 4 | 5 |\n",
    ),
    "units without brackets": (
        "| Place | Q1 | Q2 |\n|---|---:|---:|\n| | $k | $k |\n| North | 12 | 1,300 |\n| South | 9 | 7 |\n",
        "South",
        "| Place | Q1 | Q2 |\n|---|---:|---:|\n| | $k | $k |\n| South | 9 | 7 |\n",
    ),
    "but no row with a number in one column of several": (
        "| Day | Hall | Song |\n|---|---|---|\n| | Blue | Choir |\n| Monday | 12 | Larks |\n| Friday | 14 | Owls |\n",
        "Owls",
        "| Day | Hall | Song |\n|---|---|---|\n| Friday | 14 | Owls |\n",
    ),
    "but no row of words": (
        "| Place | Kind | Note |\n|---|---|---|\n| | old | wet |\n| North | new | dry |\n| South | new | dry |\n",
        "South",
        "| Place | Kind | Note |\n|---|---|---|\n| South | new | dry |\n",
    ),
    "a bold total of all groups": (
        "| Part | Boxes |\n|---|---:|\n| **North** | |\n| Bolts | 12 |\n| **South** | |\n| Nuts | 9 |\n"
        "| **All** | **21** |\n",
        "All",
        "| Part | Boxes |\n|---|---:|\n| **All** | **21** |\n",
    ),
    "but one of its group": (
        "| Part | Boxes |\n|---|---:|\n| **North** | |\n| Bolts | 12 |\n| **Sum** | **12** |\n| **South** | |\n"
        "| Nuts | 9 |\n| **Sum of it** | **9** |\n",
        "Sum of it",
        "| Part | Boxes |\n|---|---:|\n| **South** | |\n| **Sum of it** | **9** |\n",
    ),
    "a table of MediaWiki": (
        '{| class="small"\n|+ Parts\n! Part !! Price\n|-\n| Bolts || 12,000\n|-\n| Nuts || 9\n|}\nThat is all.\n',
        "Nuts",
        '{| class="small"\n|+ Parts\n! Part !! Price\n|-\n| Nuts || 9\n|}\n',
    ),
    "with a line for each cell": (
        '{| class="small"\n|-\n! Part\n! Price\n|-\n! Bolts\n| 12,000\n|-\n! Nuts\n| 9\n|}\n',
        "Nuts",
        '{| class="small"\n|-\n! Part\n! Price\n|-\n! Nuts\n| 9\n|}\n',
    ),
    "a table of Jira": (
        "These are the parts.\n||Part||Price||\n|Bolts|12|\n|Nuts|9|\n",
        "Nuts",
        "||Part||Price||\n|Nuts|9|\n",
    ),
    "a record with a line for each column": (
        "db=# select * from users;\n-[ RECORD 1 ]-----\nid   | 1\nname | Ann\n-[ RECORD 2 ]-----\n"
        "id   | 2\nname | Ben\n",
        "Ben",
        "db=# select * from users;\n-[ RECORD 2 ]-----\nid   | 2\nname | Ben\n",
    ),
}


@pytest.mark.parametrize(("text", "within", "expected"), KINDS.values(), ids=KINDS)
def test_a_row_comes_with_what_says_what_it_is(text: str, within: str, expected: str) -> None:
    assert lead_ins(text, within, 12 if "RECORD" in text else 1) == expected


def test_an_entry_goes_on_in_later_columns() -> None:
    nodes = [node for node, _ in cut(STATEMENT, 6)]
    assert "04 May  Transfer                100.00\n        ANN COLE\n        rent of a boat\n" in nodes
    assert lead_ins(STATEMENT, "MILL").startswith("Date    Text")


def test_notes_below_a_table_come_with_the_rows_that_refer_to_them() -> None:
    text = (
        "system    | amd64   | arm64\n----------+---------+--------\nLeap 15   | yes     | yes (b)\n"
        "Deb 12    | yes     | yes (c)\n\n(b) from version 5 on\n(c) with small pages only\n(d) not any more\n"
    )
    assert "(c) with small pages only\n" in lead_ins(text, "Deb 12")
    assert "(b)" not in lead_ins(text, "Deb 12")


def test_a_note_of_a_column_comes_with_all_rows() -> None:
    text = "plan     | price (a)\n---------+----------\nsmall    | 3\nlarge    | 9\n\n(a) for a month\n"
    assert "(a) for a month\n" in lead_ins(text, "large")


@pytest.mark.parametrize(
    ("head", "cell", "notes"),
    [
        ("Price*", "Nuts†", "\\* Not yet final.\n† From the south.\n"),
        ("Price*", "Nuts¹", "* Not yet final.\n¹ From the south.\n"),
        ("Price [1]", "Nuts [2]", "[1] Not yet final.\n[2] From the south.\n"),
    ],
)
def test_a_note_with_a_sign_comes_with_the_row_or_header_that_refers_to_it(head: str, cell: str, notes: str) -> None:
    text = f"| Part | {head} |\n|---|---|\n| Bolts | 12 |\n| {cell} | 9 |\n\n{notes}"
    of_head, of_cell = notes.splitlines(keepends=True)
    assert {of_head: "Part", of_cell: "Nuts"} == {
        lead: word
        for word in ("Part", "Bolts", "Nuts")
        for lead in next(a for n, a in cut(text, 1) if word in n)
        if lead in notes
    }


@pytest.mark.parametrize(
    ("above", "line", "below", "ends"),
    [
        ("| 1 | 2 |", "![Part](a.png)", "It is old.", True),
        ("{|\n|-", "! Part !! Price", "|-", False),
        ("|---|---|\n| 1 | 2 |", "!Note: it is old.", "It is wet.", True),
        ("These are it.", "||Part||Price||", "|Nuts|9|", True),
        ("a = (b", "    || c)", "    || d", False),
    ],
)
def test_where_a_table_of_a_wiki_begins(above: str, line: str, below: str, ends: bool) -> None:
    assert is_table_edge(lines_of(f"{above}\n{line}\n{below}\n"), above.count("\n") + 1, 0) is ends


def test_a_list_may_go_on_in_a_sign() -> None:
    assert lead_ins("All of these:\n* old ones\n* new ones\n¹ or so\n", "new", 1).startswith("All of these:\n")


@pytest.mark.parametrize(
    ("above", "leads"),
    [
        ("The next example is on page nine.", False),
        ("Carried over from May          1,906.12", False),
        ("The town of each room is given, too.", True),
        ("All prices include tax.", True),
        ("Rooms of the north wing", True),
    ],
)
def test_what_stands_above_a_table_speaks_of_it(above: str, leads: bool) -> None:
    text = f"It rained.\n\n{above}\n\n{ROOMS}"
    assert (above in lead_ins(text, "York")) is leads


def test_the_head_of_a_page_is_no_title() -> None:
    text = "".join(f"Mill Ltd          Report\nNotes             {page}\n\n{ROOMS}\n" for page in (87, 88))
    assert all("Notes" not in lead for node, above in cut(text) if "York" in node for lead in above)


@pytest.mark.parametrize(
    "line",
    ["Coffee ........ 3.20 for two", "Tea with milk . . . . . 2.80", "Power .. -5 to 60", "Cake........ 4.10 each"],
)
def test_dots_that_lead_to_a_value_end_no_sentence(line: str) -> None:
    assert list(sentences(line, 0, len(line))) == [(0, len(line))]


def test_a_title_with_a_gap_has_text_below_its_line() -> None:
    text = "Part 1  The Mill\n----------------\nIt is old.\nThe text of it  has two gaps.\nIt ends.\n"
    assert not ruled(lines_of(text))


@pytest.mark.parametrize(
    ("text", "nodes"),
    [
        ("We waited... Then he came.", ["We waited... ", "Then he came."]),
        ("We waited ... Then he came.", ["We waited ... ", "Then he came."]),
        ("Done.... Maybe not.", ["Done.... ", "Maybe not."]),
    ],
)
def test_dots_of_a_pause_do(text: str, nodes: list[str]) -> None:
    assert [node for node, _ in cut(text, 1)] == nodes


@pytest.mark.parametrize(
    "text",
    [
        "Title of it\n-----------\nThe text  of it has two gaps.\nIt goes on.\nAnd on.\n",
        "key:   value\n---\nother:   value\n",
        "The text  of the mill  is.\nIt was    and it is old.\nIt will   and it ends.\n",
        "The text: it  has gaps  too\nand this       is here\nand this       is there\n",
        "The text   Ann Cole   Ben Dunn\nmiller                dyer\nLeeds      York       Hull\n",
        "Monday\nTuesday\nWednesday\nThursday\n",
        "Week 3 was hard for us\nand it rained all week.\nWe stayed at home.\nWe read.\n",
    ],
)
def test_other_lines_are_no_table_and_no_plan(text: str) -> None:
    last = text.splitlines()[-1]
    above = next(above for node, above in cut(text, 3) if last in node)
    assert not any(lead.startswith(("Monday", "Week", "key", "The text")) for lead in above)
