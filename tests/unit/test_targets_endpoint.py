"""A target behind an OpenAI-compatible endpoint, served by this machine."""

from __future__ import annotations

import json
import os
import pickle
import threading
import time
import traceback
from base64 import b64encode
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from pydantic import ValidationError

from longattncomp import Settings
from longattncomp.errors import CacheError, InputError, LongAttnCompWarning, ModelError
from longattncomp.evaluation.run_folder import begin
from longattncomp.evaluation.targets.address import masked
from longattncomp.evaluation.targets.completion import Completion
from longattncomp.evaluation.targets.endpoint import Endpoint
from longattncomp.evaluation.targets.spending import Prices
from longattncomp.evaluation.targets.target import TargetQuestion, open_target

Reply = tuple[int, Any]
AGAIN_AT_ONCE = {"retry-after-ms": "1"}


class Server(ThreadingHTTPServer):
    """Answers every prompt with its last word but one, and can be told otherwise.

    Attributes:
        requests: the bodies that came.
        paths: where they came.
        logins: what they logged in with.
        most: requests that were under way at a time.
        script: gives a reply for a prompt and its number; None for the usual one.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.logins: list[str] = []
        self.most = self.under_way = 0
        self.lock = threading.Lock()
        self.script: Callable[[str, int], Reply | None] = lambda *_: None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    @property
    def prompts(self) -> list[str]:
        return [body["messages"][0]["content"] for body in self.requests]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = body["messages"][0]["content"]
        server = self.server
        with server.lock:
            server.requests.append(body)
            server.paths.append(self.path)
            number = len(server.requests)
            server.under_way += 1
            server.most = max(server.most, server.under_way)
        server.logins.append(self.headers["Authorization"])
        if self.headers["Authorization"] == "Bearer wrong":
            reply: Reply | None = 401, {"error": {"message": "Incorrect API key provided"}}
        else:
            reply = server.script(prompt, number)
        with server.lock:
            server.under_way -= 1
        status, content = reply or (200, completion(prompt.split()[-2]))
        data = encoded(content)
        headers = {"Content-Type": "application/json", "Content-Length": str(len(data)), **AGAIN_AT_ONCE}
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


def completion(text: str | None, *, finish: str = "stop") -> dict[str, Any]:
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 0,
        "model": "toy",
        "choices": [{"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 7, "total_tokens": 107},
    }


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("OPENAI_API_KEY", "right")
    with Server() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def questions(n: int) -> list[TargetQuestion]:
    return [
        TargetQuestion(prompt=f"The {index}th word is w{index} Answer:", answers=(f"w{index}",)) for index in range(n)
    ]


def test_answers_come_in_order_with_what_they_cost(server: Server, tmp_path: Path) -> None:
    target = Endpoint("toy", model_dir=tmp_path, prices=Prices(prompt=2.0, completion=10.0))
    asked = [
        *questions(3),
        TargetQuestion(prompt="It is B Answer:", answers=("close",), options=("open", "close")),
        TargetQuestion(prompt="It is A Answer:", answers=("close",), options=("open", "close")),
        TargetQuestion(prompt="It is東京\ud800 東京\udc00 Answer:", answers=("東京\ufffd",)),
        TargetQuestion(prompt="No answers known Answer:", answers=()),
    ]
    answered = list(target.read(asked))
    assert [one.text for one in answered] == ["w0", "w1", "w2", "B", "A", "東京\ufffd", "known"]
    assert [one.exact for one in answered] == [1.0, 1.0, 1.0, 0.0, 0.0, 1.0, None]
    assert [one.f1 for one in answered] == [1.0, 1.0, 1.0, 0.0, 0.0, 1.0, None]
    assert [one.choice for one in answered] == [None, None, None, 1.0, 0.0, None, None]
    assert {one.likelihood for one in answered} == {None}
    spent = target.spent
    assert (spent.paid, spent.kept, spent.prompt_tokens, spent.completion_tokens) == (7, 0, 700, 49)
    assert spent.cost == pytest.approx((700 * 2 + 49 * 10) / 1e6)
    assert str(spent) == (
        "7 answers paid: 700 prompt and 49 completion tokens, cost 0.0019; 0 answers were kept from before"
    )
    assert set(server.paths) == {"/v1/chat/completions"}
    assert {"model": "toy", "temperature": 0, "max_tokens": 64}.items() <= server.requests[0].items()


def test_a_long_answer_gets_its_tokens(server: Server, tmp_path: Path) -> None:
    """Each length is a request of its own."""
    asked = [
        TargetQuestion(prompt="It is w Answer:", answers=("w",), answer_tokens=tokens) for tokens in (8, 32, 256, 256)
    ]
    list(Endpoint("toy", model_dir=tmp_path, concurrency=1).read(asked))
    assert sorted({request["max_tokens"] for request in server.requests}) == [64, 256]
    list(Endpoint("toy", model_dir=tmp_path / "own", parameters={"max_tokens": 7}).read(asked[-1:]))
    assert server.requests[-1]["max_tokens"] == 7


def test_what_was_paid_is_not_paid_again(server: Server, tmp_path: Path) -> None:
    first = Endpoint("toy", model_dir=tmp_path)
    found = list(first.read(questions(4)))
    again = Endpoint("toy", model_dir=tmp_path)
    assert list(again.read(questions(4))) == found
    assert (again.spent.paid, again.spent.kept, again.spent.cost) == (0, 4, None)
    assert len(server.requests) == 4
    twice = Endpoint("toy", model_dir=tmp_path)
    prompt = "Equal words Answer:"
    asked = [TargetQuestion(prompt=prompt, answers=(answer,)) for answer in ("words", "other")]
    assert [one.exact for one in twice.read(asked)] == [1.0, 0.0]
    assert len(server.requests) == 5


class Trap:
    """Leaves a file when it is unpickled."""

    def __reduce__(self) -> Any:
        return Path.write_text, (Path("sprung"), "!")


def test_what_was_planted_among_the_answers_is_not_run(server: Server, tmp_path: Path) -> None:
    found = list(Endpoint("toy", model_dir=tmp_path).read(questions(3)))
    pickled, cut, pipe = (tmp_path / "answers").iterdir()
    pickled.write_bytes(pickle.dumps(Trap()))
    cut.write_bytes("é".encode()[:1])
    pipe.unlink()
    os.mkfifo(pipe)
    assert list(Endpoint("toy", model_dir=tmp_path).read(questions(3))) == found
    assert len(server.requests) == 6
    assert not Path("sprung").exists()
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "answers").iterdir()} == {0o600}
    assert list(Endpoint("toy", model_dir=tmp_path).read(questions(3))) == found
    assert len(server.requests) == 6


@pytest.mark.parametrize(
    "other", [{"model": "other"}, {"parameters": {"temperature": 1}}, {"base_url": "http://127.0.0.1:{port}/v2"}]
)
def test_another_model_endpoint_or_parameter_is_asked_anew(
    server: Server, tmp_path: Path, other: dict[str, Any]
) -> None:
    list(Endpoint("toy", model_dir=tmp_path).read(questions(1)))
    options = {"model": "toy"} | other
    if "base_url" in options:
        options["base_url"] = options["base_url"].format(port=server.server_port)
    list(Endpoint(**options, model_dir=tmp_path).read(questions(1)))
    assert len(server.requests) == 2
    assert server.requests[0] != server.requests[1] or server.paths[0] != server.paths[1]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_refused_request_is_tried_again(server: Server, tmp_path: Path, status: int) -> None:
    server.script = lambda _, number: (status, {"error": {"message": "busy"}}) if number < 3 else None
    target = Endpoint("toy", model_dir=tmp_path, retries=2)
    assert [one.text for one in target.read(questions(1))] == ["w0"]
    assert len(server.requests) == 3
    assert target.spent.paid == 1


@pytest.mark.parametrize(
    ("status", "message", "advice"),
    [
        (429, "rate limit reached", "lower the concurrency, or wait"),
        (500, "out of memory", "run again later"),
        (400, "context length exceeded", "check the parameters, and that the model's window"),
        (404, "no such model", "check the model's name and OPENAI_BASE_URL"),
        (403, "not for you", "check OPENAI_API_KEY"),
    ],
)
def test_a_failure_says_what_to_do_and_what_is_finished_stays(
    server: Server, tmp_path: Path, status: int, message: str, advice: str
) -> None:
    broken = True

    def script(prompt: str, number: int) -> Reply | None:
        bad = broken and "w2" in prompt
        return (status, {"error": {"message": message}}) if bad else None

    server.script = script
    reading = Endpoint("toy", model_dir=tmp_path, retries=1, concurrency=1).read(questions(4))
    assert [next(reading).text, next(reading).text] == ["w0", "w1"]
    with pytest.raises(ModelError, match=rf"(?s)openai:toy at {server.url}.*{message}.*{advice}.*kept in {tmp_path}"):
        next(reading)
    broken, before = False, server.prompts
    again = Endpoint("toy", model_dir=tmp_path)
    assert [one.text for one in again.read(questions(4))] == ["w0", "w1", "w2", "w3"]
    assert again.spent.kept >= 2
    assert not {prompt for prompt in server.prompts[len(before) :] if "w0" in prompt or "w1" in prompt}


def test_a_wrong_key_ends_the_run_at_once(server: Server, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"Incorrect API key provided.*: check OPENAI_API_KEY"):
        list(Endpoint("toy", model_dir=tmp_path, api_key="wrong", concurrency=1).read(questions(50)))
    assert len(server.requests) < 50


def test_no_key_is_an_error_before_anything_is_read(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(InputError, match="OPENAI_API_KEY"):
        Endpoint("toy", model_dir=tmp_path)


def test_a_request_that_takes_too_long_fails(server: Server, tmp_path: Path) -> None:
    over = threading.Event()
    server.script = lambda *_: over.wait(60) and None
    try:
        with pytest.raises(ModelError, match=r"APITimeoutError.*allow more timeout_seconds"):
            list(Endpoint("toy", model_dir=tmp_path, timeout_seconds=0.2, retries=0).read(questions(1)))
    finally:
        over.set()


def test_nobody_at_the_address(server: Server, tmp_path: Path) -> None:
    target = Endpoint("toy", model_dir=tmp_path, base_url="http://127.0.0.1:9/v1", retries=0)
    with pytest.raises(ModelError, match="check OPENAI_BASE_URL and that the server runs"):
        list(target.read(questions(1)))


NO_COMPLETIONS = [
    *({"choices": []}, {"error": "hidden"}, None, [], [None], 3, "words", b"", b"<html>", b"[" * 100_000, b"\xff\xfe"),
    *(b'{"choices": [{"mess', {"choices": None}, {"choices": {"0": 1}}, {"choices": "words"}),
    *({"choices": [choice]} for choice in (None, [], {"message": None}, {"message": "words"})),
    *({"choices": [{"message": {"content": content}}]} for content in ([], [{"text": "w0"}], {}, 3, True, "\ud800")),
    *(
        {"choices": [{"message": {"content": "w0"}}], "usage": usage}
        for usage in ([], "many", {"prompt_tokens": "x"}, {"prompt_tokens": -1}, {"prompt_tokens": 1 << 60})
    ),
]


def encoded(content: Any) -> bytes:
    return content if isinstance(content, bytes) else json.dumps(content).encode()


@pytest.mark.parametrize("content", NO_COMPLETIONS)
def test_a_reply_that_is_no_completion_is_seen(content: Any) -> None:
    with pytest.raises(ValidationError):
        Completion.model_validate_json(encoded(content))


@pytest.mark.parametrize(
    ("status", "content"),
    [
        *((200, content) for content in (*NO_COMPLETIONS[:4], b"", b'{"choices": [{"mess', b"[" * 100_000)),
        *((200, content) for content in ({"choices": [None]}, completion([]), completion(None))),  # type: ignore[arg-type]
        *((400, content) for content in (None, [], b'{"error": {"mess', b"[" * 100_000, {"error": [None]})),
    ],
)
def test_a_failed_answer_can_be_asked_again(server: Server, tmp_path: Path, status: int, content: Any) -> None:
    server.script = lambda *_: (status, content)
    target = Endpoint("toy", model_dir=tmp_path, retries=0)
    with pytest.raises(ModelError, match="gave no answer") as caught:
        list(target.read(questions(1)))
    assert len(str(caught.value)) < 1000
    server.script = lambda *_: None
    assert [one.text for one in target.read(questions(1))] == ["w0"]


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": 3}])
def test_an_answer_without_its_usage_counts(server: Server, tmp_path: Path, usage: Any) -> None:
    server.script = lambda *_: (200, completion("w0") | {"usage": usage})
    assert [one.text for one in Endpoint("toy", model_dir=tmp_path).read(questions(1))] == ["w0"]


SECRETS = ("alice.b", "p@ss:word/1", "q-secret-9", "right-key-0123456789")


def address(server: Server) -> str:
    return f"http://{quote(SECRETS[0])}:{quote(SECRETS[1], safe='')}@127.0.0.1:{server.server_port}/v1?key={SECRETS[2]}"


@pytest.mark.parametrize(
    ("status", "reply"), [(200, "object"), (200, "words"), (401, "object"), (401, "text"), (500, "words")]
)
def test_no_message_has_a_secret_that_the_server_repeats(
    server: Server, tmp_path: Path, status: int, reply: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", address(server))
    basic = b64encode(":".join(SECRETS[:2]).encode()).decode()
    echoed = [*SECRETS, basic, quote(SECRETS[1], safe=""), b64encode(SECRETS[3].encode()).decode(), SECRETS[3][:9]]
    text = f"at {address(server)} got {' '.join(echoed)}"

    def script(*_: object) -> Reply:
        return status, {"object": {"error": {"message": text}}, "text": text, "words": text.encode()}[reply]

    server.script = script
    with pytest.raises(ModelError) as caught:
        list(Endpoint("toy", model_dir=tmp_path, api_key=SECRETS[3], retries=0).read(questions(1)))
    said = "".join(traceback.format_exception(caught.value))
    assert f"at http://127.0.0.1:{server.server_port}/v1 gave no answer" in said
    assert "***" in said
    assert [secret for secret in echoed if secret in said] == []
    assert f"Basic {basic}" in server.logins
    assert server.paths[0].endswith(f"/v1/chat/completions?key={SECRETS[2]}")


@pytest.mark.parametrize(
    "url",
    ["http://al:secret-1@h:x/v1", "al:secret-1@h/v1", "http://al:secret-1@/v1", "secret-1"],
)
def test_an_address_that_is_none_is_not_repeated(tmp_path: Path, url: str) -> None:
    with pytest.raises(InputError, match="expected a base URL such as") as caught:
        Endpoint("toy", model_dir=tmp_path, base_url=url, api_key="any")
    assert "secret-1" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("key right-key-0123", "key ***"),
        ("key RIGHT-KEY-0123-and-more", "key ***-and-more"),
        ("ght-key-01 of it, and key-01 is too little", "*** of it, and key-01 is too little"),
        ("pw is short, pwd is another word", "*** is short, pwd is another word"),
        ("a\x1b[31m\nb", "a [31m b"),
        ("x" * 10_000, "x" * 300),
        ("x" * 295 + "right-key-0123", "x" * 295 + "***"),
    ],
)
def test_secrets_are_masked_also_in_part(text: str, shown: str) -> None:
    assert masked(text, {"right-key-0123", "pw"}) == shown


def test_the_record_of_a_run_has_no_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "https://alice:wonder@host:8443/v1?key=land#s")
    begin(tmp_path, settings=Settings(store_key="sesame"), reads=[], seed=0, target="openai:toy", data=None)
    written = (tmp_path / "run.json").read_text()
    assert json.loads(written)["endpoint"] == "https://host:8443/v1"
    assert not [secret for secret in ("alice", "wonder", "land", "sesame") if secret in written]


def test_another_password_pays_for_nothing_again(server: Server, tmp_path: Path) -> None:
    for login in ("", "al:one@", "al:two@"):
        url = server.url.replace("//", f"//{login}")
        list(Endpoint("toy", model_dir=tmp_path, base_url=url, api_key="right").read(questions(1)))
    assert len(server.requests) == 1


def test_no_more_requests_at_a_time_than_asked_for(server: Server, tmp_path: Path) -> None:
    pair = threading.Barrier(2, timeout=60)  # nobody passes alone

    def script(prompt: str, number: int) -> None:
        pair.wait()
        time.sleep(0.01)  # a third would show

    server.script = script
    assert len(list(Endpoint("toy", model_dir=tmp_path, concurrency=2).read(questions(8)))) == 8
    assert server.most == 2


def test_requests_go_on_while_the_caller_works_and_end_when_it_stops(server: Server, tmp_path: Path) -> None:
    fifth = threading.Event()
    server.script = lambda _, number: fifth.set() if number == 5 else None
    reading = Endpoint("toy", model_dir=tmp_path, concurrency=1).read(questions(200))
    next(reading)
    assert fifth.wait(60)
    reading.close()
    sent = len(server.requests)
    assert sent < 200
    time.sleep(0.1)
    assert len(server.requests) <= sent + 1


def test_reading_works_inside_a_running_event_loop(server: Server, tmp_path: Path) -> None:
    import asyncio

    async def notebook() -> list[str | None]:
        return [one.text for one in Endpoint("toy", model_dir=tmp_path).read(questions(2))]

    assert asyncio.run(notebook()) == ["w0", "w1"]


def test_an_answer_that_was_cut_before_it_began_is_warned_of_once(server: Server, tmp_path: Path) -> None:
    server.script = lambda *_: (200, completion(None, finish="length"))
    target = Endpoint("toy", model_dir=tmp_path, parameters={"max_completion_tokens": 3})
    with pytest.warns(LongAttnCompWarning, match=r"limit of tokens before it .*_tokens': 3") as caught:
        answered = list(target.read(questions(2)))
    assert len(caught) == 1
    assert [(one.text, one.exact) for one in answered] == [("", 0.0)] * 2
    assert "max_tokens" not in server.requests[0]


def test_a_cache_that_cannot_be_written_is_named(server: Server, tmp_path: Path) -> None:
    (tmp_path / "answers").write_text("in the way", encoding="utf-8")
    with pytest.raises(CacheError, match=r"cannot keep answers in .*answers"):
        list(Endpoint("toy", model_dir=tmp_path).read(questions(1)))
    assert server.requests == []


@pytest.mark.parametrize("wrong", [{"concurrency": 0}, {"retries": -1}, {"timeout_seconds": 0.0}, {"model": ""}])
def test_bad_options_are_refused(server: Server, tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="expected a model's name, concurrency of at least 1"):
        Endpoint(**{"model": "toy", "model_dir": tmp_path} | wrong)


def test_endpoints_are_opened_by_name_and_count_with_the_draft_where_tiktoken_knows_no_better(
    server: Server, tmp_path: Path, toy_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("longattncomp.evaluation.targets.endpoint.DEFAULT_MODEL", str(toy_folder))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    target = open_target("openai:toy/model-7b", model_dir=tmp_path)
    assert isinstance(target, Endpoint)
    assert target.name == "openai:toy/model-7b"
    assert target.count("Zoë") == 4
    assert [one.text for one in target.read(questions(1))] == ["w0"]
    assert server.requests[0]["model"] == "toy/model-7b"
    monkeypatch.setattr("longattncomp.counting._by_name", lambda name: {"gpt-x": len}[name])
    assert open_target("openai:gpt-x", model_dir=tmp_path).count("Zoë") == 3
