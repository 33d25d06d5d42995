"""What the adapters cost over the engine: time of a call, longest pauses of the event loop, time of an import.

A table, then a line of JSON. It needs both packages of `integrations/`.

python benchmarks/adapters.py
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from statistics import median

from langchain_core.documents import Document
from langchain_longattncomp import LongAttnCompressor
from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.postprocessor.longattncomp import LongAttnPostprocessor
from rich.console import Console
from rich.table import Table
from speed import machine, sources

from longattncomp import Compressor, Settings
from longattncomp.testing import ByteTokenizer, WordScorer

REPEATS = 30
PIECES = 100
CALLS = 4
TOKENS_READ = 5_000
QUESTION = "Which exception is raised when a task is cancelled?"
IMPORTS = {
    "langchain_longattncomp: LongAttnCompressor": (
        "from langchain_core.documents import BaseDocumentCompressor\n"
        "from langchain_core.runnables import RunnableSerializable",
        "from langchain_longattncomp import LongAttnCompressor",
    ),
    "langchain_longattncomp: LongAttnMiddleware": (
        "import langchain.agents.middleware, langchain.tools, langgraph.store.base",
        "from langchain_longattncomp import LongAttnMiddleware",
    ),
    "llama_index.postprocessor.longattncomp": (
        "import llama_index.core, llama_index.core.memory",
        "import llama_index.postprocessor.longattncomp",
    ),
}


def main() -> None:
    """Measure all three, print a table of each, then one line of JSON."""
    found = {
        "call_ms": overhead(),
        "pause_ms": asyncio.run(pauses()),
        "import_s": {name: imported(*codes) for name, codes in IMPORTS.items()},
    }
    titles = {
        "call_ms": f"milliseconds of a call over {PIECES} short pieces",
        "pause_ms": f"milliseconds of the event loop's pauses while {CALLS} calls run",
        "import_s": "processor seconds of an import",
    }
    console = Console(width=120)
    for key, rows in found.items():
        columns = list(next(iter(rows.values())))
        table = Table("", *columns, title=titles[key])
        for name, row in rows.items():
            table.add_row(name, *(f"{row[column]:.2f}" for column in columns))
        console.print(table)
    console.print(", ".join(f"{key} {value}" for key, value in machine().items()))
    print(json.dumps({"what": "adapters", "machine": machine(), **found}))


def overhead() -> dict[str, dict[str, float]]:
    """Return milliseconds of a call over 100 short pieces: the engine's, the adapter's, and their difference."""
    text = "Ada Marsh signed the lease in May. "
    compressor = Compressor(WordScorer(), ByteTokenizer(), settings=Settings(token_budget=6000))
    documents = [Document(text, id=str(index), metadata={"page": index}) for index in range(PIECES)]
    nodes = [NodeWithScore(node=TextNode(text=text)) for _ in range(PIECES)]
    labelled = [NodeWithScore(node=TextNode(text=text, metadata={"file_path": "/data/a.txt"})) for _ in range(PIECES)]
    langchain = LongAttnCompressor(compressor=compressor)
    llama_index = LongAttnPostprocessor(compressor=compressor)
    calls: dict[str, Callable[[], object]] = {
        "LangChain": lambda: langchain.compress_documents(documents, QUESTION),
        "LlamaIndex": lambda: llama_index.postprocess_nodes(nodes, query_str=QUESTION),
        "LlamaIndex, nodes with metadata": lambda: llama_index.postprocess_nodes(labelled, query_str=QUESTION),
    }
    found = {}
    for name, call in calls.items():
        pairs = [
            (milliseconds(lambda: compressor.compress(QUESTION, [text] * PIECES)), milliseconds(call))
            for _ in range(REPEATS)
        ]
        engine, adapter = map(min, zip(*pairs, strict=True))
        found[name] = {"engine": engine, "adapter": adapter, "overhead": adapter - engine}
    return found


def milliseconds(call: Callable[[], object]) -> float:
    """Return the milliseconds that this thread works on a call."""
    start = time.thread_time()
    call()
    return 1000 * (time.thread_time() - start)


async def pauses() -> dict[str, dict[str, float]]:
    """Return milliseconds for which another task waits while the embedded draft model works for several calls."""
    compressor = Compressor.from_pretrained(cache_bytes=0)
    texts = sources(TOKENS_READ)
    langchain = LongAttnCompressor(compressor=compressor, token_budget=500)
    llama_index = LongAttnPostprocessor(compressor=compressor, token_budget=500)
    documents = [Document(text) for text in texts]
    nodes = [NodeWithScore(node=TextNode(text=text)) for text in texts]
    return {
        "LangChain": await paused([langchain.acompress_documents(documents, QUESTION) for _ in range(CALLS)]),
        "LlamaIndex": await paused(
            [llama_index.apostprocess_nodes(nodes, query_str=QUESTION) for _ in range(CALLS)],
        ),
    }


async def paused(calls: Sequence[Awaitable[object]]) -> dict[str, float]:
    """Return how long a task that sleeps 5 ms at a time overslept while the calls ran, in milliseconds."""
    waited: list[float] = []
    running = asyncio.gather(*calls)
    while not running.done():
        start = time.perf_counter()
        await asyncio.sleep(0.005)
        waited.append(1000 * (time.perf_counter() - start) - 5)
    await running
    waited.sort()
    return {"median": median(waited), "99%": waited[int(0.99 * len(waited))], "longest": waited[-1]}


def imported(framework: str, ours: str) -> dict[str, float]:
    """Return processor seconds of an import after the framework's own, in new processes; the best of three."""
    code = f"import time\n{framework}\nstart = time.process_time()\n{ours}\nprint(time.process_time() - start)"
    runs = [subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True) for _ in range(3)]
    return {"after the framework": min(float(run.stdout) for run in runs)}


if __name__ == "__main__":
    main()
