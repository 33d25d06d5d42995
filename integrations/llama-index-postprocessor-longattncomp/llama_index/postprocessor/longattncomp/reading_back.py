"""whole texts of shortened tool results, turns of a memory -> tools that read them."""

from collections.abc import Callable, Sequence

from llama_index.core.tools import FunctionTool
from llama_index.core.workflow import Context
from longattncomp import Compressor
from longattncomp.adapters import GONE, in_thread, original, read_back

from llama_index.postprocessor.longattncomp.shrinking import READER

_KEPT = "longattncomp_originals"
_CHARACTERS = 64_000_000


async def keep(ctx: Context, texts: Sequence[str]) -> None:
    """Keep the texts of a result in the run's context, the latest 64 million characters of all."""
    kept: dict[str, str] = dict(await ctx.store.get(_KEPT, default={}))
    key, whole = original(texts)
    kept.pop(key, None)
    kept[key] = whole
    while len(kept) > 1 and sum(map(len, kept.values())) > _CHARACTERS:
        del kept[next(iter(kept))]
    await ctx.store.set(_KEPT, kept)


def reading_tool(engine: Callable[[], Compressor]) -> FunctionTool:
    """Make a tool that reads a shortened result page by page, or what a query needs of it."""

    async def read(ctx: Context, id: str, query: str = "", page: int = 1) -> str:  # noqa: A002 (the model sees it)
        whole = (await ctx.store.get(_KEPT, default={})).get(id)
        if whole is None:
            raise ValueError(GONE.format(id))
        return await in_thread(lambda: read_back(engine(), whole, page=page, query=query))

    return FunctionTool.from_defaults(
        async_fn=read,
        name=READER,
        description="Read a tool result that was shortened, by the id in its last line: what a query needs of it, or "
        "without a query the whole text, in pages that are counted from 1.",
    )


def turns_tool(name: str, turns: Callable[[str], str], engine: Callable[[], Compressor]) -> FunctionTool:
    """Make a tool that reads all turns that a memory archived in the session of the run that calls it."""

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
