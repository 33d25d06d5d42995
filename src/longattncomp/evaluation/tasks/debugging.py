"""installed packages -> which of four functions has a deliberate error (after InfiniteBench, arXiv 2402.13718)."""

import random
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import groupby
from pathlib import Path

from longattncomp.data.bugs import break_one, breakable
from longattncomp.data.functions import Edit, Module, code_documents, code_evidence, read_modules
from longattncomp.data.haystack import FILLED, fill
from longattncomp.data.packages import python_files
from longattncomp.data.rows import Example
from longattncomp.errors import InputError
from longattncomp.evaluation.targets.answers import lettered
from longattncomp.evaluation.tasks.task import Draw

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


def broken_functions(draw: Draw) -> Iterator[Example]:
    """Take whole files of one package and break one function; the evidence is that function's lines.

    Another version of a package, or of Python, gives other examples.

    Raises:
        InputError: no package has files that fit.
    """
    files = _files()
    by_package = groupby(sorted(files), key=lambda title: title.partition("/")[0])
    titles = {package: list(group) for package, group in by_package}

    @cache
    def size(title: str) -> int:
        return draw.count(f"\n\n{title}\n{files[title].read_text('utf-8', errors='replace')}")

    for index in range(draw.examples):
        rng = random.Random(f"{draw.seed} code-debug {index}")  # noqa: S311 (a sample, no secret)
        name = f"{draw.context_tokens}-{draw.seed}-{index}"
        for package in rng.sample(sorted(titles), len(titles)):
            chosen = fill(rng.sample(titles[package], len(titles[package])), draw.context_tokens, size)
            modules = list(read_modules(sorted(chosen), files, errors="replace"))
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


def _example(modules: Sequence[Module], rng: random.Random, name: str) -> Example | None:
    able = breakable((place, function) for place, module in enumerate(modules) for function in module.functions)
    if len(able) < _OPTIONS or (broken := break_one(modules, able, KINDS, rng)) is None:
        return None
    place, function, edit, _ = broken
    others = [other.name for _, other in able if other is not function]
    options = rng.sample([function.name, *rng.sample(others, _OPTIONS - 1)], _OPTIONS)
    edits: list[list[Edit]] = [[edit] if index == place else [] for index in range(len(modules))]
    return Example(
        id=name,
        task="code-debug",
        query=_QUERY.format(options=lettered(options)),
        answers=(function.name,),
        documents=code_documents(modules, edits),
        evidence=(code_evidence(modules, edits, place, function),),
        options=tuple(options),
    )
