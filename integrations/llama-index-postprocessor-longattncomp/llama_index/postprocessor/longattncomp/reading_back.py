"""whole texts of shortened tool results, turns of a memory -> tools that read them."""

import hashlib
from collections.abc import Callable, Sequence

from llama_index.core.tools import FunctionTool
from llama_index.core.workflow import Context
from longattncomp import Compressor
from longattncomp.adapters import in_thread, read_back

READER = "read_original"
"""The name of the tool, and the beginning of the names of all tools whose results are not shortened."""

_KEPT = "longattncomp_originals"
_CHARACTERS = 64_000_000


def key_of(texts: Sequence[str]) -> str:
    """Make a key from the texts of a result, so that a repeated result gets the same one."""
    return hashlib.sha256("\n\n".join(texts).encode("utf-8", "surrogatepass")).hexdigest()[:12]


async def keep(ctx: Context, texts: Sequence[str]) -> None:
    """Keep the texts of a result in the run's context, the latest 64 million characters of all."""
    kept: dict[str, str] = dict(await ctx.store.get(_KEPT, default={}))
    key = key_of(texts)
    kept.pop(key, None)
    kept[key] = "\n\n".join(texts)
    while len(kept) > 1 and sum(map(len, kept.values())) > _CHARACTERS:
        del kept[next(iter(kept))]
    await ctx.store.set(_KEPT, kept)


def reading_tool(engine: Callable[[], Compressor]) -> FunctionTool:
    """Make a tool that reads a shortened result page by page, or what a query needs of it."""

    async def read(ctx: Context, id: str, query: str = "", page: int = 1) -> str:  # noqa: A002 (the model sees it)
        whole = (await ctx.store.get(_KEPT, default={})).get(id)
        if whole is None:
            raise ValueError(f"Nothing is kept under {id!r} (any more): call the tool that gave the text again.")
        return await in_thread(lambda: read_back(engine(), whole, page=page, query=query))

    return FunctionTool.from_defaults(
        async_fn=read,
        name=READER,
        description="Read a tool result that was shortened, by the id in its last line: what a query needs of it, or "
        "without a query the whole text, in pages that are counted from 1.",
    )


def turns_tool(name: str, turns: Callable[[str], str], engine: Callable[[], Compressor]) -> FunctionTool:
    """Make a tool that reads all turns that a memory archived in the session of the run that calls it.

    Args:
        name: of the tool.
        turns: gives the turns of a session as one text.
        engine: gives the engine.
    """

    async def read(ctx: Context, query: str = "", page: int = 1) -> str:
        memory = await ctx.store.get("memory", default=None)
        whole = turns(str(getattr(getattr(memory, "inner", memory), "session_id", "")))
        return await in_thread(lambda: read_back(engine(), whole, page=page, query=query))

    return FunctionTool.from_defaults(
        async_fn=read,
        name=name,
        description="Read the earlier turns of this conversation: what a query needs of them, or without a query all "
        "of them, in pages that are counted from 1.",
    )
