"""What somebody says comes with the line above it that says who speaks, and with the day."""

import pytest
from cutting import cut, lead_ins

from longattncomp.chunking.lines.kinds import lines_of
from longattncomp.chunking.lines.speakers import days, speakers

LONG = "The crane at the north gate has stood still since the storm. It needs a new belt."
SAID = "I ordered the belt from Gent on the same day. It comes on the ship."


def talk(*names: str) -> str:
    return "".join(
        f"{name}\n{said}\n\n" for name, said in zip(names, (LONG, SAID, "Fine by me, then.") * 2, strict=False)
    )


FORMS = {
    "a name and a time": ("Ilka Roos  9:14 AM", "Bo Tamm  10:02 AM"),
    "a nick": ("ilka 21:12", "bo_t 21:15"),
    "a day, too": ("Ilka — Yesterday at 21:12", "Bo — 12/02/2025 21:15"),
    "a time in brackets": ("Ilka (10:31 a.m.)", "Bo (11:31 p.m.)"),
    "tokens of a model": ("<|im_start|>user", "<|im_start|>assistant"),
    "in brackets": ("Ilka, [12.02.2025 21:12]", "Bo, [13.02.2025 08:01]"),
    "the time of a recording": ("Speaker 1 (00:02:41):", "Speaker 2 (00:03:01):"),
    "a time first": ("00:02:41 Ilka Roos", "00:03:01 Bo van Tamm"),
    "in brackets first": ("[00:02:41] Ilka Roos", "[00:03:01] Bo Tamm"),
    "some time ago": ("**Ilka** · 3 hours ago", "**Bo** · 2 hours ago"),
    "a comment": ("**ilka-r** commented on 11 Feb 2025", "**bo** commented on 12 Feb 2025"),
    "what somebody is": ("**ilka-r** (Owner) commented on 11 Feb 2025", "@bo (Member) replied 2 days ago"),
    "in other brackets": ("ilka-r [bot] commented on 11 Feb 2025", "**bo** `Member` wrote on 2025-02-12:"),
    "a relative day": ("ilka opened this issue 3 weeks ago", "bo replied 2 days ago"),
    "of a tracker": ("Ilka Roos added a comment - 12/Feb/25 9:14 AM", "Bo Tamm added a comment - 13/Feb/25 9:20 AM"),
    "who opened it": ("**ilka-r** opened on 2025-02-11", "**bo** commented on 2025-02-12"),
    "a day without a year": ("[2/11 9:14 AM] Ilka Roos", "[2/12 9:20 AM] Bo Tamm"),
    "a month in letters": ("[11-Feb-25 09:14 AM] ilka", "[12-Feb-25 09:20 AM] bo"),
    "the last name first": ("[11.02.2025 09:14] Roos, Ilka", "[12.02.2025 09:20] Tamm, Bo"),
    "by whom": ("Comment by ilka (2025-02-11):", "Posted by: bo on February 12, 2025, 09:14:10 AM"),
    "by whom and when": ("Posted by ilka, 11 Feb 2025, 09:14", "Posted by bo, 12 Feb 2025, 09:20"),
    "a short time ago": ("u/ilka-r · 3 hr. ago", "u/bo · 2 hr. ago"),
    "a post's number": ("#1 ilka (11 Feb 2025, 09:14)", "#2 bo (12 Feb 2025, 09:20)"),
    "links behind it": ("ilka 3 hours ago | parent | next [–]", "bo 2 hours ago | root | parent | next [–]"),
    "points": ("[–]ilka-r 45 points 2 years ago", "[–]bo [score] 1 point 1 year ago (2 children)"),
    "a mail": ("On Mon, 3 Feb 2025, Ilka Roos wrote:", "Am 4. Februar 2025 um 9:10 schrieb Bo Tamm:"),
    "a role": ("[user]", "[assistant]"),
    "a role between signs": ("<|user|>", "<|assistant|>"),
    "a role with a colon": ("USER:", "ASSISTANT:"),
    "a ruled role": ("--- human ---", "--- assistant ---"),
}


@pytest.mark.parametrize(("one", "other"), FORMS.values(), ids=FORMS)
def test_the_line_that_says_who_speaks_leads_in_what_is_said(one: str, other: str) -> None:
    assert f"{other}\n" in lead_ins(talk(one, other, one, other), "ship")
    assert f"{other}\n{SAID}\n\n" in [node for node, _ in cut(talk(one, other, one, other), 5, 100)]


@pytest.mark.parametrize("day", ["Today at", "11 Feb 2025,", "2025-02-11"])
def test_two_messages_with_their_day_are_a_talk(day: str) -> None:
    text = f"ilka — {day} 9:14\n{LONG}\nbo — {day} 9:20\n{SAID}\n"
    assert lead_ins(text, "new belt").startswith("ilka")
    assert lead_ins(text, "ship").startswith("bo")


@pytest.mark.parametrize(
    "text",
    [
        talk("Ilka Roos  9:14 AM", "Bo Tamm  10:02 AM"),
        talk("Museum opens 9:30", "Library opens 10:30", "Town hall opens 8:30"),
        talk("10:31 Retrying connection", "10:32 Retrying connection", "10:33 Retrying connection"),
        talk("Ilka wrote to them on 3 May.", "Bo wrote to them on 4 May."),
        "[user]\nname = bo of the north gate\n\n[system]\neditor = vim of the north gate\n",
        "user:\n  name: bo of the north gate\n\nassistant:\n  name: ilka of the north gate\n",
        "Bo 9:14\nIlka 9:15\nBo 9:16\nIlka 9:17\nBo 9:18\nIlka 9:19\n",
        "Review by hand on 3 lines.\nIt is so.\n\nAnswer by mail until May 3.\nIt is not.\n",
        "".join(f"{LONG}\n\nanswered Feb {n} at 9:14\n\n" for n in range(1, 5)),
        "The gate opened on 3 May 2025\nIt is so.\n\nThe port opened on 4 May 2025\nIt is not.\n",
        "07:11:15 Runner version 2.3\n07:11:16 it runs\n07:11:17 Runner version 2.3\n07:11:18 it runs\n" * 3,
        "Check-in 12/03/2024 15:00\nHotel of the Gate\n\nCheck-out 14/03/2024 11:00\nKey to the porter\n\n"
        "Breakfast\n\nIt is free.\n",
        "On (Mon, 3 Feb 2025) Bo wrote:\nWhen?\n\nSoon.\n\nOn (Tue, 4 Feb 2025) Bo wrote:\nWhere?\n\nHere.\n",
        "On Mon, 3 Feb 2025, Bo wrote:\n> When?\n\nSoon.\n\nOn Tue, 4 Feb 2025, Bo wrote:\n> Where?\n\nHere.\n",
    ],
    ids=[
        "too few",
        "opening hours",
        "a log",
        "sentences",
        "sections",
        "keys",
        "a table",
        "by what",
        "below a post",
        "what opened",
        "a job",
        "what is booked",
        "a date alone",
        "quotes",
    ],
)
def test_what_does_not_say_who_speaks(text: str) -> None:
    assert not speakers(lines_of(text))


def test_who_speaks_leads_in_all_paragraphs_with_their_titles() -> None:
    said = f"{LONG}\n\n**Steps**\n\n## The belt\n\n```\nbelt = order(3)\n```\n\n{SAID}"
    text = (
        f"# Crane\n\n**ilka** commented on 11 Feb 2025\n\n{said}\n\n**bo** commented on 12 Feb 2025\n\nYes.\n\n# Ship\n"
    )
    assert lead_ins(f"{text}\nIt is in the port since Monday.\n", "port").startswith("# Ship\n")
    for within in ("new belt", "order(3)", "from Gent"):
        assert "**ilka** commented on 11 Feb 2025\n" in lead_ins(text, within)


def test_a_title_above_a_turn_ends_the_turn_before() -> None:
    text = talk("Ilka 9:14", "Bo 9:15", "Ilka 9:16") + "## The ship\n\n" + talk("Bo 9:18", "Bo 9:20")
    (above,) = [above for node, above in cut(text) if "from Gent" in node and "Bo 9:20" in (node + "".join(above))]
    assert above[-1] == "## The ship\n\n"


@pytest.mark.parametrize(("call", "leads"), [("id=t1", True), ("id=t2", False), ("", True)])
def test_the_call_of_a_tool_leads_in_its_result(call: str, leads: bool) -> None:
    text = f"[assistant]\nI look.\n\n[tool_call {call}]\ndf -h /srv\n\n[tool_result id=t1]\n{SAID}\n\n{LONG}\n"
    text = text.replace("call ]", "call]")
    assert ("df -h /srv" in lead_ins(text, "new belt")) is leads
    assert "[tool_result id=t1]\n" in lead_ins(text, "new belt")


DAYS = [
    "Wednesday, February 12th",
    "Montag, 3. Februar",
    "Yesterday",
    "Thursday",
    "2025年2月12日 星期三",
    "3 de mayo de 2025",
]


@pytest.mark.parametrize("day", [*DAYS, "— 12. Februar 2025 —"])
def test_a_day_leads_in_the_turns_below(day: str) -> None:
    turns = talk("Ilka 9:14", "Bo 9:15", "Ilka 9:16")
    text = f"{turns}{day}\n\n{turns.replace('ship', 'ferry')}"
    assert lead_ins(text, "ferry").startswith(f"{day}\n")


@pytest.mark.parametrize(
    "day", ["--- Day changed Thu Sep 04 2025", "Thursday", "**** BEGIN LOGGING AT Thu Sep  4 08:00:04"]
)
def test_a_day_leads_in_a_log_without_blank_lines(day: str) -> None:
    log = "".join(f"08:{n} <ilka> is the mirror down?\n" for n in range(14, 20))
    assert lead_ins(f"{log}{day}\n{log}08:31 <bo> the ship is here\n", "ship").startswith(f"{day}\n")


@pytest.mark.parametrize("words", ["Today", "Monday, 3 February", "On Monday I am away", "Section 12", "May"])
def test_what_is_said_is_no_day(words: str) -> None:
    lines = lines_of(f"Bo 9:14\nWhen?\n\nIlka 9:15\n{words}\n\nBo 9:16\nFine.\n")
    assert not days(lines, speakers(lines), talk=False)


def test_the_columns_of_a_timetable_are_no_day() -> None:
    assert not days(lines_of("Buses\n\nMon   Tue   Wed\n09:00 north gate\n09:20 south gate\n"), {}, talk=False)
