"""Questions about functions, and functions broken on purpose."""

from __future__ import annotations

import ast
import random
import re
from pathlib import Path

import pytest

from longattncomp.data.bugs import KINDS, insert_bug
from longattncomp.data.functions import Edit, Module, edited, moved, parse_module
from longattncomp.data.rows import contexts
from longattncomp.training.samples import code
from longattncomp.training.samples.code import code_samples, first_sentence, python_files, question
from longattncomp.training.samples.queries import SampleOptions

SOURCE = '''"""A module — with an accent."""
import os


class Café:
    def area(self, width, height):
        """Multiply the two sides of the given rectangle.

        Ends here.
        """

        # a comment
        total = width * height
        if total > 100 and width != 0:
            total = total - 1
        return total

    @property
    def first_letters(self):
        """Return the first letters of all the names."""
        letters = "é", [name[1:] for name in self.names]
        for letter in letters:
            self.area(letter, 2)
        print(letters)
        return letters


def wait_until(limit, step):
    """Waits until the given limit is reached."""
    count = 0
    while count < limit:
        count += step
        os.sleep(count)
    return len(str(count))


def short():
    """Return one thing that is very short indeed."""
    return 1


def unsaid(a, b, c):
    """See elsewhere."""
    d = a + b
    e = d + c
    return d, e
'''
KEPT = sorted(set(KINDS) - {"bad_indentation", "syntax_error"})


@pytest.fixture(scope="module")
def module() -> Module:
    return parse_module("cafe.py", SOURCE)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    found = {}
    for number in range(6):
        text = SOURCE
        for word in ("area", "first_letters", "wait_until", "short", "unsaid", "Multiply", "names", "limit is"):
            text = text.replace(word, f"{word}{number}" if word != "Multiply" else f"Multiply {number} and")
        found[f"pack/m{number}.py"] = tmp_path / f"m{number}.py"
        found[f"pack/m{number}.py"].write_text(text, "utf-8")
    return found


def test_functions_have_exact_places(module: Module) -> None:
    texts = {function.name: SOURCE[function.start : function.end] for function in module.functions}
    assert list(texts) == ["area", "first_letters", "wait_until", "short", "unsaid"]
    assert texts["first_letters"].startswith("@property\n    def first_letters")
    assert texts["first_letters"].endswith("return letters")
    assert texts["wait_until"].endswith("return len(str(count))")


def test_columns_are_bytes_and_offsets_characters() -> None:
    text = 'é = "ü"; value = len("ö" + "x")\n'
    module = parse_module("m.py", text)
    statement = ast.parse(text).body[1]
    assert module.source(statement) == 'value = len("ö" + "x")'


def test_a_docstring_goes_and_the_rest_stays(module: Module) -> None:
    edits = [Edit(*function.docstring, "") for function in module.functions if function.docstring]
    text = edited(SOURCE, edits)
    assert len(edits) == 5
    assert text.count('"""') == 2, "the module's own stays"
    assert "    def area(self, width, height):\n        # a comment\n" in text
    wanted = ast.parse(SOURCE)
    for node in ast.walk(wanted):
        if isinstance(node, ast.FunctionDef):
            del node.body[0]
    assert ast.dump(ast.parse(text)) == ast.dump(wanted)
    for function in module.functions:
        start, end = moved((function.start, function.end), edits)
        mine = [edit for edit in edits if function.start <= edit.start < function.end]
        inside = [Edit(edit.start - function.start, edit.end - function.start, "") for edit in mine]
        assert text[start:end] == edited(SOURCE[function.start : function.end], inside)


@pytest.mark.parametrize(
    "text",
    ['def f(): "doc"; return 1\n', 'def f():\n    "doc"; x = 1\n    return x\n', 'def f():\n    "doc"\n'],
)
def test_a_docstring_that_shares_its_line_or_is_all_stays(text: str) -> None:
    assert parse_module("m.py", text).functions[0].docstring is None


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_of_bug(module: Module, kind: str) -> None:
    found = 0
    for seed in range(6):
        for function in module.functions:
            edit = insert_bug(module, function, kind, random.Random(seed))
            if edit is None:
                continue
            found += 1
            text = edited(SOURCE, [edit])
            assert text != SOURCE
            assert function.start < edit.start <= edit.end <= function.end + 1
            assert function.docstring is None or not (function.docstring[0] < edit.start < function.docstring[1])
            start, end = moved((function.start, function.end), [edit])
            assert (text[:start], text[end:]) == (SOURCE[: function.start], SOURCE[function.end :])
            if kind in KEPT:
                assert ast.dump(ast.parse(text)) != ast.dump(ast.parse(SOURCE))
            else:
                with pytest.raises(SyntaxError):
                    ast.parse(text)
    assert found >= 3


BUGS = [
    ("deleted_declaration", "z = f()\n    y = 2\n    return z", {"y = 2\n    return z"}),
    ("wrong_argument_count", "return len(x)", {"return len()", "return len(x, None)"}),
    (
        "endless_loop",
        "while x:\n        x -= 1\n        f",
        {"while x:\n        f", "while True:\n        x -= 1\n        f"},
    ),
    ("endless_loop", "return x", {"while True:\n        pass\n    return x"}),
    ("swapped_comparison", "return x <= 3", {"return x >= 3"}),
    ("negated_condition", "if x is not None:\n        f()", {"if x is None:\n        f()"}),
    ("negated_condition", "if not f(x):\n        f()", {"if f(x):\n        f()"}),
    ("negated_condition", "if x < 3:\n        f()", {"if not (x < 3):\n        f()"}),
    ("negated_condition", "if x:\n        f()", {"if not x:\n        f()"}),
    ("off_by_one", "return x[1:]", {"return x[2:]"}),
    ("off_by_one", "return range(0x10, 3)", {"return range(0x10, 4)"}),
    ("wrong_operator", "x += 1", {"x -= 1"}),
    ("wrong_operator", "return x and f", {"return x or f"}),
    ("swapped_arguments", "f(x, 2, 3)", {"f(2, x, 3)"}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "body", "wanted"), BUGS)
def test_what_a_bug_looks_like(kind: str, body: str, wanted: set[str]) -> None:
    head = "def g(x, f):\n    "
    module = parse_module("m.py", f"{head}{body}\n")
    edits = [insert_bug(module, module.functions[0], kind, random.Random(seed)) for seed in range(12)]
    assert {edited(module.text, [edit]).removeprefix(head).rstrip() for edit in edits if edit} == wanted


def test_an_undefined_name_is_nowhere_else(module: Module) -> None:
    for function in module.functions:
        edit = insert_bug(module, function, "undefined_name", random.Random(0))
        if edit is not None:
            text = edited(SOURCE, [edit])
            new = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
            old = {node.id for node in ast.walk(ast.parse(SOURCE)) if isinstance(node, ast.Name)}
            assert len(new - old) == 1


def test_a_question_is_the_docstring_without_the_name(module: Module) -> None:
    queries = {
        function.name: {question(function, random.Random(seed)) for seed in range(40)} for function in module.functions
    }
    assert queries["short"] == queries["unsaid"] == {None}
    assert "Which function waits until the given limit is reached?" in queries["wait_until"]
    assert "Where is the code that multiplies the two sides of the given rectangle?" in queries["area"]
    assert any("Return the first letters of all the names." in str(query) for query in queries["first_letters"])
    assert not any(name in str(query) for name, found in queries.items() for query in found)


def test_a_docstring_that_names_its_function_is_not_asked() -> None:
    body = "    a = 1\n    b = 2\n    c = 3\n    return a, b, c\n"
    for name, asked in (("rotate", False), ("turn", True)):
        text = f'def {name}():\n    """Rotate the picture by the angle that was given."""\n{body}'
        assert (first_sentence(parse_module("m.py", text).functions[0]) is not None) is asked


def test_samples_quote_whole_functions(files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code, "_TOKENS", 900)
    found = [sample for seed in range(4) for sample in code_samples(files, SampleOptions(seed=seed))]
    asked = [sample for sample in found if sample.task == "code" and len(sample.evidence) == 1]
    assert len(asked) > 10
    bare = 0
    for sample in asked:
        span = sample.evidence[0]
        document = sample.documents[span.document]
        text = document.text[span.start : span.end]
        assert f"def {sample.answers[0]}(" in text.split("\n")[0] + text.split("\n")[1]
        assert sample.answers[0] not in sample.query
        assert document.text.startswith(f"{document.id}\n")
        bare += '"""' not in text
    assert 0.25 < bare / len(asked) < 0.75
    assert any(not sample.evidence for sample in found)
    assert any(len(sample.evidence) > 1 for sample in found)


def test_a_function_asked_for_in_vain_is_in_another_file(
    files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code, "_TOKENS", 900)
    for sample in code_samples(files):
        if not sample.evidence:
            title = sample.id.partition(":")[0]
            assert title in files
            assert title not in {document.id for document in sample.documents}


def test_one_function_of_four_is_broken(files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"_TOKENS": 900, "_BUGS": 1.0, "_UNDOCUMENTED": 0.0}.items():
        monkeypatch.setattr(code, name, value)
    groups = list(contexts(code_samples(files)))
    letters = set()
    for group in groups:
        bugs = [sample for sample in group if sample.task == "code-debug"]
        assert len(bugs) == 3
        changed = [
            document
            for document in group[0].documents
            if document.text != f"{document.id}\n{files[str(document.id)].read_text('utf-8')}"
        ]
        assert len(changed) == 1
        for sample in bugs:
            (span,) = sample.evidence
            assert sample.documents[span.document] is changed[0]
            options = dict(re.findall(r"\b([ABCD])\. (\w+)", sample.query))
            assert sorted(options) == list("ABCD")
            text = sample.documents[span.document].text[span.start : span.end]
            assert f"def {options[sample.answers[0]]}" in text
            assert all(
                any(f"def {name}" in document.text for document in sample.documents) for name in options.values()
            )
            letters.add(sample.answers[0])
    assert len(letters) > 1


def test_the_seed_alone_decides(files: dict[str, Path]) -> None:
    first = list(code_samples(files))
    assert list(code_samples(dict(reversed(files.items())))) == first
    assert list(code_samples(files, SampleOptions(seed=1))) != first


def test_files_that_are_no_python_or_too_long_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code, "_TOKENS", 1000)
    texts = {"bad.py": "def f(:\n", "empty.py": "", "long.py": "x = 1\n" * 2000, "fine.py": SOURCE}
    for name, text in texts.items():
        (tmp_path / name).write_text(text, "utf-8")
    (tmp_path / "latin.py").write_bytes(b"# \xe9\n")
    files = {name: tmp_path / name for name in [*texts, "latin.py"]}
    found = {str(document.id) for sample in code_samples(files) for document in sample.documents}
    assert found == {"fine.py"}


def test_the_standard_library_is_there_and_nothing_forbidden() -> None:
    files = python_files()
    assert {"asyncio/events.py", "json/decoder.py", "argparse.py"} <= files.keys()
    assert not [title for title in files if {"test", "tests", "site-packages", "idlelib"} & set(title.split("/"))]
    assert not [title for title in files if title.startswith(("numpy/", "torch/", "longattncomp/"))]
