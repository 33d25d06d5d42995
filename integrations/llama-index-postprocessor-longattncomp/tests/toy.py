"""A scorer of words, a byte tokenizer and a memory, so that most tests need no weights."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.bridge.pydantic import Field
from llama_index.core.memory import BaseMemory
from longattncomp import Node, Query, Scores
from longattncomp.types import Encoding, Prepared, Progress


class ByteTokenizer:
    """One token per byte of UTF-8."""

    def encode(self, text: str) -> Encoding:
        ids: list[int] = []
        ends: list[int] = []
        for position, character in enumerate(text, start=1):
            units = character.encode("utf-8", "surrogatepass")
            ids += units
            ends += [position] * len(units)
        return Encoding(ids, ends)

    def count(self, text: str) -> int:
        return len(text.encode("utf-8", "surrogatepass"))


class WordScorer:
    """The mass by how often the query's words occur; notes its queries and threads."""

    def __init__(self) -> None:
        self.queries: list[str] = []
        self.threads: set[int] = set()

    def score(self, query: Query, nodes: Sequence[Node], *, progress: Progress | None = None) -> Scores:
        self.queries.append(query.text)
        self.threads.add(threading.get_ident())
        asked = {word for word in query.text.lower().strip("?").split() if len(word) > 3}
        counts = [1e-6 + sum(word.strip(".,?:") in asked for word in node.text.lower().split()) for node in nodes]
        return Scores(tuple(count / sum(counts) for count in counts), 0.0)


class BrokenScorer:
    """Fails in the middle, as a GPU without memory does."""

    def score(self, query: Query, nodes: Sequence[Node], *, progress: Progress | None = None) -> Scores:
        raise RuntimeError("out of memory")

    def prepare(self, nodes: Sequence[Node], *, progress: Progress | None = None) -> Prepared:
        raise RuntimeError("out of memory")


def save_model(folder: Path) -> Path:
    """A random four-layer draft model whose tokens are bytes."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import AutoConfig, AutoModelForCausalLM

    sizes = {"vocab_size": 256, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 4}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 2048}
    torch.manual_seed(0)
    config = AutoConfig.for_model("llama", **sizes, **heads, tie_word_embeddings=True, bos_token_id=0, eos_token_id=0)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: index for index, letter in enumerate(letters)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


@dataclass(frozen=True)
class Redis:
    """A server of one's own."""

    url: str
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)


def start_redis(program: str, folder: Path) -> Redis:
    """Start a server on a free port that keeps nothing on disk, and wait until it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [program, "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--save", ""]
    log = folder / "redis.log"
    server = Redis(f"redis://127.0.0.1:{port}", subprocess.Popen([*command, "--logfile", str(log)]))
    for _ in range(500):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if server.process.poll() is not None:
                break
            time.sleep(0.02)
        else:
            return server
    server.stop()
    raise RuntimeError(f"redis-server did not start: {log.read_text()}")


class ListMemory(BaseMemory):
    """The simplest memory there is."""

    messages: list[ChatMessage] = Field(default_factory=list)

    @classmethod
    def class_name(cls) -> str:
        return "ListMemory"

    @classmethod
    def from_defaults(cls, **kwargs: Any) -> ListMemory:
        return cls(**kwargs)

    def get(self, input: str | None = None, **kwargs: Any) -> list[ChatMessage]:  # noqa: A002
        return list(self.messages)

    def get_all(self) -> list[ChatMessage]:
        return list(self.messages)

    def put(self, message: ChatMessage) -> None:
        self.messages.append(message)

    def set(self, messages: list[ChatMessage]) -> None:
        self.messages = list(messages)

    def reset(self) -> None:
        self.messages = []


def diary(needle: str, days: int) -> str:
    """A text with the needle in its middle that never says the same."""
    lines = [f"On day {day} of {days} nothing happened in the office. " for day in range(days)]
    return "".join([*lines[: days // 2], needle, *lines[days // 2 :]])
