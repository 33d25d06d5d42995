"""The picture of a result: nothing lost, nothing run, nothing too large."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longattncomp.html.page import fragment, page
from longattncomp.types import Compressed, Document, NodeReason, Query, ScoredNode

VOID = {"meta", "br", "img", "link", "input", "hr"}
HOSTILE = (
    "<script>document.title = 'ran'</script>",
    "<img src=x onerror=\"document.title = 'ran'\">",
    "</title></style></details></mark></del></div></main><script>document.title = 'ran'</script>",
    "<!-- <![CDATA[ ]]> --> <!doctype html> &lt;script&gt; &amp; &#0; &nbsp",
    '" onmouseover="document.title = \'ran\'" x="',
    "' autofocus onfocus='document.title = 1' tabindex=1 x='",
    "{{ 7 * 7 }} {% for x in () %} {# #} {{ result.__class__ }} {% endraw %}",
    "\x00\x01\x08\x0b\x0c\x1b[31m\x7f\x85\x9f\ufdd0\ufffe\U0010ffff end",
    "\ud800 alone, \udfff too, reversed \udc00\ud83d",
    "\n\n  leading,\ttab,\r\nCRLF,\rCR, trailing  \n\n",
    "العقد موقّع \u202e override \u2066 isolate 契約書 👩‍👩‍👧‍👦 e\u0301",
    "javascript:document.title='ran' <a href=javascript:alert(1)>x</a> <svg/onload=alert(1)>",
)


def compressed(
    *documents: Sequence[tuple[str, NodeReason, float]],
    ids: Sequence[str | None] = (),
    query: str = "Who?",
    cut: tuple[int, int] = (0, 5),
) -> Compressed:
    """A result whose nodes are `(text, reason, score)` and have one token per character.

    Args:
        documents: the nodes of each.
        ids: of the documents.
        query: as it stands.
        cut: what is kept of a node whose reason is "cut", in characters of the node.
    """
    nodes: list[ScoredNode] = []
    for index, document in enumerate(documents):
        at = 0
        for text, reason, score in document:
            nodes.append(ScoredNode(index, at, at + len(text), text, len(text), score=score, reason=reason))
            at += len(text)
    kept = [
        replace(
            node,
            start=node.start + cut[0],
            end=node.start + cut[1],
            text=node.text[slice(*cut)],
            tokens=cut[1] - cut[0],
        )
        if node.reason == "cut"
        else node
        for node in nodes
        if node.kept
    ]
    tokens = sum(node.tokens for node in kept)
    return Compressed(
        text="".join(node.text for node in kept),
        tokens=tokens,
        original_tokens=sum(node.tokens for node in nodes),
        token_budget=2 * tokens,
        query=Query(query),
        instruction_score=0.125,
        relevance=0.875,
        stop_reason="top_p",
        documents=(),
        nodes=tuple(kept),
        all_nodes=tuple(nodes),
        context=tuple(
            Document("".join(text for text, _, _ in document), ids[index] if index < len(ids) else None)
            for index, document in enumerate(documents)
        ),
    )


@dataclass
class Element:
    tag: str
    attributes: dict[str, str | None]
    children: list[Element | str] = field(default_factory=list)

    @property
    def classes(self) -> list[str]:
        return (self.attributes.get("class") or "").split()

    @property
    def text(self) -> str:
        return "".join(child if isinstance(child, str) else child.text for child in self.children)

    def all(self, *tags: str) -> list[Element]:
        """The elements below this one, in order: those with one of `tags`, or every one."""
        found: list[Element] = []
        for child in self.children:
            if isinstance(child, Element):
                found += [child] * (not tags or child.tag in tags) + child.all(*tags)
        return found

    def having(self, name: str) -> list[Element]:
        return [element for element in self.all() if name in element.classes]


class Tree(HTMLParser):
    """A strict reader: every element must be closed, in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("", {})
        self.open = [self.root]
        self.feed(text)
        self.close()
        assert self.open == [self.root], f"left open: {[element.tag for element in self.open[1:]]}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), (tag, attrs)
        element = Element(tag, dict(attrs))
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")


def parse(text: str) -> Element:
    return Tree(text).root


def shown(character: str) -> str:
    """What stands on the page for a character of the context (WHATWG HTML, section 13.2.3.5)."""
    code = ord(character)
    control = (code < 0x20 and character not in "\t\n\f\r") or 0x7F <= code <= 0x9F
    noncharacter = 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE
    return "\ufffd" if control or noncharacter or 0xD800 <= code <= 0xDFFF else character


def as_shown(text: str) -> str:
    return "".join(map(shown, text))


def context_of(root: Element) -> str:
    return "".join(element.text for element in root.all("mark", "del"))


def whole(result: Compressed) -> str:
    return as_shown("".join(document.text for document in result.context))


def assert_inert(root: Element) -> None:
    for element in root.all():
        assert element.tag not in {"script", "img", "svg", "iframe", "object", "embed", "link", "base", "form", "a"}
        for name in element.attributes:
            assert not name.startswith("on"), (element.tag, name)
            assert name not in {"src", "href", "srcdoc", "autofocus", "x"}, (element.tag, name)


@pytest.fixture
def lease() -> Compressed:
    """Three documents kept in part, two left out between them, one pinned, one cut."""
    return compressed(
        [("Alpha. ", "top_p", 0.01), ("Beta. ", "budget", 0.02), ("Gamma. ", "selected", 0.4), ("Delta.", "top_p", 0)],
        [("Left out. ", "top_p", 0.01), ("Whole.", "min_score", 0.0002)],
        [("Also left out.", "top_p", 0.01)],
        [("Pinned. ", "pinned", 0.0), ("Chosen. ", "selected", 0.1), ("Too long to fit.", "cut", 0.05)],
        [("All of it.", "selected", 0.001)],
        ids=["a.txt", None, "c.txt", "d.txt"],
    )


@pytest.mark.parametrize("render", [page, fragment])
def test_every_character_is_there_in_order(lease: Compressed, render: object) -> None:
    root = parse(render(lease))  # type: ignore[operator]
    assert context_of(root) == whole(lease)
    assert [mark.text for mark in root.all("mark")] == [node.text for node in lease.nodes]


def test_methods_of_the_result(lease: Compressed) -> None:
    assert lease.to_html() == page(lease)
    assert lease._repr_html_() == fragment(lease)


def test_gaps(lease: Compressed) -> None:
    root = parse(page(lease))
    gaps = [" ".join(gap.all("summary")[0].text.split()) for gap in root.all("details")]
    assert gaps == [
        "13 tokens, 13 characters left out best score 0.020",
        "6 tokens, 6 characters left out best score 0.000",
        "Document 1 left out: 16 tokens, 16 characters score 0.010",
        "Document 2 c.txt left out: 14 tokens, 14 characters score 0.010",
        "11 tokens, 11 characters left out best score 0.050",
    ]
    assert [[piece.text for piece in gap.all("del")] for gap in root.all("details")] == [
        ["Alpha. ", "Beta. "],
        ["Delta."],
        ["Left out. ", "Whole."],
        ["Also left out."],
        ["ong to fit."],
    ]


def test_headings(lease: Compressed) -> None:
    root = parse(page(lease))
    assert [element.text for element in root.all("h1")] == ["Who?"]
    assert [" ".join(element.text.split()) for element in root.all("h2")] == [
        "Document 0 a.txt",
        "Document 1",
        "Document 2 c.txt",
        "Document 3 d.txt",
        "Document 4",
    ]
    assert not parse(fragment(lease)).all("h1", "h2")  # a notebook has its own
    shares = [figure.text.strip() for figure in root.having("lac-figure") if figure.tag == "p"]
    assert shares == [
        "27% of 26 tokens kept, score 0.430",
        "66% of 32 tokens kept, score 0.150",
        "100% of 10 tokens kept, score 0.001",
    ]


def test_tooltips_say_score_and_reason(lease: Compressed) -> None:
    root = parse(page(lease))
    assert [element.attributes["title"] for element in root.all("mark")] == [
        "score 0.4, selected, 7 tokens",
        "pinned, not scored, 8 tokens",
        "score 0.1, selected, 8 tokens",
        "score 0.05, cut to fit the budget, 5 tokens",
        "score 0.001, selected, 10 tokens",
    ]
    assert [element.attributes["title"] for element in root.all("del")][:5] == [
        "score 0.01, outside top-p",
        "score 0.02, did not fit the budget",
        "score 0, outside top-p",
        "score 0.01, outside top-p",
        "score 0.0002, below the minimum score",
    ]


def test_shades_and_marks(lease: Compressed) -> None:
    marks = parse(page(lease)).all("mark")
    assert [mark.classes for mark in marks] == [["lac-5"], ["lac-6"], ["lac-3"], ["lac-2"], ["lac-1"]]
    assert [mark.attributes["data-s"] for mark in marks] == ["0.400", "pinned", "0.100", "0.050 cut", "0.001"]


def test_header(lease: Compressed) -> None:
    stats = parse(page(replace(lease, original_tokens=12_345, tokens=1_000, token_budget=4_000))).all("dl")[0]
    got = {
        entry.all("dt")[0].text: " ".join(entry.all("dd")[0].text.replace("\u2192", "").split())
        for entry in stats.all("div")
    }
    assert got == {
        "Tokens": "12,345 to 1,00012.3\u00d7 smaller",
        "Budget": "25% of 4,000",
        "Nodes kept": "5 of 11in 3 of 5 documents",
        "Stopped by": "top_penough of the score is kept",
        "Relevance": "0.875chance that the context answers",
    }
    assert [bar.all("span")[0].attributes["style"] for bar in stats.having("lac-bar")] == ["width:25.0%"]


@pytest.mark.parametrize(("cut", "left_out"), [((0, 4), ["456789"]), ((3, 10), ["012"]), ((2, 5), ["01", "56789"])])
def test_cut_nodes(cut: tuple[int, int], left_out: list[str]) -> None:
    result = compressed([("before ", "top_p", 0.1), ("0123456789", "cut", 0.2), (" after", "top_p", 0.1)], cut=cut)
    root = parse(page(result))
    assert context_of(root) == whole(result)
    assert [mark.text for mark in root.all("mark")] == ["0123456789"[slice(*cut)]]
    rest = [piece for piece in root.all("del") if "cut to fit" in (piece.attributes["title"] or "")]
    assert [piece.text for piece in rest] == left_out
    out = sum(int(count) for count in re.findall(r"(\d+) tokens", " ".join(s.text for s in root.all("summary"))))
    assert out + result.tokens == result.original_tokens


def test_neighbouring_left_out_documents_share_a_fold() -> None:
    def out(text: str) -> list[tuple[str, NodeReason, float]]:
        return [(text, "top_p", 0.01)]

    result = compressed(out("one"), out("two"), out("three"), [], out("four"), [("kept", "selected", 0.5)], out("five"))
    root = parse(page(result))
    together, *rest = root.all("details")
    assert "5 documents (0 to 4) left out: 15 tokens, 15 characters" in together.text
    assert [" ".join(gap.all("summary")[0].text.split()) for gap in rest] == [
        "Document 0 left out: 3 tokens, 3 characters score 0.010",
        "Document 1 left out: 3 tokens, 3 characters score 0.010",
        "Document 2 left out: 5 tokens, 5 characters score 0.010",
        "Document 4 left out: 4 tokens, 4 characters score 0.010",
        "Document 6 left out: 4 tokens, 4 characters score 0.010",
    ]
    assert together.all("details") == rest[:4]
    assert [" ".join(blank.text.split()) for blank in root.having("lac-blank")] == ["Document 3 is empty"]
    assert context_of(root) == whole(result)


@pytest.mark.parametrize(
    "result",
    [
        compressed(),
        compressed([]),
        compressed([("out", "top_p", 0.0)]),
        compressed([("all", "selected", 0.0)]),
        compressed([("all", "pinned", 0.0)]),
    ],
    ids=["no document", "an empty document", "nothing kept", "no score", "only pinned"],
)
def test_small_contexts(result: Compressed) -> None:
    assert context_of(parse(page(result))) == whole(result)
    assert context_of(parse(fragment(result))) == whole(result)


def test_hostile_text_is_inert() -> None:
    result = compressed(
        *([(text, "selected", 0.1), (text, "top_p", 0.05)] for text in HOSTILE),
        *([(text, "top_p", 0.05)] for text in HOSTILE),
        ids=HOSTILE * 2,
        query=" ".join(HOSTILE),
    )
    for text, level in ((page(result), "h1"), (fragment(result), "h3")):
        text.encode("utf-8")
        assert "\x00" not in text
        root = parse(text)
        assert_inert(root)
        assert context_of(root) == whole(result)
        assert root.all(level)[0].text == as_shown(result.query.text)
        assert [element.text for element in root.having("lac-id")] == [as_shown(text) for text in HOSTILE * 2]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_one_hostile_text(text: str) -> None:
    result = compressed([(text, "cut", 0.1)], [(text, "min_score", 0.1)], ids=[text], query=text)
    root = parse(page(result))
    page(result).encode("utf-8")
    assert_inert(root)
    assert context_of(root) == whole(result)


node = st.tuples(
    st.text(st.characters(codec=None), min_size=5, max_size=20) | st.sampled_from(HOSTILE),
    st.sampled_from(["selected", "pinned", "cut", "top_p", "min_score", "budget"]),
    st.floats(0, 0.05),
)


@settings(max_examples=60)
@given(documents=st.lists(st.lists(node, max_size=4), max_size=6), cut=st.tuples(st.integers(0, 2), st.integers(3, 5)))
def test_any_result(documents: list[list[tuple[str, NodeReason, float]]], cut: tuple[int, int]) -> None:
    result = compressed(*documents, cut=cut)
    for text in (page(result), fragment(result)):
        text.encode("utf-8")
        root = parse(text)
        assert_inert(root)
        assert context_of(root) == whole(result)
        assert [mark.text for mark in root.all("mark")] == [as_shown(node.text) for node in result.nodes]


def test_fragment_is_one_scoped_root(lease: Compressed) -> None:
    root = parse(fragment(lease))
    (top,) = (child for child in root.children if isinstance(child, Element) or child.strip())
    assert isinstance(top, Element)
    assert "longattncomp" in top.classes
    (style,) = root.all("style")
    assert all(".longattncomp" in selector for selector in selectors(style.text))
    assert "@import" not in style.text
    assert "url(" not in style.text
    assert not any("id" in element.attributes for element in root.all())  # two fragments may share a notebook


def selectors(css: str) -> list[str]:
    """What stands before each block of declarations, at-rules opened."""
    css = re.sub(r"@media[^{]*\{", "", css)
    return [one.strip(" \n}") for rule in re.findall(r"([^{]*)\{[^}]*", css) for one in re.split(r",(?![^(]*\))", rule)]


def test_page_stands_alone(lease: Compressed) -> None:
    text = page(lease)
    root = parse(text)
    assert text.startswith("<!doctype html>")
    policies = [meta.attributes.get("content") for meta in root.all("meta") if "http-equiv" in meta.attributes]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]
    assert root.all("meta")[0].attributes == {"charset": "utf-8"}
    assert "prefers-color-scheme" in root.all("style")[0].text
    assert "http:" not in text
    assert "https:" not in text


@pytest.mark.parametrize("node_characters", [160, 1280])
def test_size(node_characters: int) -> None:
    """100,000 tokens of code: 500 kB, in nodes of 32 and of 256 tokens."""
    line = '    if self._state["key"] <= limit and not done:  # see "Notes" & <docs>\n'
    text = line * (25_000 // len(line))
    nodes: list[tuple[str, NodeReason, float]] = [
        (text[at : at + node_characters], "top_p" if at % (8 * node_characters) else "selected", 0.0007)
        for at in range(0, len(text), node_characters)
    ]
    result = compressed(*[nodes] * 20, ids=["src/package/module.py"] * 20)
    assert len(whole(result)) > 495_000
    text = page(result)
    assert len(text.encode()) < 1_000_000
    assert context_of(parse(text)) == whole(result)
