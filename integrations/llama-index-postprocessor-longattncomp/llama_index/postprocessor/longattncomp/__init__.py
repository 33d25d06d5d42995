"""LongAttnComp for LlamaIndex: nodes, memory and tool results, compressed for the question."""

from llama_index.postprocessor.longattncomp.agent import CompressToolResults
from llama_index.postprocessor.longattncomp.base import LongAttnCompPostprocessor
from llama_index.postprocessor.longattncomp.memory import LongAttnCompMemory
from llama_index.postprocessor.longattncomp.memory_block import LongAttnCompMemoryBlock
from llama_index.postprocessor.longattncomp.options import LongAttnCompOptions
from llama_index.postprocessor.longattncomp.prepare import LongAttnPrepare

__all__ = [
    "CompressToolResults",
    "LongAttnCompMemory",
    "LongAttnCompMemoryBlock",
    "LongAttnCompOptions",
    "LongAttnCompPostprocessor",
    "LongAttnPrepare",
]
