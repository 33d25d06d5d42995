"""A chain that asks any server with OpenAI's API, and sends it only what the question needs.

OPENAI_BASE_URL=http://localhost:8000/v1 python examples/openai_compatible.py
"""

import asyncio
import os
from pathlib import Path

from langchain_core.documents import Document
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableParallel
from langchain_openai import ChatOpenAI

from langchain_longattncomp import LongAttnCompressor

QUESTION = "How does a TaskGroup cancel its other tasks when one of them fails?"


def main(base_url: str, **options: object) -> str:
    folder = Path(asyncio.__file__).parent
    sources = [
        Document(file.read_text(encoding="utf-8"), metadata={"source": file.name})
        for file in (folder / "taskgroups.py", folder / "timeouts.py", folder / "locks.py")
    ]
    chain = (
        RunnableParallel(
            context=LongAttnCompressor(token_budget=1_000, **options)
            | (lambda kept: "\n\n".join(f"# {one.metadata['source']}\n{one.page_content}" for one in kept)),
            question=lambda given: given["query"],
        )
        | ChatPromptTemplate.from_template("{context}\n\n{question}")
        | ChatOpenAI(base_url=base_url, api_key=os.environ.get("OPENAI_API_KEY", "none"), model="local")
        | StrOutputParser()
    )
    return chain.invoke({"documents": sources, "query": QUESTION})


if __name__ == "__main__":
    print(main(os.environ["OPENAI_BASE_URL"]))
