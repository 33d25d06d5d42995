"""What somebody says comes with a name and a time on two lines."""

import pytest
from cutting import lead_ins

from longattncomp.chunking.lines.kinds import lines_of
from longattncomp.chunking.lines.speakers import speakers

HEADS = {
    "a time": ("Ilka Roos\n  9:14 AM\n", "Bo Tamm\n  9:20 AM\n"),
    "a date and a time": ("Ilka Roos\n3/12/2025 9:14\n", "Bo Tamm\n3/12/2025 9:20\n"),
    "a date": ("ilka\nMar 12\n\n", "bo\nMar 13\n\n"),
    "a date in words": ("Ilka Roos\n12. März 2025 um 9:14\n", "Bo Tamm (Guest)\n13. März 2025 um 9:20\n"),
    "a time above": ("Mar 12, 2025 9:14 AM\nIlka Roos\n", "Mar 12, 2025 9:20 AM\nBo Tamm\n"),
    "some time ago": ("ilka\n3 days ago\n", "bo\n2 days ago\n"),
}


@pytest.mark.parametrize("gap", ["\n", "\n\n"])
@pytest.mark.parametrize(("one", "other"), HEADS.values(), ids=HEADS)
def test_a_name_and_a_time_lead_in_what_is_said(one: str, other: str, gap: str) -> None:
    said = f"{other}It waits for a belt.\nThe ship brings it.{gap}"
    assert lead_ins(f"{one}The crane stands still.{gap}{said}{one}Fine by me, then.\n", "ship") == said


@pytest.mark.parametrize(
    "text",
    [
        "Ilka Roos\n9:14 AM\nThe crane stands still.\n\nBo Tamm\n9:20 AM\nIt waits.\n",
        "Museum\n9:30\nOpen.\n\nLibrary\n10:30\nOpen.\n\nTown hall\n8:30\nOpen.\n",
        "Paris\n9:30\nLyon\n11:40\nParis\n14:00\nLyon\n16:10\n",
        "It was late.\n9:30\nStill.\n\nIt was late.\n9:31\nStill.\n\nIt was late.\n9:32\nStill.\n",
    ],
    ids=["too few", "opening hours", "a timetable", "sentences"],
)
def test_what_is_no_name_and_time(text: str) -> None:
    assert not speakers(lines_of(text))
