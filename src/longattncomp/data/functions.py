"""Python files -> functions, with their exact places in the text."""

from __future__ import annotations

import ast
import warnings
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from longattncomp.errors import InputError
from longattncomp.types import Span

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Edit:
    """Characters `[start, end)` of a text become `text`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Function:
    """A function or method; one inside another function belongs to the outer one.

    Attributes:
        name: without its class.
        node: its syntax tree.
        start: first character, that of the first decorator if there is one.
        end: one past its last character.
        docstring: its docstring's lines with the blank lines below; None if it has none, or if
            these lines hold anything else or all of the body.
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
        title: its path from the folder that packages lie in.
        text: as it stands in the file, its lines ended by line feeds.
        functions: in order.
        starts: where each line starts.
    """

    title: str
    text: str
    functions: tuple[Function, ...]
    starts: tuple[int, ...]

    def span(self, node: ast.expr | ast.stmt) -> Span:
        """A node's characters; a syntax tree counts columns in UTF-8 bytes."""
        return (
            _offset(self.text, self.starts, node.lineno, node.col_offset),
            _offset(self.text, self.starts, node.end_lineno or 0, node.end_col_offset or 0),
        )

    def source(self, node: ast.expr | ast.stmt) -> str:
        start, end = self.span(node)
        return self.text[start:end]

    def line_start(self, position: int) -> int:
        return self.starts[bisect_right(self.starts, position) - 1]


def parse_module(title: str, text: str) -> Module:
    """Find the functions of one file.

    Raises:
        InputError: the text is no valid Python.
    """
    starts = tuple(accumulate((len(line) + 1 for line in text.split("\n")), initial=0))
    tree = parse(title, text)
    module = Module(title, text, (), starts)
    return Module(title, text, tuple(_function(module, node) for node in _function_nodes(tree)), starts)


def parse(title: str, text: str) -> ast.Module:
    """The text's syntax tree; InputError if it is no valid Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError) as error:
        raise InputError(f"{title}: expected valid Python: {error}") from error


def edited(text: str, edits: Iterable[Edit]) -> str:
    """The text after edits that do not overlap."""
    pieces, at = [], 0
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        pieces += [text[at : edit.start], edit.text]
        at = edit.end
    return "".join([*pieces, text[at:]])


def moved(span: Span, edits: Sequence[Edit]) -> Span:
    """Where a span of the text lies after edits inside or outside of it."""

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


def _offset(text: str, starts: Sequence[int], line: int, column: int) -> int:
    start = starts[line - 1]
    head = text[start : start + column]
    if head.isascii():
        return start + column
    return start + len(text[start : starts[line]].encode()[:column].decode())
