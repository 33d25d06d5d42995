"""Documents are read as vectors: as a step of a chain, streamed, async, and as a message for a vLLM server."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import torch
from langchain_core.documents import Document
from langchain_core.runnables import RunnableLambda, RunnablePassthrough
from longattncomp.adapters import InputError
from longattncomp.testing import open_soft_reader, save_draft_model

from langchain_longattncomp import LongAttnPromptEmbeds, LongAttnReader

DOCUMENTS = [Document("The lease was signed by Ada Marsh."), Document(""), Document("Whales eat krill.")]
ASKED = {"context": DOCUMENTS, "question": "Who signed?"}


@pytest.fixture(scope="module")
def soft(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return open_soft_reader(save_draft_model(tmp_path_factory.mktemp("target"), seed=2))


def expected(soft: Any) -> Any:
    return soft.answer("Who signed?", soft.compress([document.page_content for document in DOCUMENTS]))


def test_it_stands_where_a_chain_would_stuff_documents(soft: Any) -> None:
    retrieve = RunnableLambda(lambda _: DOCUMENTS)
    reader = LongAttnReader(reader=soft, question_key="input")
    chain = RunnablePassthrough.assign(context=retrieve).assign(answer=reader)
    found = chain.invoke({"input": "Who signed?"})
    assert found["answer"] == expected(soft)
    assert found["context"] == DOCUMENTS


def test_it_streams_and_awaits(soft: Any) -> None:
    reader = LongAttnReader(reader=soft, answer_tokens=5)
    parts = list(reader.stream(ASKED))
    assert len(parts) > 1
    assert "".join(parts).rstrip() == reader.invoke(ASKED) == asyncio.run(reader.ainvoke(ASKED))
    assert reader.batch([ASKED, ASKED]) == [reader.invoke(ASKED)] * 2


def test_no_documents_and_wrong_input(soft: Any) -> None:
    reader = LongAttnReader(reader=soft)
    assert reader.invoke({"context": [], "question": "Who?"}) == soft.answer("Who?", None)
    with pytest.raises(InputError, match="expected a mapping with 'context' and 'question', got 'input'"):
        reader.invoke({"input": "Who?"})
    with pytest.raises(InputError, match="as a list of Documents"):
        reader.invoke({"context": ["text"], "question": "Who?"})


class _Server(BaseHTTPRequestHandler):
    """Reads a chat request as vLLM does, and answers with the shape of the vectors in it."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        (message,) = body["messages"]
        part, text = message["content"]
        assert (self.path, part.keys()) == ("/v1/chat/completions", {"type", "data"})
        assert (part["type"], text["type"]) == ("prompt_embeds", "text")
        tensor = torch.load(io.BytesIO(base64.b64decode(part["data"], validate=True)), weights_only=True)
        told = json.dumps([list(tensor.shape), str(tensor.dtype), text["text"]])
        answer = json.dumps({"choices": [{"message": {"role": "assistant", "content": told}}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Server) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}/v1"
        running.shutdown()
        thread.join()


def test_a_server_decodes_the_vectors(soft: Any, server: str) -> None:
    """The server is this test's own: no vLLM runs here."""
    import urllib.request

    from langchain_core.messages import convert_to_openai_messages

    (message,) = LongAttnPromptEmbeds(reader=soft).invoke(ASKED)
    content = message.content
    assert isinstance(content, list)
    body = {"model": "toy", "messages": [{"role": "user", "content": content}]}
    request = urllib.request.Request(f"{server}/chat/completions", json.dumps(body).encode(), method="POST")
    with urllib.request.urlopen(request) as reply:
        told = json.loads(json.load(reply)["choices"][0]["message"]["content"])
    positions = soft.compress([document.page_content for document in DOCUMENTS]).positions
    assert told == [[positions, 32], "torch.float32", "\n\nWho signed?"]
    alone = LongAttnPromptEmbeds(reader=soft).invoke({"context": [], "question": "Who?"})
    assert convert_to_openai_messages(alone) == [{"role": "user", "content": "Who?"}]
    assert asyncio.run(LongAttnPromptEmbeds(reader=soft).ainvoke(ASKED)) == [message]
