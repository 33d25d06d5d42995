"""A log of commits with a graph in front of its lines is read as one without."""

import pytest
from cutting import cut

from longattncomp.chunking.lines.kinds import Line, lines_of
from longattncomp.chunking.outline import Outline
from longattncomp.chunking.printed.graphs import add_graph, begins_graph

SHORT = (
    "*   3d8e1f0 (HEAD -> main) Merge the branch for 8.4\n|\\\n"
    "| * b92c7d5 Take back the larger cache\n| |   Author: Ann Cole, 2 days ago\n"
    "| |   It was far too large for most of our nodes,\n| |   as a few said.\n| |\n"
    "* | 4440111 Read ahead by two segments\n|/\n"
    "* 57c20aa Say how large segments are\n"
)
FULL = (
    "*   commit 3d8e1f04aab17c0d\n|\\  Merge: 57f6a8d 78ad83c\n| | Author: Ann <a@b.c>\n"
    "| | Date:   Mon Nov 30 2026\n| |\n"
    "| |     Merge the side\n| |\n"
    "| * commit b92c7d51c09a6d52\n|/  Author: Ben <b@b.c>\n|   Date:   Mon Nov 30 2026\n|\n"
    "|       Take back the larger cache\n|\n|       It was too large.\n|\n"
    "* commit 57c20aa99f03e1b1\n  Author: Cy <c@b.c>\n  Date:   Sun Nov 29 2026\n\n"
    "      Say how large\n\n      They are small.\n"
)


def above(text: str, within: str) -> str:
    """What leads in the node that has the text `within`, farthest first, and the node."""
    return next("".join([*reversed(above), node]) for node, above in cut(text, 5, 12) if within in node)


def test_the_first_line_of_a_commit_leads_in_the_rest() -> None:
    first = "| * b92c7d5 Take back the larger cache\n"
    assert above(SHORT, "Ann Cole") == f"{first}| |   Author: Ann Cole, 2 days ago\n"
    assert above(SHORT, "too large").startswith(f"{first}| |   It was far too large")
    assert above(SHORT, "Read ahead") == "* | 4440111 Read ahead by two segments\n|/\n"


@pytest.mark.parametrize(
    ("within", "expected"),
    [
        (
            "too large",
            "| * commit b92c7d51c09a6d52\n|/  Author: Ben <b@b.c>\n|   Date:   Mon Nov 30 2026\n|\n"
            "|       Take back the larger cache\n|\n|       It was too large.\n|\n",
        ),
        (
            "are small",
            "* commit 57c20aa99f03e1b1\n  Author: Cy <c@b.c>\n  Date:   Sun Nov 29 2026\n\n"
            "      Say how large\n\n      They are small.\n\n",
        ),
    ],
)
def test_a_commit_without_a_title_comes_with_who_made_it(within: str, expected: str) -> None:
    assert above(f"{FULL}\nThat is all of it.\n", within) == expected


def test_a_log_is_one_record_for_each_commit_and_ends() -> None:
    nodes = [node for node, _ in cut(f"$ git log --graph\n{SHORT}\nThat is all of it.\n", 5, 200)]
    assert nodes[0] == "$ git log --graph\n"
    assert SHORT[SHORT.index("| * b92") : SHORT.index("* | 444")] in nodes
    assert nodes[-1] == "That is all of it.\n"


@pytest.mark.parametrize(
    "text",
    [
        "* 4440111 apples\n| and pears\n* 4440112 plums\n",
        "* deadbee is a number\n* b92c7d5 is one, too\n",
        "* deadbee x\n|\nend\n",
    ],
    ids=["numbers", "a list", "one alone"],
)
def test_what_is_no_log(text: str) -> None:
    assert not begins_graph(lines_of(text), 0)


@pytest.mark.parametrize("below", ["* Buy apples for the party\n", "      a quote of a mail\n"])
def test_a_log_ends_above_what_is_none_of_its_lines(below: str) -> None:
    lines = lines_of(f"{SHORT}\n{below}")
    assert add_graph(Outline(), lines, 0, -1) == len(lines) - 2


class Counted(list[Line]):
    looked_at = 0

    def __getitem__(self, at):  # type: ignore[no-untyped-def]
        self.looked_at += 1
        return super().__getitem__(at)


def test_blank_lines_in_a_log_are_passed_once() -> None:
    lines = Counted(lines_of(FULL + "\n" * 500 + "* commit 57c20aa99f03e1b2\n"))
    assert add_graph(Outline(), lines, 0, -1) == len(lines)
    assert lines.looked_at < 5 * len(lines)
