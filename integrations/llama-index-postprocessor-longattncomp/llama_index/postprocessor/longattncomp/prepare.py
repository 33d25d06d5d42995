"""nodes -> the same nodes, read ahead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llama_index.core.schema import BaseNode, NodeWithScore, TransformComponent
from longattncomp.errors import InputError
from longattncomp.runtime.threads import in_thread

from llama_index.postprocessor.longattncomp.nodes import text_of
from llama_index.postprocessor.longattncomp.options import LongAttnOptions
from llama_index.postprocessor.longattncomp.shrinking import warn_of


class LongAttnPreparer(LongAttnOptions, TransformComponent):
    """Reads nodes when they are ingested, so that a question over them, in any company, costs little.

    Put it behind the splitter of an `IngestionPipeline`, and give it the draft model, head and store of
    the `LongAttnPostprocessor` that is asked later. What was read before is not read again, so a
    run that was killed goes on where it was. Nodes come back as they are.

    A pipeline's own cache passes by what it has seen. With `num_workers` the workers are processes,
    which share what they read in the folder `key_store` only.

    If the engine fails, a `longattncomp.LongAttnCompWarning` says so, and a question over these nodes
    reads them. A wrong option or a missing draft model is an error.
    """

    @classmethod
    def class_name(cls) -> str:
        return "LongAttnPreparer"

    def __call__(self, nodes: Sequence[BaseNode], **kwargs: Any) -> Sequence[BaseNode]:
        """Read what was not read before.

        Raises:
            InputError: an option is out of its range, or nothing would be kept.
            ModelError: the draft model or head cannot be found, read or used.
            CacheError: the cache directory cannot be written.
        """
        texts = [text for node in nodes if (text := text_of(NodeWithScore(node=node)))]
        if texts:
            engine = self.engine()
            try:
                engine.prepare(texts)
            except InputError:
                raise
            except Exception as error:  # noqa: BLE001 (ingestion goes on)
                warn_of(error, "the nodes are read when a question comes")
        return nodes

    async def acall(self, nodes: Sequence[BaseNode], **kwargs: Any) -> Sequence[BaseNode]:
        return await in_thread(self.__call__, nodes, **kwargs)
