"""The role of a message in JSON leads in all else of it."""

import json

import pytest
from cutting import lead_ins

from longattncomp.chunking.structure import outline

LONG = "The crane at the north gate stands still. " * 30
KINDS = {
    "content": ({"role": "user", "content": LONG}, '"role": "user"'),
    "content first": ({"role": "assistant", "id": 7, "content": LONG}, '"role": "assistant"'),
    "parts": ({"role": "assistant", "content": [{"type": "text", "text": LONG}]}, '"role": "assistant"'),
    "a tool": ({"role": "tool", "tool_call_id": "c7", "content": LONG}, '"tool_call_id": "c7"'),
    "its name": ({"role": "tool", "name": "look_up", "content": LONG}, '"name": "look_up"'),
}


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize(("message", "said"), KINDS.values(), ids=KINDS)
def test_the_role_leads_in_what_is_said(message: dict[str, object], said: str, indent: int | None) -> None:
    text = json.dumps([{"role": "system", "content": "Be brief."}, message, message], indent=indent)
    assert said in lead_ins(text, "stands still")


def test_the_role_of_somebody_else_leads_in_nothing() -> None:
    text = json.dumps([{"role": "keeper of the gate", "name": "Bo", "content": LONG}] * 2)
    found = outline(text)
    leading = {unit for others in found.also.values() for unit in others}
    assert not any(text.startswith('"role"', found.starts[unit]) for unit in leading)
