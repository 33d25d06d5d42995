"""What tools print: what failed is one record with its name, and no line comes under what another one failed of."""

import pytest
from cutting import cut, lead_ins

from longattncomp.chunking.structure import outline

STEPS = "".join(f"  File '{name}.py', line 3, in {name}\n    go()\n".replace("'", '"') for name in ("load", "sort"))
DONE = "".join(f"2025-03-01 10:00:0{number},114 INFO  web.shop  job {number} done\n" for number in range(6))
GAPS = (
    f"{DONE}2025-03-01 10:00:07,114 ERROR web.shop  job 7 failed\n"
    f"Traceback (most recent call last):\n{STEPS}KeyError: 'bolt'\n"
    f"{DONE}2025-03-01 10:00:09,114 ERROR web.shop  job 9 failed\n"
)
CHAIN = (
    f"2025-03-01 10:00:01 ERROR job 7 failed\nTraceback (most recent call last):\n{STEPS}KeyError: 'bolt'\n\n"
    "During handling of the above exception, another exception occurred:\n\n"
    f"Traceback (most recent call last):\n{STEPS.replace('load', 'save')}shop.NoPrice: none\n"
)
CRASH = (
    "2025/03/01 10:00:01 job 7 failed: too late\npanic: assignment to entry in nil map\n[signal SIGSEGV: pc=0x8a]\n\n"
    "goroutine 51 [running]:\nshop.Put(0x1)\n\t/src/shop/cart.go:44 +0x46\nshop.add(0x1)\n\t/src/shop/web.go:14 +0x4\n"
    "created by main in goroutine 1\n\t/src/shop/main.go:9 +0x4\n\n"
    "goroutine 1 [IO wait]:\npoll.wait(0x7f)\n\t/src/poll.go:343 +0x85\nmain.main()\n\t/src/main.go:18 +0x46\n"
)
BOOTS = (
    "-- Boot 6d1f0c2a9b8e4f0f --\nFeb 11 06:58:02 anvil kernel: Linux 6.6.13\n"
    "-- Boot 0b7cc5d2f4d94b7c --\nFeb 12 06:58:02 anvil kernel: Linux 6.6.14\nFeb 12 06:59:02 anvil sshd: ready\n"
)
UNITTEST = (
    f"..FE\n{'=' * 70}\nERROR: test_load (shop.LoadTest)\n{'-' * 70}\nTraceback (most recent call last):\n{STEPS}"
    f"OSError: no file\n\n{'=' * 70}\nFAIL: test_total (shop.CartTest)\n{'-' * 70}\n"
    f"Traceback (most recent call last):\n{STEPS.replace('load', 'total')}AssertionError: 11 != 12\n\n"
    f"{'-' * 70}\nRan 5 tests in 0.014s\n"
)
PHPUNIT = (
    "There were 2 failures:\n\n1) App\\CartTest::testTotal\nFailed asserting that 11 is 12.\n\n/srv/CartTest.php:31\n\n"
    "2) App\\CartTest::testTake\nFailed asserting that it is sold out.\n\n/srv/CartTest.php:44\n\nFAILURES!\n"
)
DOTNET = (
    "  Failed Shop.CartTests.Total [12 ms]\n  Error Message:\n   Assert.Equal() Failure\nExpected: 12\nActual:   11\n"
    "  Stack Trace:\n     at Shop.CartTests.Total() in /srv/CartTests.cs:line 31\n"
    "  Failed Shop.CartTests.Take [3 ms]\n  Error Message:\n   System.NullReferenceException : No stock.\n"
    "  Stack Trace:\n     at Shop.Cart.Take() in /srv/Cart.cs:line 14\n\nFailed!  - Failed: 2\n"
)
JEST = (
    " FAIL  src/money.test.ts\n  money\n    x shows francs (6 ms)\n\n  money > shows francs\n\n"
    "    expect(received).toBe(expected)\n\n    Expected: 12\n    Received: 11\n\n"
    "      33 |   const sum = money(12, 'CHF');\n    > 34 |   expect(sum).toBe(12);\n\nTests: 1 failed\n"
)
STEPPED = (
    "#6 [build 2/7] WORKDIR /app\n#6 CACHED\n\n#7 [build 3/7] RUN npm ci\n#7 2.4 npm warn deprecated glob\n"
    "#8 [test 1/2] RUN pip install shop\n#8 1.2 Collecting shop\n#7 9.1 npm error 404 stok is not there\n#7 DONE 9.2s\n"
)
BOX = (
    "bucket.logs: Creating...\n╷\n│ Error: no subnet group\n│ \n│   with aws_db.main,\n│   on db.tf line 14\n│ \n╵\n"
    "╷\n│ Error: the role is there\n│ \n│   with aws_role.shop,\n│   on iam.tf line 3\n│ \n╵\n"
)
NPM = (
    "npm warn deprecated glob@7\nnpm error code ERESOLVE\nnpm error could not resolve\nnpm error\n"
    "npm error Found: react@18.2.0\nnpm error   react@18 from the root project\nnpm error\n"
    "npm error Could not resolve dependency:\nnpm error peer react@17 from split-grid@1.0.4\nDone in 3 s\n"
)
GO = (
    "=== RUN   TestPut\n--- PASS: TestPut (0.00s)\n=== RUN   TestTake\n"
    "    cart_test.go:41: it has three\n    cart_test.go:44: take: got nil, and no error at all\n"
    "    cart_test.go:48: put: it was not there before\n--- FAIL: TestTake (0.01s)\nFAIL\n"
)
BUNDLED = (
    "assets 1.2 MiB\nERROR in ./src/cart.ts 31:8-14\nTS2322: no number\n  > 31 |     return names[0];\n\n"
    "ERROR in ./src/app.js 3:0-28\nModule not found: './stok'\n @ ./src/index.js 1:0-22\n\nbuilt with 2 errors\n"
)
GROUP = (
    "Begun.\n  + Exception Group Traceback (most recent call last):\n"
    '  |   File "/srv/run.py", line 9, in main\n  |     group()\n  | ExceptionGroup: two (2 sub-exceptions)\n'
    "  +-+---------------- 1 ----------------\n    | Traceback (most recent call last):\n"
    '    |   File "/srv/load.py", line 14, in load\n    |     fail()\n    | ValueError: row 7 is empty\n'
    "    +------------------------------------\nEnded.\n"
)
RUST = (
    "Begun.\nthread 'main' panicked at src/main.rs:14:10:\ncalled `unwrap()` on a `None` value\nstack backtrace:\n"
    "   0: rust_begin_unwind\n             at /rustc/std/src/panicking.rs:645:5\nnote: some are left out\nEnded.\n"
)
ACTIONS = "".join(
    f"2025-06-20T09:41:{number:02}.1180000Z {line}\n"
    for number, line in enumerate(
        [
            *("##[group]Run eslint", "env:", "  CI: 1", "##[endgroup]", "", "/srv/src/tiles.ts"),
            *("   14:7   warning  'zoom' is never used", "   88:11  error    Unexpected any", "", "/srv/src/jobs.ts"),
            *("   31:5   error    Promises must be awaited", "", "x 3 problems", "##[error]It ended with code 1."),
            *("##[group]Run tests", "##[endgroup]", "Traceback (most recent call last):"),
            *('  File "a.py", line 3, in f', "    g()", "b.Odd: x", "Post job cleanup."),
        ]
    )
)
OPENED = {
    "GitHub": ("2025-06-20T09:41:09.1Z ##[group]{}\n2025-06-20T09:41:09.1Z ##[endgroup]\n", "2025-06-20T09:41:09.1Z "),
    "Azure": ("##[section]Starting: {}\n", ""),
    "GitLab": ("section_start:1712044811:{}\r\x1b[0K\n", ""),
    "Buildkite": ("--- :python: {}\n", ""),
    "TeamCity": ("##teamcity[blockOpened name='{}']\n", ""),
}
EVENTS = "".join(
    f"Log Name: {log}\nSource:   Security\nDate:     3/4/2025 7:12:5{number}\nEvent ID: 462{number}\n"
    f"Description:\n{told}\n\n"
    for number, (log, told) in enumerate(
        [
            ("System", "An account failed to log on.\n\nSubject:\n\tName:\t\tFS02$\n\tDomain:\t\tCORP"),
            ("System", "It runs."),
            ("Application", "The backup has ended."),
        ]
    )
)
ANSIBLE = (
    "PLAY [web] *****************\n\nTASK [Install nginx] *****************\nok: [web-1]\n\n"
    "TASK [Copy the key] *****************\nok: [web-1]\nfatal: [web-2]: FAILED! => no such key at all\n"
)

LED_IN = {
    "no entry by the error of another one": (GAPS, "job 9", "2025-03-01 10:00:09,114 ERROR web.shop  job 9 failed\n"),
    "an entry by its boot": (
        BOOTS,
        "sshd",
        "-- Boot 0b7cc5d2f4d94b7c --\nFeb 12 06:59:02 anvil sshd: ready\n",
    ),
    "a call of a crash by the panic, and no entry": (
        CRASH,
        "web.go",
        "panic: assignment to entry in nil map\ngoroutine 51 [running]:\nshop.Put(0x1)\n\t/src/shop/cart.go:44 +0x46\n"
        "shop.add(0x1)\n\t/src/shop/web.go:14 +0x4\n",
    ),
    "a line of a step that takes turns": (
        STEPPED,
        "404",
        "#7 [build 3/7] RUN npm ci\n#7 9.1 npm error 404 stok is not there\n",
    ),
    "what npm found by what failed": (
        NPM,
        "split-grid",
        "npm error code ERESOLVE\nnpm error could not resolve\nnpm error\n"
        "npm error Could not resolve dependency:\nnpm error peer react@17 from split-grid@1.0.4\n",
    ),
    "a message by its file and step": (
        ACTIONS,
        "Promises",
        "2025-06-20T09:41:00.1180000Z ##[group]Run eslint\n2025-06-20T09:41:09.1180000Z /srv/src/jobs.ts\n"
        "2025-06-20T09:41:10.1180000Z    31:5   error    Promises must be awaited\n2025-06-20T09:41:11.1180000Z \n",
    ),
    "what a test of Go prints by its name": (
        GO,
        "got nil",
        "=== RUN   TestTake\n    cart_test.go:44: take: got nil, and no error at all\n",
    ),
    "what a host did by its task": (
        ANSIBLE,
        "web-2",
        "PLAY [web] *****************\n\nTASK [Copy the key] *****************\n"
        "fatal: [web-2]: FAILED! => no such key at all\n",
    ),
    "an excerpt by what was expected and the file": (
        JEST,
        "const sum",
        " FAIL  src/money.test.ts\n  money\n    x shows francs (6 ms)\n\n"
        "    expect(received).toBe(expected)\n\n    Expected: 12\n    Received: 11\n\n"
        "  money > shows francs\n\n      33 |   const sum = money(12, 'CHF');\n    > 34 |   expect(sum).toBe(12);\n\n",
    ),
}


@pytest.mark.parametrize(("text", "within", "whole"), LED_IN.values(), ids=LED_IN)
def test_what_leads_in(text: str, within: str, whole: str) -> None:
    """Where the record is too long to stay whole."""
    found = next("".join([*reversed(above), node]) for node, above in cut(text, 5, 20) if within in node)
    assert found == whole


def after(text: str, begins: str, ends: str) -> str:
    return text[text.index(begins) : text.index(ends)]


WHOLE = {
    "an entry with gaps": (GAPS, after(GAPS, "2025-03-01 10:00:07", DONE + "2025-03-01 10:00:09")),
    "a crash, how and where": (CRASH, after(CRASH, "panic", "shop.add")),
    "a test of unittest": (UNITTEST, after(UNITTEST, "=" * 70 + "\nFAIL", "-" * 70 + "\nRan")),
    "a test of PHPUnit": (PHPUNIT, after(PHPUNIT, "1) ", "2) ")),
    "the next one": (PHPUNIT, after(PHPUNIT, "2) ", "FAILURES")),
    "a test of .NET": (DOTNET, after(DOTNET, "  Failed Shop.CartTests.Take", "Failed!")),
    "a step": (STEPPED, after(STEPPED, "#6 [", "#7 [")),
    "a box": (BOX, after(BOX, "╷\n│ Error: no", "╷\n│ Error: the")),
    "an error of a bundler": (BUNDLED, after(BUNDLED, "ERROR in ./src/app", "built")),
    "a group of exceptions": (GROUP, after(GROUP, "  + Exc", "Ended")),
    "a panic of Rust": (RUST, after(RUST, "thread", "Ended")),
    "an event with its details": (
        EVENTS,
        after(EVENTS, "Log Name", "Log Name: System\nSource:   Security\nDate:     3/4/2025 7:12:51"),
    ),
    "a trace between times": (ACTIONS, after(ACTIONS, "2025-06-20T09:41:16", "2025-06-20T09:41:20")),
    "an entry with an exception in another one": (
        "fail: Shop.Worker[0]\n      job 7 failed\n      System.Odd: no stock\n       ---> System.IO: disk full\n"
        "         at Shop.Put() in /srv/Disk.cs:line 7\n         --- End of inner exception stack trace ---\n"
        "         at Shop.Take() in /srv/Cart.cs:line 14\ninfo: Shop.Worker[0]\n      job 8 done\n",
        "fail: Shop.Worker[0]\n      job 7 failed\n      System.Odd: no stock\n       ---> System.IO: disk full\n"
        "         at Shop.Put() in /srv/Disk.cs:line 7\n         --- End of inner exception stack trace ---\n"
        "         at Shop.Take() in /srv/Cart.cs:line 14\n",
    ),
    "an entry of PHP": (
        "[04-Mar-2025 10:00:02 UTC] PHP Fatal error:  Uncaught TypeError in Cart.php:31\nStack trace:\n"
        "#0 Run.php(8): x()\n"
        "#1 {main}\n[04-Mar-2025 10:00:03 UTC] PHP Notice:  session is open\n",
        "[04-Mar-2025 10:00:02 UTC] PHP Fatal error:  Uncaught TypeError in Cart.php:31\nStack trace:\n"
        "#0 Run.php(8): x()\n"
        "#1 {main}\n",
    ),
}


@pytest.mark.parametrize(("text", "node"), WHOLE.values(), ids=WHOLE)
def test_what_stays_whole(text: str, node: str) -> None:
    assert node in [found for found, _ in cut(text, 6, 80)]


def test_a_call_comes_with_its_own_error_and_the_last_one() -> None:
    above = next(above for node, above in cut(CHAIN, 5, 20) if '"load.py"' in node)
    assert any("KeyError" in lead for lead in above)
    assert any("NoPrice" in lead for lead in above)


def test_the_beginning_of_an_event_leads_in_what_it_tells() -> None:
    text = EVENTS.replace("It runs.", "It " + "runs on and on, " * 9 + "until it ends.")
    assert next(above for node, above in cut(text, 6, 40) if "until" in node)[-1].endswith("Event ID: 4621\n")


def test_a_step_of_a_build_ends_with_its_error_however_long_it_is() -> None:
    text = "#1 [internal] load\n" + "#1 0.1 loading\n" * 300 + "#1 ERROR: it failed\n"
    assert next(above for node, above in cut(text, 6) if "failed" in node) == ("#1 [internal] load\n",)


def test_entries_of_a_log_keep_what_stands_below_a_blank_line() -> None:
    entry = "2024-01-01 10:00:00  ERROR  Failed {}\n\nTraceback (most recent call last):\n{}ValueError: x\n\n"
    text = "".join(entry.format(number, STEPS) for number in (1, 2))
    nodes = cut(text, 6, 20)
    assert all(any("Failed" in lead for lead in above) for node, above in nodes if "sort" in node)


NOTHING = {
    "a list": "1) Buy::sell, one of them\n2) Other things:1\n\nAnd so it ended.\n",
    "numbers": "#1 Best seller of all\n#2 Second best of all\n\nThey sell well.\n",
    "tasks": "#1 [Done] Write it.\n#2 [Open] Read it.\n#3 [Open] Send it.\n",
    "words": "npm error is a thing.\nERROR in all of it, they said.\nthread 'main' of the story.\n",
    "bars": "│ a │ b │\n│ c │ d │\n│ e │ f │\n│ g │ h │\n",
}


@pytest.mark.parametrize("text", NOTHING.values(), ids=NOTHING)
def test_what_is_no_output(text: str) -> None:
    out = outline(text)
    assert not any(out.together)
    assert not out.also


def test_comments_of_sql_are_no_boots() -> None:
    text = "-- Tables --\nCREATE TABLE a (id int);\n-- Views --\nCREATE VIEW b AS SELECT 1;\n"
    assert not any("Views" in lead for _, above in cut(text, 5) for lead in above)


def test_entries_with_times_keep_them() -> None:
    text = "".join(f"2025-06-20T09:41:0{number}.118Z It is up. It runs well.\n" for number in range(4))
    assert [node for node, _ in cut(text, 4)] == text.splitlines(keepends=True)


@pytest.mark.parametrize(("opened", "stamp"), OPENED.values(), ids=OPENED)
def test_the_step_of_a_job_leads_in_what_it_prints_below_a_rule_as_well(opened: str, stamp: str) -> None:
    printed = f"{stamp}=== test session starts ===\n{stamp}collected 412 items, all of them in src\n{stamp}{{}}\n"
    text = "".join(opened.replace("{}", name) + printed.format(f"It ended on {name}.") for name in ("oak", "elm"))
    assert "elm" in lead_ins(text, "ended on elm").partition("ended")[0]
    assert "oak" not in lead_ins(text, "ended on elm")
