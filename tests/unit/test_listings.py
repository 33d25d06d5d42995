"""The lines of a file are led in as they are without their numbers."""

import pytest

from longattncomp.chunking.printed.stamps import stamped
from longattncomp.chunking.structure import outline

FILE = "import tools\n\nclass Bed:\n    def sow(self, seed):\n        if seed:\n            self.seeds.append(seed)\n"
NUMBERED = [*enumerate(FILE.splitlines(), 1)]
LISTINGS = {
    "aligned": "".join(f"{number:6d}\t{line}\n" for number, line in NUMBERED),
    "with arrows": "".join(f"{number:6d}→{line}\n" for number, line in NUMBERED),
    "with a blank": "".join(f"{number}: {line}\n" for number, line in NUMBERED),
    "of a search": "".join(f"{number + 98}{':-'[number > 3]}{line}\n" for number, line in NUMBERED),
    "without blanks at the ends": "".join(f"{number:6d}\t{line}".rstrip() + "\n" for number, line in NUMBERED),
}


def above(text: str, within: str) -> list[str]:
    units = outline(text)
    ends = [*units.starts[1:], len(text)]
    unit = next(unit for unit, end in enumerate(ends) if within in text[units.starts[unit] : end])
    return [text[units.starts[lead] :].partition("\n")[0] for lead in units.lead_ins(unit)]


@pytest.mark.parametrize("text", LISTINGS.values(), ids=LISTINGS)
def test_a_listing_is_read_as_its_file(text: str) -> None:
    found = above(text, "append")
    assert [line[-8:] for line in found] == ["if seed:", ", seed):", "ass Bed:"]
    assert all(line in text.splitlines() for line in found)


def test_what_stands_around_a_listing_is_none_of_it() -> None:
    text = f"The file garden.py as it is:\n{LISTINGS['aligned']}Water the beds. They are dry.\n"
    assert len(above(text, "append")) >= 3
    assert not any("class Bed" in line for line in above(text, "They are dry"))


@pytest.mark.parametrize(
    "text",
    [
        "1\tbed\tpeas\n2\tpot\tcorn\n3\tbox\tkale\n",
        "1: Sow the peas.\n2: Water them.\n3: Wait a week.\n",
        "7:15 peas\n8:30 corn\n9:45 kale\n",
        "     1\tpeas\n     5\tcorn\n     9\tkale\n",
    ],
    ids=["a table", "steps", "times", "counts"],
)
def test_what_is_no_listing(text: str) -> None:
    assert stamped(text) is None
