"""LangChain's components -> the engine's options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from longattncomp import Compressor
from longattncomp.adapters import PER_CALL, InputError, Options

MARK = "longattncomp"
"""The key in `response_metadata` of a message that must not be shortened again, and of options in a run's context."""

UNCOMPRESSED = "uncompressed, perhaps over the token budget"
"""How text passes where the engine fails."""


class LongAttnOptions(Options):
    """Every setting of the engine as an optional field; `store` takes any `ByteStore` of LangChain's."""

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Say that `dumpd` and `load` work: all fields but an open `compressor` and `store` travel."""
        return True

    def for_run(self, context: Any) -> Compressor:
        """Return the engine of an agent's run, with the options under the key or attribute `MARK` of its context."""
        given = context.get(MARK) if isinstance(context, Mapping) else getattr(context, MARK, None)
        if not isinstance(given or {}, Mapping) or not set(given or {}) <= PER_CALL:
            names = ", ".join(sorted(PER_CALL))
            raise InputError(f"expected {MARK!r} in the context as a mapping with any of {names}, got {given!r}")
        options = self.model_copy(update=dict(given)) if given else self
        return options.engine(edge_marks=True)
