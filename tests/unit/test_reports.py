"""What failed comes with how and where: reports of tests, messages of compilers, stack traces."""

import pytest
from cutting import cut, lead_ins

from longattncomp.chunking.structure import outline

PARTS = "".join(f"    part_{number} = shop.take({number}, of='steel')\n" for number in range(6))
FAILED = ">   assert shop.total() == 12\nE   assert 11 == 12\n\ntests/test_shop.py:48: AssertionError\n"
PYTEST = (
    f"=== FAILURES ===\n_____ test_total _____\n\n    def test_total():\n{PARTS}{FAILED}"
    f"_____ test_other _____\n\n    def test_other():\n{PARTS}>   assert 1 == 2\nE   assert 1 == 2\n\n"
    "tests/test_shop.py:99: AssertionError\n=== short test summary info ===\nFAILED tests/test_shop.py\n"
)
JEST = (
    "  ● shop › total › adds two\n\n    expect(received).toBe(expected)\n\n    Expected: 12\n    Received: 11\n\n"
    + "".join(f"      {number} |     cart.add('bolt {number} of steel', {number});\n" for number in range(20, 28))
    + "\n      at Object.<anonymous> (src/shop.spec.ts:28:9)\n\nTests: 1 failed\n"
)
CALLS = "".join(f"    at step{number} (/srv/app/step.js:{number}:5)\n" for number in range(9))
NODE = (
    "/srv/app/money.js:5\n  const sign = signs[code];\n               ^\n\n"
    f"TypeError: signs is not there\n    at money (/srv/app/money.js:5:16)\n{CALLS}\nNode.js v22.3.0\n"
)
FILES = "".join(
    f'  File "/srv/step_{number}.py", line {number}, in step\n    go(of="step {number}")\n' for number in range(6)
)
CHAINED = (
    "2025-01-01 10:00:00 INFO up\n2025-01-01 10:00:01 ERROR job 7 failed\nTraceback (most recent call last):\n"
    f"{FILES}shop.Late: too late\n\nThe above exception was the direct cause of the following exception:\n\n"
    f"Traceback (most recent call last):\n{FILES.replace('step', 'part')}shop.Refused: not today\n"
    "2025-01-01 10:00:02 INFO job 8 done\n"
)
JAVA = (
    "2025-01-01 10:00:01 ERROR job 7 failed\nshop.Late: too late\n"
    + "".join(f"\tat shop.Step{number}.run(Step.java:{number})\n" for number in range(9))
    + "Caused by: java.io.IOException: disk full\n\tat shop.Disk.put(Disk.java:7)\n\t... 9 more\n"
    "2025-01-01 10:00:02 INFO job 8 done\n"
)
SPRING = (
    "".join(f"2025-01-01 10:00:0{n}.012  INFO 1 --- [  job-{n}] shop.Runner   : job {n} begun\n" for n in range(4))
    + "2025-01-01 10:00:05.252 ERROR 1 --- [  job-7] shop.Runner   : job 7 failed\n\nshop.Broken: no way out\n"
    + "".join(f"\tat shop.Step{number}.run(Step.java:{number})\n" for number in range(9))
    + "Caused by: java.io.IOException: disk full\n\tat shop.Disk.put(Disk.java:7)\n\t... 9 more\n"
    "2025-01-01 10:00:09.002  INFO 1 --- [  job-8] shop.Runner   : job 8 done\n"
)
GCC = (
    "[1/9] Building a.o\nsrc/a.c: In function 'first':\nsrc/a.c:7:3: warning: unused variable 'n'\n"
    "    7 |   int n;\n      |   ^~~~~~\nsrc/a.c: In function 'second':\nsrc/a.c:17:3: error: no such member\n"
    "   17 |   a->b = 1;\n      |    ^~~\n[2/9] Building b.o\nmake: *** Error 1\n"
)
RUST = (
    "   Compiling shop v1.0\nerror[E0382]: borrow of moved value\n  --> src/shop.rs:64:22\n   |\n"
    "57 |     let batch = take();\n   |         ----- moved here\n\nerror: could not compile\n"
)
BLAME = "".join(
    f"{commit} (Ann of Bell Street 2025-01-0{number} 10:00:00 +0100 {number}) {code}\n"
    for number, (commit, code) in enumerate(
        [("8f2d01c4", "import os"), ("b6690e1d", ""), ("d41a7f30", "LIMIT = 3. It was 4"), ("b6690e1e", "STEP = 2")], 1
    )
)

LED_IN = {
    "a line of a test by what failed, and where": (PYTEST, "part_5", "=== FAILURES ===\n_____ test_total _____\n\n"),
    "an excerpt by what was expected": (JEST, "bolt 27", "  ● shop › total › adds two\n\n"),
    "a call by the error": (NODE, "step7", "/srv/app/money.js:5\n  const sign"),
    "a line of a chain by the entry": (CHAINED, "step_3", "2025-01-01 10:00:01 ERROR job 7 failed\n"),
    "a call of Java by the entry": (JAVA, "Step7", "2025-01-01 10:00:01 ERROR job 7 failed\n"),
    "a call by the only entry": (SPRING[SPRING.index("2025-01-01 10:00:05") :], "Step7", "Runner   : job 7 failed\n\n"),
    "a call below a blank line by the entry": (SPRING, "Step7", "shop.Runner   : job 7 failed\n\n"),
    "a message by its function": (GCC, "no such member", "src/a.c: In function 'second':\n"),
}
SAID = {
    "a line of a test by what failed, and where": FAILED,
    "an excerpt by what was expected": "Expected: 12\n    Received: 11\n",
    "a call by the error": "TypeError: signs is not there\n    at money (/srv/app/money.js:5:16)\n",
    "a line of a chain by the entry": "shop.Refused: not today\n",
    "a call of Java by the entry": "Caused by: java.io.IOException: disk full\n\tat shop.Disk.put(Disk.java:7)\n",
    "a call by the only entry": "Caused by: java.io.IOException: disk full\n",
    "a call below a blank line by the entry": "Caused by: java.io.IOException: disk full\n",
    "a message by its function": "   17 |   a->b = 1;\n      |    ^~~\n",
}


@pytest.mark.parametrize("kind", LED_IN)
def test_what_failed_comes_along(kind: str) -> None:
    text, within, begins = LED_IN[kind]
    found = lead_ins(text, within, 6)
    assert begins in found
    assert SAID[kind] in found


WHOLE = {
    "what failed in a test, how and where": (PYTEST, FAILED),
    "a message of gcc": (GCC, "src/a.c:17:3: error: no such member\n   17 |   a->b = 1;\n      |    ^~~\n"),
    "a message of rustc": (RUST, RUST[RUST.index("error[") : RUST.index("error: could")]),
    "a message with its note": (
        "a.c:1:2: error: no\n  1 | a\n    | ^\na.c:9:2: note: declared here\n  9 | a\nDone with all of it.\n",
        "a.c:1:2: error: no\n  1 | a\n    | ^\na.c:9:2: note: declared here\n  9 | a\n",
    ),
    "a message of tsc": (
        "> tsc\n\na.ts(1,5): error TS23: not a number at all.\n  Types are not the same.\n\nFound one error.\n",
        "a.ts(1,5): error TS23: not a number at all.\n  Types are not the same.\n\n",
    ),
    "a crash of Go": (
        "Begun.\npanic: out of range\n\ngoroutine 1 [running]:\nmain.f(0x5)\n\t/src/f.go:12 +0x1d\n\nEnded.\n",
        "panic: out of range\n\ngoroutine 1 [running]:\nmain.f(0x5)\n\t/src/f.go:12 +0x1d\n\n",
    ),
    "a traceback without an entry": (
        'Run it.\n\nTraceback (most recent call last):\n  File "a.py", line 3, in f\n    g()\nb.Odd: x\nError 1\n',
        'Traceback (most recent call last):\n  File "a.py", line 3, in f\n    g()\nb.Odd: x\n',
    ),
    "a test of Mocha": (
        "  1 bad\n\n  1) Cart\n       adds two:\n\n      Error: 3 is not 4\n      at f (test/a.js:1:2)\n\nDone.\n",
        "  1) Cart\n       adds two:\n\n      Error: 3 is not 4\n      at f (test/a.js:1:2)\n\n",
    ),
    "a line with a date in it": (BLAME, BLAME.splitlines(keepends=True)[2]),
    "also the next one": (BLAME, BLAME.splitlines(keepends=True)[3]),
}


@pytest.mark.parametrize(("text", "node"), WHOLE.values(), ids=WHOLE)
def test_what_stays_whole(text: str, node: str) -> None:
    assert node in [found for found, _ in cut(text, 6, 40)]


def test_rows_below_the_name_of_a_file() -> None:
    text = (
        "/srv/my app/a.js\n   3:10  error  x is never used here\n  12:53  warning  no sign at its end\n\nTwo in all.\n"
    )
    assert lead_ins(text, "12:53") == "/srv/my app/a.js\n  12:53  warning  no sign at its end\n\n"


def test_what_failed_may_come_without_the_rest_of_the_test() -> None:
    nodes = cut(PYTEST, 6, 40)
    above = dict(nodes)[FAILED]
    assert not any("part_0" in lead or "def test" in lead for lead in above)
    leading = {lead for _, own in nodes for lead in own}
    assert all(node in leading for node, own in nodes if FAILED in own)  # so the record is no mere lead-in


NOTHING = {
    "prose": "They stood still.\n  at the door (of the house) one of them fell.\n",
    "a list": "1) one of these things\n  2) another of them\n     or a third\n\nIt is all: see 3.\n",
    "words": "An error: it is not there.\n\nSee a.c, line 7: warning signs are red there.\n",
    "a quotation": "_____ Part one _____\n\nE is a letter of it.\n> quoted words of it\n\nAnd a.py:3: is a place.\n",
    "times and places": "- Lunch with all of us\n  at 12:30 in the hall\n- Walk\n  at noon (in the park)\n",
    "a word": "The panic: all of it fell.\n\nThe goroutine 1 [running] is a thing.\n",
    "dates in prose": "At 2025-01-01 10:00 it was begun by Ann, and it ran for\na day, until "
    "2025-01-02 10:00 when it was ended\nthere as it has to. So on 2025-01-03 11:00 it was begun again.\n",
}


@pytest.mark.parametrize("text", NOTHING.values(), ids=NOTHING)
def test_what_is_no_report(text: str) -> None:
    out = outline(text)
    assert not any(out.together)
    assert not out.also


def test_an_example_below_a_heading_is_no_failed_test() -> None:
    text = "# Bug\n\nIt is.\n\n## Log\n\n```\nE   AssertionError\n```\n\n## Else\n\nNone of it.\n"
    assert lead_ins(text, "None of") == "# Bug\n\n## Else\n\nNone of it.\n"


def test_an_example_in_a_docstring_does_not_end_the_class() -> None:
    text = (
        'class Shop:\n    """A shop.\n\n    Traceback (most recent call last):\n      ...\n    KeyError: 3\n    """\n\n'
        "    def total(self):\n        return sum(self.prices) + self.tax\n"
    )
    assert lead_ins(text, "self.tax").startswith("class Shop:\n")


def test_underlines_of_a_compiler_strike_nothing_out() -> None:
    assert not any("unused" in lead for node, above in cut(GCC, 6) if "a->b" in node for lead in above)


@pytest.mark.parametrize("entry", ['error: job failed {"pump":"1"}', "[Nest] 43 - 9:14:04 AM   ERROR [Pump] no lid"])
def test_an_entry_without_a_date_leads_in_its_trace(entry: str) -> None:
    after = entry.replace("ERROR", "LOG").replace("error", "info").replace("failed", "is tried again")
    text = f"{entry}\nError: bad lid\n    at run (/app/job.js:12:9)\n    at main (/app/index.js:3:1)\n{after}\n"
    assert f"{entry}\n" in lead_ins(text, "at main", 3)
    assert "bad lid" not in lead_ins(text, after, 3)


def test_what_mocha_compares_stands_at_the_beginning_of_a_line() -> None:
    text = (
        "  1 failing\n\n  1) Pump\n       drips:\n\n      AssertionError [ERR]: Expected values to be equal:\n\n"
        "2 !== 4\n\n      + expected - actual\n\n      -2\n      +4\n\n"
        "      at Context.<anonymous> (test/pump.test.js:9:12)\n\nAll of it is told.\n"
    )
    assert "1) Pump\n" in lead_ins(text, "2 !== 4", 3)
    assert "1) Pump\n" in lead_ins(text, "at Context", 3)
    assert "1) Pump\n" not in lead_ins(text, "All of it", 3)


def test_the_source_may_stand_below_a_message_of_two_lines() -> None:
    text = (
        "src/a.ts:3:7 - error TS2322: Type 'lid' is no number.\n  It is asked for by 'pump'.\n\n"
        "3   const a: number = lid;\n          ~\n\nsrc/b.ts:9:1 - error TS2554: Expected one.\n\n9 run(1, 2);\n~~~\n"
    )
    assert "src/a.ts:3:7" in lead_ins(text, "const a", 3)
    assert "src/b.ts:9:1" in lead_ins(text, "run(1", 3)
