"""What says what a text is about leads it in."""

import pytest
from cutting import cut, lead_ins

TABLE = "| part | price |\n|---|---|\n| bolt | 3.10 |\n| nut | 0.95 |\n"

KINDS = {
    "a heading leads in its section": (
        "# Guide\n\nIt has two parts in all.\n\n## Paid\n\n- fire and smoke in the house\n- storm above force eight\n\n"
        "## Not paid\n\n- mice and moths in the attic\n",
        "mice",
        "# Guide\n\n## Not paid\n\n- mice and moths in the attic\n",
    ),
    "an underlined one": (
        "GRAZ\n====\n\nThe panel costs 102 EUR there.\n\nBARI\n====\n\nThe panel costs 302 EUR there.\n",
        "302",
        "BARI\n====\n\nThe panel costs 302 EUR there.\n",
    ),
    "a bold question leads in its answer": (
        "**May I bring a dog along here?**\n\nYes, on a lead, in the yard.\n\n**May I smoke anywhere at all?**\n\n"
        "No, nowhere in the whole house.\n",
        "nowhere",
        "**May I smoke anywhere at all?**\n\nNo, nowhere in the whole house.\n",
    ),
    "the header leads in rows of Markdown": (TABLE, "nut", "| part | price |\n|---|---|\n| nut | 0.95 |\n"),
    "and of CSV": (
        "id,name,total\n17,Ann Bell of York,3.50\n18,Ben Cole of Hull,4.75\n19,Cy Dunn of Bath,9.10\n",
        "18,",
        "id,name,total\n18,Ben Cole of Hull,4.75\n",
    ),
    "and of aligned columns, with their caption": (
        "Income (in thousands)\n\n              2023    2024\nRent           410     395\nSales        8,120   9,004\n"
        "Interest        12      15\n",
        "Sales",
        "Income (in thousands)\n\n              2023    2024\nSales        8,120   9,004\n",
    ),
    "a line with a colon leads in its list": (
        "We do not pay for:\n- wear of the outer walls\n- mice in the attic, moths\n",
        "mice",
        "We do not pay for:\n- mice in the attic, moths\n",
    ),
    "class and def lead in a block of code": (
        "class Pool:\n    size = 3\n\n    def wait(self, seconds):\n        log.info('waiting for a worker')\n"
        + "        self.calls += 12345\n" * 31
        + "        time.sleep(seconds * 2)\n",
        "sleep",
        "class Pool:\n    def wait(self, seconds):\n        time.sleep(seconds * 2)\n",
    ),
    "keys lead in an entry of YAML": (
        "web:\n  image: a.example/web:1\n  limits:\n    cpu: 500m\n    memory: 1Gi\nbilling:\n  image: a.example/b:7\n"
        + "".join(f"  option{number}: {number}\n" for number in range(40))
        + "  limits:\n    cpu: 300m\n    memory: 768Mi\n",
        "768Mi",
        "billing:\n  limits:\n    cpu: 300m\n    memory: 768Mi\n",
    ),
    "a name leads in the keys that are indented below it, as in settings of routers": (
        "".join(
            f"ip access-list extended {name}\n" + "".join(f" permit host {name}-{n} any\n" for n in range(30)) + "!\n"
            for name in ("CAM", "STAFF")
        ),
        "STAFF-17",
        "ip access-list extended STAFF\n permit host STAFF-17 any\n",
    ),
    "a heading in capitals with a remark": (
        "BODY\n\nCast on 98 stitches and work a rib.\n\nSLEEVES (make two)\n\nCast on 46 stitches and work a rib.\n",
        "46",
        "SLEEVES (make two)\n\nCast on 46 stitches and work a rib.\n",
    ),
    "a section leads in an entry of INI": (
        "[cache]\nhost = a\ntimeout = 2\nsize = 50\n\n[queue]\nhost = b\ntimeout = 60\nsize = 8\n",
        "60",
        "[queue]\ntimeout = 60\n",
    ),
    "a name that stands before each line of a log is no section": (
        "[web] starting up\n[web]\n[web] the cache is warm now\n[db]\n[db] the disk is full\n[web] it is done\n",
        "disk",
        "[db] the disk is full\n",
    ),
    "the day leads in a turn": (
        "--- 2026-03-05 ---\n[8:27] Aiko: the panel is in the van\n--- 2026-03-06 ---\n[9:47] Mei: lunch at noon?\n"
        "[12:29] Petra: I broke the gasket, sorry\n",
        "gasket",
        "--- 2026-03-06 ---\n[12:29] Petra: I broke the gasket, sorry\n",
    ),
    "the file leads in a hunk": (
        "diff --git a/x.py b/x.py\nindex 12..98\n--- a/x.py\n+++ b/x.py\n@@ -1,2 +1,2 @@\n-a = 1\n+a = 2\n"
        "diff --git a/y.py b/y.py\nindex 13..99\n--- a/y.py\n+++ b/y.py\n@@ -7,3 +7,3 @@\n b = 0\n-a = 5\n+a = 6\n",
        "a = 6",
        "diff --git a/y.py b/y.py\nindex 13..99\n--- a/y.py\n+++ b/y.py\n@@ -7,3 +7,3 @@\n b = 0\n-a = 5\n+a = 6\n",
    ),
    "a heading and a table lead in a row of HTML": (
        "<h2>The north branch</h2><table><tr><th>Day of the week</th></tr><tr><td>Monday from 8 to 5</td></tr></table>"
        "<h2>The south branch</h2><table><tr><th>Day of the week</th></tr><tr><td>Monday from 9 to 6</td></tr></table>",
        "from 9",
        "<h2>The south branch</h2><table><tr><th>Day of the week</th></tr><tr><td>Monday from 9 to 6</td></tr></table>",
    ),
    "a footnote leads in what refers to it": (
        "Postage is free from 40 EUR.[1] We send daily.\n\nThe shop was founded in 1987.\n\n[1] Not on islands.\n",
        "Postage",
        "[1] Not on islands.\nPostage is free from 40 EUR.[1] ",
    ),
    "an item leads in the items below it that have another marker": (
        "1. Insured is all damage to the house caused by:\n(a) fire in or near it;\n(b) storm above force eight;\n"
        "2. Excluded are these kinds of damage:\n(a) moths in or near it;\n(b) mice in or near the house;\n",
        "mice",
        "2. Excluded are these kinds of damage:\n(b) mice in or near the house;\n",
    ),
    "also with blank lines": (
        "- Covered in full are these:\n\n  - fire in the attic, and smoke\n\n- Not covered at all are:\n\n"
        "  - mice in the attic, and rats\n",
        "mice",
        "- Not covered at all are:\n\n  - mice in the attic, and rats\n",
    ),
    "an item leads in the code below it": (
        "1. To start the big pump:\n\n   ```sh\n   pump --start --valve 77 --now\n   ```\n\n"
        "2. To erase all the data:\n\n   ```sh\n   pump --wipe --force --all\n   ```\n",
        "wipe",
        "2. To erase all the data:\n\n   ```sh\n   pump --wipe --force --all\n   ```\n",
    ),
    "a heading of HTML leads in what stands below a blank line": (
        "<h2>The north branch</h2>\n\n<p>Open from 8 to 5 on weekdays.</p>\n\n"
        "<h2>The south branch</h2>\n\n<p>Open from 9 to 6 on Sundays.</p>\n",
        "from 9",
        "<h2>The south branch</h2>\n\n<p>Open from 9 to 6 on Sundays.</p>\n",
    ),
    "a commit leads in its message": (
        "commit 1f3a9c0\nAuthor: Anna Bell\n\n    Raise the limit of the pump\n\n"
        "commit 2f3a9c0\nAuthor: Bob Cole\n\n    Lower the limit of the valve\n",
        "valve",
        "commit 2f3a9c0\nAuthor: Bob Cole\n\n    Lower the limit of the valve\n",
    ),
    "a question leads in its answer": (
        "Q: May I keep mice in the flat?\nA: No, nowhere in the house.\nQ: May I keep fish in a tank?\n"
        "A: Yes, up to 80 litres.\n",
        "litres",
        "Q: May I keep fish in a tank?\nA: Yes, up to 80 litres.\n",
    ),
    "years head a table": (
        "city,2022,2023\nGraz in the south of Styria,12,13\nBari in the north of Apulia,17,18\n"
        "Hull in the east of Yorkshire,19,20\n",
        "Hull",
        "city,2022,2023\nHull in the east of Yorkshire,19,20\n",
    ),
    "a function leads in its lines, wherever its brace stands": (
        "int start(int id)\n{\n" + "    log_the_step(id, 0, 1);\n" * 40 + "    set_valve(id, 77);\n}\n"
        "int stop(int id)\n{\n" + "    log_the_step(id, 0, 1);\n" * 40 + "    set_valve(id, 12);\n}\n",
        "12",
        "int stop(int id)\n{\n    set_valve(id, 12);\n}\n",
    ),
    "titles of reStructuredText and LaTeX": (
        "North hut\n~~~~~~~~~\n\nThe key is with the baker now.\n\n"
        "South hut\n~~~~~~~~~\n\nThe key lies under the bench.\n",
        "bench",
        "South hut\n~~~~~~~~~\n\nThe key lies under the bench.\n",
    ),
    "the file leads in what was found in it": (
        "src/a.ts\n12:    const limit = 3;\n29:    const retries = 5;\n\n"
        "src/b.ts\n12:    const limit = 4;\n84:    const idle = 9;\n",
        "idle",
        "src/b.ts\n84:    const idle = 9;\n",
    ),
    "a branch leads in what stands in it, and no other branch does": (
        "if (user.banned) {\n"
        + "    log.warn('the user has been banned, id', user.id);\n" * 20
        + "} else {\n"
        + "    door.open('front', user.id, true);\n" * 19
        + "    door.close('back', user.id, 'now', at, once);\n}\n",
        "back",
        "if (user.banned) {\n} else {\n    door.close('back', user.id, 'now', at, once);\n",
    ),
    "a case is led in by its switch": (
        "switch (level) {\ncase 1:\n"
        + "    pump.start(level, 'slow', 12);\n" * 30
        + "case 2:\n"
        + "    pump.start(level, 'fast', 77);\n" * 30
        + "    valve.open(level, 1, 2, 3, 4);\n}\n",
        "valve",
        "switch (level) {\ncase 2:\n    valve.open(level, 1, 2, 3, 4);\n",
    ),
    "what follows a block is not led in by it": (
        "def start(self):\n    if self.dry:\n        print('it', 'is', 'dry')\n    else:\n        self.pump(1, 2, 3)\n"
        + "    self.count += 1\n" * 40
        + "    self.valve(7, 7, 7)\n",
        "valve",
        "def start(self):\n    self.valve(7, 7, 7)\n",
    ),
    "a sentence that announces leads in the rest of its paragraph": (
        "**The following is false.** The office opens at seven in the morning.\n\nThe hall is open all day.\n",
        "seven",
        "**The following is false.** The office opens at seven in the morning.\n\n",
    ),
    "or the paragraph below it": (
        "These statements are wrong, as follows:\n\nThe office opens at seven in the morning.\n\nThe hall is open.\n",
        "seven",
        "These statements are wrong, as follows:\n\nThe office opens at seven in the morning.\n\n",
    ),
    "a footnote is all of its sentences, but no other footnote": (
        "A day ticket costs 12 EUR.[^1] We close late.\n\n[^1]: For members who joined early. Ask at the desk.\n"
        "[^2]: See the map.\n",
        "ticket",
        "Ask at the desk.\n[^1]: For members who joined early. A day ticket costs 12 EUR.[^1] ",
    ),
    "a plain line leads in the paragraphs below it": (
        "Paid\n\nFire and smoke are paid at once. So storm.\n\n2. Excluded\n\nWater is never paid. Nor are mice.\n",
        "mice",
        "2. Excluded\n\nNor are mice.\n",
    ),
    "a question on a line of its own its answer": (
        "May I bring a dog along?\n\nYes, on a lead.\n\nMay I smoke anywhere at all?\n\nNo, nowhere in the house.\n",
        "nowhere",
        "May I smoke anywhere at all?\n\nNo, nowhere in the house.\n",
    ),
    "a question above what leads to a list": (
        "What is paid?\n\nWe pay for:\n- fire in the whole house\n- storm above force eight\n\nWhat is not paid?\n\n"
        "We do not pay for:\n- mice and moths in the attic\n- rust on any part at all\n",
        "mice",
        "What is not paid?\n\nWe do not pay for:\n- mice and moths in the attic\n",
    ),
    "a question right above its answer": (
        "¿Puedo pagar con tarjeta en la oficina?\nNo. Solo se acepta dinero en efectivo. Tampoco aceptamos cheques.\n\n"
        "¿Hay que pagar multa?\nNo hay multas de dinero.\n",
        "cheques",
        "¿Puedo pagar con tarjeta en la oficina?\nTampoco aceptamos cheques.\n\n",
    ),
    "the title of a text all of it": (
        "Sheet of the branch in York\n\nManager: Ada Bell of Hull\nLate: Friday until half past seven\n\n"
        "Valid from May\n\nKeys are cut while you wait here. Gifts are accepted by all.\n",
        "Gifts",
        "Sheet of the branch in York\n\nValid from May\n\nGifts are accepted by all.\n",
    ),
    "a numbered heading those of its subsections": (
        "4 Care\n\n4.1 Milk\n\nRinse the tube with water at once. Wipe it.\n\n5 Faults\n\n5.1 Steam\n\n"
        "The nozzle is blocked by lime again. Clean it with a needle.\n",
        "needle",
        "5 Faults\n\n5.1 Steam\n\nClean it with a needle.\n",
    ),
    "who wrote leads in what is quoted below a blank line": (
        "Hello all,\n\nOn Monday Mei Lin wrote:\n\n> I lost the key of the boat\n> and the lamp\n\nWho has it?\n",
        "lamp",
        "On Monday Mei Lin wrote:\n\n> and the lamp\n\n",
    ),
    "units below a header, and a comment above it, are part of it": (
        "# all amounts are of 2024\nroad;length;load\n;(km);(t)\nA1 in the north;12;40\nB2 in the south;17;44\n"
        "C3 in the east;19;38\n",
        "B2",
        "# all amounts are of 2024\nroad;length;load\n;(km);(t)\nB2 in the south;17;44\n",
    ),
    "a comment leads in the entry below it": (
        "server:\n"
        + "  port: 80\n" * 40
        + "  # not used any more, since May\n  timeout: 12 # as agreed on\n  size: 3\n",
        "12",
        "  # not used any more, since May\nserver:\n  timeout: 12 # as agreed on\n",
    ),
    "deep keys keep their root": (
        "production:\n" + "".join(f"{'  ' * n}level{n}:\n" for n in range(1, 12)) + f"{'  ' * 12}retries: 3\n"
        "staging:\n" + "".join(f"{'  ' * n}level{n}:\n" for n in range(1, 12)) + f"{'  ' * 12}retries: 9\n",
        "retries: 9",
        "staging:\n" + "".join(f"{'  ' * n}level{n}:\n" for n in range(1, 12)) + f"{'  ' * 12}retries: 9\n",
    ),
}


@pytest.mark.parametrize(("text", "within", "expected"), KINDS.values(), ids=KINDS)
def test_what_leads_in(text: str, within: str, expected: str) -> None:
    assert lead_ins(text, within) == expected


def test_a_name_leads_in_indented_keys_in_files_of_windows_too() -> None:
    text, within, expected = KINDS["a name leads in the keys that are indented below it, as in settings of routers"]
    assert lead_ins(text.replace("\n", "\r\n"), within) == expected.replace("\n", "\r\n")


CLAUSE = "The tenant shall not, without asking, " + ", ".join(f"keep animals of kind {n}" for n in range(60)) + "."


@pytest.mark.parametrize(
    ("text", "beginning"),
    [
        (CLAUSE, "The tenant shall not,"),
        ("- one\n- We never pay for " + "water that rises from below. " * 40, "- We never pay for"),
        ('{"a": 1, "never_insured": "' + "the boat at the pier. " * 60 + '", "b": 2}', '"never_insured":'),
    ],
    ids=["a clause", "an item", "a value"],
)
def test_the_beginning_of_what_is_too_long_leads_in_the_rest(text: str, beginning: str) -> None:
    found = cut(text, 24)
    first = next(number for number, (node, _) in enumerate(found) if beginning in node)
    parts = [above[0] for node, above in found[first + 1 :] if above]
    assert len(parts) > 2
    assert all(part == found[first][0] for part in parts)


def test_a_block_that_is_too_long_is_cut_at_the_ends_of_its_lines() -> None:
    text = (
        "#if A\n/* two banks of flash */\n"
        + "".join(f"#define NAME_{n}   0x{n}8000000u\n" for n in range(40))
        + "#endif\n"
    )
    nodes = cut(text, 32)
    assert len(nodes) > 4
    assert all(node.endswith("\n") for node, _ in nodes)


@pytest.mark.parametrize("break_", ["\n", "\n\n"])
def test_who_speaks_leads_in_a_turn_that_does_not_fit(break_: str) -> None:
    said = "The road is long and wet in the north. " * 20
    turns = ["Ada: Which car do you take?", f"Oskar: {said}I take the blue car.", "Ada: Good.", "Oskar: Yes."]
    text = break_.join(turns) + "\n"
    assert any("Oskar:" in node and "blue" in node for node, _ in cut(text))
    ((_, above),) = [found for found in cut(text, token_budget=100) if "blue" in found[0]]
    assert above == ("Oskar: ",)


def test_a_paragraph_without_a_name_belongs_to_the_turn_above() -> None:
    text = "Ada: Which car?\n\nOskar: The big one.\n\nI take it to the north on Monday.\n\nAda: Good.\n\nOskar: Yes.\n"
    assert any("Oskar:" in node and "Monday" in node for node, _ in cut(text))


def test_the_key_of_a_block_leads_in_what_changes_below_it() -> None:
    entry = " case_{0}:\n   title: Head\n-  date: {0} BC\n+  date: {0} AD\n"
    diff = "--- a/halls.yml\n+++ b/halls.yml\n@@ -1,8 +1,8 @@\n" + "".join(map(entry.format, range(10, 60)))
    assert lead_ins(diff, "50 AD").endswith("@@\n case_50:\n-  date: 50 BC\n+  date: 50 AD\n")


def test_a_changed_line_keeps_its_sign() -> None:
    text = "--- a/x.py\n+++ b/x.py\n@@ -1,200 +1,1 @@\n" + "".join(f"-option_{n} = compute({n})\n" for n in range(200))
    nodes = [node for node, _ in cut(text) if "option" in node]
    assert len(nodes) > 3
    assert all(line.startswith("-") for node in nodes for line in node.splitlines() if "option" in line)


@pytest.mark.parametrize(
    "row",
    [
        "test_{name}_{n} (tests.test_client.ClientTest) ... {state}",
        "test parser::{name}{n} ... {state}",
        "64 bytes from 10.0.0.{n}: icmp_seq={n} ttl=64 time=0.{n} ms",
        "tests/test_{name}.py::test_{n} {state}",
    ],
)
def test_rows_of_a_report_stay_whole(row: str) -> None:
    names, states = ("login", "check", "empty"), ("ok", "FAIL", "ok", "ERROR")
    rows = [row.format(name=names[n % 3], n=n, state=states[n % 4]) for n in range(60)]
    for node, _ in cut("\n".join(["Running all tests", *rows]) + "\n", 24):
        assert {*node.splitlines()} <= {"Running all tests", *rows}


def test_what_only_looks_like_a_heading_of_latex_is_read() -> None:
    assert cut("\\subsubsubsection{Milk}\n\nRinse it.\n")


def test_a_diff_without_changes_ends_at_a_blank_line() -> None:
    text = (
        "diff --git a/a.py b/b.py\nrename from a.py\nrename to b.py\n\nThe file was moved. " + "No more was done. " * 9
    )
    assert len(cut(text)) > 4


@pytest.mark.parametrize("above", ["", "________________________________\n", "---\n", "Message 2\n"])
@pytest.mark.parametrize("key", ["{}:", "*{}:*", "**{}:**"])
def test_a_mail_is_led_in_by_its_own_head(key: str, above: str) -> None:
    def mail(who: str, said: str) -> str:
        head = "".join(f"{key.format(name)} {value}\n" for name, value in (("From", who), ("Date", "1 May")))
        return f"{above}{head}\n{said}\n\n{who}\n\n"

    text = mail("Ilka Roos", "The stage is too dear for us, I am afraid.") + mail("Bo Tamm", "I approve it.")
    assert lead_ins(text, "approve") == f"{key.format('From')} Bo Tamm\n{key.format('Date')} 1 May\n\nI approve it.\n\n"


def test_a_block_in_braces_leads_in_what_changes_in_it() -> None:
    def hunk(place: str, old: str, new: str) -> str:
        return f"@@ -9,3 +9,3 @@\n     location {place} {{\n-        size {old};\n+        size {new};\n     }}\n"

    diff = "--- a/x.conf\n+++ b/x.conf\n" + hunk("/api/", "1m", "2m") + hunk("/upload/", "25m", "150m")
    assert "     location /upload/ {\n-        size 25m;\n+        size 150m;\n" in lead_ins(diff, "150m")


def test_frames_of_an_error_with_a_cause_may_stay_out() -> None:
    first, *others = [f"\tat shop.Orders.{name}(Orders.java:7)\n" for name in ("store", "pay", "run")]
    entry = "2024-07-19 06:12:53 ERROR checkout failed for order 88213\n"
    error, cause = "shop.CheckoutException: could not store the order\n", "Caused by: sql.Error: value too long\n"
    nodes = dict(cut("".join([entry, error, first, *others, cause, first, *others]), 8, 24))
    assert nodes[error + first] == (entry, cause + first)
