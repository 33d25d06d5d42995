"""installed packages -> which of four functions has a deliberate error (after InfiniteBench, arXiv 2402.13718)."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from longattncomp.data.bugs import insert_bug
from longattncomp.data.functions import Edit, Function, Module, edited, moved, parse_module
from longattncomp.data.haystack import FILLED, fill
from longattncomp.data.packages import python_files
from longattncomp.data.rows import Evidence, Example
from longattncomp.errors import InputError
from longattncomp.evaluation.targets.answers import lettered
from longattncomp.evaluation.tasks.task import Draw
from longattncomp.types import Document

PACKAGES = ("accelerate", "fsspec", "huggingface_hub", "networkx", "pydantic", "rich", "sympy")
"""Packages that are installed wherever this one is, and that training does not read."""

KINDS = (
    *("deleted_declaration", "wrong_argument_count", "endless_loop"),
    *("bad_indentation", "undefined_name", "syntax_error"),
)
"""The kinds of errors in InfiniteBench."""

_QUERY = (
    "Exactly one function in this code base was broken on purpose; the error in it is obvious. "
    "Which of these functions is it?\n{options}"
)
_OPTIONS = 4
_LEAST_LINES = 5
_Place = tuple[int, Function]
"""Index of the module, and a function in it."""


def broken_functions(draw: Draw) -> Iterator[Example]:
    """Take whole files of one package and break one function; the evidence is that function's lines.

    Another version of a package, or of Python, gives other examples.

    Raises:
        InputError: no package has files that fit.
    """
    files = _files()
    titles: dict[str, list[str]] = {}
    for title in files:
        titles.setdefault(title.partition("/")[0], []).append(title)

    @cache
    def size(title: str) -> int:
        return draw.count(f"\n\n{_text(title, _source(title, files))}")

    for index in range(draw.examples):
        rng = random.Random(f"{draw.seed} code-debug {index}")  # noqa: S311 (a sample, no secret)
        name = f"{draw.context_tokens}-{draw.seed}-{index}"
        for package in rng.sample(sorted(titles), len(titles)):
            modules = list(_modules(titles[package], files, size, draw.context_tokens, rng))
            filled = sum(size(module.title) for module in modules) >= FILLED * draw.context_tokens
            if filled and (made := _example(modules, rng, name)) is not None:
                yield made
                break
        else:
            raise InputError(
                f"expected files of {draw.context_tokens} tokens in all with {_OPTIONS} functions in one of "
                f"{', '.join(titles) or 'no package'}, found none: choose another length, or leave the task out"
            )


@cache
def _files() -> Mapping[str, Path]:
    return {title: path for title, path in python_files(PACKAGES).items() if title.partition("/")[0] in PACKAGES}


def _source(title: str, files: Mapping[str, Path]) -> str:
    return files[title].read_text("utf-8", errors="replace")


def _text(title: str, source: str) -> str:
    """Put the path above the source, as `read_rows` does with titles."""
    return f"{title}\n{source}"


def _modules(
    titles: Sequence[str], files: Mapping[str, Path], size: Callable[[str], int], tokens: int, rng: random.Random
) -> Iterator[Module]:
    """Parse files that fill the context, in order of their paths."""
    for title in sorted(fill(rng.sample(sorted(titles), len(titles)), tokens, size)):
        try:
            module = parse_module(title, _source(title, files))
        except InputError:  # not Python, such as a template of code
            continue
        if module.text.strip():
            yield module


def _example(modules: Sequence[Module], rng: random.Random, name: str) -> Example | None:
    functions = [(place, function) for place, module in enumerate(modules) for function in module.functions]
    names = Counter(function.name for _, function in functions)
    able = [
        (place, function)
        for place, function in functions
        if function.lines >= _LEAST_LINES and names[function.name] == 1 and not function.name.startswith("__")
    ]
    if len(able) < _OPTIONS or (broken := _break(modules, able, rng)) is None:
        return None
    place, function, edit = broken
    others = [other.name for _, other in able if other is not function]
    options = rng.sample([function.name, *rng.sample(others, _OPTIONS - 1)], _OPTIONS)
    texts = [edited(module.text, [edit]) if index == place else module.text for index, module in enumerate(modules)]
    head = len(_text(modules[place].title, ""))
    start, end = moved((function.start, function.end), [edit])
    return Example(
        id=name,
        task="code-debug",
        query=_QUERY.format(options=lettered(options)),
        answers=(function.name,),
        documents=tuple(
            Document(_text(module.title, text), module.title, {"title": module.title})
            for module, text in zip(modules, texts, strict=True)
        ),
        evidence=(Evidence(place, head + start, head + end),),
        options=tuple(options),
    )


def _break(modules: Sequence[Module], able: Sequence[_Place], rng: random.Random) -> tuple[int, Function, Edit] | None:
    for kind in rng.sample(KINDS, len(KINDS)):
        for place, function in rng.sample(able, len(able)):
            if (edit := insert_bug(modules[place], function, kind, rng)) is not None:
                return place, function, edit
    return None
