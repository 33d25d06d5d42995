"""The picture in a real browser: whole, inert and not blank."""

from __future__ import annotations

import os
import shutil
import signal
import struct
import subprocess
import zlib
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from longattncomp import Document
from longattncomp.html.page import fragment, page
from longattncomp.types import Compressed, NodeReason, Query, ScoredNode

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
TIMEOUT = 120  # seconds
PAYLOADS = (
    "<script>document.title = 'ran'</script>",
    "<img src=x onerror=\"document.title = 'ran'\">",
    "</title></style></details></mark></del></div></section></main><script>document.title = 'ran'</script>",
    "--><svg onload=\"document.title = 'ran'\"><style>* { display: none !important }</style>",
    '" autofocus tabindex=1 onfocus="document.title = \'ran\'" x="',
    "' autofocus tabindex=1 onfocus='document.title = `ran`' x='",
    "<iframe srcdoc=\"<script>parent.document.title = 'ran'</script>\"></iframe>",
    "\x00\x1b\x9f\ufdd0\ud800 {{ 7 * 7 }} {% for x in () %}",
    "\n\n  leading,\ttab and two\n\nlines  \n",
    "العقد موقّع \u202e 契約書 👩‍👩‍👧‍👦 e\u0301",
)

pytestmark = pytest.mark.skipif(
    BROWSER is None, reason="no chromium, chromium-browser or google-chrome on PATH: apt-get install chromium"
)


def hostile() -> Compressed:
    """Every payload as kept, left-out and left-out-whole text, as an id and in the query."""
    reasons: tuple[NodeReason, ...] = ("selected", "top_p", "pinned", "budget")
    documents = [Document(text * 4, id=text) for text in PAYLOADS] + [Document(text, id=text) for text in PAYLOADS]
    nodes = [
        ScoredNode(
            index,
            at,
            at + len(PAYLOADS[index]),
            PAYLOADS[index],
            10,
            score=0.0 if reason == "pinned" else 0.02,
            reason=reason,
        )
        for index in range(len(PAYLOADS))
        for at, reason in zip(range(0, 4 * len(PAYLOADS[index]), len(PAYLOADS[index])), reasons, strict=True)
    ]
    nodes += [
        ScoredNode(len(PAYLOADS) + index, 0, len(text), text, 10, score=0.01, reason="min_score")
        for index, text in enumerate(PAYLOADS)
    ]
    kept = tuple(node for node in nodes if node.kept)
    return Compressed(
        text="",
        tokens=10 * len(kept),
        original_tokens=10 * len(nodes),
        token_budget=250,
        query=Query(" ".join(PAYLOADS)),
        instruction_score=0.1,
        relevance=0.9,
        stop_reason="min_score",
        documents=(),
        nodes=kept,
        all_nodes=tuple(nodes),
        context=tuple(documents),
    )


def browse(file: Path, *options: str) -> str:
    """What the browser writes to standard output for a file, within the timeout."""
    assert BROWSER is not None
    command = [BROWSER, *OPTIONS, f"--user-data-dir={file.parent / 'profile'}", *options, file.as_uri()]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8", start_new_session=True
    ) as process:
        try:
            out, _ = process.communicate(timeout=TIMEOUT)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)  # the browser's helpers too
            raise
    assert process.returncode == 0
    return out


class Seen(HTMLParser):
    """The parts of a dumped DOM that matter here."""

    def __init__(self, dom: str) -> None:
        super().__init__()
        self.title = self.context = self.heading = ""
        self.tags: list[str] = []
        self.handlers: list[str] = []
        self.inside: list[str] = []
        self.feed(dom)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        if tag in {"title", "mark", "del", "h1"}:
            self.inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.inside[-1:] == [tag]:
            self.inside.pop()

    def handle_data(self, data: str) -> None:
        match self.inside[-1:]:
            case ["title"]:
                self.title += data
            case ["mark" | "del"]:
                self.context += data
            case ["h1"]:
                self.heading += data


def as_shown(text: str) -> str:
    return "".join("\ufffd" if character in "\x00\x1b\x9f\ufdd0\ud800" else character for character in text)


def test_the_harness_sees_a_script_run(tmp_path: Path) -> None:
    file = tmp_path / "control.html"
    file.write_text(f"<!doctype html><meta charset=utf-8><title>quiet</title>{PAYLOADS[0]}", encoding="utf-8")
    assert Seen(browse(file, "--dump-dom")).title == "ran"


@pytest.mark.parametrize("policy", [True, False], ids=["as it is", "without its content security policy"])
def test_page_is_whole_and_inert(tmp_path: Path, policy: bool) -> None:
    result = hostile()
    text = page(result)
    if not policy:
        text = text.replace("Content-Security-Policy", "X-Nothing")
    file = tmp_path / "page.html"
    file.write_text(text, encoding="utf-8", newline="")
    seen = Seen(browse(file, "--dump-dom"))
    assert seen.title.startswith("Compressed context: ")
    assert seen.context == as_shown("".join(document.text for document in result.context))
    assert seen.heading == as_shown(result.query.text)
    assert not {"script", "img", "svg", "iframe"} & set(seen.tags)
    assert seen.handlers == []
    assert seen.tags.count("style") == 1
    assert seen.tags.count("details") == 3 * len(PAYLOADS) + 1


def test_fragment_in_a_foreign_page(tmp_path: Path) -> None:
    result = hostile()
    file = tmp_path / "notebook.html"
    file.write_text(
        f"<!doctype html><meta charset=utf-8><title>notebook</title><p>before</p>{fragment(result)}<p>after</p>",
        encoding="utf-8",
        newline="",
    )
    dom = browse(file, "--dump-dom")
    seen = Seen(dom)
    assert seen.title == "notebook"
    assert seen.context == as_shown("".join(document.text for document in result.context))
    assert dom.rstrip().endswith("</div></div><p>after</p></body></html>")


@pytest.mark.parametrize("scheme", [1, 0], ids=["light", "dark"])
def test_screenshot_is_not_blank(tmp_path: Path, scheme: int) -> None:
    result = replace(hostile(), query=Query("Who signed the lease?"))
    file = tmp_path / "page.html"
    file.write_text(page(result), encoding="utf-8", newline="")
    picture = tmp_path / "page.png"
    browse(
        file,
        "--hide-scrollbars",
        "--window-size=1000,900",
        f"--blink-settings=preferredColorScheme={scheme}",
        f"--screenshot={picture}",
    )
    width, height, rows = png_rows(picture.read_bytes())
    assert (width, height) == (1000, 900)
    assert len(set(rows)) > 200  # a blank picture has one or two


def png_rows(data: bytes) -> tuple[int, int, list[bytes]]:
    """Width, height and the filtered rows of a PNG without interlacing."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    header, body, at = b"", b"", 8
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        chunk = data[at + 8 : at + 8 + size]
        header += chunk * (kind == b"IHDR")
        body += chunk * (kind == b"IDAT")
        at += size + 12
    width, height, depth, colour = struct.unpack(">IIBB", header[:10])
    step = 1 + width * depth // 8 * {0: 1, 2: 3, 4: 2, 6: 4}[colour]
    pixels = zlib.decompress(body)
    return width, height, [pixels[at : at + step] for at in range(0, len(pixels), step)]
