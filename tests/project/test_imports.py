"""Imports between our modules point one way (design, section 4)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib.util import resolve_name
from pathlib import Path

import pytest

import longattncomp

PACKAGE = "longattncomp"
ROOT = Path(longattncomp.__file__).parent

ORDER = (
    {"types", "errors", "installed", "runtime", "scorers.methods"},
    {"settings", "counting", "inputs", "chunking", "query", "selection", "rendering", "assembly", "html"},
    {"backbone"},
    {"scorers", "soft"},
    {"pipeline", "compressor"},
    {"adapters", "indexing", "testing"},
    {""},  # the package itself, which hands out the names of all above
    {"data"},
    {"training", "evaluation"},
    {"cli"},
    {"__main__"},
)
"""Each may import what stands before it or beside it; training and evaluation know nothing of each other."""

CHUNKING = (
    {"lines", "outline", "boundaries"},
    {"sentences"},
    {"headings", "prose"},
    {"tables", "code", "printed", "talk"},
    {"markup", "fences", "copies"},
    {"links"},
    {"structure"},
    {"lead_ins", "nodes"},
    {"segments"},
)
"""The same for the rooms of chunking, except that a room knows nothing of those beside it."""

UPWARD = {("types", "html")}
"""Inside a function only: a result shows itself."""

TORCH = {
    *("backbone", "runtime.processors", "soft"),
    *("scorers.cross_attention", "scorers.speculative", "scorers.opening"),
    *(
        f"training.{name}"
        for name in (
            *("losses", "states", "objective", "lora", "loop", "steps", "probe", "checkpoints", "batches"),
            *("soft_loop", "soft_objective"),
        )
    ),
    "evaluation.targets.local",
}
"""Who may import torch when it is imported itself: what makes samples does not."""


@dataclass(frozen=True)
class Import:
    """One imported name.

    Attributes:
        module: who imports, as `package.module`.
        name: what is imported, as `package.module` or `package.module.name`.
        line: where.
        lazy: whether it stands inside a function.
    """

    module: str
    name: str
    line: int
    lazy: bool

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.name}"


def module_name(file: Path, root: Path) -> str:
    parts = [PACKAGE, *file.relative_to(root).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(source: str, module: str, *, is_package: bool = False) -> Iterator[Import]:
    """Every import of a module, wherever it stands."""
    package = module if is_package else module.rpartition(".")[0]
    todo: list[tuple[ast.AST, bool]] = [(ast.parse(source), False)]
    while todo:
        node, lazy = todo.pop()
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module, alias.name, node.lineno, lazy)
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package)
            for alias in node.names:
                yield Import(module, f"{base}.{alias.name}", node.lineno, lazy)
        inner = lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        todo += [(child, inner) for child in ast.iter_child_nodes(node)]


@cache
def all_imports(root: Path = ROOT) -> list[Import]:
    return [
        found
        for file in sorted(root.rglob("*.py"))
        for found in imports(file.read_text("utf-8"), module_name(file, root), is_package=file.name == "__init__.py")
    ]


def part(name: str) -> str:
    """The part of the package that a module belongs to: its first name under the package's."""
    parts = name.split(".")[1:]
    known = set().union(*ORDER)
    return next((found for end in (2, 1) if (found := ".".join(parts[:end])) in known and found), "")


def rank(name: str) -> int:
    return next(place for place, parts in enumerate(ORDER) if name in parts)


def ours(found: Import) -> bool:
    return found.name.split(".")[0] == PACKAGE


def allowed(found: Import) -> bool:
    edge = part(found.module), part(found.name)
    if set(edge) == {"training", "evaluation"}:
        return False
    return rank(edge[1]) <= rank(edge[0]) or (found.lazy and edge in UPWARD)


def test_every_module_has_its_place() -> None:
    placed = set().union(*ORDER)
    names = {path.stem if path.is_file() else path.name for path in ROOT.iterdir() if is_module(path)}
    assert names - {"__init__"} <= placed, "a new module: give it its place in ORDER"


def is_module(path: Path) -> bool:
    return path.suffix == ".py" or (path / "__init__.py").is_file()


def test_the_top_level_has_few_modules_and_none_is_long() -> None:
    assert len([path for path in ROOT.iterdir() if path.suffix == ".py"]) <= 14
    sizes = {str(file.relative_to(ROOT)): len(file.read_text("utf-8").splitlines()) for file in ROOT.rglob("*.py")}
    assert {name: size for name, size in sizes.items() if size > 300} == {}


def test_imports_point_one_way() -> None:
    found = [edge for edge in all_imports() if ours(edge)]
    assert len(found) > 50, "found too few imports to be the whole package"
    assert [str(edge) for edge in found if not allowed(edge)] == []


def test_rooms_of_chunking_know_nothing_of_each_other() -> None:
    place = {name: level for level, names in enumerate(CHUNKING) for name in names}
    inside = f"{PACKAGE}.chunking."
    edges = [
        (edge, edge.module.removeprefix(inside).split(".")[0], edge.name.removeprefix(inside).split(".")[0])
        for edge in all_imports()
        if edge.module.startswith(inside) and edge.name.startswith(inside)
    ]
    assert len(edges) > 100
    assert [str(edge) for edge, room, used in edges if room != used and place[used] >= place[room]] == []


def test_no_module_imports_itself_in_a_circle() -> None:
    modules = {module_name(file, ROOT) for file in ROOT.rglob("*.py")}
    graph: dict[str, set[str]] = {module: set() for module in modules}
    for edge in all_imports():
        if ours(edge) and not edge.lazy:
            name = edge.name if edge.name in modules else edge.name.rpartition(".")[0]
            graph[edge.module].add(name)
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"imports in a circle: {' -> '.join(error.args[1])}")


ACCELERATE = {f"training.{name}" for name in ("loop", "soft_loop", "steps", "checkpoints")}


def heavy(found: Import, library: str) -> bool:
    return found.name.split(".")[0] == library and not found.lazy


def test_torch_is_imported_where_tensors_are() -> None:
    found = [edge for edge in all_imports() if heavy(edge, "torch")]
    assert found
    assert [str(edge) for edge in found if not within(edge.module, TORCH)] == []


def within(module: str, places: set[str]) -> bool:
    return any(f"{module}.".startswith(f"{PACKAGE}.{place}.") for place in places)


def test_only_the_training_loop_imports_accelerate() -> None:
    found = [edge for edge in all_imports() if heavy(edge, "accelerate")]
    assert found
    assert [str(edge) for edge in found if not within(edge.module, ACCELERATE)] == []


@pytest.mark.parametrize("library", ["pickle", "cloudpickle", "dill", "marshal", "shelve", "joblib", "diskcache"])
def test_nobody_imports_what_unpickles(library: str) -> None:
    found = [edge for edge in all_imports() if f"{edge.name}.".startswith(f"{library}.")]
    assert [str(edge) for edge in found if edge.name != "pickle.UnpicklingError"] == []


@pytest.mark.parametrize(
    "library",
    [
        "transformers",
        "tiktoken",
        "huggingface_hub",
        "gguf",
        "datasets",
        "sentence_transformers",
        "anyio",
        "openai",
        "torchmetrics",
    ],
)
def test_these_are_imported_where_they_are_used(library: str) -> None:
    cache = {"backbone.passes", "backbone.key_values"} if library == "transformers" else set()  # one is a base class
    found = [edge for edge in all_imports() if heavy(edge, library) and not within(edge.module, cache)]
    assert [str(edge) for edge in found] == []


def test_whoever_loads_torch_is_not_loaded_by_the_package() -> None:
    """What `import longattncomp` loads, followed through the files: none of it may import torch."""
    found = all_imports()
    modules = {edge.module for edge in found} | {PACKAGE}
    todo, seen = [PACKAGE], set()
    while todo:
        module = todo.pop()
        if module in seen:
            continue
        seen.add(module)
        for edge in found:
            if edge.module == module and not edge.lazy and ours(edge):
                parts = edge.name.split(".")
                todo += [name for end in range(1, len(parts) + 1) if (name := ".".join(parts[:end])) in modules]
    assert len(seen) > 5
    assert [str(edge) for edge in found if edge.module in seen and heavy(edge, "torch")] == []


# The test itself.


@pytest.mark.parametrize(
    ("module", "source", "fine"),
    [
        ("longattncomp.chunking.nodes", "from longattncomp.types import Node", True),
        ("longattncomp.chunking.nodes", "from longattncomp import types", True),
        ("longattncomp.chunking.nodes", "from .types import Node", True),
        ("longattncomp.chunking.nodes", "from longattncomp import Node", False),
        ("longattncomp.chunking.nodes", "import longattncomp.scorers.opening", False),
        ("longattncomp.chunking.nodes", "def f():\n    from longattncomp.compressor import Compressor", False),
        ("longattncomp.types", "from longattncomp.html.page import page", False),
        ("longattncomp.types", "class A:\n    def f(self):\n        from longattncomp.html.page import page", True),
        ("longattncomp.backbone.model_cache", "from longattncomp.scorers import head", False),
        ("longattncomp.scorers.cross_attention.head", "from longattncomp.backbone.forward import Backbone", True),
        ("longattncomp.scorers.cross_attention.head", "from ...cli import app", False),
        ("longattncomp.evaluation.measure", "from longattncomp import Compressor", True),
        ("longattncomp.training.loop", "from longattncomp.scorers.cross_attention.logsumexp import segment_mass", True),
        ("longattncomp.training.stages", "from longattncomp.data.rows import Example", True),
        ("longattncomp.training.stages", "from longattncomp.evaluation.kept import record", False),
        ("longattncomp.evaluation.kept", "from longattncomp.training.stages import Stage", False),
        ("longattncomp.settings", "from longattncomp.scorers.methods import METHODS", True),
        ("longattncomp.settings", "from longattncomp.scorers.bm25 import BM25Scorer", False),
        ("longattncomp.scorers.cross_attention.logsumexp", "from longattncomp.training import losses", False),
        ("longattncomp.evaluation.measure", "from longattncomp.cli import app", False),
        ("longattncomp.compressor", "if True:\n    from longattncomp.evaluation import rows", False),
    ],
)
def test_the_direction_is_seen(module: str, source: str, fine: bool) -> None:
    (found,) = imports(source, module)
    assert ours(found)
    assert allowed(found) is fine


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        ("import torch", True),
        ("try:\n    from torch import nn\nexcept ImportError:\n    pass", True),
        ("class A:\n    import torch.nn", True),
        ("def f():\n    import torch", False),
        ("import torchvision", False),
    ],
)
def test_torch_at_the_top_is_seen(source: str, seen: bool) -> None:
    (found,) = imports(source, "longattncomp.chunking.nodes")
    assert heavy(found, "torch") is seen
