"""Entries of a log count as structure, and those with a code of the best one come with it."""

import pytest

from longattncomp import Document, Node, Query, Scores
from longattncomp.chunking.nodes import chunk
from longattncomp.scorers.codes import is_entry, with_its_codes
from longattncomp.scorers.wording import priority
from longattncomp.testing import ByteTokenizer

ORDER = "10:15:01 job=k77 took order 5120 of Ada\n"
SLOW = "10:15:09 job=k77 waited 900 ms for the printer\n"
OTHER = "10:15:02 job=m31 took order 5121 of Bob\n"


def raised(*texts: str, asked: str = "How long did the printer take?", ranks: tuple[float, ...] = ()) -> list[int]:
    """Which entries are raised; the last one is the best."""
    nodes = [Node(0, place, place + 1, text, 10) for place, text in enumerate(texts)]
    before = [*ranks, *[0.1] * (len(nodes) - 1 - len(ranks)), 1.0]
    after = with_its_codes(before, nodes=nodes, query=Query(asked))
    assert after[-1] == 1.0
    assert all(rank < 1.0 for rank in after[:-1])
    return [index for index, (old, new) in enumerate(zip(before, after, strict=True)) if new > old]


@pytest.mark.parametrize(
    "text",
    [
        "2024-05-02 10:15:01,044 took 5 ms",
        "[2024/05/02 10:15:01] took 5 ms",
        "2024-05-02T10:15:01Z took",
        "10:15:01.455 took 5 ms",
        "May  2 10:15:01 mill kernel: out of memory",
        "[ 8846.017713] ata2.00: exception",
        "[pid 8813] close(3) = 0",
        "ts=10:15:01 msg=end",
        'time="2024-05-02 10:15:01" msg=end',
        "level=info msg=end",
        "WARN disk is full",
        "CRITICAL: disk is full",
        "[NOTICE] disk is full",
        '  {"id": 7}',
    ],
)
def test_an_entry_of_a_log(text: str) -> None:
    assert is_entry(text)


@pytest.mark.parametrize(
    "text",
    [
        "It took 5 ms.",
        "10:15:01 Ada: shall we begin?",
        "[2024-05-02 10:15:01] Ada: shall we begin?",
        "INFORMATION for guests",
        "NOTICE of termination shall be given in writing by either party.",
        "CRITICAL thinking is taught here.",
        "In 2024-05-02 10:15:01 began",
        "10:15 to 11:00, hall 2",
        "3.5 litres",
    ],
)
def test_no_entry_of_a_log(text: str) -> None:
    assert not is_entry(text)


def test_entries_with_a_code_of_the_best_come_with_it() -> None:
    assert raised(ORDER, OTHER, SLOW) == [0]


@pytest.mark.parametrize(
    "texts",
    [
        pytest.param((ORDER.replace("k77", "k78"), OTHER, SLOW), id="another code"),
        pytest.param((ORDER.replace("k77", "kilo"), OTHER, SLOW.replace("k77", "kilo")), id="a word without a digit"),
        pytest.param((ORDER.replace("k77", "k7"), OTHER, SLOW.replace("k77", "k7")), id="two letters"),
        pytest.param((ORDER.replace("k77", "1.77"), OTHER, SLOW.replace("k77", "1.77")), id="a number with a point"),
        pytest.param(
            tuple(f'{{"ts": "2024-05-02T10:15:{n}Z", "zone": "10:15:{n} +0200"}}\n' for n in ("07", 11, 12, "07")),
            id="the same second",
        ),
        pytest.param((ORDER, ORDER, ORDER, SLOW), id="a code that most have"),
        pytest.param((ORDER, OTHER, "Job k77 waited long."), id="the best is no entry"),
    ],
)
def test_what_is_raised_by_no_code(texts: tuple[str, ...]) -> None:
    assert not raised(*texts)


def test_a_code_of_the_query_is_left_to_its_words() -> None:
    assert not raised(ORDER, OTHER, SLOW, asked="How long did job K77 wait?")


def test_only_the_nearest_are_raised() -> None:
    assert raised(*[ORDER] * 6, *[OTHER] * 8, SLOW) == [2, 3, 4, 5]


def test_what_is_not_ranked_stays_so() -> None:
    assert not raised(ORDER, OTHER, SLOW, ranks=(0.0,))
    assert with_its_codes([], nodes=[], query=Query("?")) == []
    assert with_its_codes([0.0], nodes=[Node(0, 0, 1, SLOW, 10)], query=Query("?")) == [0.0]


def test_words_weigh_more_in_a_log_than_in_prose() -> None:
    texts = ORDER + OTHER + SLOW, "A printer was slow. Ada took it. Bob took another one."
    nodes = chunk([Document(text) for text in texts], ByteTokenizer(), node_tokens=45, boundary="unit")
    scores = Scores(nodes=tuple(0.5 / len(nodes) for _ in nodes), instruction=0.5)
    weights = priority(Query("Who took order 5121?"), nodes, scores, [1.0] * len(nodes)).weights
    assert min(weights[:3]) > 2 * max(weights[3:])
