"""Python's manual -> vectors, made once -> answers of a small local model that reads them. Offline, on a CPU.

python examples/soft_reader.py "Which statement ends a loop early?"
"""

import sys
from pydoc_data.topics import topics

from langchain_core.documents import Document
from langchain_core.runnables import RunnablePassthrough
from longattncomp.soft import SoftReader

from langchain_longattncomp import LongAttnCompressor, LongAttnReader

QUESTION = "Which statement ends a loop early?"
STATEMENTS = ("assert", "break", "continue", "del", "pass", "return")


def main(question: str, reader: SoftReader, compressor: LongAttnCompressor) -> tuple[str, str]:
    """Answer from whole pages, then from what the compressor keeps of them, which the reader compresses again."""
    pages = [Document(topics[name], metadata={"topic": name}) for name in STATEMENTS]
    soft = LongAttnReader(reader=reader)
    hard_then_soft = (
        RunnablePassthrough.assign(
            context=lambda given: compressor.compress_documents(given["context"], given["question"])
        )
        | soft
    )
    asked = {"context": pages, "question": question}
    return soft.invoke(asked), hard_then_soft.invoke(asked)


if __name__ == "__main__":
    # What is kept in the folder is not compressed again by the next run.
    opened = SoftReader.from_pretrained("smollm2-135m-instruct", method="sac", store="vectors")
    print(*main(" ".join(sys.argv[1:]) or QUESTION, opened, LongAttnCompressor(token_budget=400)), sep="\n---\n")
