"""a seed -> results of an agent's tools in five kinds, each with a question about one of many like values.

Every value is unique, and the page knows what each one belongs to, so that a shortened result can be checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tool_forms import (
    json_line,
    json_list,
    json_object,
    json_rows,
    log_access,
    log_entries,
    log_lines,
    log_steps,
    python_module,
    toml,
    typescript,
    yaml,
)
from tool_pages import ERRORS, Draw, Form, Page, clock


def _table(cells: Callable[[list[str]], str], rule: str = "") -> Form:
    def rows(page: Page, draw: Draw) -> Iterator[None]:
        page.head(0, cells(["region", "revenue", "orders", "manager"]).rstrip("\n"))
        page.write(f"\n{rule}")
        while True:
            name = draw.name()
            row = [draw.number(), draw.number(), draw.person()]
            asked = ("What is the revenue of", "How many orders has", "Who is the manager of")
            line = cells([name, *map(str, row)])
            start = line.index(name)
            page.write(line[:start])
            page.head(1, name)
            at = start + len(name)
            for one, question in zip(map(str, row), asked, strict=True):
                page.write(line[at : (at := line.index(one, at))])
                page.value(one, f"{question} {name}?")
                at += len(one)
            page.write(line[at:])
            yield

    return rows


def _quarters(page: Page, draw: Draw) -> Iterator[None]:
    """Tables of two kinds of columns in turn, each under its heading."""
    while True:
        page.head(0, f"## Store {(name := draw.name())}")
        page.write("\n\n")
        columns = draw.random.sample(["sold", "returned", "in stock"], 3)
        page.head(1, f"| article | {' | '.join(columns)} |")
        page.write("\n|---|---|---|---|\n")
        for _ in range(8):
            article = draw.name()
            page.write("| ")
            page.head(2, article)
            for column in columns:
                page.write(" | ")
                page.value(draw.number(), f"How many {article} are {column} at the store {name}?")
            page.write(" |\n")
        page.write("\n")
        yield


def _trace_python(page: Page, draw: Draw) -> Iterator[None]:
    while True:
        name = draw.name()
        page.write(f"{clock(page)} WARNING ")
        page.head(0, f"job {name} stopped")
        page.write("\nTraceback (most recent call last):\n")
        for step in ("run", "read", "parse"):
            page.write(
                f'  File "/srv/{name}/{step}.py", line {draw.number()}, in {step}\n    return self.{step}(item)\n'
            )
        page.value(
            f"{draw.one_of(*ERRORS)}: batch {draw.number()} is broken", f"With which error did the job {name} stop?"
        )
        page.write(f"\n{clock(page)} INFO scheduler looks for the next job\n")
        yield


def _trace_pytest(page: Page, draw: Draw) -> Iterator[None]:
    page.write("============ FAILURES ============\n")
    while True:
        name = draw.name().replace("-", "_")
        page.head(0, f"_____________ test_{name} _____________")
        page.write(f"\n\n    def test_{name}():\n        client = make()\n>       assert client.total() == ")
        page.value(draw.number(), f"Which total does test_{name} expect?")
        page.write("\nE       assert ")
        page.value(draw.number(), f"Which total did test_{name} get instead?")
        page.write(f" == ...\n\ntests/test_{name}.py:{draw.number()}: AssertionError\n")
        yield


def _trace_java(page: Page, draw: Draw) -> Iterator[None]:
    while True:
        name = draw.name()
        page.write(f"{clock(page)} ERROR ")
        page.head(0, f"request {name} failed")
        page.write(f"\njava.lang.IllegalStateException: {name} has no result\n")
        for step in ("Handler.handle", "Router.route", "Server.serve"):
            page.write(f"\tat local.shop.{step}({step.split('.')[0]}.java:{draw.number()})\n")
        page.write("Caused by: ")
        page.value(
            f"java.io.IOException: code {draw.number()} from upstream", f"What was the cause of {name}'s failure?"
        )
        page.write(f"\n\tat local.shop.Pool.take(Pool.java:{draw.number()})\n\t... 12 more\n")
        yield


def _trace_chain(page: Page, draw: Draw) -> Iterator[None]:
    """Each line says what it belongs to."""
    while True:
        name = draw.name()
        number = draw.number()
        lines = ("starting", "Traceback (most recent call last):", f'  File "load.py", line {number}, in load')
        _labelled(page, name, *lines, "    row = rows[key]", "")
        page.value(f"KeyError: 'row-{draw.number()}'", f"Which key was missing in {name} first?")
        page.write("\n")
        _labelled(page, name, "", "During handling of the above exception, another exception occurred:")
        page.write("\n")
        lines = ("Traceback (most recent call last):", f'  File "main.py", line {draw.number()}, in main')
        _labelled(page, name, "", *lines, "    load()", "")
        page.value(f"SystemExit: status {draw.number()}", f"With which status did {name} exit?")
        page.write("\n")
        yield


def _labelled(page: Page, name: str, *lines: str) -> None:
    """Write lines with a name before each; the last one is open."""
    for number, line in enumerate(lines):
        page.write("\n" if number else "")
        page.head(0, f"[{name}]")
        page.write(f" {line}" if line or number + 1 == len(lines) else "")


def _aligned(cells: list[str]) -> str:
    return f"{cells[0]:<24}{cells[1]:>10}{cells[2]:>10}   {cells[3]}\n"


KINDS: dict[str, tuple[Form, ...]] = {
    "JSON": (json_list, json_object, json_line, json_rows),
    "logs": (log_lines, log_entries, log_access, log_steps),
    "code": (python_module, typescript, toml, yaml),
    "tables": (
        _table(lambda cells: f"| {' | '.join(cells)} |\n", "|---|---|---|---|\n"),
        _table(lambda cells: ",".join(cells) + "\n"),
        _table(_aligned),
        _quarters,
    ),
    "tracebacks": (_trace_python, _trace_pytest, _trace_java, _trace_chain),
}

_ENDS = {json_list: "\n  ]\n}\n", json_object: "\n}\n", json_line: "]}"}


def pages(seed: int, tokens: int, count: Callable[[str], int]) -> Iterator[tuple[str, Page]]:
    """Yield 20 pages of about as many tokens, four of each kind, in turn."""
    for number, (kind, form) in enumerate((kind, forms[n]) for n in range(4) for kind, forms in KINDS.items()):
        draw, page, size, at = Draw(f"{seed} {number}"), Page(), 0, 0
        for _ in form(page, draw):
            size, at = size + count(page.text[at:]), len(page.text)
            if size >= tokens:
                break
        page.write(_ENDS.get(form, ""))
        page.asked = draw.random.choice([value for value in page.values if value.question])
        yield kind, page
