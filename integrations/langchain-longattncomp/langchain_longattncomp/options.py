"""The engine's options as LangChain's components carry them."""

from __future__ import annotations

from langchain_core.stores import ByteStore
from longattncomp.adapters.options import Options
from pydantic import Field


class LongAttnOptions(Options):
    """Every setting of the engine under its name, and a store of LangChain's for what was read."""

    store: ByteStore | None = Field(
        default=None,
        exclude=True,
        repr=False,
        description="Where keys are kept instead of the folder `key_store`; never dumped nor pickled.",
    )
