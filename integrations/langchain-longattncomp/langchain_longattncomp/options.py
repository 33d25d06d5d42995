"""LangChain's components -> the engine's options."""

from __future__ import annotations

from longattncomp.adapters import Options

UNCOMPRESSED = "uncompressed, perhaps over the token budget"
"""How text passes where the engine fails."""


class LongAttnOptions(Options):
    """Every setting of the engine as an optional field; `store` takes any `ByteStore` of LangChain's."""

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Say that `dumpd` and `load` work: all fields but an open `compressor` and `store` travel."""
        return True
