"""Each entry of a log is a unit of its own, which only the command above it and the heading of its job lead in."""

import pytest
from cutting import cut, lead_ins

from longattncomp.chunking.lines.kinds import STAMP

ENTRIES = {
    "keys and values": ('ts=08:10:0{} job=a{} msg="load the hull"', 'ts=08:10:09 job=a9 msg="the hull is full"'),
    "a quoted time": (
        'time="2024-05-0{}T08:10:00Z" level=info msg="load it {}"',
        'time="2024-05-09" level=info msg="is full"',
    ),
    "the level first": ("level=info ts={} caller=load.go:{} msg=load", 'level=error ts=9 caller=load.go msg="is full"'),
    "seconds since the start": ("[   1{}.017713] usb 1-{}: new device", "[  19.018000] usb 1-9: the bus is full"),
    "processes": ("[pid  881{}] write({}, 16) = 16", '[pid  8819] write(2, "is full", 7) = 7'),
}


@pytest.mark.parametrize(("entry", "last"), ENTRIES.values(), ids=ENTRIES)
def test_an_entry_without_a_date_is_one_with_its_trace(entry: str, last: str) -> None:
    log = "".join(f"{entry.format(number, number)}\n" for number in range(1, 5))
    trace = 'Traceback (most recent call last):\n  File "a.py", line 3, in load\n    fill()\nOSError: full\n'
    nodes = cut(f"{log}{last}\n{trace}", 6, 100)
    assert f"{last}\n{trace}" in [node for node, _ in nodes]
    assert (f"{entry.format(3, 3)}\n", ()) in nodes


JOB = "########## job: {} ##########\n07:11:15 Runner version 2.319.1\n07:11:16 Runner group is a large one\n{}"
RUN = "07:11:20 {}\n07:12:06 added 809 packages of 1200\n07:12:07 {}\n07:13:41 FAIL src/hull: 3 is no number\n"


@pytest.mark.parametrize(
    "command",
    ["> npm {}", "$ make {}", "+ make {}", "Run npm {}", "Run actions/{}@v4"],
)
def test_a_command_leads_in_what_it_prints_and_no_entry_another(command: str) -> None:
    first, second = (command.format(name) for name in ("install", "test"))
    text = "".join(JOB.format(name, RUN.format(first, second)) for name in ("linux", "macos", "windows"))
    head = "########## job: linux ##########\n"
    assert lead_ins(text, "added") == f"{head}07:11:20 {first}\n07:12:06 added 809 packages of 1200\n"
    assert lead_ins(text, "FAIL") == f"{head}07:12:07 {second}\n07:13:41 FAIL src/hull: 3 is no number\n"
    assert lead_ins(text, "group is") == f"{head}07:11:16 Runner group is a large one\n"


@pytest.mark.parametrize("entry", ["> 300 packages", "Run completed in time", "$ 300 were paid", "> host: example.com"])
def test_what_is_no_command(entry: str) -> None:
    text = JOB.format("linux", RUN.format(entry, "all the files are tested"))
    assert entry not in lead_ins(text, "FAIL")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("10:15 > see you later then", "10:16 > see them all go"),
        ("10:15:00 > see you later then", "10:16:00 the hull is full"),
        ("10:15:00 $ make hull", "10:16:00 + goal by the guests"),
        ("10:15:00 Run make sure that shoes fit", "10:16:00 Run go to the pier"),
    ],
    ids=["no seconds", "a single one", "a single plus", "words"],
)
def test_what_leads_in_nothing(first: str, second: str) -> None:
    text = f"10:14:00 hello all of you\n{first}\n10:15:30 all is well\n{second}\n10:17:00 the boat is sold\n"
    assert first not in lead_ins(text, "is well", 5)
    assert second not in lead_ins(text, "is sold", 5)


@pytest.mark.parametrize("line", ["time=5 minutes", "(1.500) The hull", "level = info", "[pid file] is missing"])
def test_what_begins_no_entry(line: str) -> None:
    assert not STAMP.match(f"{line} 3\n")


def test_the_frames_of_an_entry_do_not_lead_in_the_next_one() -> None:
    entry = "[2024-05-01 08:10:0{}] shop.ERROR: no lid for {} of the pumps\n"
    text = (
        f"{entry.format(1, 1)}[stacktrace]\n#0 /srv/Pump.php(22): Lid->put()\n{entry.format(2, 2)}{entry.format(3, 3)}"
    )
    assert entry.format(1, 1) in lead_ins(text, "#0 ", 4)
    assert lead_ins(text, "for 2", 12) == entry.format(2, 2)


BEFORE = {
    "a time of Kubernetes": ("2024-05-01T08:10:00.123456789Z ", "2024-05-01T08:10:02.123456789Z "),
    "a process of a host": ("May 01 08:10:00 pump1 lid[22]: ", "May 01 08:10:02 pump1 sshd[7]: "),
    "a tag of Android": ("05-01 08:10:00.120  1234  1250 E Lids: ", "05-01 08:10:00.120  1234  1234 I Boat: "),
    "a pod": ("[pod/pump-1/lid] ", "[pod/pump-1/lid] "),
    "a service": ("pump-1  | ", "db-1    | "),
}


@pytest.mark.parametrize(("prefix", "other"), BEFORE.values(), ids=BEFORE)
def test_a_trace_stays_one_with_something_before_each_line(prefix: str, other: str) -> None:
    calls = ('  File "/srv/a.py", line 3, in load', "    fill(the_hull_of_it)", "  File", "    put()")
    trace = "".join(f"{prefix}{line}\n" for line in ("Traceback (most recent call last):", *calls, "OSError: full"))
    text = f"{prefix}the first lid\n{trace}{other}INFO the next lid\n{other}the last lid\n"
    nodes = [node for node, _ in cut(text, 6, 400)]
    assert trace in nodes
    assert "OSError: full" in lead_ins(text, "fill(", 1)
    assert lead_ins(text, "next lid", 1) == f"{other}INFO the next lid\n"
    text = text.replace("the first lid", "ERROR no lid")
    assert lead_ins(text, "OSError", 1).startswith(f"{prefix}ERROR no lid\n")


@pytest.mark.parametrize(
    ("text", "within", "expected"),
    [
        (
            "web  | GET / 200 from it\ndb   | ready for it\nweb  | GET /cart 500 for it\nweb exited with code 1\n",
            "cart",
            "web  | GET /cart 500 for it\n",
        ),
        (
            "api  | GET / 200\nweb  | GET /a\ndb   | ERROR:  no table\ndb   | STATEMENT:  SELECT 1\napi  | ok for it\n",
            "SELECT",
            "db   | ERROR:  no table\ndb   | STATEMENT:  SELECT 1\n",
        ),
        ("Part  | Price\nNut   | 3 EUR\nNut   | 4 EUR\nBolt  | 5 EUR\n", "5 EUR", "Part  | Price\nBolt  | 5 EUR\n"),
        (
            "part  | price\n------+------\nnuts  | by weight\nnuts  | by box\nbolts | by weight\n",
            "bolts",
            "part  | price\n------+------\nbolts | by weight\n",
        ),
        (
            "part  | price     | stock\nnuts  | by weight | 3\nnuts  | by box    | 4\nbolts | by weight | 5\n",
            "bolts",
            "part  | price     | stock\nbolts | by weight | 5\n",
        ),
        (
            "2024-05-01T08:10:00Z  INFO the lid\n2024-05-01T08:10:01Z  WARN the hull\n2024-05-01T08:10:02Z  INFO a\n",
            "hull",
            "2024-05-01T08:10:01Z  WARN the hull\n",
        ),
    ],
    ids=["of services", "what tells more", "a table", "one with strokes", "one of words", "no more indented entry"],
)
def test_each_line_is_an_entry_unless_it_tells_more(text: str, within: str, expected: str) -> None:
    assert lead_ins(text, within, 1) == expected
