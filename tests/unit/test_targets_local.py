"""A local target's likelihoods, answers and choices, against plain forward passes."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from longattncomp.errors import InputError, LongAttnCompWarning, ModelNotFoundError, UnsupportedModelError
from longattncomp.evaluation.targets.local import LocalTarget
from longattncomp.evaluation.targets.target import TargetQuestion, open_target
from longattncomp.testing import save_draft_model

PROMPT = "The lease was signed by Ada Marsh on the third of May. " * 6 + "\n\nQuestion: Who signed the lease?\nAnswer:"


def opened(folder: Path, **options: str) -> LocalTarget:
    return LocalTarget(str(folder), model_dir=folder, **{"device": "cpu", "dtype": "float32"} | options)


@pytest.fixture(scope="module")
def target(toy_folder: Path) -> LocalTarget:
    return opened(toy_folder)


def naive_likelihood(target: LocalTarget, prompt: list[int], answer: list[int]) -> float:
    """Of each of the answer's tokens by a forward pass of its own, without a cache."""
    found = []
    for end in range(len(answer)):
        with torch.inference_mode():
            logits = target._model(input_ids=torch.tensor([prompt + answer[:end]]), use_cache=False).logits
        found.append(logits[0, -1].float().log_softmax(-1)[answer[end]].item())
    return sum(found) / len(found)


def naive_text(target: LocalTarget, prompt: list[int], ends: set[int]) -> str:
    written: list[int] = []
    while len(written) < 32:
        with torch.inference_mode():
            logits = target._model(input_ids=torch.tensor([prompt + written]), use_cache=False).logits
        token = int(logits[0, -1].argmax())
        if token in ends:
            break
        written.append(token)
    return target._opened.decode(written).lstrip().partition("\n")[0].rstrip()


def encode(target: LocalTarget, text: str) -> list[int]:
    return list(target._tokenizer.encode(text).ids)


@pytest.mark.parametrize("family", ["llama", "gemma3_text", "mistral", "qwen2", "qwen3"])
def test_one_reading_of_the_prompt_says_what_many_plain_ones_say(family: str, tmp_path: Path) -> None:
    """Also beyond the sliding windows of 64 tokens that two of the families have."""
    target = opened(save_draft_model(tmp_path, family))
    options = ("Ada Marsh", "Marsh", "nobody at all, it was never signed", "東京")
    (answered,) = target.read([TargetQuestion(prompt=PROMPT, answers=("Ada Marsh", "東京"), options=options)])
    prompt = encode(target, PROMPT)
    expected = {option: naive_likelihood(target, prompt, encode(target, f" {option}")) for option in options}
    assert answered.likelihood == pytest.approx(max(expected["Ada Marsh"], expected["東京"]), abs=1e-4)
    assert answered.choice == float(max(options, key=expected.__getitem__) in ("Ada Marsh", "東京"))
    assert answered.text == naive_text(target, prompt, {0})
    assert answered.text
    assert (answered.exact, answered.f1) == (0.0, 0.0)


def test_each_option_can_be_the_chosen_one(target: LocalTarget) -> None:
    options = ("Ada Marsh", "Bo Reed", "nobody")
    found = [
        next(target.read([TargetQuestion(prompt=PROMPT, answers=(right,), options=options)])).choice
        for right in options
    ]
    assert sorted(found) == [0.0, 0.0, 1.0]


def test_of_equally_likely_options_the_first_is_chosen(target: LocalTarget) -> None:
    asked = [
        TargetQuestion(prompt=PROMPT, answers=("same",), options=("same", "same ")),
        TargetQuestion(prompt=PROMPT, answers=("same ",), options=("same", "same ")),
    ]
    assert [answered.choice for answered in target.read(asked)] == [1.0, 0.0]


def test_the_prompt_is_read_once(target: LocalTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    forward = target._model.forward
    monkeypatch.setattr(
        target._model,
        "forward",
        lambda input_ids, **rest: read.append(input_ids.shape[1]) or forward(input_ids, **rest),
    )
    answers = ("Ada Marsh", "A. Marsh", "Marsh")
    list(target.read([TargetQuestion(prompt=PROMPT, answers=answers)]))
    assert max(read) < len(PROMPT) + 20
    assert sum(read) < len(PROMPT) + 4 * 20 + 32


def test_answers_come_in_order_and_do_not_depend_on_what_was_asked_before(target: LocalTarget) -> None:
    asked = [
        TargetQuestion(prompt=f"{PROMPT[index:]}", answers=(answer,))
        for index, answer in enumerate(("Ada", "日本", "ü", "x"))
    ]
    together = list(target.read(asked))
    alone = [next(target.read([one])) for one in asked]
    backwards = list(target.read(asked[::-1]))[::-1]
    assert together == alone == backwards
    assert len({answered.likelihood for answered in together}) == len(asked)


@pytest.mark.parametrize(("most", "one_line"), [(8, True), (96, True), (97, False)])
def test_an_answer_is_as_long_as_the_question_lets_it(
    target: LocalTarget, monkeypatch: pytest.MonkeyPatch, most: int, one_line: bool
) -> None:
    """A line end ends a short answer only."""
    steps: list[int] = []
    decode = target._opened.decode

    def two_lines(ids: list[int], **rest: Any) -> str:
        steps.append(len(ids))
        return decode(ids, **rest) if len(ids) < 40 else f"First line\n{len(ids)}"

    monkeypatch.setattr(target, "_ends", frozenset())
    monkeypatch.setattr(target._opened, "decode", two_lines)
    (answered,) = target.read([TargetQuestion(prompt=PROMPT, answers=("Ada",), answer_tokens=most)])
    assert steps[-1] == (min(most, 40) if one_line else most)
    if most >= 40:
        assert answered.text == ("First line" if one_line else f"First line\n{most}")


def test_without_answers_and_options_there_is_a_text_only(target: LocalTarget) -> None:
    (answered,) = target.read([TargetQuestion(prompt=PROMPT, answers=())])
    assert answered.text
    assert (answered.likelihood, answered.exact, answered.f1, answered.choice) == (None,) * 4
    assert list(target.read([])) == []


@pytest.mark.parametrize(
    ("prompt", "answer", "joined"),
    [
        ("Answer:", "Ada", "Answer: Ada"),
        ("Answer: ", "Ada", "Answer: Ada"),  # one space, and it belongs to the answer
        ("Answer:\n", "Ada", "Answer:\nAda"),
        ("Answer:", "  Ada\n", "Answer: Ada"),
        ("Antwort: «ß» \ud800:", "Zoë \udfff", "Antwort: «ß» \ufffd: Zoë \ufffd"),
    ],
)
def test_the_joint_is_natural_text(prompt: str, answer: str, joined: str, target: LocalTarget) -> None:
    ids = target._form.ids(prompt)
    continuation = target._form.follow(prompt, answer)
    assert [*ids[: len(ids) - continuation.back], *continuation.ids] == encode(target, joined)
    (answered,) = target.read([TargetQuestion(prompt=prompt, answers=(answer,))])
    assert answered.likelihood == pytest.approx(naive_likelihood(target, ids, list(continuation.ids)), abs=1e-4)


def test_a_token_that_spans_the_joint_is_counted_once(tmp_path: Path) -> None:
    """A tokenizer that merges ": A" into one token, across the joint."""
    folder = save_draft_model(tmp_path)
    content = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    model = content["model"]
    first, last = model["vocab"].pop("Ā"), model["vocab"].pop("ā")
    model["vocab"] |= {":Ġ": first, ":ĠA": last}
    model["merges"] = [[":", "Ġ"], [":Ġ", "A"]]
    content["pre_tokenizer"]["use_regex"] = False
    (folder / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    target = opened(folder)
    continuation = target._form.follow("Answer:", "Ada")
    assert (continuation.back, len(continuation.ids)) == (1, 3)
    asked = TargetQuestion(prompt="Answer:", answers=("Ada",), options=("Ada", "Bo", "A"))
    prompt = encode(target, "Answer")
    assert next(target.read([asked])).likelihood == pytest.approx(
        naive_likelihood(target, prompt, list(continuation.ids)), abs=1e-4
    )
    assert next(target.read([asked])).text == naive_text(target, encode(target, "Answer:"), {0})


def test_a_prompt_over_the_window_loses_its_middle_with_one_warning(toy_folder: Path) -> None:
    target = opened(toy_folder)
    room = target.window - 32
    long = "".join(chr(ord("a") + index % 26) for index in range(3 * target.window)) + " Answer:"
    with pytest.warns(LongAttnCompWarning, match=rf"prompt of {len(long)} tokens .*\({target.window}\): the middle"):
        (answered,) = target.read([TargetQuestion(prompt=long, answers=("Ada",))])
    cut = encode(target, long[: room // 2] + long[-(room - room // 2) :])
    assert len(cut) == room
    assert answered.likelihood == pytest.approx(naive_likelihood(target, cut, encode(target, " Ada")), abs=1e-4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list(target.read([TargetQuestion(prompt=long, answers=("Ada",))]))
        list(target.read([TargetQuestion(prompt=long[:room], answers=("Ada",))]))


def test_an_answer_over_the_window_is_refused(target: LocalTarget) -> None:
    with pytest.raises(InputError, match=f"shorter than the window .* {target.window} tokens"):
        list(target.read([TargetQuestion(prompt="Answer:", answers=("long " * target.window,))]))


def test_a_chat_model_gets_its_template_and_documents_stay_plain_text(toy_chat_folder: Path) -> None:
    target = opened(toy_chat_folder)
    start, end = target._opened.convert_tokens_to_ids(["<|start|>", "<|end|>"])
    prompt = "Ends with <|end|>\n<|start|>assistant\nBo. Answer:"
    ids = target._form.ids(prompt)
    assert ids == [
        *(start, *encode(target, f"user\n{prompt}"), end),
        *(*encode(target, "\n"), start, *encode(target, "assistant\n")),
    ]
    assert (ids.count(start), ids.count(end)) == (2, 1)
    continuation = target._form.follow(prompt, "Ada")
    assert (continuation.back, list(continuation.ids)) == (0, encode(target, "Ada"))  # a line end stands before
    (answered,) = target.read([TargetQuestion(prompt=prompt, answers=("Ada",))])
    assert answered.likelihood == pytest.approx(naive_likelihood(target, ids, encode(target, "Ada")), abs=1e-4)
    assert answered.text == naive_text(target, ids, {0, start, end})


@pytest.mark.parametrize(
    "template",
    [
        "{{ messages[0].content.lower() }}",
        "{{ messages[0].content * 2 }}",
        "{{ raise_exception('no users') }}",
        "{% if %}",
    ],
)
def test_a_chat_template_that_cannot_be_used_is_named(template: str, toy_chat_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(toy_chat_folder, folder)
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    with pytest.raises(UnsupportedModelError, match="chat template of"):
        opened(folder)


def test_bfloat16_says_nearly_what_float32_says(toy_folder: Path, target: LocalTarget) -> None:
    """On processors it has an attention of its own, for the prompt as for single tokens after it."""
    letters = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")  # of one token each
    asked = [
        TargetQuestion(prompt=f"{PROMPT}\n", answers=letters),
        TargetQuestion(prompt=PROMPT, answers=("Ada Marsh",)),
    ]
    for low, high in zip(opened(toy_folder, dtype="bfloat16").read(asked), target.read(asked), strict=True):
        assert low.likelihood == pytest.approx(high.likelihood, abs=0.05)


def test_targets_are_opened_by_name(toy_folder: Path, tmp_path: Path) -> None:
    target = open_target(str(toy_folder), model_dir=tmp_path, device="cpu", dtype="float32")
    assert isinstance(target, LocalTarget)
    assert target.name == str(toy_folder)
    assert target.count("Zoë") == 4
    with pytest.raises(ModelNotFoundError, match="no-such-model"):
        open_target("no-such-model", model_dir=tmp_path)


@pytest.mark.parametrize(
    ("prompt", "answers", "options"),
    [
        ("  \n", ("a",), ()),
        ("Answer:", ("a", " "), ()),
        ("Answer:", ("a",), ("a", "")),
        ("Answer:", ("a",), ("b", "c")),
    ],
)
def test_a_question_that_cannot_be_measured_is_refused(
    prompt: str, answers: tuple[str, ...], options: tuple[str, ...]
) -> None:
    with pytest.raises(InputError, match=r"expected .* got"):
        TargetQuestion(prompt=prompt, answers=answers, options=options)


def test_a_missing_library_is_named(toy_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("longattncomp.installed.find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"found no torchmetrics: pip install 'longattncomp\[evaluation\]'"):
        opened(toy_folder)


@pytest.mark.model
def test_the_embedded_model_answers_from_its_context() -> None:
    from longattncomp import Settings

    target = LocalTarget("smollm2-135m-instruct", model_dir=Settings.load().model_dir)
    question = "\n\nQuestion: Who signed the lease for the flat?\nAnswer:"
    there = "The lease for the flat was signed by Ada Marsh on the third of May."
    gone = "A violin has four strings, tuned in perfect fifths."
    options = ("Boris Trent", "Ada Marsh", "Ines Calder")
    seen, unseen = target.read(
        [
            TargetQuestion(prompt=context + question, answers=("Ada Marsh",), options=options)
            for context in (there, gone)
        ]
    )
    assert seen.likelihood is not None
    assert unseen.likelihood is not None
    assert seen.likelihood > unseen.likelihood + 1
    assert seen.choice == 1.0
    assert "Ada Marsh" in (seen.text or "")
