"""a target's words, accepted answers -> exact match, F1 and the option it chose."""

import re
from collections.abc import Sequence
from string import ascii_uppercase

_LETTER = re.compile(
    r"""
    (?: ^\W* (?P<first> [A-Z] ) (?= \s*$ | \s*[).:,*\]"'-] | \s*\n )          # B   (B)   **B.** ...   B: ...
    |   \b (?i: answer | option | choice ) \W+ (?: (?i: is ) \W+ )? (?P<said> [A-Z] ) \b )  # the answer is (B)
    """,
    re.VERBOSE,
)


def lettered(options: Sequence[str]) -> str:
    """List options one a line, each after its letter, as in `A. yes`."""
    return "\n".join(f"{letter}. {option}" for letter, option in zip(ascii_uppercase, options, strict=False))


def exact_and_f1(text: str, answers: Sequence[str]) -> tuple[float | None, float | None]:
    """Compute exact match and F1 of words against the nearest accepted answer, as SQuAD's own script does.

    Case, ASCII punctuation, articles and white space do not count. Words end at white space, so that in scripts
    without it F1 equals exact match.

    Returns:
        Both in [0, 1]; None for both without accepted answers.
    """
    if not answers:
        return None, None
    from torchmetrics.functional.text import squad

    found = squad(
        {"prediction_text": text, "id": ""},
        {"answers": {"answer_start": [0] * len(answers), "text": list(answers)}, "id": ""},
    )
    return found["exact_match"].item() / 100, found["f1"].item() / 100


def chosen(text: str, options: Sequence[str]) -> int | None:
    """Find the option that a text names, by its words or by its letter, A for the first.

    The first of these rules that applies decides: the whole text is an option; a letter stands at the beginning or
    after "answer", "option" or "choice"; one option occurs in the text, options inside a longer one not counted.

    Returns:
        Index of the option; None if the text names none, or several.
    """
    said, named = _plain(text), [_plain(option) for option in options]
    if said in named:
        return named.index(said)
    letters = ascii_uppercase[: len(options)]
    for found in _LETTER.finditer(text):
        letter = found["first"] or found["said"]
        if letter in letters:
            return letters.index(letter)
    inside = [index for index, option in enumerate(named) if _occurs(option, said)]
    longest = [
        index
        for index in inside
        if not any(named[index] != named[other] and _occurs(named[index], named[other]) for other in inside)
    ]
    return longest[0] if len(longest) == 1 else None


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).strip("\"'`*_.,:;()[] ")


def _occurs(words: str, text: str) -> bool:
    return bool(words) and re.search(rf"(?<!\w){re.escape(words)}(?!\w)", text) is not None
