"""LongAttnComp for LlamaIndex: compresses nodes, memory and tool results for the question."""

from llama_index.postprocessor.longattncomp.agent import CompressToolResults
from llama_index.postprocessor.longattncomp.base import LongAttnPostprocessor
from llama_index.postprocessor.longattncomp.memory import LongAttnMemory
from llama_index.postprocessor.longattncomp.memory_block import LongAttnMemoryBlock
from llama_index.postprocessor.longattncomp.options import LongAttnOptions
from llama_index.postprocessor.longattncomp.preparer import LongAttnPreparer
from llama_index.postprocessor.longattncomp.synthesizer import LongAttnSynthesizer

__all__ = [
    "CompressToolResults",
    "LongAttnMemory",
    "LongAttnMemoryBlock",
    "LongAttnOptions",
    "LongAttnPostprocessor",
    "LongAttnPreparer",
    "LongAttnSynthesizer",
]
