"""What `Memory` ejects is archived by session and comes back for the question that needs it."""

from __future__ import annotations

import copy
import pickle
import re
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage, ImageBlock, TextBlock
from llama_index.core.memory import Memory
from llama_index_toys import diary
from longattncomp import CompressedDocument, Compressor, LongAttnCompWarning, Settings
from longattncomp.testing import ByteTokenizer, WordScorer

from llama_index.postprocessor.longattncomp import LongAttnMemoryBlock, memory_block
from llama_index.postprocessor.longattncomp.archive import exchanges, latest

SMALL_TALK = [("user", "It rained all day."), ("assistant", "That is how it is at this time of the year.")]
WHOLE = CompressedDocument(index=0, id="0", text="", spans=(), score=0.0, metadata={})
LEASE = [("user", "Which paper was it?"), ("assistant", "Ada signed the lease in the month of May."), ("user", "Good.")]


def messages(*turns: tuple[str, str]) -> list[ChatMessage]:
    return [ChatMessage(role=role, content=text) for role, text in turns]


def asking(text: str) -> list[ChatMessage]:
    return messages(("user", text))


async def filled(block: LongAttnMemoryBlock, session: str = "s") -> LongAttnMemoryBlock:
    for _ in range(10):
        await block.aput(messages(*SMALL_TALK), from_short_term_memory=True, session_id=session)
    await block.aput(messages(*LEASE), from_short_term_memory=True, session_id=session)
    for _ in range(10):
        await block.aput(messages(*SMALL_TALK), from_short_term_memory=True, session_id=session)
    return block


async def test_the_question_brings_back_its_exchange(words: Compressor) -> None:
    block = await filled(LongAttnMemoryBlock(compressor=words, token_budget=200, node_tokens=90))
    content = await block.aget(asking("Who signed the lease?"), session_id="s")
    assert "assistant: Ada signed the lease in the month of May." in content
    assert len(content.encode()) <= 200


async def test_every_piece_says_who_said_it_and_the_budget_holds(words: Compressor) -> None:
    """Also one from the middle of a long turn."""
    block = LongAttnMemoryBlock(compressor=words, token_budget=150, node_tokens=64)
    long = "Nothing happened on that day at all. " * 5
    await block.aput(messages(("user", "Tell me."), ("assistant", f"{long}Ada signed the lease in May. {long}")))
    await block.aput(messages(("user", "And the lease?"), ("assistant", f"{long}Bob has the lease now. {long}")))
    content = await block.aget(asking("lease"))
    assert len(content.encode()) <= 150
    pieces = re.split(r"\s*\[\.\.\.\]\s*|\n\n", content)
    assert len(pieces) > 1
    assert all(piece.startswith(("user: ", "assistant: ")) for piece in pieces)


async def test_the_order_is_that_of_the_conversation(words: Compressor) -> None:
    block = LongAttnMemoryBlock(compressor=words, token_budget=400)
    for number in range(8):
        await block.aput(messages(("user", f"Lease number {number} is mine.")))
    content = await block.aget(asking("lease number"))
    found = [int(word) for word in content.split() if word.isdigit()]
    assert found == sorted(found)
    assert len(found) == 8


def grouped(*turns: tuple[str, str]) -> list[str]:
    return [exchange.text for exchange in exchanges(turns)]


def test_a_turn_stands_alone_and_a_question_with_its_answer() -> None:
    assert grouped(("user", "The lease is mine."), ("assistant", "Noted."), ("user", "It rains.")) == [
        "user: The lease is mine.",
        "assistant: Noted.",
        "user: It rains.",
    ]
    assert len(grouped(("user", "Whose lease? I forgot it."), ("assistant", "Hers."))) == 1
    assert len(grouped(("user", "It rains. Can you believe it? I stay."), ("assistant", "Noted."))) == 2
    assert grouped(
        ("user", "I forgot. Whose lease?"), ("tool", "Ada"), ("assistant", "Hers."), ("user", "Thanks.")
    ) == [
        "user: I forgot. Whose lease?\ntool: Ada\nassistant: Hers.",
        "user: Thanks.",
    ]
    short, long = "On Friday.", "By the way, the car of Ada is in the garage."
    for said, expected in ((short, 1), (long, 2)):
        assert len(grouped(("assistant", "When do you leave?"), ("user", said))) == expected


async def test_what_is_said_twice_in_the_same_words_comes_back_once(words: Compressor) -> None:
    block = LongAttnMemoryBlock(compressor=words, token_budget=70)
    twice = ("user", "The lease of Ada ends in May.")
    await block.aput(
        messages(twice, ("assistant", "Noted."), *SMALL_TALK * 3, twice, ("user", "Bob has a lease, too."))
    )
    content = await block.aget(asking("Who has a lease?"))
    assert content == "user: The lease of Ada ends in May.\nuser: Bob has a lease, too."
    assert len(block.archive[""]) == 10


TOLD = ["the dog Rex", "the cat Tom", "the flat Mill End", "the boat Ada", "the lift Otis", "the street Elm Row"]


@pytest.mark.parametrize("mark", ["\n[...]\n", " ... "])
@pytest.mark.parametrize("budget", range(60, 400, 20))
async def test_no_answer_stands_below_another_question(words: Compressor, budget: int, mark: str) -> None:
    """Between turns that were no neighbours stands the gap mark, in a line of its own."""
    block = LongAttnMemoryBlock(compressor=words, token_budget=budget, gap_mark=mark)
    turns = []
    for told in TOLD:
        _, what, *name = told.split()
        turns += [("user", f"What is my {what} called? I forgot it."), ("assistant", f"{' '.join(name)}. As I said.")]
    await block.aput(messages(*turns))
    said = [f"{role}: {text}" for role, text in turns]
    lines = (await block.aget(asking("What is my boat called?"))).splitlines()
    assert any(lines)
    for above, line in pairwise(lines):
        if above in said and line in said:
            assert said.index(line) == said.index(above) + 1


async def test_sessions_are_kept_apart(words: Compressor) -> None:
    block = LongAttnMemoryBlock(compressor=words, token_budget=200, node_tokens=90)
    await block.aput(messages(("user", "The lease is mine.")), session_id="one")
    await block.aput(messages(("user", "The lease is yours.")), session_id="two")
    assert await block.aget(asking("lease"), session_id="one") == "user: The lease is mine."
    assert await block.aget(asking("lease"), session_id="two") == "user: The lease is yours."
    assert await block.aget(asking("lease"), session_id="three") == ""


async def test_without_a_question_the_latest_turns_come_back(words: Compressor) -> None:
    block = await filled(LongAttnMemoryBlock(compressor=words, token_budget=100))
    for history in (None, [], messages(("assistant", "Hello."))):
        content = await block.aget(history, session_id="s")
        assert content.endswith("assistant: That is how it is at this time of the year.")
        assert 50 < len(content.encode()) <= 100


@pytest.mark.parametrize("session", ["s", ""])
async def test_a_block_never_raises(broken: Compressor, session: str) -> None:
    """A failing engine, a missing model, a wrong option set later: the latest turns, inside the budget."""
    failing = LongAttnMemoryBlock(compressor=broken, token_budget=100)
    missing = LongAttnMemoryBlock(model="no-such-model", token_budget=100)
    wrong = LongAttnMemoryBlock(token_budget=100)
    wrong.top_p = 2.0
    for block in (failing, missing, wrong):
        await filled(block, session)
        with pytest.warns(LongAttnCompWarning, match="latest turns"):
            content = await block.aget(asking("lease"), session_id=session)
        assert 50 < len(content.encode()) <= 100
        assert len(block.archive[session]) == 43


async def test_a_block_never_raises_whatever_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_block, "settings_tokenizer", lambda: 3)
    block = LongAttnMemoryBlock(model="nowhere")
    await block.aput(messages(*LEASE))
    with pytest.warns(LongAttnCompWarning) as warned:
        assert await block.aget(asking("Who signed the lease?")) == "\n".join(f"{role}: {text}" for role, text in LEASE)
    assert any("characters are counted" in str(warning.message) for warning in warned)


async def test_a_block_never_raises_on_a_text_that_its_tokenizer_refuses(scorer: WordScorer) -> None:
    refused = False

    def refuses(text: str) -> int:
        if refused:
            raise ValueError("no such character")
        return len(text)

    engine = Compressor(scorer, ByteTokenizer(), settings=Settings(token_budget=90), target_tokenizer=refuses)
    block = await filled(LongAttnMemoryBlock(compressor=engine))
    content = await block.aget(asking("Who signed the lease?"), session_id="s")
    refused = True
    with pytest.warns(LongAttnCompWarning, match="no such character"):
        latest_turns = await block.aget(asking("What time of the year was it?"), session_id="s")
    assert latest_turns.endswith("at this time of the year.")
    assert len(latest_turns) <= 90
    with pytest.warns(LongAttnCompWarning, match="no such character"):
        shorter = await block.atruncate(content, 30)
    assert shorter is not None
    assert content.endswith(shorter)
    assert len(shorter) <= len(content) - 30


def test_the_latest_turns_come_back_in_any_script() -> None:
    turns = f"assistant: {'今天天气很好。' * 40}\n"
    assert latest(turns, 50, len) == turns.strip()[-50:]
    assert latest("user: a\nassistant: b\n\n", 12, len) == "assistant: b"


async def test_truncation_compresses_again_and_reads_nothing_again(words: Compressor, scorer: WordScorer) -> None:
    block = await filled(LongAttnMemoryBlock(compressor=words, token_budget=400, node_tokens=90))
    for number in range(10):
        await block.aput(messages(("user", f"Paper number {number} is signed, too.")), session_id="s")
    content = await block.aget(asking("Who signed the lease?"), session_id="s")
    assert 300 < len(content.encode()) <= 400
    shorter = await block.atruncate(content, 200)
    assert shorter is not None
    assert "assistant: Ada signed the lease in the month of May." in shorter
    assert len(shorter.encode()) <= len(content.encode()) - 200
    assert len(scorer.queries) == 1
    assert await block.atruncate(content, 10_000) is None


async def test_truncation_of_what_it_did_not_give_keeps_the_end() -> None:
    block = LongAttnMemoryBlock()
    assert await block.atruncate("user: one\nuser: two\nuser: three", 10) == "user: two\nuser: three"
    assert await block.atruncate("user: one two three", 12) == "three"
    assert await block.atruncate([], 12) is None  # type: ignore[arg-type]


async def test_truncation_shows_nothing_of_another_session(words: Compressor) -> None:
    """Both sessions are given the same text, and a smaller budget would choose among the turns of one of them."""
    block = LongAttnMemoryBlock(compressor=words, token_budget=60)
    lease = "The lease says that Ada Marsh pays 900 euros of rent."
    for session, secret in (("ada", "Hello."), ("bo", "My PIN is 4711.")):
        turns = messages(("user", lease), ("user", secret))
        await block.aput(turns, session_id=session)
    contents = {await block.aget(asking("lease rent"), session_id=session) for session in ("ada", "bo", "ada")}
    assert contents == {f"user: {lease}"}
    for tokens in range(1, 60):
        assert (await block.atruncate(f"user: {lease}", tokens) or "") in f"user: {lease}"


async def test_inside_a_memory(opened: list[Settings]) -> None:
    """Turns are ejected, come back in the system message, and shrink with the room there is."""
    block = LongAttnMemoryBlock(token_budget=400, node_tokens=90, priority=1)
    memory = Memory.from_defaults(
        session_id="s",
        token_limit=1500,
        token_flush_size=100,
        chat_history_token_ratio=0.5,
        memory_blocks=[block],
    )
    leases = [[(role, text.replace("May", month)) for role, text in LEASE] for month in ("May", "June", "July") * 2]
    turns = [turn for lease in leases for turn in [*lease, *SMALL_TALK * 3]] + SMALL_TALK * 4
    for message in messages(*turns):
        await memory.aput(message)
    history = await memory.aget(input="Who signed the lease?")
    assert history[0].role == "system"
    recalled = str(history[0].content)
    assert "<earlier_turns>" in recalled
    assert "LongAttn" not in recalled
    assert recalled.count("assistant: Ada signed the lease in the month of ") > 1
    assert len(block.archive["s"]) + len(history) - 1 == len(turns), "no turn is lost"
    memory.token_limit = sum(len(str(message.content)) for message in history[1:]) + 250
    shorter = str((await memory.aget(input="Who signed the lease?"))[0].content)
    assert "assistant: Ada signed the lease in the month of May." in shorter
    assert len(shorter) < len(recalled)


async def test_a_last_line_says_what_was_shortened_and_offers_all_turns(words: Compressor) -> None:
    block = await filled(LongAttnMemoryBlock(compressor=words, token_budget=480, node_tokens=90))
    for hours in range(20):
        await block.aput(messages(("user", f"It rained for {hours} hours.")), session_id="s")
    whole = block._turns("s")
    said = f"[Earlier turns, shortened from {len(whole)} tokens"
    for history in (asking("Who signed the lease?"), []):
        content = await block.aget(history, session_id="s")
        assert content.splitlines()[-1] == f"{said}.]"
        assert len(content.encode()) <= 480
    block.reading_tool()
    content = await block.aget(asking("Who signed the lease?"), session_id="s")
    assert content.splitlines()[-1] == f'{said}; read_original_earlier_turns(query="...") searches all of them.]'
    assert len(content.encode()) <= 480
    shorter = await block.atruncate(content, 250)
    assert shorter is not None
    assert "shortened" not in shorter, "where little fits, the turns need it"
    block.token_budget = 9_999
    assert await block.aget(asking("Who signed the lease?"), session_id="s") == whole


async def test_images_are_not_written_out(words: Compressor) -> None:
    block = LongAttnMemoryBlock(compressor=words)
    picture = ChatMessage(role="user", blocks=[ImageBlock(image=b"x" * 999), TextBlock(text="My lease.")])
    await block.aput([picture, ChatMessage(role="user", blocks=[ImageBlock(image=b"x")])])
    assert block.archive == {"": [("user", "My lease.")]}


async def test_round_trips(opened: list[Settings]) -> None:
    block = await filled(LongAttnMemoryBlock(token_budget=200))
    content = await block.aget(asking("Who signed the lease?"), session_id="s")
    for one in (
        LongAttnMemoryBlock.model_validate_json(block.model_dump_json()),
        pickle.loads(pickle.dumps(block)),
        copy.deepcopy(block),
    ):
        assert one.archive == block.archive
        assert await one.aget(asking("Who signed the lease?"), session_id="s") == content
    assert len(opened) == 1


async def test_the_order_of_the_conversation_is_no_option(words: Compressor) -> None:
    blocks = [LongAttnMemoryBlock(compressor=words, token_budget=400, order=order) for order in (None, "score")]
    for block in blocks:
        for text in ("The lease is mine.", "It rained.", "The signed lease, the signed lease is the signed lease."):
            await block.aput(messages(("user", text)))
    plain, by_score = [await block.aget(asking("Who signed the lease?")) for block in blocks]
    assert plain == by_score
    assert plain.index("mine") < plain.index("signed")


async def test_a_keep_rate_bounds_what_comes_back(words: Compressor) -> None:
    options = {"token_budget": 100_000, "keep_rate": 0.2, "node_tokens": 64}
    block = await filled(LongAttnMemoryBlock(compressor=words, **options))
    whole = sum(len(text) for _, text in block.archive["s"])
    content = await block.aget(asking("Who signed the lease?"), session_id="s")
    assert "signed the lease in the month of May." in content
    assert len(content) < whole / 3, "a fifth, and who said it"
    assert len(await block.aget([], session_id="s")) < whole / 3, "without a question too"


async def test_an_agent_that_asks_the_same_at_each_step_is_answered_without_reading(
    words: Compressor, scorer: WordScorer
) -> None:
    block = await filled(LongAttnMemoryBlock(compressor=words, token_budget=200))
    contents = [await block.aget(asking("Who signed the lease?"), session_id="s") for _ in range(3)]
    assert len(set(contents)) == len(scorer.queries) == 1
    await block.aput(messages(("user", "Ben signed the other lease.")), session_id="s")
    await block.aget(asking("Who signed the lease?"), session_id="s")
    assert len(scorer.queries) == 2


def test_a_piece_that_begins_at_a_line_break_is_of_who_speaks_after_it() -> None:
    """A node may end before the break that ends a turn."""
    (exchange,) = exchanges([("user", "Which paper?"), ("assistant", "The lease.")])
    at = exchange.text.index("\n")
    document = replace(WHOLE, spans=((at - 4, at), (at, len(exchange.text)), (at + 3, at + 15)))
    assert exchange.labelled(document, "|") == "user: per?|assistant: The lease.|assistant: sistant: The"


@pytest.mark.parametrize("method", ["longattncomp-alone", "longattncomp"])
async def test_turns_are_read_when_they_come_so_that_a_question_reads_itself_only(
    alone: dict[str, Any], read: list[int], method: str
) -> None:
    block = LongAttnMemoryBlock(**alone | {"method": method})
    said = [("user", diary("Ada signed the lease.", 10)), ("assistant", "Noted."), ("user", diary("It rained.", 10))]
    await block.aput(messages(*said), session_id="s")
    await block._ahead.done("s")
    turns = sum(read)
    assert turns > 1_000
    read.clear()
    assert await block.aget(asking("Who signed the lease?"), session_id="s")
    assert sum(read) < turns / 2


async def test_reading_ahead_neither_warns_nor_raises_and_is_not_copied(broken: Compressor) -> None:
    block = LongAttnMemoryBlock(compressor=broken)
    await block.aput(messages(("user", "Ada signed the lease.")), session_id="s")
    assert not copy.deepcopy(block)._ahead._working
    await block._ahead.done("s")
    assert block.archive == {"s": [("user", "Ada signed the lease.")]}
