"""What tools print about packages, tests, causes and containers is led in by the name of it."""

import pytest
from cutting import lead_ins

from longattncomp.chunking.lines.kinds import lines_of
from longattncomp.chunking.printed.blocks import block_at

ROW = "the lid of the pump is loose and drips on the floor\n"
BLOCKS = {
    "a package that is not safe": (
        "# npm audit report\n\npumps  <=4.17.20\nSeverity: high\nIt leaks when it is cold\nnode_modules/pumps\n\n"
        "lids  <0.2.4\nSeverity: critical\nIt falls off\nnode_modules/lids\n",
        "critical",
        "lids  <0.2.4\n",
    ),
    "the causes of an error": (
        f"Error: failed to load the pump\n\nCaused by:\n    0: {ROW}    1: no such file\n",
        "no such",
        "Error: failed to load the pump\n\n",
    ),
    "a trace of a container": (
        'web-1  | Traceback (most recent call last):\nweb-1  |   File "/app/a.py", line 3, in <module>\n'
        "web-1  |     run()\nweb-1  | ValueError: bad lid\ndb-1   | ready for all of them\nweb-1  | starting\n",
        "bad lid",
        "web-1  | Traceback (most recent call last):\n",
    ),
    "one of JavaScript": (
        "db-1   | ready\nweb-1  | Error: bad lid\nweb-1  |     at run (/app/a.js:3:1)\ndb-1   | going on\n",
        "at run",
        "web-1  | Error: bad lid\n",
    ),
    "the tests of a file": (
        "FAIL src/pump.test.js\n  Pump\n    ✕ drips on the floor (4 ms)\n\n"
        "PASS src/lid.test.js\n  Lid\n    ✓ holds (1 ms)\n",
        "✓ holds",
        "PASS src/lid.test.js\n  Lid\n",
    ),
    "a file of Vitest": (
        " ✓ src/lid.test.js (1 test) 3ms\n"
        " ❯ src/pump.test.js (2 tests | 1 failed) 8ms\n   × Pump > drips on the floor\n",
        "× Pump",
        " ❯ src/pump.test.js (2 tests | 1 failed) 8ms\n",
    ),
    "the lines of a file that failed": (
        "3.1 ERROR: no pump\n------\nparts/Pumpfile:2\n" + "-" * 20 + "\n   1 |     FROM lid\n   2 | >>> RUN pump\n"
        "   3 |     RUN dry\n" + "-" * 20 + "\nERROR: failed to pump: exit code: 1\n",
        "RUN pump",
        "parts/Pumpfile:2\n",
    ),
    "what a test of Rust printed": (
        f"---- pump::drips stdout ----\n{ROW}\nfailures:\n    pump::drips\n\ntest result: FAILED. 1 passed; 1 failed\n",
        "the lid",
        "---- pump::drips stdout ----\n",
    ),
}


@pytest.mark.parametrize(("text", "within", "above"), BLOCKS.values(), ids=BLOCKS)
def test_a_block_is_led_in_by_its_name(text: str, within: str, above: str) -> None:
    assert above in lead_ins(text, within, 4)


def test_what_follows_what_a_test_printed_is_not_its_own() -> None:
    text = (
        f"---- pump::drips stdout ----\n{ROW}\nfailures:\n    pump::drips\n\ntest result: FAILED. 1 passed; 1 failed\n"
    )
    assert "stdout" not in lead_ins(text, "failures", 3)
    assert "stdout" not in lead_ins(text, "test result", 3)


def test_what_failed_is_said_below_the_lines_of_the_file() -> None:
    text = BLOCKS["the lines of a file that failed"][0]
    assert lead_ins(text, "failed to pump", 4).startswith("ERROR: failed")


@pytest.mark.parametrize(
    "text",
    [
        "Monday 9:30\n" + "-" * 20 + "\n1 | lid\n" + "-" * 20 + "\n",
        "Pumpfile:3\n" + "-" * 20 + "\nIt drips.\n",
        "pumps  <=4.17\nThey are for sale.\n",
        "Error: this is what it says.\n\nCaused by: nobody knows.\n",
        "part   | price\nlid    | at home\n",
        "FAIL is what it says\n  and more of it\n",
    ],
)
def test_what_is_no_block(text: str) -> None:
    assert block_at(lines_of(text), 0) is None
