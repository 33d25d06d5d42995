"""What a user and an assistant say comes with who says it, in few turns as well."""

import pytest
from cutting import lead_ins

from longattncomp.chunking.lines.kinds import lines_of
from longattncomp.chunking.talk.turns import has_roles

ASKED = "How do I order a belt for the crane?"
LONG = "The belt comes from Gent. It comes on the ship."
MORE = "It takes a week or two.\n\nThe crane needs no other part, as far as I can tell from here."

NAMES = {
    "roles": ("User: ", "Assistant: "),
    "lower case": ("user: ", "assistant: "),
    "bold": ("**Human:** ", "**Assistant:** "),
    "capitals": ("INTERVIEWER: ", "INTERVIEWEE: "),
    "numbers": ("Speaker 1: ", "Speaker 2: "),
}


@pytest.mark.parametrize(("one", "other"), NAMES.values(), ids=NAMES)
def test_who_speaks_leads_in_all_paragraphs(one: str, other: str) -> None:
    text = f"{one}{ASKED}\n\n{other}{LONG}\n\n{MORE}\n\n{one}Fine by me, then.\n"
    assert other in lead_ins(text, "as far as")
    assert lead_ins(text, "Fine by").startswith(one)


ANSWERS = {
    "code": "```\nbelt order --from Gent\nbelt list\n```",
    "a list": "- one belt from Gent\n- two bolts",
    "a table": "| Part | From |\n|---|---|\n| belt | Gent |\n| bolt | Lier |",
    "a section": "## The belt\n\nIt is in stock. We send it to you from Gent.",
}


@pytest.mark.parametrize("title", ["", "# Crane\n\n"])
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_who_speaks_leads_in_blocks(answer: str, title: str) -> None:
    text = f"{title}user: {ASKED}\n\nassistant: That is how it is done here, in two steps:\n\n{answer}\nuser: Thanks.\n"
    assert f"{title}assistant: " in lead_ins(text, "Gent")
    assert lead_ins(text, "Thanks").startswith(f"{title}user: ")


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_a_question_that_ends_a_turn_is_no_title(answer: str) -> None:
    asked = f"User: Look at this:\n\n{answer}\n\nHow many are left?\n\n"
    text = f"{asked}Assistant: {LONG}\n\nUser: When is that?\n\nAssistant: Soon.\n"
    assert "User: " in lead_ins(text, "How many")
    assert "How many" not in lead_ins(text, "Soon")
    assert "How many" not in lead_ins(text, "When is")


def test_a_title_above_a_turn_is_none_of_the_turn_before() -> None:
    text = f"User: {ASKED}\n\nAssistant: {LONG}\n\n## The ship\n\nUser: When does it leave the port of Gent for Lier?\n"
    assert lead_ins(text, "Lier").startswith("## The ship\n\nUser: ")


@pytest.mark.parametrize(
    "text",
    [
        "user: bo\nsystem: linux\nassistant: none\n",
        "User: a person who has an account.\n\nSystem: all of the servers.\n",
        "Customer: the town of Gent.\n\nAgent: Bo Tamm of the north gate.\n",
        "User: Bo\nBot: on\nTool: crane\n",
        f"{'It is so.' * 3}\n\n" * 13 + f"User: {ASKED}\n\nAssistant: {LONG}\n",
    ],
    ids=["settings", "one side", "a form", "keys", "an example far below"],
)
def test_what_is_no_talk(text: str) -> None:
    assert not has_roles(lines_of(text))


QUERY = '{"base": "archive", "query": "select count(*) from belts where broken"}'
CALLS = {
    "labels": ("Tool call: count_rows\n{}\n\n", "Tool result:\n"),
    "in the line": ("Function call: {}\n", "Function output: "),
    "brackets": ("[tool] count_rows({})\n", "[tool result] "),
    "tags": ("<tool_call>\n{}\n</tool_call>\n", "<tool_response>\n"),
    "Markdown": ("**Tool: count_rows** (`x`)\n\n```json\n{}\n```\n\n", "**Result**\n\n"),
    "words": ("Calling count_rows with {}\n\n", "Output:\n"),
}


@pytest.mark.parametrize(("call", "result"), CALLS.values(), ids=CALLS)
def test_what_is_called_leads_in_its_result_and_nothing_else(call: str, result: str) -> None:
    text = f"User: {ASKED}\n\n{call.replace('{}', QUERY)}{result}Some 88 belts are broken. They are blue.\n"
    text += f"\nAssistant: I know it now.\n\nUser: {LONG}\n\nAssistant: Thanks, I order another one.\n"
    assert "select count" in lead_ins(text, "They are")
    assert "select count" not in lead_ins(text, "I know")
    assert "esult" not in lead_ins(text, "I know")


def test_words_that_name_no_result_are_led_in_by_no_call() -> None:
    text = f"Calling f(x) with care.\n\n{LONG}\n\nResult: All belts are new. They are blue.\n"
    assert "Calling" not in lead_ins(text, "They are").partition("\n")[2]
