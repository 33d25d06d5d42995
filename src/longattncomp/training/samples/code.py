"""Python files -> samples: questions about functions, and functions with a deliberate error."""

import ast
import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from longattncomp.data.bugs import KINDS, break_one, breakable
from longattncomp.data.functions import LEAST_LINES, Edit, Function, Module, code_documents, code_evidence, read_modules
from longattncomp.data.packages import python_files
from longattncomp.data.rows import Example
from longattncomp.data.sources import sentence_ends
from longattncomp.data.written import written_beside
from longattncomp.runtime.packing import packs
from longattncomp.training.samples.queries import DEFAULT, SampleOptions, ask, generator, unanswerable

_CHARACTERS = 4
"""Characters in a token of source code, roughly."""
_TOKENS = 12_000
"""In the longest context; longer files are left out."""
_UNDOCUMENTED = 0.5
"""Share of the functions asked for that lose their docstring, which the query repeats."""
_BUGS = 0.5
"""Share of the contexts in which one function gets an error."""
_BUG_QUERIES = 3
"""Queries that ask for that function, each with other options."""
_BARE = re.compile(r">>>|https?:|::|^(?:see|deprecated|same as|internal|todo|overrid\w*|implements?)\b", re.IGNORECASE)


@cache
def _wording() -> Mapping[str, list[str]]:
    """Read the words of queries that were written by hand."""
    return written_beside(__file__, dict[str, list[str]])


def code_samples(files: Mapping[str, Path] | None = None, options: SampleOptions = DEFAULT) -> Iterator[Example]:
    """Make contexts of files of one package; each file is a document under its path.

    Task `code` asks for a function by the sentence of its docstring; the evidence is the whole function. Task
    `code-debug` asks which of four functions has an error; the answer is a letter. An unanswerable question is about a
    function in another file of the same package. Without `files` (title -> file), it takes what `python_files` finds.
    """
    rng = generator(options.seed, "code")
    files = python_files() if files is None else files
    groups: dict[str, list[str]] = {}
    for title in sorted(files):
        groups.setdefault(title.rpartition("/")[0], []).append(title)
    packed = [(pack, group) for group in groups.values() for pack in _packed(group, files, rng)]
    rng.shuffle(packed)
    for pack, group in packed:
        if modules := list(read_modules(pack, files)):
            others = [title for title in group if title not in pack] or rng.choice(packed)[0]
            foreign = _foreign(modules, rng.sample(others, len(others)), files, rng)
            yield from _sample(modules, foreign, options, rng)


def question(function: Function, rng: random.Random) -> str | None:
    """Make a query for a function from the first sentence of its docstring, without the name of the function.

    Returns:
        the query, or None if the sentence says too little.
    """
    sentence = first_sentence(function)
    if sentence is None:
        return None
    verb, _, rest = sentence.rstrip(".").partition(" ")
    if (spoken := _third_person(verb.lower())) and rng.random() < 0.8:
        return rng.choice(_wording()["verb_queries"]).format(verb=spoken, rest=rest)
    return rng.choice(_wording()["sentence_queries"]).format(sentence=sentence)


def first_sentence(function: Function) -> str | None:
    """Return the first sentence of the docstring; None if it is short, long, no prose or names the function."""
    if function.lines < LEAST_LINES or not (docstring := ast.get_docstring(function.node)):
        return None
    paragraph = " ".join(docstring.split("\n\n")[0].split())
    sentence = paragraph[: sentence_ends(paragraph)[0]].strip()
    words = re.findall(r"[^\W\d_]+", sentence)
    if not 5 <= len(words) <= 35 or _BARE.search(sentence) or sentence.endswith(":"):
        return None
    named = re.search(rf"\b{re.escape(function.name)}\b", sentence, re.IGNORECASE)
    letters = sum(character.isalpha() or character.isspace() for character in sentence)
    return None if named or letters < 0.85 * len(sentence) else sentence


def _third_person(verb: str) -> str | None:
    for base in (verb, verb.removesuffix("s"), verb.removesuffix("es"), f"{verb.removesuffix('ies')}y"):
        if base in _wording()["verbs"]:
            if base.endswith(("s", "sh", "ch", "x", "z", "o")):
                return f"{base}es"
            return f"{base[:-1]}ies" if re.search(r"[^aeiou]y\Z", base) else f"{base}s"
    return None


def _packed(titles: Sequence[str], files: Mapping[str, Path], rng: random.Random) -> Iterator[list[str]]:
    def tokens(title: str) -> int:
        return files[title].stat().st_size // _CHARACTERS

    return packs((title for title in rng.sample(titles, len(titles)) if tokens(title) <= _TOKENS), tokens, _TOKENS)


def _foreign(
    modules: Sequence[Module], titles: Iterable[str], files: Mapping[str, Path], rng: random.Random
) -> Iterator[Example]:
    said = {first_sentence(function) for module in modules for function in module.functions}
    names = {function.name for module in modules for function in module.functions}
    for module in read_modules(titles, files):
        for function in rng.sample(module.functions, len(module.functions)):
            fresh = first_sentence(function) not in said and function.name not in names
            if fresh and (query := question(function, rng)) is not None:
                yield Example(f"{module.title}:{function.node.lineno}", "code", query, (), (), ())


def _sample(
    modules: Sequence[Module], foreign: Iterator[Example], options: SampleOptions, rng: random.Random
) -> list[Example]:
    functions = [(place, function) for place, module in enumerate(modules) for function in module.functions]
    edits: list[list[Edit]] = [[] for _ in modules]
    broken = break_one(modules, breakable(functions), sorted(KINDS), rng) if rng.random() < _BUGS else None
    if broken is not None:
        edits[broken[0]].append(broken[2])
    sentences = Counter(first_sentence(function) for _, function in functions)
    asked: list[tuple[int, Function, str]] = []
    for place, function in functions:
        unique = sentences[first_sentence(function)] == 1 and (broken is None or function is not broken[1])
        if unique and (query := question(function, rng)) is not None:
            asked.append((place, function, query))
            if function.docstring and rng.random() < _UNDOCUMENTED:
                edits[place].append(Edit(*function.docstring, ""))
    documents = code_documents(modules, edits)

    def example(task: str, place: int, function: Function, query: str, answer: str) -> Example:
        name = f"{modules[place].title}:{function.node.lineno}"
        evidence = code_evidence(modules, edits, place, function)
        return Example(name, task, query, (answer,), documents, (evidence,))

    singles = [example("code", place, function, query, function.name) for place, function, query in asked]
    queries = ask(singles, (unanswerable(other, documents) for other in foreign), options, rng)
    if broken is not None:
        place, function, _, kind = broken
        names = sorted({other.name for _, other in functions if not other.name.startswith("__")} - {function.name})
        for number in range(_BUG_QUERIES if len(names) > 2 else 0):
            choices = rng.sample([function.name, *rng.sample(names, 3)], 4)
            letter = "ABCD"[choices.index(function.name)]
            lines = [f"{mark}. {name}" for mark, name in zip("ABCD", choices, strict=True)]
            template = rng.choice(_wording()["bug_queries"])
            query = template.format(options=("\n" if "\n" in template else " ").join(lines))
            bug = example("code-debug", place, function, query, letter)
            queries.append(replace(bug, id=f"{bug.id}#{kind}-{number}"))
        rng.shuffle(queries)
    return queries
