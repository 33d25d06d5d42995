"""Python files -> functions, with their exact places in the text, and documents of the files."""

import ast
import warnings
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path

from longattncomp.data.rows import Evidence
from longattncomp.errors import InputError
from longattncomp.types import Document, Span

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
LEAST_LINES = 5
"""Shorter functions are neither asked for nor broken."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of a text: characters `[start, end)` become `text`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Function:
    """A function or method; a function inside another one counts as part of the outer one.

    Attributes:
        name: the name without its class.
        node: the syntax tree.
        start: first character; decorators are part of the function.
        end: one past the last character.
        docstring: the lines of the docstring and the blank lines below it; None if there is no docstring, if other
            code shares its lines, or if the body is nothing else.
    """

    name: str
    node: FunctionNode
    start: int
    end: int
    docstring: Span | None

    @property
    def lines(self) -> int:
        return (self.node.end_lineno or self.node.lineno) - self.node.lineno + 1


@dataclass(frozen=True, slots=True)
class Module:
    """One parsed source file.

    Attributes:
        title: path of the file, from the folder that packages lie in.
        text: text of the file, with line feeds as line ends.
        functions: all functions, in order.
        starts: offset of each line.
    """

    title: str
    text: str
    functions: tuple[Function, ...]
    starts: tuple[int, ...]

    def span(self, node: ast.expr | ast.stmt) -> Span:
        """Return the characters of a node."""
        return (
            self._offset(node.lineno, node.col_offset),
            self._offset(node.end_lineno or 0, node.end_col_offset or 0),
        )

    def source(self, node: ast.expr | ast.stmt) -> str:
        start, end = self.span(node)
        return self.text[start:end]

    def line_start(self, position: int) -> int:
        return self.starts[bisect_right(self.starts, position) - 1]

    def _offset(self, line: int, column: int) -> int:
        """Convert a place of a syntax tree, which counts columns in UTF-8 bytes."""
        start = self.starts[line - 1]
        return start + len(self.text[start : self.starts[line]].encode()[:column].decode())


def parse_module(title: str, text: str) -> Module:
    """Find the functions of one file.

    Raises:
        InputError: the text is no valid Python.
    """
    starts = tuple(accumulate((len(line) + 1 for line in text.split("\n")), initial=0))
    module = Module(title, text, (), starts)
    return replace(module, functions=tuple(_function(module, node) for node in _function_nodes(parse(title, text))))


def read_modules(titles: Iterable[str], files: Mapping[str, Path], *, errors: str = "strict") -> Iterator[Module]:
    """Parse files by their titles; those that are blank or not valid Python, such as templates of code, are left out.

    `errors` says what becomes of bytes that are not UTF-8: "strict" leaves out the file, "replace" replaces them.
    """
    for title in titles:
        try:
            module = parse_module(title, files[title].read_text("utf-8", errors))
        except (InputError, UnicodeDecodeError):
            continue
        if module.text.strip():
            yield module


def code_documents(modules: Sequence[Module], edits: Sequence[Iterable[Edit]]) -> tuple[Document, ...]:
    """Make a document of each module after its edits, with its title above the text, as `read_rows` does."""
    return tuple(
        Document(f"{module.title}\n{edited(module.text, own)}", module.title, {"title": module.title})
        for module, own in zip(modules, edits, strict=True)
    )


def code_evidence(
    modules: Sequence[Module], edits: Sequence[Sequence[Edit]], place: int, function: Function
) -> Evidence:
    """Return where a function of module `place` lies in the documents that `code_documents` makes."""
    head = len(modules[place].title) + 1
    start, end = moved((function.start, function.end), edits[place])
    return Evidence(place, head + start, head + end)


def parse(title: str, text: str) -> ast.Module:
    """Parse a text; raise InputError if it is no valid Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError) as error:
        raise InputError(f"{title}: expected valid Python: {error}") from error


def edited(text: str, edits: Iterable[Edit]) -> str:
    """Apply edits that do not overlap."""
    pieces, at = [], 0
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        pieces += [text[at : edit.start], edit.text]
        at = edit.end
    return "".join([*pieces, text[at:]])


def moved(span: Span, edits: Sequence[Edit]) -> Span:
    """Return where a span of the text lies after edits inside or outside of it."""

    def shift(position: int, *, closed: bool) -> int:
        before = (
            edit
            for edit in edits
            if edit.end < position or (edit.end == position and (closed or edit.start < position))
        )
        return position + sum(len(edit.text) - (edit.end - edit.start) for edit in before)

    return shift(span[0], closed=False), shift(span[1], closed=True)


def _function_nodes(tree: ast.AST) -> Iterator[FunctionNode]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
        elif not isinstance(node, ast.expr):
            yield from _function_nodes(node)


def _function(module: Module, node: FunctionNode) -> Function:
    start, end = module.span(node)
    if node.decorator_list:
        line = module.line_start(module.span(node.decorator_list[0])[0])
        start = module.text.index("@", line)
    return Function(node.name, node, start, end, _docstring(module, node))


def _docstring(module: Module, node: FunctionNode) -> Span | None:
    if ast.get_docstring(node) is None or len(node.body) < 2:
        return None
    low, high = module.span(node.body[0])
    start, following = module.line_start(low), module.line_start(module.span(node.body[1])[0])
    tail = module.text[high:following]
    if module.text[start:low].strip() or tail.partition("\n")[0].strip() or following <= high:
        return None
    return start, module.line_start(following - len(tail.lstrip())) if tail.strip() else following
