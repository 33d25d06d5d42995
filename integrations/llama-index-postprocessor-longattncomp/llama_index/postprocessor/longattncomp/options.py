"""The engine's options as LlamaIndex's components carry them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llama_index.core.bridge.pydantic import Field, model_validator
from llama_index.core.storage.kvstore.types import BaseKVStore
from longattncomp import Compressor
from longattncomp.adapters.options import Options

from llama_index.postprocessor.longattncomp.kv_store import KVByteStore, byte_store
from llama_index.postprocessor.longattncomp.tokenizer import settings_tokenizer


class LongAttnOptions(Options):
    """Every setting of the engine, under its name. None leaves it to the engine.

    Strongest first: the field, `LONGATTNCOMP_<NAME>` in the environment, the same in `.env`, a
    line of `longattncomp.yaml`, LlamaIndex's `Settings` (its tokenizer counts the budget), the
    engine's default. All of these are read at each call, and fields may be set at any time.
    """

    store: BaseKVStore | None = Field(
        default=None,
        exclude=True,
        repr=False,
        description="Where keys are kept instead of the folder `key_store`; never dumped nor pickled.",
    )

    @model_validator(mode="before")
    @classmethod
    def _without_class_name(cls, values: Any) -> Any:
        """LlamaIndex writes the class's name into every dump."""
        return {k: v for k, v in values.items() if k != "class_name"} if isinstance(values, Mapping) else values

    def byte_store(self) -> KVByteStore | None:
        """The store that was given, as the engine asks it; the same object at each call."""
        return None if self.store is None else byte_store(self.store)

    def engine(self, *, target_tokenizer: Any = None) -> Compressor:
        """The compressor that these options name; LlamaIndex's `Settings.tokenizer` counts if nothing else is named.

        Raises:
            InputError: an option is out of its range.
            ModelError: the draft model or head cannot be found, read or used.
            CacheError: the cache directory cannot be written.
        """
        named = target_tokenizer or self.compressor or self.target_tokenizer
        return super().engine(target_tokenizer=target_tokenizer if named else settings_tokenizer())
