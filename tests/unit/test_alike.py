"""What looks like a title, a command, a box, a talk or a list of another kind, and is none, leads in nothing."""

import pytest
from cutting import cut, lead_ins

ALONE = {
    "prose below the output of a command": (
        "$ tool --help\nUsage: tool [options]\n\n  -v, --verbose   say more\n\nThe tool reads all files. Go on.\n"
    ),
    "prose below a session": (
        "ann@web01:~$ df -h\nFilesystem Size Used\n/dev/sda1 50G 40G\n\nAs you see, the disk is nearly full. Go on.\n"
    ),
    "text between credits": (
        "The bank raised its rate. It was late.\n\nSource: Ada\n\nOil fell for weeks. Go on.\n\nSource: Bo\n"
    ),
    "the chorus between verses": (
        "[Verse 1]\nI walk the line\nAnd it is mine\n\n[Chorus]\nGo on\n\n[Verse 2]\nI run the line\nAnd all is fine\n"
    ),
    "a key below others that are named like roles": (
        "User: ann has an account on the main server of the group\nHuman: yes, verified by one of our people in May.\n"
        "Bot: no, and never was one as far as we can tell from logs.\n\nGo on with it. So be it.\n"
    ),
    "prose below a diagram": ("┌────┐      ┌────┐\n│ Me │ ───▶ │ It │\n└────┘      └────┘\nThe client asks. Go on.\n"),
    "a notice in a box": "+--------+\n| Please |\n| note   |\n+--------+\n| Go on. |\n+--------+\n",
}


@pytest.mark.parametrize("text", ALONE.values(), ids=ALONE)
def test_it_stands_alone(text: str) -> None:
    (above,) = [above for node, above in cut(text, 4) if "Go on" in node]
    assert above in ((), ("[Chorus]\n",))


def test_a_title_with_a_letter_stays_above_parts_of_its_clauses() -> None:
    text = "A. Terms\n\n(a) Buyer means who buys.\n\nB. Payment\n\n(a) It is due.\n(b) Late sums:\n(i) bear interest.\n"
    assert lead_ins(text + "(c) The Seller may set off.\n", "set off") == "B. Payment\n\n(c) The Seller may set off.\n"


def test_a_question_leads_in_its_options() -> None:
    text = "3. Which are fruits?\nA. Apple pie\nB. Carrot cake\n\n4. Which are red?\nA. Blood red\nB. Snow white\n"
    assert lead_ins(text, "Snow", 3) == "4. Which are red?\nB. Snow white\n"


def test_an_account_with_a_role_is_no_message() -> None:
    for key, leads in (("email", False), ("content", True)):
        user = f'{{\n  "role": "user",\n  "{key}": "ann@example.org"\n}}\n'
        (above,) = [above for node, above in cut(user, 2, 2) if "example.org" in node]
        assert ('  "role": "user",\n' in above) is leads
