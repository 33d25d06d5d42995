"""Any OpenAI-compatible server reads the compressed context.

python openai_compatible.py http://localhost:8000/v1 model-name
"""

from __future__ import annotations

import sys
from pydoc_data.topics import topics

from llama_index.core import Document, get_response_synthesizer
from llama_index.core.schema import NodeWithScore
from llama_index.llms.openai_like import OpenAILike

from llama_index.postprocessor.longattncomp import LongAttnPostprocessor

QUESTION = "What happens if an exception is raised inside a with statement?"


def ask(base_url: str, model: str, **options: object) -> str:
    llm = OpenAILike(model=model, api_base=base_url, api_key="none", is_chat_model=True, max_retries=0)
    nodes = [
        NodeWithScore(node=Document(text=topics[name], metadata={"topic": name})) for name in ("with", "try", "raise")
    ]
    left = LongAttnPostprocessor(token_budget=300, **options).postprocess_nodes(nodes, query_str=QUESTION)
    return str(get_response_synthesizer(llm=llm).synthesize(QUESTION, nodes=left))


if __name__ == "__main__":
    print(ask(*sys.argv[1:3]))
