"""A record that a database prints with a line for each column comes with its first column and the command."""

import pytest
from cutting import cut

RULED = ("-[ RECORD 1 ]-----\n", "-[ RECORD 2 ]-----\n", "|")
STARRED = (f"{'*' * 27} 1. row {'*' * 27}\n", f"{'*' * 27} 2. row {'*' * 27}\n", ":")


@pytest.mark.parametrize(
    ("aside", "command", "style"),
    [
        ("db=# \\x\nExpanded display is on.\n", "db=# select *\ndb-# from users;\n", RULED),
        ("db=> set role ann;\nSET\n", "db=> select * from users;\n", RULED),
        ("mysql> use shop\nDatabase changed\n", "mysql> select *\n    -> from users\\G\n", STARRED),
        ("", "MariaDB [shop]> select * from users\\G\n", STARRED),
    ],
)
def test_a_record_comes_with_the_command_and_its_first_column(
    aside: str, command: str, style: tuple[str, str, str]
) -> None:
    first, second, sign = style
    names = f"name {sign} Ann of Bell Street upon the hill\n"
    records = "".join(
        f"{begins}  id {sign} {number}\n{names}city {sign} Bell upon the long river {number}\n"
        for number, begins in enumerate((first, second), 1)
    )
    (above,) = (above for node, above in cut(f"{aside}{command}{records}", 8, 16) if "river 2" in node)
    assert [*reversed(above)] == [command, f"{second}  id {sign} 2\n"]


def test_a_sentence_below_the_head_of_a_record_is_no_column() -> None:
    said = "The query took too long and was ended.\n"
    text = f"db=# select 1;\n{RULED[0]}{said}id | 1\nname | Ann of the hill\ncity | Bell upon the river\n"
    assert not any(said in lead for _, above in cut(text, 5, 12) for lead in above)
