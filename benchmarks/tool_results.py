"""a seed -> results of an agent's tools in five kinds, each with a question about one of many like values.

Every value is unique, and the page knows what each one belongs to, so that a shortened result can be checked.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

Span = tuple[int, int]

_AREAS = ("billing", "search", "export", "import", "login", "invoice", "catalog", "shipping", "refund", "session")
_ROLES = ("api", "worker", "cache", "gateway", "sync", "index", "queue", "proxy")
_PEOPLE = ("Ada Marsh", "Bo Lind", "Cem Aydin", "Dina Roth", "Eli Voss", "Fay Okoro", "Gus Hale", "Hana Sato")
_ERRORS = ("TimeoutError", "ValueError", "KeyError", "ConnectionError", "PermissionError", "OSError", "RuntimeError")
_GAP = re.compile(r"(?:\A|\n)\[\.\.\.\](?:\n|\Z)")


@dataclass(frozen=True)
class Value:
    """A value in a page.

    Attributes:
        start, end: its characters.
        heads: what it belongs to, the outermost first: (start, end) of a key, header or name at each level.
        question: asks for it; "" where nothing does.
    """

    start: int
    end: int
    heads: tuple[Span, ...]
    question: str = ""


@dataclass
class Page:
    """A text that grows, with what stands where."""

    text: str = ""
    heads: list[tuple[int, int, int]] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)
    asked: Value | None = None
    _open: list[Span] = field(default_factory=list)

    def write(self, text: str) -> None:
        self.text += text

    def head(self, level: int, text: str) -> None:
        """Write what the values below it belong to, until the next one of this level."""
        span = (len(self.text), len(self.text) + len(text))
        self.heads.append((level, *span))
        self._open[level:] = [span]
        self.text += text

    def value(self, text: object, question: str = "") -> None:
        start = len(self.text)
        self.text += str(text)
        self.values.append(Value(start, len(self.text), tuple(self._open), question))

    def shown(self, content: str) -> list[Span]:
        """Find the spans of this page that a shortened text consists of."""
        spans, at = [], 0
        for piece in filter(None, (part.strip("\n") for part in _GAP.split(content))):
            start = self.text.find(piece, at)
            if start < 0:
                raise ValueError(f"expected the kept text verbatim and in order, got {piece!r}")
            at = start + len(piece)
            spans.append((start, at))
        return spans

    def found(self, spans: list[Span]) -> bool:
        """Tell whether the value that was asked for is among these spans, with all that it belongs to."""
        return self.asked is not None and all(
            any(low <= start and end <= high for low, high in spans)
            for start, end in (*self.asked.heads, (self.asked.start, self.asked.end))
        )

    def false_values(self, spans: list[Span]) -> list[str]:
        """List the values that are cut, or that stand under what another one belongs to."""

        def inside(start: int, end: int) -> bool:
            return any(low <= start and end <= high for low, high in spans)

        shown = [(level, start, end) for level, start, end in self.heads if inside(start, end)]
        found = []
        for value in self.values:
            if not any(low < value.end and value.start < high for low, high in spans):
                continue
            above = [
                next(
                    ((start, end) for level, start, end in reversed(shown) if level == depth and end <= value.start),
                    own,
                )
                for depth, own in enumerate(value.heads)
            ]
            if not inside(value.start, value.end) or tuple(above) != value.heads:
                found.append(self.text[value.start : value.end])
        return found


class Draw:
    """What a page is made from: names and numbers, each once."""

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)
        names = [f"{area}-{role}" for area, role in itertools.product(_AREAS, _ROLES)]
        self.random.shuffle(names)
        self._names = itertools.chain(names, (f"{name}-{n}" for n in range(2, 99) for name in names))
        self._numbers: set[int] = set()

    def name(self) -> str:
        return next(self._names)

    def number(self, low: int = 100, high: int = 9_999) -> int:
        while (number := self.random.randint(low, high)) in self._numbers:
            pass
        self._numbers.add(number)
        return number

    def person(self) -> str:
        return f"{self.random.choice(_PEOPLE)} {self.number()}"

    def one_of(self, *values: str) -> str:
        return self.random.choice(values)


Form = Callable[[Page, Draw], Iterator[None]]
"""Writes a page; what comes after a `yield` may be left out."""


def _json_list(page: Page, draw: Draw) -> Iterator[None]:
    page.write('{\n  "cluster": "north",\n  "services": [')
    for comma in itertools.chain([""], itertools.repeat(",")):
        name = draw.name()
        page.write(f"{comma}\n    {{\n      ")
        page.head(0, f'"name": "{name}"')
        page.write(
            f',\n      "image": "registry.local/{name}:{draw.number()}",\n      "limits": {{\n        "timeout_ms": '
        )
        page.value(draw.number(), f"After how many milliseconds does {name} run into a timeout?")
        page.write(',\n        "memory_mb": ')
        page.value(draw.number(), f"How much memory may {name} use?")
        page.write('\n      },\n      "owner": "')
        page.value(draw.person(), f"Who owns {name}?")
        page.write('"\n    }')
        yield


def _json_object(page: Page, draw: Draw) -> Iterator[None]:
    page.write("{")
    for comma in itertools.chain([""], itertools.repeat(",")):
        name = draw.name()
        page.write(f"{comma}\n  ")
        page.head(0, f'"{name}": {{')
        for stage, end in (("staging", ","), ("production", "")):
            page.write("\n    ")
            page.head(1, f'"{stage}": {{')
            page.write('\n      "replicas": ')
            page.value(draw.number(), f"How many replicas does {name} have in {stage}?")
            page.write(',\n      "port": ')
            page.value(draw.number(), f"Which port does {name} listen on in {stage}?")
            page.write(f',\n      "debug": false\n    }}{end}')
        page.write("\n  }")
        yield


def _json_line(page: Page, draw: Draw) -> Iterator[None]:
    page.write('{"total":400,"orders":[')
    for comma in itertools.chain([""], itertools.repeat(",")):
        order = f"ord-{draw.number(10_000, 99_999)}"
        page.write(f"{comma}{{")
        page.head(0, f'"id":"{order}"')
        page.write(f',"state":"{draw.one_of("paid", "open", "sent")}","total_cents":')
        page.value(draw.number(), f"What is the total of {order}?")
        page.write(',"customer":{"name":"')
        page.value(draw.person(), f"Which customer placed {order}?")
        page.write('"},"items":')
        page.value(draw.number(), f"How many items are in {order}?")
        page.write("}")
        yield


def _json_rows(page: Page, draw: Draw) -> Iterator[None]:
    while True:
        name = draw.name()
        page.head(0, f'{{"job": "{name}"')
        page.write(f', "state": "{draw.one_of("done", "running", "queued")}", "attempts": ')
        page.value(draw.number(), f"How many attempts did the job {name} take?")
        page.write(', "worker": "')
        page.value(f"node-{draw.number()}", f"On which worker did the job {name} run?")
        page.write('"}\n')
        yield


def _clock(page: Page) -> str:
    second = page.text.count("\n")
    return f"2026-03-01T10:{second // 60 % 60:02}:{second % 60:02}Z"


def _log_lines(page: Page, draw: Draw) -> Iterator[None]:
    while True:
        name, order = draw.name(), f"ord-{draw.number(10_000, 99_999)}"
        page.write(f"{_clock(page)} INFO  ")
        page.head(0, f"{name}: order {order}")
        page.write(" was paid in ")
        page.value(f"{draw.number()} ms", f"How long did it take until {order} was paid?")
        page.write(" with card ")
        page.value(f"*{draw.number()}", f"Which card paid for {order}?")
        page.write("\n")
        yield


def _log_entries(page: Page, draw: Draw) -> Iterator[None]:
    while True:
        name = draw.name()
        page.write(f"{_clock(page)} INFO  ")
        page.head(0, f"deploy of {name} is done")
        page.write("\n    revision: ")
        page.value(f"r{draw.number()}", f"Which revision of {name} was deployed?")
        page.write("\n    image size: ")
        page.value(f"{draw.number()} MB", f"How large is the image of {name}?")
        page.write("\n    started by: ")
        page.value(draw.person(), f"Who started the deploy of {name}?")
        page.write("\n")
        yield


def _log_access(page: Page, draw: Draw) -> Iterator[None]:
    while True:
        path = f"/{draw.name()}/{draw.number(10_000, 99_999)}"
        page.write(f"10.0.{draw.random.randint(0, 255)}.{draw.random.randint(0, 255)} - - [{_clock(page)}] ")
        page.head(0, f'"GET {path} HTTP/1.1"')
        page.write(f" {draw.one_of('200', '304', '404', '502')} ")
        page.value(draw.number(), f"How many bytes did the request for {path} get?")
        page.write(' "-" "curl/8.5" rt=')
        page.value(f"0.{draw.number(1000, 9999)}", f"How long did the request for {path} take?")
        page.write("\n")
        yield


def _log_steps(page: Page, draw: Draw) -> Iterator[None]:
    while True:
        name = draw.name()
        page.head(0, f"=== job {name} ===")
        page.write("\n$ make test\ncollected ")
        page.value(f"{draw.number()} items", f"How many tests were collected in the job {name}?")
        page.write("\ncoverage is ")
        page.value(f"{draw.random.randint(40, 98)}.{draw.number()} percent", f"What is the coverage of the job {name}?")
        page.write("\nartifacts were uploaded as ")
        page.value(f"build-{draw.number()}.zip", f"What are the artifacts of the job {name} called?")
        page.write("\n\n")
        yield


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("-"))


def _python(page: Page, draw: Draw) -> Iterator[None]:
    page.write('"""Clients of all services."""\n\nimport http\n')
    while True:
        name = _camel(draw.name())
        page.write("\n\n")
        page.head(0, f"class {name}(Client):")
        page.write(f'\n    """Talks to {name}."""\n\n    timeout = ')
        page.value(draw.number(), f"What is the timeout of {name}?")
        page.write("\n    port = ")
        page.value(draw.number(), f"Which port does {name} use?")
        for verb in ("fetch", "store"):
            page.write("\n\n    ")
            page.head(1, f"def {verb}(self, key: str) -> bytes:")
            page.write(f'\n        """Ask the server to {verb} a key."""\n        for attempt in range(')
            page.value(draw.number(), f"How many attempts does {verb} of {name} make?")
            page.write(f"):\n            if (answer := self.call('{verb}', key, attempt)).ok:\n")
            page.write("                return answer.body\n        raise http.HTTPException(key)")
        page.write("\n")
        page._open[:] = page._open[:1]
        yield


def _typescript(page: Page, draw: Draw) -> Iterator[None]:
    page.write("import { request } from './request'\n")
    while True:
        name = _camel(draw.name())
        page.write("\n")
        page.head(0, f"export async function load{name}(id: string) {{")
        page.write("\n  const limit = ")
        page.value(draw.number(), f"What is the limit in load{name}?")
        page.write("\n  const rows = await request(`/rows/${id}`, { limit, timeout: ")
        page.value(draw.number(), f"Which timeout does load{name} pass to request?")
        page.write(" })\n  return rows.filter((row) => row.size > ")
        page.value(draw.number(), f"Above which size does load{name} return rows?")
        page.write(")\n}\n")
        yield


def _toml(page: Page, draw: Draw) -> Iterator[None]:
    while True:
        name = draw.name()
        page.head(0, f"[service.{name}]")
        page.write(f"\nenabled = {draw.one_of('true', 'false')}\ntimeout = ")
        page.value(draw.number(), f"What is the timeout of {name}?")
        page.write("\nretries = ")
        page.value(draw.number(), f"How often does {name} retry?")
        page.write('\nowner = "')
        page.value(draw.person(), f"Who owns {name}?")
        page.write('"\n\n')
        yield


def _yaml(page: Page, draw: Draw) -> Iterator[None]:
    page.write("version: 2\nservices:\n")
    while True:
        name = draw.name()
        page.write("  ")
        page.head(0, f"{name}:")
        page.write(f"\n    image: {name}\n")
        for part in ("resources", "health"):
            page.write("    ")
            page.head(1, f"{part}:")
            page.write("\n      interval: ")
            page.value(f"{draw.number()}s", f"What is the interval of {part} of {name}?")
            page.write("\n      limit: ")
            page.value(draw.number(), f"What is the limit of {part} of {name}?")
            page.write("\n")
        yield


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
        page.write(f"{_clock(page)} WARNING ")
        page.head(0, f"job {name} stopped")
        page.write("\nTraceback (most recent call last):\n")
        for step in ("run", "read", "parse"):
            page.write(
                f'  File "/srv/{name}/{step}.py", line {draw.number()}, in {step}\n    return self.{step}(item)\n'
            )
        page.value(
            f"{draw.one_of(*_ERRORS)}: batch {draw.number()} is broken", f"With which error did the job {name} stop?"
        )
        page.write(f"\n{_clock(page)} INFO scheduler looks for the next job\n")
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
        page.write(f"{_clock(page)} ERROR ")
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
    "JSON": (_json_list, _json_object, _json_line, _json_rows),
    "logs": (_log_lines, _log_entries, _log_access, _log_steps),
    "code": (_python, _typescript, _toml, _yaml),
    "tables": (
        _table(lambda cells: f"| {' | '.join(cells)} |\n", "|---|---|---|---|\n"),
        _table(lambda cells: ",".join(cells) + "\n"),
        _table(_aligned),
        _quarters,
    ),
    "tracebacks": (_trace_python, _trace_pytest, _trace_java, _trace_chain),
}

_ENDS = {_json_list: "\n  ]\n}\n", _json_object: "\n}\n", _json_line: "]}"}


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
