"""Where the query of a prompt is found, and what of it is kept."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longattncomp.errors import InputError
from longattncomp.query.parsing import ParsedPrompt, parse_prompt
from longattncomp.testing import ByteTokenizer
from longattncomp.types import Encoding


class WordTokenizer:
    """One token per four characters, so that real instructions have real lengths."""

    def encode(self, text: str) -> Encoding:
        ends = [min(start + 4, len(text)) for start in range(0, len(text), 4)]
        return Encoding(range(len(ends)), ends)

    def count(self, text: str) -> int:
        return -(-len(text) // 4)


BYTES, WORDS = ByteTokenizer(), WordTokenizer()
PARAGRAPH = (
    "The lease of house {0} was signed in spring by tenant {0}. It rained for days, and was the roof not leaking? "
    "Nobody had looked at it since the winter."
)
DOCUMENTS = "\n\n".join(f"Document [{i}] (Title: House {i})\n{PARAGRAPH.format(i)}" for i in range(40))
CHINESE = "这是一份很长的租约。房子在河边，租客在春天搬进去。" * 60
JAPANESE = "これは長い賃貸契約書です。家は川のそばにあります。" * 60
FAQ = "\n\n".join(f"Q: How do I change setting {i}?\nA: Open page {i} and click on it." for i in range(60))


def parse(prompt: Any, **options: Any) -> ParsedPrompt:
    return parse_prompt(prompt, **{"tokenizer": WORDS, **options})


def pinned(parsed: ParsedPrompt) -> list[str]:
    return [parsed.texts[index][start:end] for index, start, end in parsed.pins]


def found(prompt: Any, **options: Any) -> tuple[str, str, list[str]]:
    """(source, query, pinned texts)"""
    parsed = parse(prompt, **options)
    return parsed.query.source, parsed.query.text, pinned(parsed)


@pytest.mark.parametrize(
    ("end", "query"),
    [
        ("Question: Who signed?\nAnswer:", "Who signed?"),
        ("QUESTION : Who signed?\n\nHelpful Answer:", "Who signed?"),
        ("Query: lease of house 3", "lease of house 3"),
        ("Q: Who signed?\nA:", "Who signed?"),
        ("Task: Name the tenant.\nThe answer is:", "Name the tenant."),
        ("User question: Who signed?\nSummary:", "Who signed?"),
        ("**Question:** Who signed?\n\n**Answer:**", "Who signed?"),
        ("**Question**: Who signed?", "Who signed?"),
        ("### Question\n\nWho signed?\n\n### Answer:", "Who signed?"),
        ("### Question: Who signed?", "Who signed?"),
        ("## **Question 3:**\nWho signed?", "Who signed?"),
        ("Question: Who signed,\nand when?\nAnswer: Let's think step by step.", "Who signed,\nand when?"),
        ("Question: Who signed?\n\nSay 'unknown' if the documents do not tell. Be brief.", "Who signed?"),
        ("Question: Who signed?\nAnswer:\n<|assistant|>", "Who signed?"),
        ("<question>\nWho signed?\n</question>\n\nThink first.", "Who signed?"),
        ("  Question: Who signed?\r\nAnswer:", "Who signed?"),
    ],
)
def test_label_at_the_end(end: str, query: str) -> None:
    prompt = f"Use the following pieces of context to answer the question at the end.\n\n{DOCUMENTS}\n\n{end}\n"
    assert found(prompt) == ("label", query, [end.strip()])


@pytest.mark.parametrize(
    ("end", "query"),
    [("问题：谁签了租约？\n回答：", "谁签了租约？"), ("問題:誰簽了租約？", "誰簽了租約？")],
)
def test_chinese_label(end: str, query: str) -> None:
    prompt = f"阅读以下文字并用中文简短回答：\n\n{CHINESE}\n\n现在请基于上面的文章回答下面的问题。\n\n{end}"
    assert found(prompt, tokenizer=BYTES) == ("label", query, [end])


def test_japanese_label() -> None:
    prompt = f"{JAPANESE}\n\n質問：誰が署名しましたか？\n答え："
    assert found(prompt) == ("label", "誰が署名しましたか？", ["質問：誰が署名しましたか？\n答え："])


@pytest.mark.parametrize("context", [f"Context:\n{DOCUMENTS}", f"\n{DOCUMENTS}", f"\n### Documents:\n\n{DOCUMENTS}"])
@pytest.mark.parametrize("label", ["Question:", "**Question:**", "Query:", "<question>"])
def test_question_before_the_context(label: str, context: str) -> None:
    asked = f"{label} Who signed the lease of house 7?"
    source, query, kept = found(f"Answer briefly.\n\n{asked}\n{context}\n\nAnswer:")
    assert (source, query) == ("label", "Who signed the lease of house 7?")
    assert kept == [asked, "Answer:"]


def test_short_context_after_the_question_is_not_kept() -> None:
    assert found("Question: Who signed?\n\nContext: Tom signed.") == ("label", "Who signed?", ["Question: Who signed?"])


def test_question_between_long_instructions_and_context() -> None:
    rules = "You are careful. " * 80
    assert found(f"{rules}\n\nQuestion: Who signed?\n\nContext: {DOCUMENTS}")[:2] == ("label", "Who signed?")


def test_last_label_wins() -> None:
    shots = "\n\n".join(f"Question: Who owns house {i}?\nAnswer: Tenant {i}." for i in range(60))
    end = "Question: Who owns house 99?\nAnswer:"
    assert found(f"{shots}\n\n{end}") == ("label", "Who owns house 99?", [end])
    thinking = f"{end} Let's think step by step."
    assert found(f"{shots}\n\n{thinking}") == ("label", "Who owns house 99?", [thinking])


def test_answered_questions_in_the_context_are_not_the_query() -> None:
    assert found(f"{FAQ}\n\nHow do I change my name?")[:2] == ("trailing", "How do I change my name?")
    assert found(f"Question: How do I leave?\n\nContext:\n{FAQ}")[:2] == ("label", "How do I leave?")
    unlabelled = "\n\n".join(f"Q: How do I change setting {i}?\n\n{PARAGRAPH * 4}" for i in range(9))
    assert found(f"{unlabelled}\n\nName the tenant.")[:2] == ("trailing", "Name the tenant.")
    assert found(f"Q: How do I stay?\nA: You do.\n\n{DOCUMENTS}\n\nWho signed?")[:2] == ("trailing", "Who signed?")


def test_question_after_a_task_wins_over_the_task() -> None:
    prompt = f"Task: You answer from documents.\n\n{DOCUMENTS}\n\nWho signed the lease?"
    assert found(prompt) == ("trailing", "Who signed the lease?", ["Who signed the lease?"])


def test_label_that_asks_nothing_is_passed_over() -> None:
    prompt = f"{DOCUMENTS}\n\nWho signed?\n\nQuestion:\nAnswer:"
    assert found(prompt) == ("trailing", "Who signed?", ["Who signed?\n\nQuestion:\nAnswer:"])
    assert found("Question:")[:2] == ("arbitrary", "Question:")


def test_endless_labelled_block_is_cut_to_its_line() -> None:
    text = "\n".join(f"{i}. {PARAGRAPH.format(i)}" for i in range(40))
    source, query, kept = found(f"Question: Who signed?\n{text}")
    assert (source, query, kept) == ("label", "Who signed?", ["Question: Who signed?"])


INFINITE_BENCH = (
    "Question: Who signed the lease of house 4?\n\nOnly one of the following options is correct, tell me the answer "
    "using one single letter (A, B, C, or D). Don't say anything else.\nA. Tom\nB. Dick\nC. Harry\nD. Is it Ann?"
)
LONGBENCH_2 = (
    "What is the correct answer to this question: Who signed?\nChoices:\n(A) Tom\n(B) Dick\n(C) Harry\n(D) Ann"
)


@pytest.mark.parametrize(
    ("asked", "tail"),
    [
        (INFINITE_BENCH, "\n\nThe letter of the correct answer is"),
        (INFINITE_BENCH, ""),
        (LONGBENCH_2, '\n\nFormat your response as follows: "The correct answer is (insert answer here)".'),
        ("The lease was signed by\n\nA. Tom\nB. Dick", "\nAnswer:"),
        ("Question: Who signed?\nA) Tom, who\n   was late\nB) Dick", "\n\nAnswer:"),
        ("Question: Who signed?\n\n- (A) Tom\n\n- (B) Dick\n\n- (C) Ann", "\n\nWhich of the options is right?"),
        ("谁签了租约？\nA．张三\nB．李四", "\n答案："),
    ],
)
def test_options_belong_to_the_query(asked: str, tail: str) -> None:
    source, query, kept = found(f"Read the text.\n\n{DOCUMENTS}\n\n{asked}{tail}")
    assert (source, query) == ("options", asked.removeprefix("Question: "))
    assert kept == [asked + tail]


def test_options_before_the_context() -> None:
    asked = "Question: Who signed?\nA. Tom\nB. Dick"
    assert found(f"{asked}\n\nContext: {DOCUMENTS}")[::2] == ("options", [asked])


def test_lists_of_the_context_are_not_options() -> None:
    listed = "The heirs were these.\nA. Tom\nB. Dick"
    assert found(f"{DOCUMENTS}\n\n{listed}\n\nWho signed?")[:2] == ("trailing", "Who signed?")
    assert found(f"{DOCUMENTS}\n\n{listed}")[0] == "arbitrary"
    assert found(f"Question: Who signed?\n\nContext:\n{listed}\n\n{DOCUMENTS}")[:2] == ("label", "Who signed?")
    assert found(f"{DOCUMENTS}\n\nWho?\n\nA. Tom\nC. Harry")[:2] == ("trailing", "Who?")
    assert found(f"Who?\n\nA. Tom\n\n{DOCUMENTS}\n\nB. Dick")[0] == "leading"
    assert found(f"{DOCUMENTS}\n\nQuestion: Who?\n\nB. not this\nC. nor this")[:2] == ("label", "Who?")


@pytest.mark.parametrize(
    "asked",
    [
        "Who signed the lease of house 3?",
        'What did he mean by "was the roof not leaking?"',
        "من وقع العقد؟",
        "谁签了租约？",
        "Summarise the documents in one page.",
        "Now, write a one-page summary of the report.",
        "Based on the documents above, please list every tenant",
        "What is the number of tenants",
        "请用中文总结上面的文章。",
        "上の文書を要約してください。",
    ],
)
@pytest.mark.parametrize("joint", ["\n\n", "\n \n", "\n"])
def test_trailing_question(asked: str, joint: str) -> None:
    context = DOCUMENTS if joint != "\n" else DOCUMENTS.replace("\n\n", "\n")
    assert found(f"{context}{joint}{asked}\n") == ("trailing", asked, [asked])


def test_orders_of_several_sentences_are_a_paragraph() -> None:
    asked = "Using only the documents above, tell me who signed. Never guess."
    assert found(f"{DOCUMENTS}\n\n{asked}") == ("trailing", asked, [asked])


def test_trailing_question_with_an_answer_begun() -> None:
    asked = "What is the magic number for river-bed in the text? The magic number for river-bed in the text is"
    lines = DOCUMENTS.replace("\n\n", "\n")
    assert found(f"{lines}\n{asked}") == ("trailing", asked, [asked])


def test_answer_line_after_a_trailing_question_is_kept_but_not_asked() -> None:
    prompt = f"{DOCUMENTS}\n\nNow, write a one-page summary.\n\nSummary:"
    assert found(prompt) == (
        "trailing",
        "Now, write a one-page summary.",
        ["Now, write a one-page summary.\n\nSummary:"],
    )


@pytest.mark.parametrize(
    "end", ["He was late.", "When he came, the lease was gone.", "List: tenants", "Late.\nName it. Then he left."]
)
def test_statement_at_the_end_asks_nothing(end: str) -> None:
    prompt = f"{DOCUMENTS}\n\n{end}"
    tail = prompt[WORDS.encode(prompt).ends[-129] :]
    assert found(prompt) == ("arbitrary", tail.strip(), [tail.strip()])


def test_prompt_that_is_all_question() -> None:
    assert found("Who signed?") == ("trailing", "Who signed?", ["Who signed?"])
    assert found("Question: Who signed?\nAnswer:") == ("label", "Who signed?", ["Question: Who signed?\nAnswer:"])
    thinking = "Question: Who signed?\nAnswer: Let's think step by step."
    assert found(thinking) == ("label", "Who signed?", [thinking])
    two = "My house is old.\n\nWho signed the lease of it, and when, and where is that?"
    assert found(two) == ("trailing", two, [two])
    assert found(" fox ") == ("arbitrary", "fox", ["fox"])


def test_arbitrary_takes_the_last_128_tokens() -> None:
    prompt = f"{DOCUMENTS}\n\nQuestion: Who signed?\nAnswer:"
    assert found(prompt, mode="arbitrary", tokenizer=BYTES) == ("arbitrary", prompt[-128:], [prompt[-128:]])
    # 128 bytes would begin inside a character of three: it begins after it
    assert found("租" * 100, mode="arbitrary", tokenizer=BYTES)[1] == "租" * 42
    assert found("a" * 600 + " " * 1000, mode="arbitrary")[1] == "a" * 512
    assert found("a" * 601 + " " * 1000, mode="arbitrary")[1] == "a" * 509  # the last token is "a   "
    assert found("租" * 100 + " " * 300, mode="arbitrary", tokenizer=BYTES)[1] == "租" * 42
    assert found(DOCUMENTS, mode="arbitrary") == found(DOCUMENTS)


def test_chat_that_goes_on_with_tools() -> None:
    messages = [
        {"role": "system", "content": "You are a careful agent.\n"},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Fix the bug."},
                {"type": "image"},
                {"type": "text", "text": "Test it."},
            ],
        },
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
        {"role": "tool", "tool_call_id": "1", "content": f"{DOCUMENTS}\n\nQuestion: What is this?"},
        {"role": "developer", "content": "Be brief."},
        {"role": "assistant", "content": [{"type": "tool_use", "text": "not read"}]},
    ]
    parsed = parse(messages)
    assert (parsed.query.source, parsed.query.text) == ("messages", "Fix the bug.\nTest it.")
    assert parsed.texts[3] == "Fix the bug.\nTest it."
    assert parsed.texts[4] == parsed.texts[7] == ""
    assert len(parsed.texts) == len(messages)
    assert parsed.pins == ((0, 0, 25), (3, 0, 21), (6, 0, 9))


def test_long_message_is_read_as_a_prompt() -> None:
    messages = [
        {"role": "System", "content": "Be brief."},
        {"role": "human", "content": f"{DOCUMENTS}\n\nQuestion: Who signed?\nAnswer:"},
    ]
    assert found(messages) == ("label", "Who signed?", ["Be brief.", "Question: Who signed?\nAnswer:"])
    assert found([*messages, {"role": "assistant", "content": "I see."}]) == found(messages)
    assert found(messages, mode="arbitrary")[0] == "arbitrary"
    assert found([{"role": "user", "content": DOCUMENTS}])[0] == "arbitrary"


def test_instruction_of_some_hundred_tokens_stays_whole() -> None:
    text = f"Refactor the module.\n\n{PARAGRAPH * 6}\n\nCan you do it?"
    assert 128 < WORDS.count(text) < 512
    assert found([{"role": "user", "content": text}]) == ("messages", text, [text])
    labelled = text.replace("Can you", "Question: Can you")
    assert found([{"role": "user", "content": labelled}])[:2] == ("label", "Can you do it?")
    short = "Question: Who?\n\nMind the roof."
    assert found([{"role": "user", "content": short}])[:2] == ("messages", short)


def test_last_message_with_text_stands_in_for_a_user() -> None:
    messages = [{"role": "system", "content": "Who signed?"}, {"role": "user", "content": [{"type": "image"}]}]
    assert found(messages) == ("messages", "Who signed?", ["Who signed?"])
    assert found([{"role": "tool", "content": "a"}, {"role": "assistant", "content": "b"}])[1:] == ("b", ["b"])


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("", "expected a prompt with text, got a blank string: pass the context and the question"),
        (" \n\t", "expected a prompt with text, got a blank string: pass the context and the question"),
        ([], "expected a prompt with text, got 0 messages without any: pass the context and the question"),
        ([{"role": "user", "content": " "}], "expected a prompt with text, got 1 messages without any: .*"),
        ([{"role": "user"}, {"role": "user", "content": []}], "expected a prompt with text, got 2 messages .*"),
        (None, "expected a string or a sequence of messages, got NoneType: pass one of these"),
        (b"Who?", "expected a string or a sequence of messages, got bytes: pass one of these"),
        (
            {"role": "user", "content": "Who?"},
            "expected a string or a sequence of messages, got dict: wrap it in a list",
        ),
        (["Who?"], "expected a mapping as message 0, got str: pass role and content"),
        ([{"role": "user", "content": "a"}, {"content": "b"}], 'expected a "role" in message 1, got None: add one, .*'),
        (
            [{"role": 3, "content": "b"}],
            'expected a "role" in message 0, got 3: add one, such as "user" or "assistant"',
        ),
        (
            [{"role": "user", "content": 3}],
            "expected a string or a list of blocks as content of message 0, got int: convert it",
        ),
    ],
)
def test_errors_say_what_to_do(prompt: Any, message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}$"):
        parse(prompt)


def test_unknown_mode() -> None:
    with pytest.raises(InputError, match=r"^mode must be \"accurate\" or \"arbitrary\", not 'exact'$"):
        parse("Who?", mode="exact")


MARKS = (
    "Question:|**Question:** |### Query\n|Q: |A: |Answer:|问题：|<question>|</question>|Context:|A. x\n|(B) y\n|C) z\n"
)
WORDING = "\n|\n\n|\r\n| |?|؟|. |Who signed|Please list |租约|é|🏠"
PIECES = [*MARKS.split("|"), *WORDING.split("|"), "word " * 40, "long\n" * 30, " " * 150]
TEXTS = st.one_of(st.text(max_size=300), st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
TEXTS = TEXTS.filter(lambda text: bool(text.strip()))
MESSAGES = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["system", "user", "assistant", "tool"]), "content": TEXTS}),
    min_size=1,
    max_size=5,
)


@settings(max_examples=150)
@given(prompt=TEXTS | MESSAGES, mode=st.sampled_from(["accurate", "arbitrary"]))
def test_any_text_has_a_query_within_valid_pins(prompt: Any, mode: str) -> None:
    parsed = parse(prompt, mode=mode, tokenizer=BYTES)
    assert parsed.texts == ((prompt,) if isinstance(prompt, str) else tuple(m["content"] for m in prompt))
    assert parsed.query.text
    assert parsed.query.text == parsed.query.text.strip()
    before = (0, 0)
    for index, start, end in parsed.pins:
        assert 0 <= start < end <= len(parsed.texts[index])
        assert before <= (index, start)
        before = (index, end)
    assert all(any(line in text for text in pinned(parsed)) for line in parsed.query.text.split("\n"))
    if parsed.query.source == "arbitrary":
        assert BYTES.count(parsed.query.text) <= 128


@settings(max_examples=60)
@given(question=st.text("abc é租?.", min_size=1, max_size=60).map(str.strip).filter(bool))
def test_labelled_question_is_found_whatever_it_says(question: str) -> None:
    end = f"Question: {question}\nAnswer:"
    assert found(f"{DOCUMENTS}\n\n{end}", tokenizer=BYTES) == ("label", question, [end])


class CountingTokenizer(WordTokenizer):
    """Nothing but the fallback to the last tokens may read the whole text."""

    def __init__(self) -> None:
        self.counted = 0

    def count(self, text: str) -> int:
        self.counted += len(text)
        return super().count(text)


def test_long_prompt_is_not_counted() -> None:
    tokenizer = CountingTokenizer()
    parse(f"{DOCUMENTS * 100}\n\nQuestion: Who signed?\nAnswer:", tokenizer=tokenizer)
    parse(f"{DOCUMENTS * 50}\n\nQuestion: Who signed?\n\n{DOCUMENTS * 50}", tokenizer=tokenizer)
    parse("\n\n".join([FAQ] * 100), tokenizer=tokenizer)
    assert tokenizer.counted < 100_000


LINES = [
    "q:\n",
    "q: x\n",
    "# ",
    "*",
    "A. x\nB. y\n",
    "a? ",
    "answer:\n",
    "\n \n",
    "based on ",
    "Question: x\n\n",
    "<query>",
]
SPACES = [f"Question: x?{mark}{' ' * 50_000}\n" for mark in ("", "\nA:", "\n\nA. x")]


@pytest.mark.parametrize("unit", LINES + SPACES, ids=range(len(LINES + SPACES)))
def test_a_long_prompt_is_read(unit: str) -> None:
    """A linear scan takes some 20 ms, see `benchmarks/linear.py`; a quadratic one takes minutes."""
    prompt = unit * (150_000 // len(unit)) + "x"
    assert parse(prompt).query.text


def test_a_long_context_with_many_answered_questions() -> None:
    prompt = "words " * 350_000 + "Q: a?\nA: b\n" * 1500
    assert parse(prompt).texts == (prompt,)


def test_megabyte_prompt() -> None:
    prompt = f"{DOCUMENTS * 125}{FAQ * 20}\n\nQuestion: Who?\nAnswer:{' ' * 100_000}"
    parsed = parse(prompt)
    assert len(parsed.texts[0]) > 1_000_000
    assert pinned(parsed) == ["Question: Who?\nAnswer:"]
