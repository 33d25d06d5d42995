"""What somebody asks in a talk comes with what somebody else answers right below, and the other way round."""

import pytest
from cutting import lead_ins

from longattncomp.chunking.talk.asked import acknowledges

REST = "{0}Thank you, I will write that down for the others.\n\n{1}You are welcome, and good luck with the old boat.\n"
ANSWERS = {
    "a chat with names": ("Ann: ", "Ben: ", "May the boat lie in the north dock?", "No, only a ferry may do so."),
    "names with what they are": (
        "Mrs ROE (Left): ",
        "Mr LEE (Mayor): ",
        "For all the boats?",
        "For the small boats, from the first of May on, in the two outer docks alone.",
    ),
    "nicks": ("<ann> ", "<ben> ", "may the boat lie in the north dock?", "it may, until the first of May"),
    "times": ("[09:16] ann: ", "[09:17] ben: ", "may the boat lie in the north dock?", "from the first of May on"),
    "days and times": (
        "12/02/2025, 21:12 - Ann: ",
        "12/02/2025, 21:13 - Ben: ",
        "Which dock is ours?",
        "The second one.",
    ),
    "lines above": ("Ann Roe  9:14 AM\n", "Ben Lee  9:15 AM\n", "Which dock is ours?", "The second one from here."),
    "comments": (
        "**ann** (Owner) commented on May 3, 2024\n",
        "ben (Member) commented 3 days ago\n",
        "Which dock is ours?",
        "The second one from here.",
    ),
    "German": ("Anna: ", "Bernd: ", "Darf das Boot im Hafen liegen?", "Nein, dort darf ab dem ersten Mai nur noch"),
    "Japanese": ("田中：", "佐藤：", "会議は何時に始まりますか？", "三時から本館で。"),
}


@pytest.mark.parametrize(("one", "other", "asked", "answered"), ANSWERS.values(), ids=ANSWERS)
def test_a_question_and_its_answer_come_with_each_other(one: str, other: str, asked: str, answered: str) -> None:
    text = f"{one}{asked}\n\n{other}{answered}\n\n{REST.format(one, other)}"
    text = text.replace("\n\n", "\n") if one.startswith("<") else text
    assert asked in lead_ins(text, answered)
    assert answered in lead_ins(text, asked)
    assert asked not in lead_ins(text, "write that down")


@pytest.mark.parametrize(
    ("turns", "within"),
    [
        (("Ann: May it lie here?", "Ann: No, it may not."), "may not"),
        (("Ann: May it lie here?", "Ben: Do you mean the boat?"), "the boat"),
        (("Ann: It may lie here.", "Ben: No, it may not."), "may not"),
        (("Ann: " + "It is an old boat. " * 14 + "May it?", "Ben: No, it may not."), "may not"),
        (("Ann: May it lie here?", "Ben: " + "We met on Monday to look at all docks and " * 3 + "left."), "left"),
        (("Ann: May it lie here?", "TWO\n\nBen: No, it may not."), "may not"),
    ],
    ids=["the same", "asked back", "no question", "a long question", "a long sentence", "another section"],
)
def test_what_is_no_answer(turns: tuple[str, str], within: str) -> None:
    text = "ONE\n\n{}\n\n{}\n\n".format(*turns) + REST.format("Ann: ", "Ben: ")
    assert "here?" not in lead_ins(text, within).replace(turns[1], "")
    assert "May it?" not in lead_ins(text, within)


@pytest.mark.parametrize(
    ("asked", "answered", "linked"),
    [
        ("Does the boat need a new sail?", "Yeah, it does need one.", True),
        ("Does the boat need a new sail?", "The old one was torn.", False),
        ("So the boat needs a new sail, right?", "Yeah, it does need one.", False),
        ("Does the boat need a new sail?", "Yeah.", False),
    ],
)
def test_in_a_meeting_few_turns_answer(asked: str, answered: str, linked: bool) -> None:
    talk = "".join(f"Ann: We saw {n} boats.\nBen: I saw {n} boats, too.\n" for n in range(60))
    assert (asked in lead_ins(f"{talk}Ann: {asked}\nBen: {answered}\n", answered, 7)) is linked


def test_what_stands_below_an_answer_is_no_part_of_it() -> None:
    text = f"ONE\n\nAnn: May it?\n\nBen: No, it may not.\n\nTWO\n\n{REST.format('Ann: ', 'Ben: ')}"
    assert "TWO" not in lead_ins(text, "May it?")


@pytest.mark.parametrize(
    ("answered", "linked"),
    [
        ("The bus is late.", False),
        ("Only the one at the pier.", True),
        ("Yes, at the pier.", True),
        ("No we have not.", True),
        ("Nein", True),
        ("没有，我刚才没看到。", True),
        ("This morning I was out.", False),
        ("It is late.", False),
        ("Never mind the noise.", False),
        ("No idea at all.", False),
        ("Sure-footed people go there.", False),
        ("Jo said it.", False),
        ("Sim it is late", False),
        ("对不起，我刚才在外面。", False),
        ("Only I " + "went up the hill with the others and " * 6 + "left.", False),
    ],
)
def test_where_more_than_two_speak_few_answer(answered: str, linked: bool) -> None:
    talk = "".join(f"[09:1{n}] {name}: We saw {n} boats.\n" for n, name in enumerate(("Ann", "Ben", "Cy") * 2))
    asks = f"[09:20] Ann: Has anybody seen my yellow boat?\n[09:21] Ben: {answered}\n"
    assert ("yellow" in lead_ins(talk + asks, answered[-12:], 7)) is linked


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("[2025-02-12 21:12] Ann: Is anyone at home?", "[2025-03-14 08:00] Ben: Happy birthday!"),
        ("[21:12] Ann: see https://hull.example/find?", "[21:13] Ben: I am out."),
        ("[21:12] Ann: find?name=hull?", "[21:13] Ben: I am out."),
        ("[21:12] Ann: 谁有会议室的钥匙？", f"[21:13] Ben: {'今天的天气真不错我打算下班以后去河边跑步' * 3}。"),
    ],
    ids=["another day", "an address", "a value", "many words without spaces"],
)
def test_what_asks_nothing_and_what_is_of_another_day(asked: str, answered: str) -> None:
    rest = "[21:14] Ann: We saw boats.\n[21:15] Ben: We did.\n"
    assert asked not in lead_ins(f"{asked}\n{answered}\n{rest}", answered[-8:], 3)


USERS = {
    "a request behind the question": (
        "user: What is my dog called? I forgot, so tell me again.\nassistant: Rex. You asked me last week.\n",
        "Rex",
        "What is my dog called?",
    ),
    "no question": ("User: Tell me the name of my dog.\n\nAssistant: Rex.\n", "Rex", "the name of my dog"),
    "a long answer": (
        f"Human: Which dock is ours?\nAI: {'It lies behind the old mill, where the boats of the town lay, and ' * 3}\n",
        "the old mill",
        "Which dock",
    ),
    "a long question": (
        f"user: {'It is an old boat. ' * 14}May it lie here?\nassistant: As it is, it may.\n",
        "As it is",
        "May it lie here?",
    ),
}


@pytest.mark.parametrize(("text", "within", "said"), USERS.values(), ids=USERS)
def test_what_a_model_replies_comes_with_what_its_user_said(text: str, within: str, said: str) -> None:
    assert said in lead_ins(text, within)


def test_a_question_of_a_user_comes_with_the_reply_and_a_remark_without() -> None:
    text = "user: What is my dog called? I forgot.\nassistant: Rex.\nuser: My cat is called Tom.\nassistant: Noted.\n"
    assert "Rex" in lead_ins(text, "What is my dog")
    assert "Noted" not in lead_ins(text, "My cat")
    asked = "user: Did Ann ask for the boat? She was here.\nassistant: Noted.\nuser: Good.\nassistant: Fine.\n"
    assert "Noted" not in lead_ins(asked, "Did Ann")


def test_a_long_reply_stands_for_itself_behind_its_first_sentence() -> None:
    text = (
        f"user: Which dock is ours?\nassistant: The north dock. {'It lies behind the mill. ' * 60}We moved it in May.\n"
    )
    assert "Which dock" not in lead_ins(text, "We moved")


@pytest.mark.parametrize(
    "reply", ["Noted.", "I see. Shall I?", "Thanks!", "Thank you for that.", "好的，知道了。", "Verstanden\n"]
)
def test_what_acknowledges_answers_nothing(reply: str) -> None:
    assert acknowledges(reply)


@pytest.mark.parametrize("reply", ["I see three boats.", "Thanks to Ann, it may.", "All right boats may.", "No."])
def test_what_begins_like_thanks_may_answer(reply: str) -> None:
    assert not acknowledges(reply)
