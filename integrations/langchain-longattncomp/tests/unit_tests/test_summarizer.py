"""messages -> what matters of them."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import SummarizationMiddleware
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_toys import ScriptedModel, Unsure, calls, engine, report
from longattncomp import LongAttnCompWarning
from longattncomp.adapters import ModelNotFoundError
from longattncomp.testing import BrokenScorer, WordScorer

from langchain_longattncomp import summarizer
from langchain_longattncomp.summarizer import _rules

MESSAGES = [
    HumanMessage("Hello. " * 50),
    AIMessage("", tool_calls=calls(("archive", {"topic": "lease"})).tool_calls),
    ToolMessage(report("Ada Marsh signed the lease in May.", 3_000), tool_call_id="call-0-0"),
    HumanMessage("Who signed the lease?"),
]


def test_says_who_said_what_in_order_within_the_budget() -> None:
    summary = summarizer(compressor=engine(), token_budget=200)(MESSAGES)
    assert len(summary.encode()) <= 200
    said = [line.split(":")[0] for line in summary.split("\n\n")]
    assert [who for who in said if who != "[...]"] == ["human", "ai", "tool", "human"]
    assert "[...]" in said[said.index("ai") :], "what is missing is marked"
    assert "archive({'topic': 'lease'})" in summary
    assert "Ada Marsh signed the lease in May." in summary


@pytest.mark.parametrize("budget", [30, 60, 100, 200, 5_000])
def test_the_budget_holds_with_many_speakers(budget: int) -> None:
    many = [HumanMessage("Yes") for _ in range(100)]
    assert 0 < len(summarizer(compressor=engine(top_p=1.0), token_budget=budget)(many).encode()) <= budget


def test_the_query_is_given_or_the_last_question_or_the_last_text() -> None:
    scorer = WordScorer()
    summarizer(compressor=engine(scorer), query="the rent?")(MESSAGES)
    summarizer(compressor=engine(scorer))(MESSAGES)
    summarizer(compressor=engine(scorer))([AIMessage("One."), AIMessage("Two.")])
    assert scorer.queries == ["the rent?", "Who signed the lease?", "Two."]


def test_is_never_empty() -> None:
    assert summarizer(compressor=engine())([])
    assert summarizer(compressor=engine())([HumanMessage([{"type": "image", "url": "x"}])])
    assert summarizer(compressor=engine(Unsure()), min_relevance=0.9)(MESSAGES)


def test_an_engine_that_fails_loses_nothing() -> None:
    with pytest.warns(LongAttnCompWarning, match="4 messages pass"):
        summary = summarizer(compressor=engine(BrokenScorer()))(MESSAGES)
    assert all(str(message.content) in summary for message in MESSAGES)


def test_a_missing_model_raises() -> None:
    with pytest.raises(ModelNotFoundError):
        summarizer(model="nowhere.gguf")(MESSAGES)


@pytest.mark.skipif(
    "summarizer" not in inspect.signature(SummarizationMiddleware).parameters, reason="came with langchain 1.4.5"
)
async def test_in_summarization_middleware() -> None:
    def no_model(messages: Any) -> AIMessage:
        return AIMessage("done")

    model = ScriptedModel(script=no_model)
    middleware = SummarizationMiddleware(
        model,
        trigger=("messages", 4),
        keep=("messages", 1),
        summarizer=summarizer(compressor=engine(), token_budget=200),
        trim_tokens_to_summarize=None,
    )
    agent = create_agent(model, [], middleware=[middleware])
    given = {"messages": [*MESSAGES, SystemMessage("x"), HumanMessage("And when?")]}
    for state in (agent.invoke(given), await agent.ainvoke(given)):
        assert "Ada Marsh signed the lease in May." in state["messages"][0].content


def test_what_was_said_keeps_its_order_when_documents_would_not() -> None:
    options = {"compressor": engine(), "token_budget": 200}
    assert summarizer(**options, order="score")(MESSAGES) == summarizer(**options)(MESSAGES)


def test_a_keep_rate_bounds_what_is_kept_of_the_messages() -> None:
    whole = summarizer(compressor=engine(top_p=1.0, token_budget=100_000))(MESSAGES)
    part = summarizer(compressor=engine(top_p=1.0, token_budget=100_000), keep_rate=0.2)(MESSAGES)
    assert "Ada Marsh signed the lease in May." in part
    assert len(part) < len(whole) / 4


FACTS = ["The rent is 900 euros.", "The key has number 4711.", "The deposit was paid in June.", "The heating is gas."]


def chat() -> list[Any]:
    """Small talk about the weather with a fact now and then; the last question is about the weather, too."""
    said: list[Any] = [HumanMessage("I look for a flat. Always answer in German. Never call the landlord.")]
    for day in range(40):
        fact = FACTS[day // 10] if day % 10 == 5 else ""
        said.append(HumanMessage(fact or f"And what about the weather on day {day}?"))
        said.append(AIMessage(f"On day {day} it was sunny in the morning and it rained in the evening."))
    return [*said, HumanMessage("What about the weather in the morning?")]


def test_facts_come_along_whatever_was_asked_last() -> None:
    summary = summarizer(compressor=engine(top_p=1.0), token_budget=1_000)(chat())
    assert [fact for fact in FACTS if fact in summary] == FACTS
    assert 900 < len(summary.encode()) <= 1_000


def test_an_earlier_summary_is_not_nested_and_its_rules_stay() -> None:
    summarize = summarizer(compressor=engine(top_p=1.0), token_budget=1_000)
    summary = summarize(chat())
    for _ in range(3):
        head = f"Here is a summary of the conversation to date:\n\n{summary}"
        earlier = HumanMessage(head, additional_kwargs={"lc_source": "summarization"})
        summary = summarize([earlier, *chat()[1:]])
        assert "summary" not in summary
        assert "human: human:" not in summary
        assert "human: ai:" not in summary
        assert "Always answer in German. Never call the landlord." in summary


def test_a_rule_is_kept_to_its_end() -> None:
    rule = "Never write to Dr. Marsh, no. 4 Mill Rd., or to any tenant before 9 a.m. without asking me."
    said = f"I look for a flat. It may be old.\n{rule} My name is Ben."
    pins = _rules(engine(token_budget=700), [("human", said)])
    assert [said[start:end].strip() for _, start, end in pins] == [rule]


def test_a_summary_in_other_words_is_a_turn_like_any_other() -> None:
    other = HumanMessage("The user wants a flat.", additional_kwargs={"lc_source": "summarization"})
    assert "human: The user wants a flat." in summarizer(compressor=engine())([other, HumanMessage("A flat?")])
