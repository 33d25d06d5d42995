"""A tiny engine, and chat models that follow a script, so that most tests need no weights."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from longattncomp import Compressor, Node, Query, Scores, Settings
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
    """The mass by how often the query's words occur; notes what it is asked."""

    def __init__(self) -> None:
        self.queries: list[str] = []
        self.threads: set[str] = set()

    def score(self, query: Query, nodes: Sequence[Node], *, progress: Progress | None = None) -> Scores:
        self.queries.append(query.text)
        self.threads.add(threading.current_thread().name)
        words = [word for word in re.findall(r"\w+", query.text.lower()) if len(word) > 3 or not word.isascii()]
        counts = [1e-9 + sum(node.text.lower().count(word) for word in words) for node in nodes]
        return Scores(tuple(count / sum(counts) for count in counts), 0.0)


class Broken:
    """Fails in the middle."""

    def score(self, query: Query, nodes: Sequence[Node], *, progress: Progress | None = None) -> Scores:
        raise RuntimeError("the accelerator fell off")

    def prepare(self, nodes: Sequence[Node], *, progress: Progress | None = None) -> Prepared:
        raise RuntimeError("the accelerator fell off")


class Unsure:
    """Nothing is relevant."""

    def score(self, query: Query, nodes: Sequence[Node], *, progress: Progress | None = None) -> Scores:
        return Scores(tuple(0.1 / len(nodes) for _ in nodes), 0.9)


def engine(scorer: Any = None, **settings: Any) -> Compressor:
    """A compressor whose tokens are bytes."""
    options = {"node_tokens": 64, "token_budget": 500, "top_p": 0.95} | settings
    return Compressor(scorer or WordScorer(), ByteTokenizer(), settings=Settings(**options))


def save_tokenizer_folder(folder: Path) -> Path:
    """What `method="bm25"` needs of a draft model: a config and a byte-level tokenizer."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: index for index, letter in enumerate(letters)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"model_type": "llama", "num_hidden_layers": 4}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


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


class ScriptedModel(BaseChatModel):
    """Answers with what a function makes of the messages; notes every prompt."""

    script: Callable[[list[BaseMessage]], AIMessage]
    prompts: list[list[BaseMessage]] = []  # noqa: RUF012 (pydantic copies it)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Any, **kwargs: Any) -> ScriptedModel:
        return self

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        self.prompts.append(list(messages))
        return ChatResult(generations=[ChatGeneration(message=self.script(messages))])


def calls(*tools: tuple[str, dict[str, Any]], turn: int = 0) -> AIMessage:
    """An AI message that calls tools."""
    return AIMessage(
        "",
        tool_calls=[
            {"name": name, "args": args, "id": f"call-{turn}-{index}", "type": "tool_call"}
            for index, (name, args) in enumerate(tools)
        ],
    )


def call_once(name: str, **args: Any) -> ScriptedModel:
    """Calls one tool after each human message, then answers "done"."""

    def script(messages: list[BaseMessage]) -> AIMessage:
        if isinstance(messages[-1], HumanMessage):
            return calls((name, args), turn=len(messages))
        return AIMessage("done")

    return ScriptedModel(script=script)


def report(needle: str, size: int) -> str:
    """A text of about that many bytes with the needle in its middle."""
    filler = "Nothing of note happened on this day in the office. "
    half = filler * (size // 2 // len(filler))
    return f"{half}{needle} {half}"


def diary(needle: str, days: int) -> str:
    """A text with the needle in its middle that never says the same."""
    lines = [f"On day {day} of {days} nothing happened in the office. " for day in range(days)]
    return "".join([*lines[: days // 2], needle, *lines[days // 2 :]])
