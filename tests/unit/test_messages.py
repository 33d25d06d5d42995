"""A message with a time leads in its other lines and paragraphs."""

import pytest
from cutting import lead_ins

FORMS = {
    "a dash": ("12/03/2025, 09:15 - Ilka: ", "12/03/2025, 09:17 - Bo Tamm: "),
    "half a day": ("3/12/25, 9:15 PM - Ilka: ", "3/12/25, 9:17 PM - Bo Tamm: "),
    "brackets": ("[12.03.25, 09:15:07] Ilka: ", "[12.03.25, 09:17:31] Bo Tamm: "),
}
SAID = {
    "a line": "the crane stands still\nIt needs a new belt from Gent.\n",
    "a paragraph": "the crane stands still\n\nIt needs a new belt from Gent.\n",
    "two": "the crane stands still\n\nIt is late.\n\nIt needs a new belt from Gent.\n\n",
    "a paragraph below a line": "the crane\nstands still\n\nIt needs a new belt from Gent.\n",
    "a list": "the crane\n\n1. needs oil\n2. needs a new belt from Gent\n",
}


@pytest.mark.parametrize("said", SAID.values(), ids=SAID)
@pytest.mark.parametrize(("one", "other"), FORMS.values(), ids=FORMS)
def test_a_message_leads_in_all_it_says(one: str, other: str, said: str) -> None:
    text = f"{one}{said}{other}I can until noon\n{one}Thanks\n"
    assert lead_ins(text, "Gent").startswith(f"{one}the crane")
    assert lead_ins(text, "noon").startswith(other)


@pytest.mark.parametrize(
    "text",
    [
        "12/03/2025, 09:15 - Ilka: see below\n\nIt needs a new belt from Gent.\n",
        "12/03/2025, 09:15 - Ilka: see below\n\n# Belts\n\nIt is from Gent.\n12/03/2025, 09:17 - Bo: so\n",
        f"12/03/2025, 09:15 - Ilka: see\n\n{'It is from Gent. ' * 200}\n\n12/03/2025, 09:17 - Bo: so\n",
        "12/03/2025, 09:15 Ilka went home\n\nIt is from Gent.\n12/03/2025, 09:17 - Bo: so\n",
    ],
    ids=["the last message", "a heading", "an article", "no name"],
)
def test_what_is_no_part_of_a_message(text: str) -> None:
    assert "Ilka" not in lead_ins(text, "Gent")
