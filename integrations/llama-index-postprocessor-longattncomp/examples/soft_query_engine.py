"""Ask Python's own manual: MiniLM finds pages, hard compression shortens them, a local model reads them as vectors.

python soft_query_engine.py "Which statement ends a loop early?"
"""

from __future__ import annotations

import sys
from pydoc_data.topics import topics

from llama_index.core import Document, VectorStoreIndex
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.base.response.schema import RESPONSE_TYPE
from longattncomp.soft import SoftReader
from models import minilm

from llama_index.postprocessor.longattncomp import LongAttnPostprocessor, LongAttnSynthesizer

QUESTION = "Which statement ends a loop early?"
STATEMENTS = ("assert", "break", "continue", "del", "for", "pass", "return", "while")


def answer(
    question: str, reader: SoftReader, embedding: BaseEmbedding, postprocessor: LongAttnPostprocessor
) -> RESPONSE_TYPE:
    pages = [Document(text=topics[name], metadata={"statement": name}) for name in STATEMENTS]
    synthesizer = LongAttnSynthesizer(reader)
    engine = VectorStoreIndex.from_documents(pages, embed_model=embedding).as_query_engine(
        llm=synthesizer.llm,
        similarity_top_k=4,
        node_postprocessors=[postprocessor],
        response_synthesizer=synthesizer,
    )
    return engine.query(question)


if __name__ == "__main__":
    # What is kept in the folder is not compressed again by the next run.
    opened = SoftReader.from_pretrained("smollm2-135m-instruct", method="sac", store="vectors")
    found = answer(" ".join(sys.argv[1:]) or QUESTION, opened, minilm(), LongAttnPostprocessor(token_budget=400))
    print(
        *(f"{node.metadata['statement']}: {len(node.text)} characters" for node in found.source_nodes), found, sep="\n"
    )
