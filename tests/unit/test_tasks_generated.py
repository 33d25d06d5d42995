"""What generated contexts hold: word counts, one broken function, one turn that tells it."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

from longattncomp.data.haystack import fill, noise, prose
from longattncomp.data.packages import PACKAGES
from longattncomp.data.rows import Example
from longattncomp.evaluation.tasks import debugging
from longattncomp.evaluation.tasks.catalogue import find_task
from longattncomp.evaluation.tasks.chat import chat_lines
from longattncomp.evaluation.tasks.task import Draw
from longattncomp.testing import ByteTokenizer

count_bytes = ByteTokenizer().count
KINDS, PEOPLE = chat_lines().kinds, chat_lines().people


def made(name: str, *, examples: int = 5, seed: int = 0) -> list[Example]:
    return list(find_task(name).draw(Draw(examples=examples, count=count_bytes, seed=seed)))


def evidence(example: Example) -> str:
    (span,) = example.evidence
    return example.documents[span.document].text[span.start : span.end]


# haystacks


def test_prose_is_enough_for_the_longest_context() -> None:
    found = prose()
    assert sum(map(len, found)) > 131_072 * 5
    assert len(set(found)) == len(found)
    assert not any("\n" in paragraph for paragraph in found)
    assert all(paragraph[-1] in ".!?" for paragraph in found)
    assert not any("magic number" in paragraph and "special" in paragraph for paragraph in found)


def test_noise_is_enough_for_the_longest_context() -> None:
    assert sum(map(len, noise())) > 131_072 * 5
    assert len({sentence for paragraph in noise() for sentence in paragraph.split(". ")}) < 100


@pytest.mark.parametrize(
    ("sizes", "tokens", "expected"),
    [
        ([5, 5, 5], 10, [5, 5]),
        ([9, 2, 1, 3], 10, [9, 1]),
        ([11, 12], 10, []),
        ([], 10, []),
        ([1], 0, []),
        ([1], -5, []),
        ([990, 1, 10], 1000, [990, 1]),
    ],
)
def test_fill(sizes: list[int], tokens: int, expected: list[int]) -> None:
    assert list(fill(sizes, tokens, lambda size: size)) == expected


def test_fill_gives_up() -> None:
    tried: list[int] = []
    assert list(fill(range(100, 10**9), 50, lambda size: tried.append(size) or size)) == []
    assert len(tried) < 1000


# words


def test_common_words() -> None:
    for example in made("cwe@32k"):
        numbered = re.findall(r"(\d+)\. (\w+)", example.documents[0].text)
        assert [int(number) for number, _ in numbered] == list(range(1, len(numbered) + 1))
        times = Counter(word for _, word in numbered)
        assert {word for word, often in times.items() if often == 30} == set(example.answers)
        assert len(example.answers) == 10
        assert {times[word] for word in times if word not in example.answers} == {3}


def test_frequent_words() -> None:
    for example in made("fwe@16k"):
        times = Counter(example.documents[0].text.split())
        most = times.most_common(4)
        assert tuple(word for word, _ in most[:3]) == example.answers
        assert len({often for _, often in most}) == 4


# code


def test_exactly_one_function_is_broken() -> None:
    files = debugging._files()
    for example in made("code-debug@64k", examples=6):
        assert len({document.id.partition("/")[0] for document in example.documents if document.id}) == 1
        changed = []
        for place, document in enumerate(example.documents):
            title, source = document.text.split("\n", 1)
            assert title == document.id
            if source != files[title].read_text("utf-8"):
                changed.append(place)
        assert changed == [example.evidence[0].document]
        original = files[example.documents[changed[0]].id or ""].read_text("utf-8")
        (name,) = example.answers
        (node,) = (
            node
            for node in ast.walk(ast.parse(original))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name
        )
        broken = evidence(example)
        assert re.match(r"(@.*|async )?", broken)
        assert re.search(rf"^\s*(async )?def {name}\b", broken, re.MULTILINE)
        sound = ast.get_source_segment(original, node) or ""
        assert sound not in example.documents[changed[0]].text
        # What stands around the function is as it was.
        span, text = example.evidence[0], example.documents[changed[0]].text
        assert f"{example.documents[changed[0]].id}\n{original}".startswith(text[: span.start])
        assert original.endswith(text[span.end :])


def test_options_are_functions_of_the_context() -> None:
    for example in made("code-debug@64k"):
        text = "\n".join(document.text for document in example.documents)
        assert len(set(example.options)) == 4
        for option in example.options:
            assert len(re.findall(rf"^\s*(?:async )?def {option}\b", text, re.MULTILINE)) >= 1
        assert example.answers[0] in example.options
        lines = [f"{letter}. {option}" for letter, option in zip("ABCD", example.options, strict=True)]
        assert example.query.endswith("\n".join(lines))


def test_the_right_option_stands_anywhere() -> None:
    assert len({example.options.index(example.answers[0]) for example in made("code-debug@16k", examples=16)}) > 2


def test_no_package_that_training_reads_and_none_that_may_be_missing() -> None:
    assert not set(debugging.PACKAGES) & set(PACKAGES)
    assert {title.partition("/")[0] for title in debugging._files()} == set(debugging.PACKAGES)


def test_files_that_cannot_be_read_as_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bad.py").write_text("def {{ name }}():\n    pass\n", "utf-8")
    (tmp_path / "empty.py").write_text("\n", "utf-8")
    body = "    total = 0\n    while total < 9:\n        total += 1\n        print(total)\n    return total\n"
    (tmp_path / "good.py").write_text("\n".join(f"def f{number}(n):\n{body}" for number in range(40)), "utf-8")
    files = {f"p/{path.name}": path for path in tmp_path.glob("*.py")}
    monkeypatch.setattr(debugging, "_files", lambda: files)
    size = (tmp_path / "good.py").stat().st_size
    (example,) = made(f"code-debug@{size + 20}", examples=1)
    assert [document.id for document in example.documents] == ["p/good.py"]


# chat


def test_one_turn_tells_it() -> None:
    for example in made("chat@16k", examples=20):
        (kind,) = (kind for kind in KINDS for name in PEOPLE if kind.query.format(name=name) == example.query)
        (name,) = (name for name in PEOPLE if kind.query.format(name=name) == example.query)
        (answer,) = example.answers
        line = evidence(example)
        assert re.fullmatch(rf"\d\d:\d\d {name}: .*{re.escape(answer)}.*", line)
        lines = [line for document in example.documents for line in document.text.splitlines()]
        telling = [
            turn for turn in lines for told in kind.lines if turn[6:].split(": ", 1)[-1] == told.format(value=answer)
        ]
        assert telling == [line]
        assert [turn for turn in lines if answer.lower() in turn.lower()] == [line], "no other turn holds the answer"
        others = [turn for turn in lines for value in kind.values if value in turn and turn != line]
        assert others, "the same kind of thing is told of other people"
        assert sum(turn[6:].startswith(f"{name}: ") for turn in lines) > 5


def test_days_are_in_order() -> None:
    (example,) = made("chat@32k", examples=1)
    days = [document.id or "" for document in example.documents]
    assert len(days) == 16
    assert days == sorted(set(days))
    for document in example.documents:
        head, *turns = document.text.splitlines()
        assert head == document.id
        assert [turn[:5] for turn in turns] == sorted(turn[:5] for turn in turns)


def test_chat_depths_are_spread() -> None:
    places = Counter(example.evidence[0].document * 4 // 16 for example in made("chat@32k", examples=40))
    assert len(places) == 4


def test_every_kind_has_a_value_for_everyone_and_no_answer_in_its_question() -> None:
    for kind in KINDS:
        assert len(set(kind.values)) == len(kind.values) >= len(PEOPLE)
        for told in (kind.query, kind.nearby):
            assert not any(value.lower() in told.lower() for value in kind.values)
        assert all("{value}" in line for line in kind.lines)
