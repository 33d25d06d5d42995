"""a page -> the same page with more JSON, log lines or code, each with values that are like the others."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from tool_pages import Draw, Page, clock


def json_list(page: Page, draw: Draw) -> Iterator[None]:
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


def json_object(page: Page, draw: Draw) -> Iterator[None]:
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


def json_line(page: Page, draw: Draw) -> Iterator[None]:
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


def json_rows(page: Page, draw: Draw) -> Iterator[None]:
    while True:
        name = draw.name()
        page.head(0, f'{{"job": "{name}"')
        page.write(f', "state": "{draw.one_of("done", "running", "queued")}", "attempts": ')
        page.value(draw.number(), f"How many attempts did the job {name} take?")
        page.write(', "worker": "')
        page.value(f"node-{draw.number()}", f"On which worker did the job {name} run?")
        page.write('"}\n')
        yield


def log_lines(page: Page, draw: Draw) -> Iterator[None]:
    while True:
        name, order = draw.name(), f"ord-{draw.number(10_000, 99_999)}"
        page.write(f"{clock(page)} INFO  ")
        page.head(0, f"{name}: order {order}")
        page.write(" was paid in ")
        page.value(f"{draw.number()} ms", f"How long did it take until {order} was paid?")
        page.write(" with card ")
        page.value(f"*{draw.number()}", f"Which card paid for {order}?")
        page.write("\n")
        yield


def log_entries(page: Page, draw: Draw) -> Iterator[None]:
    while True:
        name = draw.name()
        page.write(f"{clock(page)} INFO  ")
        page.head(0, f"deploy of {name} is done")
        page.write("\n    revision: ")
        page.value(f"r{draw.number()}", f"Which revision of {name} was deployed?")
        page.write("\n    image size: ")
        page.value(f"{draw.number()} MB", f"How large is the image of {name}?")
        page.write("\n    started by: ")
        page.value(draw.person(), f"Who started the deploy of {name}?")
        page.write("\n")
        yield


def log_access(page: Page, draw: Draw) -> Iterator[None]:
    while True:
        path = f"/{draw.name()}/{draw.number(10_000, 99_999)}"
        page.write(f"10.0.{draw.random.randint(0, 255)}.{draw.random.randint(0, 255)} - - [{clock(page)}] ")
        page.head(0, f'"GET {path} HTTP/1.1"')
        page.write(f" {draw.one_of('200', '304', '404', '502')} ")
        page.value(draw.number(), f"How many bytes did the request for {path} get?")
        page.write(' "-" "curl/8.5" rt=')
        page.value(f"0.{draw.number(1000, 9999)}", f"How long did the request for {path} take?")
        page.write("\n")
        yield


def log_steps(page: Page, draw: Draw) -> Iterator[None]:
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


def python_module(page: Page, draw: Draw) -> Iterator[None]:
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


def typescript(page: Page, draw: Draw) -> Iterator[None]:
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


def toml(page: Page, draw: Draw) -> Iterator[None]:
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


def yaml(page: Page, draw: Draw) -> Iterator[None]:
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
