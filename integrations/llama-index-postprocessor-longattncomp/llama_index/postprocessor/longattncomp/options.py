"""LlamaIndex's components and `Settings` -> the engine's options."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from llama_index.core.bridge.pydantic import Field, WithJsonSchema, model_validator
from llama_index.core.settings import Settings
from llama_index.core.storage.kvstore.types import BaseKVStore
from longattncomp import Compressor
from longattncomp.adapters import Options

from llama_index.postprocessor.longattncomp.kv_store import KVByteStore, byte_store

_reading = threading.Lock()


class LongAttnOptions(Options):
    """Every setting of the engine as an optional field, and a key-value store of LlamaIndex's for what was read.

    The strongest source of a setting comes first: the field, `LONGATTNCOMP_<NAME>` in the environment, the same in
    `.env`, a line of `longattncomp.yaml` in the working directory or in the user's configuration folder, LlamaIndex's
    `Settings` (its tokenizer counts the budget), the engine's default. All of these are read at each call, and fields
    may be set at any time.
    """

    store: Annotated[BaseKVStore | None, WithJsonSchema({"type": "null"})] = Field(
        default=None,
        exclude=True,
        repr=False,
        description="Keeps what was read, instead of the folder `key_store`; never dumped nor pickled.",
    )

    @model_validator(mode="before")
    @classmethod
    def _without_class_name(cls, values: Any) -> Any:
        """Leave out the name of the class, which LlamaIndex writes into every dump."""
        return {k: v for k, v in values.items() if k != "class_name"} if isinstance(values, Mapping) else values

    def byte_store(self) -> KVByteStore | None:
        """Return the store as the engine needs it; the same object at each call."""
        return None if self.store is None else byte_store(self.store)

    def engine(self, *, target_tokenizer: Any = None, **defaults: Any) -> Compressor:
        """Return what `Options.engine` returns; `Settings.tokenizer` counts if no other tokenizer is named."""
        named = target_tokenizer or self.compressor or self.target_tokenizer
        return super().engine(target_tokenizer=target_tokenizer if named else settings_tokenizer(), **defaults)


def settings_tokenizer() -> Callable[[str], Any]:
    """Return LlamaIndex's global tokenizer as it is set now."""
    with _reading:  # the first read sets and unsets an environment variable, which two threads cannot do at once
        return Settings.tokenizer
