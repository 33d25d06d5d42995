"""bytes of a file -> its text."""

import codecs
import io
import re

from longattncomp.errors import InputError, warn
from longattncomp.installed import require

BINARY_PROBE = 8192
"""Bytes in which a NUL marks a file as binary, as git does."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # it begins as that of UTF-16 does
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_PDF = b"%PDF-"
_HTML = re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html)\b", re.IGNORECASE | re.DOTALL)
_BLOCKS = (
    *("address", "article", "aside", "blockquote", "dd", "div", "dl", "dt", "figure", "footer", "form", "header"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "main", "nav", "ol", "p", "pre", "section", "table", "tr", "ul"),
)


def is_binary(beginning: bytes) -> bool:
    """Tell whether a file is none of text or PDF by its first `BINARY_PROBE` bytes."""
    return b"\0" in beginning and not beginning.startswith((_PDF, *(mark for mark, _ in _MARKS)))


def text_of(content: bytes, name: str) -> str | None:
    """Read a file's bytes as text, those of an HTML page or a PDF as the text that it shows; None for a binary file.

    Bytes that begin with the mark of an encoding, or are UTF-8, are decoded as such. For others the encoding is
    guessed, with a warning. Where there is no guess, they become lone surrogates, which `surrogateescape` writes back.
    Without the library for it, a page keeps its tags, with a warning.

    Raises:
        InputError: the bytes are not what they begin as, or the library for PDF is not installed.
    """
    if content.startswith(_PDF):
        return _pdf(content)
    if is_binary(content[:BINARY_PROBE]):
        return None
    text = _decoded(content, name)
    return _html(text, name) if _HTML.match(content.removeprefix(codecs.BOM_UTF8)) else text


def _decoded(content: bytes, name: str) -> str:
    encoding = next((encoding for mark, encoding in _MARKS if content.startswith(mark)), None)
    try:
        return content.decode(encoding or "utf-8")
    except UnicodeDecodeError as error:
        if encoding:
            raise InputError(
                f"expected {encoding} as its first bytes say, got something else: {error.reason}"
            ) from None
    from charset_normalizer import from_bytes

    guess = from_bytes(content).best()
    if guess is None:
        return content.decode("utf-8", "surrogateescape")
    warn(f"{name} is not UTF-8; read as {guess.encoding}, which is a guess")
    return str(guess)


def _html(text: str, name: str) -> str:
    try:
        from bs4 import BeautifulSoup
    except ImportError:
        warn(f"{name} is read with its tags: pip install 'longattncomp[files]' reads the text that it shows")
        return text

    page = BeautifulSoup(text, "html.parser")
    for tag in page(["script", "style", "noscript", "template"]):
        tag.decompose()
    for tag in page(["a", "button", "option"]):
        if getattr(tag.next_sibling, "name", None) == tag.name:
            tag.append(" ")
    ends = ("br", "td", "th", "title", *_BLOCKS)
    for tag in page(_BLOCKS):
        above = tag.previous_sibling
        if above is not None and above.name not in ends and str(above).strip():
            tag.insert_before("\n")
    for tag in page(ends):
        tag.append("\t" if tag.name in ("td", "th") else "\n")
    lines = (re.sub(r" {2,}", " ", line).strip() for line in page.get_text().splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def _pdf(content: bytes) -> str:
    require("pypdf", extra="files")
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        return "\n\n".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages)
    except PyPdfError as error:
        raise InputError(f"expected a PDF, got one that cannot be read: {error}") from error
