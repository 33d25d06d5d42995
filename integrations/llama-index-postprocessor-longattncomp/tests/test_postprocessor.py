"""Nodes in, nodes out: what stays, what is added, what is never touched."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import (
    Document,
    ImageNode,
    IndexNode,
    MetadataMode,
    NodeRelationship,
    NodeWithScore,
    QueryBundle,
    RelatedNodeInfo,
    TextNode,
)
from longattncomp import Compressor, LongAttnCompWarning, Settings
from longattncomp.adapters import InputError, ModelNotFoundError
from longattncomp.testing import ByteTokenizer

from llama_index.postprocessor.longattncomp import LongAttnPostprocessor

RENT = "The rent is due on Fridays. The roof was mended. " * 4
QUERY = "Who signed the lease?"


def lease(number: int) -> str:
    """Make a text of six sentences; no two are the same, whatever the numbers."""
    flats = range(10 * number, 10 * number + 3)
    return "".join(
        f"Flat {n} has three rooms and a balcony. Ada signed the lease of it in May {2000 + n}. " for n in flats
    )


LEASE = lease(1)


def found(*texts: str, **fields: Any) -> list[NodeWithScore]:
    return [
        NodeWithScore(node=TextNode(id_=f"node-{index}", text=text, **fields), score=0.9 - index / 10)
        for index, text in enumerate(texts)
    ]


def llm_text(nodes: list[NodeWithScore]) -> str:
    """What a response synthesizer packs into its prompt."""
    return "\n\n".join(node.node.get_content(metadata_mode=MetadataMode.LLM) for node in nodes)


def test_it_is_one_of_llama_index_s() -> None:
    assert BaseNodePostprocessor.__name__ in [base.__name__ for base in LongAttnPostprocessor.__mro__]
    assert LongAttnPostprocessor.class_name() == "LongAttnPostprocessor"


def test_a_budget_is_all_it_takes(opened: list[Settings]) -> None:
    left = LongAttnPostprocessor(token_budget=50).postprocess_nodes(found(RENT, LEASE), query_str=QUERY)
    assert [node.node_id for node in left] == ["node-1"]
    assert "Ada signed the lease" in left[0].get_content()


def test_classes_ids_relationships_and_scores_are_kept(words: Compressor) -> None:
    source = RelatedNodeInfo(node_id="the-lease.pdf")
    nodes = [
        NodeWithScore(node=TextNode(text=lease(1), relationships={NodeRelationship.SOURCE: source}), score=0.7),
        NodeWithScore(node=Document(text=lease(2)), score=None),
        NodeWithScore(node=IndexNode(text=lease(3), index_id="i"), score=0.1),
    ]
    left = LongAttnPostprocessor(compressor=words, token_budget=500).postprocess_nodes(nodes, query_str=QUERY)
    assert [type(node.node) for node in left] == [TextNode, Document, IndexNode]
    assert [node.node_id for node in left] == [node.node_id for node in nodes]
    assert [node.score for node in left] == [0.7, None, 0.1]
    assert left[0].node.ref_doc_id == "the-lease.pdf"
    assert isinstance(left[2].node, IndexNode)
    assert left[2].node.index_id == "i"
    assert all(len(node.get_content()) < len(LEASE) for node in left)


def test_the_score_may_be_replaced(words: Compressor) -> None:
    postprocessor = LongAttnPostprocessor(compressor=words, token_budget=60, replace_score=True)
    (left,) = postprocessor.postprocess_nodes(found(LEASE), query_str=QUERY)
    assert left.score == left.metadata["longattncomp_score"]


def test_spans_are_places_in_the_text_that_was_retrieved(words: Compressor) -> None:
    (left,) = LongAttnPostprocessor(compressor=words, token_budget=150).postprocess_nodes(found(LEASE), query_str=QUERY)
    spans = left.metadata["longattncomp_spans"]
    assert len(spans) > 1
    assert left.get_content() == "\n[...]\n".join(LEASE[start:end] for start, end in spans)


def test_our_metadata_is_seen_by_nobody_and_is_json(words: Compressor) -> None:
    nodes = found(LEASE, metadata={"file": "lease.txt"}, excluded_embed_metadata_keys=["file"])
    (left,) = LongAttnPostprocessor(compressor=words, token_budget=90).postprocess_nodes(nodes, query_str=QUERY)
    for mode in (MetadataMode.LLM, MetadataMode.EMBED):
        assert "longattncomp" not in left.node.get_content(metadata_mode=mode)
    assert "file: lease.txt" in left.node.get_content(metadata_mode=MetadataMode.LLM)
    assert left.node.excluded_embed_metadata_keys[0] == "file"
    assert set(json.loads(json.dumps(left.metadata))) == {"file", "longattncomp_score", "longattncomp_spans"}


def test_llama_index_10780_scores_are_python_floats(words: Compressor) -> None:
    postprocessor = LongAttnPostprocessor(compressor=words, token_budget=60, replace_score=True)
    (left,) = postprocessor.postprocess_nodes(found(LEASE), query_str=QUERY)
    assert type(left.score) is float
    assert type(left.metadata["longattncomp_score"]) is float


def test_a_shorter_text_has_no_embedding_and_its_own_place(words: Compressor) -> None:
    text = "The rain fell. Ada signed the lease in May. It was late."
    one = TextNode(text=text, embedding=[1.0], start_char_idx=1000, end_char_idx=1000 + len(text))
    two = TextNode(text=LEASE, embedding=[1.0], start_char_idx=0, end_char_idx=len(LEASE))
    whole = TextNode(text="lease signed", embedding=[1.0], start_char_idx=5, end_char_idx=17)
    postprocessor = LongAttnPostprocessor(compressor=words, token_budget=400, top_p=0.95)
    left = {
        n.node_id: n.node
        for n in postprocessor.postprocess_nodes([NodeWithScore(node=n) for n in (one, two, whole)], query_str=QUERY)
    }
    first, second, third = (left[node.node_id] for node in (one, two, whole))
    assert (first.embedding, second.embedding, third.embedding) == (None, None, [1.0])
    start, end = first.start_char_idx, first.end_char_idx
    assert text[start - 1000 : end - 1000] == first.text
    assert (second.start_char_idx, second.end_char_idx) == (None, None)
    assert (third.start_char_idx, third.end_char_idx) == (5, 17)


def test_inputs_are_never_changed(words: Compressor) -> None:
    nodes = found(RENT, LEASE, metadata={"file": "x", "tags": ["a"]}, embedding=[0.5])
    before = copy.deepcopy(nodes)
    left = LongAttnPostprocessor(compressor=words, token_budget=90).postprocess_nodes(nodes, query_str=QUERY)
    left[0].node.metadata["new"] = 1
    left[0].node.relationships[NodeRelationship.NEXT] = RelatedNodeInfo(node_id="other")
    assert nodes == before


def test_images_and_empty_nodes_pass_in_their_place(words: Compressor) -> None:
    image = NodeWithScore(node=ImageNode(image="aGk="), score=0.4)
    nodes = [*found(RENT), image, *found(LEASE), NodeWithScore(node=TextNode(text=" \n"))]
    left = LongAttnPostprocessor(compressor=words, token_budget=60, top_p=0.1).postprocess_nodes(nodes, query_str=QUERY)
    assert left[0] is image
    assert "lease" in left[1].get_content()
    assert left[2] is nodes[3]


def test_nothing_to_do_leaves_the_nodes_as_they_are(broken: Compressor) -> None:
    """The engine is not even asked."""
    postprocessor = LongAttnPostprocessor(compressor=broken)
    nodes = found(RENT)
    images = [NodeWithScore(node=ImageNode(image="aGk="))]
    for query in (None, QueryBundle("  ")):
        with pytest.warns(LongAttnCompWarning, match="1 nodes pass whole, perhaps over the token budget"):
            assert postprocessor.postprocess_nodes(nodes, query) is nodes
    assert postprocessor.postprocess_nodes([], query_str=QUERY) == []
    assert postprocessor.postprocess_nodes(images, query_str=QUERY) is images


def test_llmlingua_195_105_the_budget_holds_on_what_the_llm_reads(words: Compressor) -> None:
    """Metadata lines and separators included; LLMLingua gave 19 tokens for a target of 10."""
    nodes = found(*map(lease, range(12)), metadata={"file_path": "/data/lease.txt", "page": 3})
    for budget in (80, 150, 300, 700, 1500):
        postprocessor = LongAttnPostprocessor(compressor=words, token_budget=budget)
        left = postprocessor.postprocess_nodes(nodes, query_str=QUERY)
        used = len(llm_text(left).encode())
        assert 0.5 * budget < used <= budget
        assert "file_path: /data/lease.txt" in llm_text(left)


def test_metadata_lines_that_leave_no_room_are_hidden_not_the_text(words: Compressor) -> None:
    nodes = found(LEASE, metadata={"notes": "x" * 500, "session": object()})
    postprocessor = LongAttnPostprocessor(compressor=words, token_budget=80)
    with pytest.warns(LongAttnCompWarning, match="will not see the metadata"):
        left = postprocessor.postprocess_nodes(nodes, query_str=QUERY)
    assert len(llm_text(left).encode()) <= 80
    assert "lease" in llm_text(left)
    assert left[0].metadata["notes"] == "x" * 500


def test_llmlingua_80_metadata_stays_with_its_node(words: Compressor) -> None:
    """A value that is no JSON is the caller's own: it is kept as it is."""
    token = object()
    nodes = [
        NodeWithScore(node=TextNode(text=lease(number), metadata={"number": number, "token": token}))
        for number in range(4)
    ]
    left = LongAttnPostprocessor(compressor=words, token_budget=1000).postprocess_nodes(nodes, query_str=QUERY)
    assert [node.metadata["number"] for node in left] == [0, 1, 2, 3]
    assert all(node.metadata["token"] is token for node in left)


def test_langchain_7168_7640_something_is_left_whatever_is_asked(words: Compressor) -> None:
    postprocessor = LongAttnPostprocessor(compressor=words, token_budget=40, top_p=0.01)
    assert postprocessor.postprocess_nodes(found(RENT, LEASE), query_str="Xyzzy?")


def test_llmlingua_4_63_chinese_and_japanese_come_back_whole(words: Compressor) -> None:
    text = "雨が降っていた。艾达在五月签了租约。屋根は修理された。" * 6
    (left,) = LongAttnPostprocessor(compressor=words, token_budget=120).postprocess_nodes(
        found(text), query_str="谁签了租约?"
    )
    assert left.get_content() == "\n[...]\n".join(text[a:b] for a, b in left.metadata["longattncomp_spans"])
    assert "\ufffd" not in left.get_content()


def test_flashrank_34_a_long_node_is_read_to_its_end(words: Compressor) -> None:
    """Nothing is cut off at 512 tokens, or anywhere."""
    text = RENT * 200 + LEASE
    (left,) = LongAttnPostprocessor(compressor=words, token_budget=100).postprocess_nodes(found(text), query_str=QUERY)
    assert "Ada signed the lease" in left.get_content()


def test_langchain_19142_llama_index_nodes_stay_in_the_retriever_s_order(words: Compressor) -> None:
    texts = ["The lease. " * 9, LEASE * 2, f"It rained. {LEASE}", "lease"]
    left = LongAttnPostprocessor(compressor=words, token_budget=2000, top_p=1.0).postprocess_nodes(
        found(*texts), query_str=QUERY
    )
    assert [node.node_id for node in left] == ["node-0", "node-1", "node-2", "node-3"]


def test_codex_18318_paths_and_symbols_come_back_verbatim(words: Compressor) -> None:
    line = "lease signed at src/lease/__init__.py:42 by `sign_lease(*, who: str) -> None`"
    (left,) = LongAttnPostprocessor(compressor=words, token_budget=200, node_tokens=200).postprocess_nodes(
        found(f"{RENT}\n{line}\n{RENT}"), query_str="lease signed"
    )
    assert line in left.get_content()


def test_an_engine_that_fails_leaves_the_nodes_as_they_are(
    broken: Compressor, caplog: pytest.LogCaptureFixture
) -> None:
    nodes = found(RENT, LEASE)
    with pytest.warns(LongAttnCompWarning, match="out of memory"):
        assert LongAttnPostprocessor(compressor=broken).postprocess_nodes(nodes, query_str=QUERY) is nodes
    assert "passed on whole" in caplog.text


def test_a_wrong_option_is_an_error(words: Compressor) -> None:
    with pytest.raises(ValueError, match="token_budget: input should be greater than or equal to 1, got 0"):
        LongAttnPostprocessor(token_budget=0)
    with pytest.raises(ValueError, match="budget"):
        LongAttnPostprocessor(budget=5)
    late = LongAttnPostprocessor(compressor=words)
    late.top_p = 2.0
    with pytest.raises(InputError, match="top_p"):
        late.postprocess_nodes(found(LEASE), query_str=QUERY)
    with pytest.raises(ValueError, match="device: the compressor that was given is open already"):
        LongAttnPostprocessor(compressor=words, device="cpu")


def test_llama_index_17593_llmlingua_125_a_missing_model_says_what_is_expected() -> None:
    """A folder or an embedded name; nothing is downloaded to find out."""
    postprocessor = LongAttnPostprocessor(model="no-such-model")
    with pytest.raises(ModelNotFoundError, match="no draft model 'no-such-model'"):
        postprocessor.postprocess_nodes(found(LEASE), query_str=QUERY)


def test_llmlingua_79_216_no_device_is_assumed(opened: list[Settings]) -> None:
    LongAttnPostprocessor().postprocess_nodes(found(LEASE), query_str=QUERY)
    LongAttnPostprocessor(device="cpu").postprocess_nodes(found(LEASE), query_str=QUERY)
    assert [settings.device for settings in opened] == ["auto", "cpu"]


@pytest.mark.parametrize("fields", [{}, {"token_budget": 70, "head": "untrained", "node_tokens": "document"}])
def test_round_trips(fields: dict[str, Any], opened: list[Settings]) -> None:
    postprocessor = LongAttnPostprocessor(replace_score=True, target_tokenizer="cl100k_base", **fields)
    copies = [
        LongAttnPostprocessor.from_dict(postprocessor.to_dict()),
        LongAttnPostprocessor.from_json(postprocessor.to_json()),
        LongAttnPostprocessor.model_validate_json(postprocessor.model_dump_json()),
        pickle.loads(pickle.dumps(postprocessor)),
        copy.deepcopy(postprocessor),
        copy.copy(postprocessor),
    ]
    for one in copies:
        assert one.to_dict() == postprocessor.to_dict()
        assert (one.given(), one.replace_score, one.target_tokenizer) == (
            postprocessor.given(),
            True,
            "cl100k_base",
        )


def test_a_model_is_no_part_of_a_copy(words: Compressor, opened: list[Settings]) -> None:
    postprocessor = LongAttnPostprocessor(compressor=words, token_budget=60)
    assert copy.deepcopy(postprocessor).compressor is words
    assert pickle.loads(pickle.dumps(postprocessor)).compressor is None
    assert "compressor" not in postprocessor.to_dict()
    used = LongAttnPostprocessor(token_budget=60)
    used.postprocess_nodes(found(LEASE), query_str=QUERY)
    assert len(pickle.dumps(used)) < 5000
    for again in (
        copy.deepcopy(used),
        pickle.loads(pickle.dumps(used)),
        LongAttnPostprocessor.from_dict(used.to_dict()),
    ):
        assert again.postprocess_nodes(found(LEASE), query_str=QUERY)[0].get_content()
    assert len(opened) == 1, "one model in memory however often the object is rebuilt"


def test_a_tokenizer_object_is_left_out_of_json(words: Compressor) -> None:
    postprocessor = LongAttnPostprocessor(target_tokenizer=ByteTokenizer())
    assert json.loads(postprocessor.to_json())["target_tokenizer"] is None
    assert copy.deepcopy(postprocessor).target_tokenizer is postprocessor.target_tokenizer


def test_by_score_the_best_come_first_and_those_without_text_last(words: Compressor) -> None:
    nodes = [NodeWithScore(node=ImageNode(id_="image")), *found("A lease. ", RENT, LEASE)]
    left = {
        order: LongAttnPostprocessor(compressor=words, token_budget=300, top_p=0.95, order=order).postprocess_nodes(
            nodes, query_str=QUERY
        )
        for order in ("position", "score")
    }
    assert [node.node_id for node in left["position"]] == ["image", "node-0", "node-2"]
    assert [node.node_id for node in left["score"]] == ["node-2", "node-0", "image"]


def test_a_keep_rate_is_of_the_text_and_leaves_metadata_lines_to_the_budget(words: Compressor) -> None:
    nodes = found(RENT, LEASE, metadata={"source": "The lease and the other papers. " * 4})
    left = LongAttnPostprocessor(compressor=words, keep_rate=0.15).postprocess_nodes(nodes, query_str=QUERY)
    assert "Ada signed the lease" in llm_text(left)
    assert "source: The lease" in llm_text(left)


def test_what_the_llm_reads_of_images_is_charged(words: Compressor) -> None:
    images = [NodeWithScore(node=ImageNode(metadata={"caption": f"Photograph {n} of the house."})) for n in range(5)]
    left = LongAttnPostprocessor(compressor=words, token_budget=300).postprocess_nodes(
        [*images, *found(LEASE)], query_str=QUERY
    )
    assert len(left) == 6
    assert "Photograph 4" in llm_text(left)
    assert len(llm_text(left).encode()) <= 300


def test_a_node_without_a_score_is_refused_in_plain_words(words: Compressor) -> None:
    with pytest.raises(InputError, match=r"got a TextNode: give NodeWithScore\(node=...\)"):
        LongAttnPostprocessor(compressor=words).postprocess_nodes([TextNode(text="Lease.")], query_str=QUERY)  # type: ignore[list-item]


def test_components_have_a_json_schema() -> None:
    properties = LongAttnPostprocessor.model_json_schema()["properties"]
    assert properties["token_budget"]["description"]
