"""LangChain's components -> the engine's options."""

from __future__ import annotations

from langchain_core.stores import ByteStore
from longattncomp.adapters import Options
from pydantic import Field

UNCOMPRESSED = "uncompressed, perhaps over the token budget"
"""How text passes where the engine fails."""


class LongAttnOptions(Options):
    """Every setting of the engine as an optional field, and a store of LangChain's for what was read."""

    store: ByteStore | None = Field(
        default=None,
        exclude=True,
        repr=False,
        description="Keeps what was read, instead of the folder `key_store`; never dumped nor pickled.",
    )

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Say that `dumpd` and `load` work: all fields but an open `compressor` and `store` travel."""
        return True
