"""A table comes with its header and with the command or title above it, and a grid keeps its rows."""

import pytest
from cutting import cut, lead_ins

DISKS = "Disk       Size  Used\n/dev/one    10G    2G\n/dev/two    20G    3G\n/dev/three  30G    4G\n"
PODS = "NAME     READY   AGE\nshop-1   1/1     3d\nshop-2   0/1     2d\nshop-3   1/1     9d\n"
VANS = "  plate | fuel\n--------+------\n AB-1   |   20\n CD-2   |   30\n(2 rows)\n"
BOXED = "+------+------+\n| name | fuel |\n+------+------+\n| AB-1 |   20 |\n| CD-2 |   30 |\n+------+------+\n"
SHOWN = "2 rows in set (0.00 sec)\n"
TABLES = {
    "a shell": (f"$ disks -h\n{DISKS}", "three", "$ disks -h\nDisk       Size  Used\n/dev/three  30G    4G\n"),
    "root": (f"# pods\n{PODS}", "shop-3", "# pods\nNAME     READY   AGE\nshop-3   1/1     9d\n"),
    "a machine's name": (
        f"ann@web01:~/x$ disks\n{DISKS}",
        "three",
        "ann@web01:~/x$ disks\nDisk       Size  Used\n/dev/three  30G    4G\n",
    ),
    "PowerShell": (
        f"PS C:\\x> disks\n{DISKS}",
        "three",
        "PS C:\\x> disks\nDisk       Size  Used\n/dev/three  30G    4G\n",
    ),
    "a database": (
        f"farm=> select * from vans;\n{VANS}",
        "CD-2",
        "farm=> select * from vans;\n  plate | fuel\n--------+------\n CD-2   |   30\n",
    ),
    "a command of several lines": (
        f"mysql> select name\n    -> from vans;\n{BOXED}{SHOWN}",
        "CD-2",
        "mysql> select name\n    -> from vans;\n| name | fuel |\n| CD-2 |   30 |\n+------+------+\n",
    ),
    "a second command without a blank line": (
        f"$ disks -h\n{DISKS}$ pods\n{PODS}",
        "shop-3",
        "$ pods\nNAME     READY   AGE\nshop-3   1/1     9d\n",
    ),
    "a second one below the number of rows": (
        f"farm=> select * from vans;\n{VANS}farm=> select * from cars;\n{VANS.replace('AB', 'EF')}",
        "EF-1",
        "farm=> select * from cars;\n  plate | fuel\n--------+------\n EF-1   |   20\n",
    ),
    "in a fence": (
        f"```\n$ disks -h\n{DISKS}$ pods\n{PODS}```\n",
        "shop-2",
        "$ pods\nNAME     READY   AGE\nshop-2   0/1     2d\n",
    ),
    "a title": (
        f'      Table "farm.vans"\n{VANS}',
        "CD-2",
        f'      Table "farm.vans"\n{VANS[: VANS.index(" AB")]} CD-2   |   30\n',
    ),
    "a title above gaps": (
        f"Disks of the house\n{DISKS}",
        "two",
        "Disks of the house\nDisk       Size  Used\n/dev/two    20G    3G\n",
    ),
    "a title of rows with semicolons": (
        "Parts of the pump\npart;price\nbolt of steel;3\nnut of steel;4\n",
        "nut",
        "Parts of the pump\npart;price\nnut of steel;4\n",
    ),
}


@pytest.mark.parametrize(("text", "within", "expected"), TABLES.values(), ids=TABLES)
def test_what_stands_above_a_table(text: str, within: str, expected: str) -> None:
    assert lead_ins(text, within, 3) == expected


def test_what_a_command_printed_is_none_of_the_next_one() -> None:
    text = f"$ disks -h\n{DISKS}$ uptime\nup for 3 days and 2 hours\n"
    (above,) = (above for node, above in cut(text, 3) if "up for" in node)
    assert not any("Disk" in lead for lead in above)


GRID = (
    "+------+-----------+\n| part | used      |\n|      | in it     |\n+======+===========+\n"
    "| bolt | in a pump |\n|      | of old    |\n+------+-----------+\n"
    "| nut  | in a car  |\n|      | of steel  |\n+------+-----------+\n"
)


def test_a_row_of_a_grid_goes_over_several_lines() -> None:
    header = GRID[: GRID.index("| bolt")]
    assert [(node, above) for node, above in cut(GRID, 3) if "car" in node] == [
        (GRID[GRID.index("| nut") :], (header,))
    ]


PRICES = "Pool: 5 EUR (1)\nWall with a rope: 9 EUR (2)\nHall: 12 EUR (2)\nCourt, one hour: 8 EUR (3)\n"
NOTES = "(1) Free on Monday.\n(2) Only with a card.\n(3) Half of it before noon.\n"
CELLS = "| what | price |\n|---|---|\n| pool | 5 EUR (1) |\n| wall with a rope | 9 EUR (2) |\n| court | 8 EUR (3) |\n"
NOTED = {
    "lines": (f"{PRICES}\n{NOTES}", "Wall", "(2) Only with a card.\n"),
    "cells": (f"{CELLS}\n{NOTES}", "court", "(3) Half of it before noon.\n"),
    "sentences": (
        "The pool is open (a). The wall with its rope is open in summer (b).\n\n(a) From May.\n(b) Until noon.\n",
        "wall",
        "(b) Until noon.\n",
    ),
    "on the next page": (
        f"{PRICES}\n{NOTES}\n{PRICES.replace('Wall', 'Barn')}\n{NOTES.replace('card', 'key')}",
        "Barn",
        "(2) Only with a key.\n",
    ),
}


@pytest.mark.parametrize(("text", "within", "note"), NOTED.values(), ids=NOTED)
def test_a_note_in_brackets_comes_with_what_refers_to_it(text: str, within: str, note: str) -> None:
    found = [above for node, above in cut(text, 3) if within in node]
    assert [lead for lead in found[0] if lead.startswith("(")] == [note]


@pytest.mark.parametrize(
    "text",
    [
        "This holds under section 4(1). That holds under paragraph (2).\n\n(1) The firm pays.\n(2) The guest waits.\n",
        "It is one of two (1). It is another.\n\n(1) The firm pays.\n(2) The guest waits.\n",
        "(1) The firm pays as in the old deed (2).\n(2) The guest waits as in the deed (1).\n",
        "The room is old (1).\n\n(1) It was built in 1900.\n",
    ],
    ids=["clauses", "a note that nothing refers to", "notes that name each other", "a single note"],
)
def test_what_is_no_note(text: str) -> None:
    assert not any(lead.startswith("(") for _, above in cut(text, 3) for lead in above)
