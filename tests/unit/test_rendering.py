"""Spans, gap marks and separators, by hand."""

from __future__ import annotations

from longattncomp import Document, Node
from longattncomp.rendering import Rendered, render

DOCUMENTS = [Document("abcdef"), Document(""), Document("xyz"), Document("é\r\n👨‍👩‍👧")]


def node(document: int, start: int, end: int) -> Node:
    return Node(document, start, end, DOCUMENTS[document].text[start:end], 1)


def show(*kept: Node, gap_mark: str = "~", separator: str = "|") -> Rendered:
    return render(DOCUMENTS, kept, gap_mark=gap_mark, separator=separator)


def test_whole_documents_stand_as_they_are() -> None:
    found = show(node(0, 0, 6), node(2, 0, 3))
    assert found == Rendered("abcdef|xyz", ((0, "abcdef", ((0, 6),)), (2, "xyz", ((0, 3),))))


def test_nodes_that_touch_are_one_span() -> None:
    assert show(node(0, 0, 2), node(0, 2, 3), node(0, 3, 5)) == Rendered("abcde", ((0, "abcde", ((0, 5),)),))


def test_a_mark_stands_between_spans_and_not_at_the_ends() -> None:
    assert show(node(0, 1, 2), node(0, 3, 4), node(0, 4, 5)) == Rendered("b~de", ((0, "b~de", ((1, 2), (3, 5))),))


def test_no_mark_between_documents() -> None:
    assert show(node(0, 1, 2), node(2, 2, 3)).text == "b|z"


def test_the_same_offset_in_the_next_document_does_not_touch() -> None:
    # The first ends at 3 of document 0, the second begins at 3 of document 3.
    found = show(node(0, 2, 3), node(3, 3, 4))
    assert found.documents == ((0, "c", ((2, 3),)), (3, "👨", ((3, 4),)))


def test_a_mark_may_be_empty_or_anything() -> None:
    kept = node(0, 0, 1), node(0, 2, 3), node(2, 0, 1)
    assert show(*kept, gap_mark="", separator="").text == "acx"
    assert show(*kept, gap_mark="\n[...]\n", separator="\n\n").text == "a\n[...]\nc\n\nx"
    assert show(*kept, gap_mark="{0}\\1%s", separator="{}").text == "a{0}\\1%sc{}x"


def test_text_is_sliced_from_the_document_not_from_the_node() -> None:
    lying = Node(3, 0, 3, "another text", 1)
    assert show(lying).text == "é\r\n"


def test_nothing_kept_is_empty() -> None:
    assert show() == Rendered("", ())


def test_kept_may_be_read_once_only() -> None:
    assert render(DOCUMENTS, iter([node(0, 0, 1)]), gap_mark="~", separator="|").text == "a"
