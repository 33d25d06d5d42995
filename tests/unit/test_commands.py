"""What a command prints comes with the command."""

import pytest
from cutting import cut, lead_ins

from longattncomp.chunking.structure import outline

FULL = "the disk of the shop is full again\n"
GONE = "the pump of the garden has gone away\n"
PROMPTS = {
    "a shell": "$ {}\n",
    "a user": "ann@mill:~/farm$ {}\n",
    "root": "root@mill:/# {}\n",
    "a user in brackets": "[ann@mill farm]$ {}\n",
    "an environment": "(farm) ann@mill farm % {}\n",
    "an arrow": "➜  farm git:(main) ✗ {}\n",
    "PowerShell": "PS C:\\farm> {}\n",
    "Windows": "C:\\farm>{}\n",
    "Python": ">>> {}\n",
    "a notebook": "In [3]: {}\n",
    "Ruby": "irb(main):001:0> {}\n",
    "MySQL": "mysql> select {};\n",
    "Postgres": "farm=# select {};\n",
    "Redis": "127.0.0.1:6379> {}\n",
}


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
def test_a_command_leads_in_what_it_prints(prompt: str) -> None:
    first, second = prompt.format("check_disks"), prompt.format("check_pumps")
    text = f"{first}{FULL}{second}{GONE}"
    assert lead_ins(text, "disk of") == first + FULL
    assert lead_ins(text, "garden") == second + GONE
    assert lead_ins(f"Run it:\n\n```console\n{text}```\n", "garden").startswith(f"Run it:\n\n{second}{GONE}")
    assert lead_ins(f"It fails.\n\n{text}\nWhat now?\n", "garden") == f"{second}{GONE}\n"


@pytest.mark.parametrize("prompt", [PROMPTS[name] for name in ("a shell", "a user", "PowerShell", "Windows")])
def test_a_blank_line_may_stand_below_a_command(prompt: str) -> None:
    first, second = prompt.format("pods"), prompt.format("logs")
    pods = "NAME     READY   AGE\nshop-1   1/1     3d\nshop-2   0/1     2d\n"
    text = f"{first}\n{pods}\n{second}{GONE}"
    assert lead_ins(text, "shop-2") == f"{first}\n{pods[:21]}shop-2   0/1     2d\n\n"
    assert lead_ins(text, "garden") == second + GONE


def test_what_stands_below_a_table_is_of_its_command() -> None:
    box = "+-------+\n| count |\n+-------+\n|  {}  |\n+-------+\n1 row in set (0.02 sec)\n\n"
    text = f"mysql> select count(*) from pumps;\n{box.format(104)}mysql> select count(*) from vans;\n{box.format(309)}"
    assert lead_ins(text, "309").startswith("mysql> select count(*) from vans;\n")
    found = outline(text)
    assert [found.lead_ins(unit) for unit, start in enumerate(found.starts) if text.startswith("mysql", start)] == [
        [],
        [],
    ]


def test_a_script_shows_what_it_runs() -> None:
    text = f"+ npm ci\n{FULL}+ npm test\n{GONE}+ exit 1\n"
    assert lead_ins(text, "garden") == f"+ npm test\n{GONE}"


def test_a_command_of_several_lines_is_one() -> None:
    text = f"$ run \\\n  --all\n{FULL}$ check\n{GONE}"
    assert lead_ins(text, "disk of") == f"$ run \\\n  --all\n{FULL}"


@pytest.mark.parametrize(
    "text",
    [
        f"$ 500 is the price of it\n{FULL}",
        f"+ apples from the old garden\n+ pears\n{FULL}",
        f"- old\n+ npm ci\n{FULL}+ npm test\n{GONE}",
        f"ann@mill.example wrote: 50% of it\n{FULL}",
        f"ann@mill.example: $5 for all\n{FULL}",
        f"➜ the disks of the house\n{FULL}",
        f"> check the disks\n{FULL}",
    ],
)
def test_what_is_no_prompt(text: str) -> None:
    found = outline(text)
    assert all(not found.lead_ins(unit) for unit, start in enumerate(found.starts) if text.startswith("the", start))


def test_sentences_and_titles_between_commands_are_not_printed() -> None:
    text = f"$ npm install farm\n{FULL}\nThen start it. It takes long.\n\nUsage\n\n$ npm run farm\n{GONE}"
    assert not any("$" in lead for node, above in cut(text, 5) for lead in above if "Then" in node or "Usage" in node)


def test_a_heading_in_what_is_printed_does_not_end_it() -> None:
    text = f"ann@mill:~$ cat notes\n# Pumps\n\n{GONE}\nann@mill:~$ ls\nnotes\n"
    assert lead_ins(text, "garden") == f"ann@mill:~$ cat notes\n# Pumps\n\n{GONE}\n"
    assert lead_ins(text, "notes\n", 2).startswith("ann@mill:~$")


def test_the_end_of_a_docstring_ends_an_example() -> None:
    text = f'"""Look.\n\n>>> disks()\n{FULL}"""\nimport pumps\nprint(pumps)\n'
    assert lead_ins(text, "import pumps", 3).count(">>>") == 0


def test_a_command_in_an_item_leads_in_what_it_prints_and_no_other_item() -> None:
    text = f"1. Check it:\n\n   $ check disks\n   {FULL}\n2. Look at it:\n\n   $ check pumps\n   {GONE}"
    assert lead_ins(text, "garden") == f"2. Look at it:\n\n   $ check pumps\n   {GONE}"
    assert "check disks" not in lead_ins(text, "Look", 3)


def test_a_prompt_may_have_a_line_of_its_own() -> None:
    prompt = "ann@MILL MINGW64 ~/farm (main)\n$ "
    text = f"{prompt}check disks\n{FULL}\n{prompt}check pumps\n{GONE}"
    assert lead_ins(text, "garden") == f"{prompt}check pumps\n{GONE}"


def test_a_command_follows_what_another_one_prints() -> None:
    text = f"$ check disks\n.   [100%]\n=== DONE ===\nall: {FULL}$ check pumps\n{GONE}"
    assert lead_ins(text, "garden") == f"$ check pumps\n{GONE}"
