"""Ask Python's own manual: Chroma, all-MiniLM-L6-v2, compression, SmolLM2. Offline, on a CPU.

python query_engine.py "What happens if an exception is raised inside a with statement?"
"""

from __future__ import annotations

import sys
from pydoc_data.topics import topics

import chromadb
from llama_index.core import Document, Settings, StorageContext, VectorStoreIndex
from llama_index.core.base.response.schema import Response
from llama_index.core.llms import LLM
from llama_index.core.node_parser import SentenceSplitter
from llama_index.vector_stores.chroma import ChromaVectorStore
from models import minilm, smollm2

from llama_index.postprocessor.longattncomp import LongAttnPostprocessor

QUESTION = "What happens if an exception is raised inside a with statement?"
STATEMENTS = ("with", "try", "for", "while", "raise", "del", "import", "assert", "lambda", "global", "yield", "pass")


def answer(question: str, llm: LLM, *, token_budget: int = 400) -> Response:
    client = chromadb.EphemeralClient(settings=chromadb.Settings(anonymized_telemetry=False))
    store = ChromaVectorStore(chroma_collection=client.get_or_create_collection("manual"))
    index = VectorStoreIndex.from_documents(
        [Document(text=topics[name], metadata={"statement": name}) for name in STATEMENTS],
        storage_context=StorageContext.from_defaults(vector_store=store),
        transformations=[SentenceSplitter(chunk_size=256, chunk_overlap=0)],
        embed_model=minilm(),
    )
    engine = index.as_query_engine(
        llm=llm,
        similarity_top_k=8,
        node_postprocessors=[LongAttnPostprocessor(token_budget=token_budget)],
    )
    response = engine.query(question)
    assert isinstance(response, Response)
    return response


if __name__ == "__main__":
    llm = smollm2()
    Settings.tokenizer = llm._tokenizer.encode  # the budget is counted in the LLM's tokens
    found = answer(" ".join(sys.argv[1:]) or QUESTION, llm)
    for node in found.source_nodes:
        print(f"--- {node.metadata['statement']}, score {node.metadata['longattncomp_score']:.3f}\n{node.text}")
    print(f"\n{llm.metadata.model_name}: {found}")
