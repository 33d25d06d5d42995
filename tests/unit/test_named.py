"""Entries of settings and data come with what names the block that they stand in, and with no other block's."""

import json

import pytest
from cutting import cut

MORE = "".join(f"    limit{number} {number}m;\n" for number in range(9))
SERVERS = "".join(
    f"server {{\n    listen 443;\n    server_name {name}.example;\n{MORE}}}\n" for name in ("alpha", "beta")
)
DATA = "".join(f"  limit{number}: {number}\n" for number in range(9))
MAPS = "\n---\n".join(
    f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n{DATA}items:\n  - a\n  - b"
    for name in ("alpha", "beta")
)
ITEMS = "jobs:\n" + "".join(
    f"- limit: {number}\n  command: |\n    make clean all\n    make install\n  sort: x\n  name: {name}\n{DATA}"
    for number, name in enumerate(("alpha", "beta"))
)
VALUES = {f"limit{number}": number for number in range(40)}
OBJECTS = json.dumps([{"id": 7, "name": name, "uses": VALUES} for name in ("alpha", "beta")], indent=1)
TABLES = "".join(
    f"[[jobs]]\nname = '{name}'\n" + DATA.replace("  ", "").replace(":", " =") + "\n" for name in ("alpha", "beta")
)
BLOCKS = {
    "a block in brackets": SERVERS,
    "documents": MAPS,
    "items": ITEMS,
    "objects": OBJECTS,
    "tables": TABLES,
}


@pytest.mark.parametrize("text", BLOCKS.values(), ids=BLOCKS)
def test_the_name_of_a_block_comes_with_what_stands_in_it(text: str) -> None:
    found = [above for node, above in cut(text, 6, 8) if "limit7" in node]
    for (one, other), above in zip((("alpha", "beta"), ("beta", "alpha")), found, strict=True):
        assert any(one in lead for lead in above)
        assert not any(other in lead for lead in above)


def test_documents_begin_and_end_nodes() -> None:
    assert not any("---" in node and not node.startswith("---") for node, _ in cut(MAPS, 6, 8))


def _maps(*places: str) -> str:
    return "\n---\n".join(
        f"kind: ConfigMap\nmetadata:\n  namespace: {place}\n  name: alpha\ndata:\n{DATA}" for place in places
    )


def test_the_namespace_of_a_document_comes_along_where_there_are_several() -> None:
    found = [above for node, above in cut(_maps("dev", "prod"), 6, 8) if "limit7" in node]
    assert [[lead for lead in above if "namespace" in lead] for above in found] == [
        ["  namespace: dev\n"],
        ["  namespace: prod\n"],
    ]
    assert not any("namespace" in lead for _, above in cut(_maps("prod", "prod"), 6, 8) for lead in above)


HOLDS = "spring.config.activate.on-profile={}\n"
PROFILES = {
    "properties": f"a.name=first\n#---\n{HOLDS}a.url=one\n\n# More\na.limit7=7\n#---\na.b=second\n",
    "YAML": "a: first\n---\nspring:\n  config:\n    activate:\n      on-profile: {}\n\nlimit7: 7\n---\na: second\n",
    "before": "a: first\n---\nspring:\n  profiles: {}\n\na:\n  limit7: 7\n---\na: second\n",
}


@pytest.mark.parametrize("text", PROFILES.values(), ids=PROFILES)
def test_the_profile_of_a_document_of_spring_comes_with_all_of_it(text: str) -> None:
    led = [node for node, above in cut(text.format("test"), 3, 8) if any("test" in lead for lead in above)]
    assert any("limit7" in node for node in led)
    assert not any("second" in node or "first" in node for node in led)


CODE = "".join(f"def run_{number}(self):\n    name = 'x{number}'\n    limit7 = 1\n" for number in range(3))
NO_NAMES = {
    "one block alone": json.dumps({"name": "alpha", "uses": VALUES}, indent=1),
    "code": CODE.replace("_1", "").replace("_2", "").replace("_0", ""),
    "the head of a page": "---\ntitle: alpha\ndate: 2020-01-01\nlimit7: 70\n---\n\nAll is told below.\n",
}


@pytest.mark.parametrize("text", NO_NAMES.values(), ids=NO_NAMES)
def test_what_is_no_name_of_a_block(text: str) -> None:
    above = [lead for node, above in cut(text, 6, 8) for lead in above if "limit7" in node]
    assert not any(name in lead for name in ("alpha", "name =") for lead in above)


SPEC = (
    "openapi: 3.0.3\npaths:\n  /orders:\n    get:\n      description: >\n        All orders of the shop.\n"
    "      parameters:\n        - in: query\n        - in: path\n      responses:\n        '200': {description: Good}\n"
    "        '429': {description: Too many of them}\n"
)


def test_texts_and_paths_are_part_of_settings() -> None:
    (above,) = (above for node, above in cut(SPEC, 4, 6) if "429" in node)
    assert [lead.strip() for lead in above] == ["responses:", "get:", "/orders:", "paths:"]


def test_a_block_with_the_name_of_a_default_is_part_of_no_other() -> None:
    text = "stages: [one, two]\n\ndefault:\n" + DATA
    assert not any("stages" in lead for node, above in cut(text, 6, 8) for lead in above if "limit7" in node)


@pytest.mark.parametrize("takes", ["parameters", "inputSchema"])
def test_the_name_of_a_tool_comes_with_what_it_takes(takes: str) -> None:
    town = {"type": "string", "description": "Where it is to be sent in the end."}
    text = json.dumps({"name": "send_belt", takes: {"properties": {"town": town}}}, indent=1)
    (above,) = (above for node, above in cut(text, 4, 6) if "in the end" in node)
    assert any("send_belt" in lead for lead in above)
