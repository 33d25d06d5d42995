"""a function -> the same function with one deliberate error."""

import ast
import builtins
import keyword
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import TypeVar

from longattncomp.data.functions import LEAST_LINES, Edit, Function, Module, edited, parse
from longattncomp.errors import InputError

Place = tuple[int, Function]
"""Index of the module, and a function in it."""

_Node = TypeVar("_Node", bound=ast.AST)
_Changes = Mapping[type[ast.AST], tuple[str, str]]
"""Operator -> the pattern that finds it, and what replaces it."""

_UNPARSABLE = ("bad_indentation", "syntax_error")
_TRIES = 8
_ARITY = {"len": 1, "isinstance": 2, "issubclass": 2, "hasattr": 2, "setattr": 3, "ord": 1, "chr": 1, "abs": 1}
_SYMMETRIC = ("max", "min", "zip", "print")
_WORD = re.compile(r"\w+")
_LESS: _Changes = {ast.Lt: ("<", ">"), ast.Gt: (">", "<"), ast.LtE: ("<=", ">="), ast.GtE: (">=", "<=")}
_ALMOST: _Changes = {ast.Lt: ("<", "<="), ast.Gt: (">", ">="), ast.LtE: ("<=", "<"), ast.GtE: (">=", ">")}
_OPPOSITE: _Changes = {
    ast.Is: (r"\bis\b", "is not"),
    ast.IsNot: (r"\bis\s+not\b", "is"),
    ast.In: (r"\bin\b", "not in"),
    ast.NotIn: (r"\bnot\s+in\b", "in"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
}
_OPERATOR: _Changes = {
    ast.Add: (r"\+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: (r"\*", "+"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"),
    ast.And: (r"\band\b", "or"),
    ast.Or: (r"\bor\b", "and"),
}


def breakable(functions: Iterable[Place]) -> list[Place]:
    """Return the functions of five lines or more whose name no other has; special methods are left out."""
    functions = list(functions)
    names = Counter(function.name for _, function in functions)
    return [
        (place, function)
        for place, function in functions
        if function.lines >= LEAST_LINES and names[function.name] == 1 and not function.name.startswith("__")
    ]


def break_one(
    modules: Sequence[Module], able: Sequence[Place], kinds: Sequence[str], rng: random.Random
) -> tuple[int, Function, Edit, str] | None:
    """Break one of the functions `able`, with an error of one of the kinds; return None if there is no place for any.

    Returns:
        index of the module, the function, the edit that breaks it, and the kind of error.
    """
    for kind in rng.sample(kinds, len(kinds)):
        for place, function in rng.sample(able, len(able)):
            if (edit := insert_bug(modules[place], function, kind, rng)) is not None:
                return place, function, edit, kind
    return None


def insert_bug(module: Module, function: Function, kind: str, rng: random.Random) -> Edit | None:
    """Put one error of a kind in `KINDS` into a function; return None if the function has no place for it.

    After `bad_indentation` and `syntax_error` the file does not parse any more; after all other kinds it does.
    """
    candidates = list(KINDS[kind](module, function))
    for edit in rng.sample(candidates, min(_TRIES, len(candidates))):
        if edit.text != module.text[edit.start : edit.end]:
            try:
                parse(module.title, edited(module.text, [edit]))
                parses = True
            except InputError:
                parses = False
            if parses == (kind not in _UNPARSABLE):
                return edit
    return None


def _deleted_declaration(module: Module, function: Function) -> Iterator[Edit]:
    names = list(_nodes(function, ast.Name))
    stored = [name.id for name in names if not isinstance(name.ctx, ast.Load)]
    given = _arguments(function)
    for block in _blocks(function):
        for statement, following in pairwise(block):
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)]) if stored.count(name) == 1 and name not in given:
                    start, end = module.span(statement)
                    if any(use.id == name and module.span(use)[0] > end for use in names):
                        yield Edit(start, module.span(following)[0], "")


def _wrong_argument_count(module: Module, function: Function) -> Iterator[Edit]:
    known = {other.name: other for other in module.functions}
    for call in _nodes(function, ast.Call):
        if call.keywords or not call.args or _starred(call):
            continue
        least: int
        most: float
        match call.func:
            case ast.Name(id=name) if name in _ARITY:
                least = most = _ARITY[name]
            case ast.Name(id=name) | ast.Attribute(value=ast.Name(id="self"), attr=name) if name in known:
                arguments = known[name].node.args
                places = len(arguments.posonlyargs) + len(arguments.args) - isinstance(call.func, ast.Attribute)
                least = places - len(arguments.defaults)
                most = float("inf") if arguments.vararg else places
            case _:
                continue
        last = module.span(call.args[-1])[1]
        if len(call.args) <= least:
            before = module.span(call.args[-2])[1] if len(call.args) > 1 else module.span(call.args[-1])[0]
            yield Edit(before, last, "")
        if len(call.args) >= most and not isinstance(call.args[-1], ast.GeneratorExp):
            yield Edit(last, last, ", None")


def _endless_loop(module: Module, function: Function) -> Iterator[Edit]:
    found = False
    for loop in _nodes(function, ast.While):
        tested = {node.id for node in ast.walk(loop.test) if isinstance(node, ast.Name)}
        for statement, following in pairwise(loop.body):
            match statement:
                case ast.AugAssign(target=ast.Name(id=name)) if name in tested:
                    found = True
                    yield Edit(module.span(statement)[0], module.span(following)[0], "")
        leaves = any(isinstance(node, ast.Break | ast.Return | ast.Raise | ast.Yield) for node in ast.walk(loop))
        if not leaves and not isinstance(loop.test, ast.Constant):
            found = True
            yield Edit(*module.span(loop.test), "True")
    body = _body(function)
    if not found and body:
        start = module.span(body[0])[0]
        indent = module.text[module.line_start(start) : start]
        if not indent.strip():
            yield Edit(start, start, f"while True:\n{indent}    pass\n{indent}")


def _bad_indentation(module: Module, function: Function) -> Iterator[Edit]:
    for block in _blocks(function):
        for _, statement in pairwise(block):
            start = module.span(statement)[0]
            line = module.line_start(start)
            indent = module.text[line:start]
            if not indent.strip():
                yield from (Edit(line, start, indent + " " * width) for width in (1, 2, 3))
                yield from (Edit(line, start, indent[width:]) for width in (1, 2, 3))


def _undefined_name(module: Module, function: Function) -> Iterator[Edit]:
    taken = {*_WORD.findall(module.text), *dir(builtins), *keyword.kwlist}
    names = list(_nodes(function, ast.Name))
    local = {name.id for name in names if isinstance(name.ctx, ast.Store)} | _arguments(function) - {"self", "cls"}
    for name in names:
        if isinstance(name.ctx, ast.Load) and name.id in local and len(name.id) > 2:
            word = name.id
            for wrong in (word[:-1], word[:-2] + word[-1] + word[-2], f"{word}s", f"{word}_"):
                if wrong not in taken and wrong.isidentifier():
                    yield Edit(*module.span(name), wrong)


def _syntax_error(module: Module, function: Function) -> Iterator[Edit]:
    for node in _nodes(function, ast.AST):
        match node:
            case ast.If(test=head) | ast.While(test=head) | ast.For(iter=head):
                colon = module.text.index(":", module.span(head)[1])
                yield Edit(colon, colon + 1, "")
            case ast.Call():
                end = module.span(node)[1]
                yield Edit(end - 1, end, "")


def _negated_condition(module: Module, function: Function) -> Iterator[Edit]:
    for node in _nodes(function, ast.stmt):
        if not isinstance(node, ast.If | ast.While):
            continue
        start, end = module.span(node.test)
        match node.test:
            case ast.Compare(ops=[op], left=left, comparators=[right]) if type(op) in _OPPOSITE:
                yield from _between(module, left, right, _OPPOSITE[type(op)])
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                yield Edit(start, end, module.source(operand))
            case ast.Name() | ast.Attribute() | ast.Call():
                yield Edit(start, start, "not ")
            case _:
                yield Edit(start, end, f"not ({module.source(node.test)})")


def _off_by_one(module: Module, function: Function) -> Iterator[Edit]:
    yield from _operators(module, function, _ALMOST)
    for node in _nodes(function, ast.expr):
        counts = isinstance(node, ast.Slice | ast.Subscript | ast.BinOp | ast.Compare)
        if counts or (isinstance(node, ast.Call) and module.source(node.func) == "range"):
            for child in ast.iter_child_nodes(node):
                match child:
                    case ast.Constant(value=int(value)) if module.source(child).isdigit() and value < 10:
                        yield Edit(*module.span(child), str(value + 1))


def _swapped_arguments(module: Module, function: Function) -> Iterator[Edit]:
    for call in _nodes(function, ast.Call):
        if len(call.args) > 1 and not _starred(call):
            (start, middle), (later, end) = module.span(call.args[0]), module.span(call.args[1])
            first, second = module.text[start:middle], module.text[later:end]
            if first != second and module.source(call.func) not in _SYMMETRIC:
                yield Edit(start, end, f"{second}{module.text[middle:later]}{first}")


def _operators(module: Module, function: Function, changes: _Changes) -> Iterator[Edit]:
    for node in _nodes(function, ast.AST):
        match node:
            case (
                ast.Compare(ops=[op], left=left, comparators=[right])
                | ast.BinOp(left=left, op=op, right=right)
                | ast.AugAssign(target=left, op=op, value=right)
                | ast.BoolOp(op=op, values=[left, right])
            ) if type(op) in changes:
                yield from _between(module, left, right, changes[type(op)])


def _between(module: Module, left: ast.expr, right: ast.expr, change: tuple[str, str]) -> Iterator[Edit]:
    start = module.span(left)[1]
    gap = module.text[start : module.span(right)[0]]
    if "#" not in gap and (found := re.search(change[0], gap)):
        yield Edit(start + found.start(), start + found.end(), change[1])


def _body(function: Function) -> Sequence[ast.stmt]:
    return function.node.body[ast.get_docstring(function.node) is not None :]


def _nodes(function: Function, kind: type[_Node]) -> Iterator[_Node]:
    """Yield the nodes of a kind in the body, without the inside of f-strings.

    Before Python 3.12 the places inside f-strings are not exact.
    """
    todo: list[ast.AST] = list(_body(function))
    while todo:
        node = todo.pop()
        if isinstance(node, kind):
            yield node
        if not isinstance(node, ast.JoinedStr):
            todo += ast.iter_child_nodes(node)


def _blocks(function: Function) -> Iterator[Sequence[ast.stmt]]:
    yield _body(function)
    for node in _nodes(function, ast.stmt):
        for block in (getattr(node, name, None) for name in ("body", "orelse", "finalbody")):
            if isinstance(block, list):
                yield block


def _arguments(function: Function) -> set[str]:
    arguments = function.node.args
    return {argument.arg for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}


def _starred(call: ast.Call) -> bool:
    return any(isinstance(argument, ast.Starred) for argument in call.args)


KINDS: Mapping[str, Callable[[Module, Function], Iterator[Edit]]] = {
    "deleted_declaration": _deleted_declaration,
    "wrong_argument_count": _wrong_argument_count,
    "endless_loop": _endless_loop,
    "bad_indentation": _bad_indentation,
    "undefined_name": _undefined_name,
    "syntax_error": _syntax_error,
    "swapped_comparison": partial(_operators, changes=_LESS),
    "negated_condition": _negated_condition,
    "off_by_one": _off_by_one,
    "wrong_operator": partial(_operators, changes=_OPERATOR),
    "swapped_arguments": _swapped_arguments,
}
"""Kind -> the function that yields possible edits. The first six kinds are InfiniteBench's (arXiv 2402.13718); the
others are harder to notice."""
