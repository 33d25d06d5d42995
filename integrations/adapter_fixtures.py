"""Fixtures of both packages' tests: settings, a draft model without a past, a Redis and an OpenAI-compatible server."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from longattncomp.testing import forget_models, note_reading, save_draft_model, save_tokenizer

__all__ = [
    "alone",
    "anyio_backend",
    "bm25_model",
    "chat_server",
    "draft_model",
    "no_settings_from_outside",
    "read",
    "redis",
]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the developer's `LONGATTNCOMP_*`, `.env` and YAML away from a test, and trace nothing to a server."""
    for name in list(os.environ):
        if name.startswith(("LANGCHAIN_", "LANGSMITH_", "LONGATTNCOMP_")) and name != "LONGATTNCOMP_MODEL_DIR":
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.getbasetemp() / "config"))
    monkeypatch.chdir(tmp_path_factory.mktemp("cwd"))


@pytest.fixture(scope="session")
def draft_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_draft_model(tmp_path_factory.mktemp("draft")))


@pytest.fixture(scope="session")
def bm25_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A draft model for `method="bm25"`, which needs a config and a tokenizer; its tokens are bytes."""
    folder = save_tokenizer(tmp_path_factory.mktemp("bm25"))
    (folder / "config.json").write_text(json.dumps({"model_type": "llama", "num_hidden_layers": 4}), encoding="utf-8")
    return str(folder)


@pytest.fixture
def alone(draft_model: str) -> dict[str, Any]:
    """Options of a draft model that nobody opened before; what it reads of a text does not depend on the question."""
    forget_models()
    sizes = {"layers": 2, "node_tokens": 32, "token_budget": 200}
    return {"model": draft_model, "head": "untrained", "device": "cpu", "method": "longattncomp-alone"} | sizes


@pytest.fixture
def read() -> Iterator[list[int]]:
    """The lengths of the sequences that draft models read, in tokens."""
    with note_reading() as lengths:
        yield lengths


@dataclass(frozen=True)
class Redis:
    """A running server."""

    url: str
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    """A server on a free port that keeps nothing on disk."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("no redis-server here: apt-get install redis-server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [program, "--bind", "127.0.0.1", "--port", str(port), "--dir", str(tmp_path), "--save", ""]
    log = tmp_path / "redis.log"
    server = Redis(f"redis://127.0.0.1:{port}", subprocess.Popen([*command, "--logfile", str(log)]))
    for _ in range(500):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            if server.process.poll() is not None:
                break
            time.sleep(0.02)
    if server.process.poll() is not None:
        raise RuntimeError(f"redis-server did not start: {log.read_text()}")
    yield server
    server.stop()


@dataclass(frozen=True)
class ChatServer:
    """A running server, and the bodies of the requests that it got."""

    base_url: str
    asked: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture
def chat_server() -> Iterator[ChatServer]:
    """A server with OpenAI's API that answers every chat with "Like so."."""

    class Chat(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            chats.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            choice = {"index": 0, "message": {"role": "assistant", "content": "Like so."}, "finish_reason": "stop"}
            usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
            answer = {"id": "1", "object": "chat.completion", "created": 0, "model": "tiny", "usage": usage}
            body = json.dumps(answer | {"choices": [choice]}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Chat) as server:
        chats = ChatServer(f"http://127.0.0.1:{server.server_port}/v1")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield chats
        server.shutdown()
        thread.join()
