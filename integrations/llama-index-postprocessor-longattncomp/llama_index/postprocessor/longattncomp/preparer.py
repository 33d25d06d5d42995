"""nodes -> the same nodes, read ahead of a question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llama_index.core.schema import BaseNode, NodeWithScore, TransformComponent
from longattncomp.adapters import in_thread, pass_whole

from llama_index.postprocessor.longattncomp.nodes import text_of
from llama_index.postprocessor.longattncomp.options import LongAttnOptions


class LongAttnPreparer(LongAttnOptions, TransformComponent):
    """Reads nodes when they are ingested, so that later questions over any of them cost little.

    Put it behind the splitter of an `IngestionPipeline`, and give it the draft model, head and store of the
    `LongAttnPostprocessor` that answers later. Nodes that were read before are not read again, so a run that was
    killed continues. Nodes come back as they are.

    A pipeline's own cache skips nodes that it has seen. With `num_workers` the workers are processes, which share
    what they read through the folder `key_store` only.

    If the engine fails, a `longattncomp.LongAttnCompWarning` says so, and a question over these nodes reads them.
    A wrong option or a missing draft model is an error.
    """

    @classmethod
    def class_name(cls) -> str:
        return "LongAttnPreparer"

    def __call__(self, nodes: Sequence[BaseNode], **kwargs: Any) -> Sequence[BaseNode]:
        """Read the nodes, and return them as they are."""
        texts = [text for node in nodes if (text := text_of(NodeWithScore(node=node)))]
        if texts:
            engine = self.engine()
            pass_whole(lambda: engine.prepare(texts), None, "the nodes are read when a question comes")
        return nodes

    async def acall(self, nodes: Sequence[BaseNode], **kwargs: Any) -> Sequence[BaseNode]:
        return await in_thread(self.__call__, nodes, **kwargs)
