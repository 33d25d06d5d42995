"""text of a prompt -> the paragraphs at its ends that are not documents."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from longattncomp.query.patterns import CLOSER, CONTEXT, CUE, PARAGRAPH_END, RULE, TAG
from longattncomp.types import Span, Tokenizer

Fits = Callable[[str, int], bool]

QUERY_TOKENS = 128  # the longest question without a label
BLOCK_TOKENS = 512  # the longest labelled question, and the longest message that may be all question
CHARS_PER_TOKEN = 64  # no real token is longer on average; a text beyond that is too long without counting
REACH = BLOCK_TOKENS * CHARS_PER_TOKEN

_UNMARKED_TOKENS = 64  # of an end beside its outermost paragraph, where nothing marks the documents
_BYTES_PER_TOKEN = 4  # about as many as tokenizers have for English
_ELEMENT = 2_000  # characters; a longer element holds documents
_TAGS = 20  # looked at from either end
_CLOSERS = 3  # lines that may follow a question to say where the answer goes


@dataclass(frozen=True, slots=True)
class Ends:
    """What a prompt says around its documents."""

    head: tuple[Span, ...]  # the paragraphs before the documents, the first one first
    tail: tuple[Span, ...]  # the paragraphs after the documents, the last one first
    first: int  # where a mark says that the documents begin, or the length of the text
    last: int  # where a mark says that the documents end, or 0

    @property
    def sides(self) -> tuple[tuple[Span, ...], ...]:
        """The tail, which most often asks, and the head."""
        return self.tail, self.head


def measure(tokenizer: Tokenizer) -> Fits:
    """Return a function that tells whether a text has at most so many tokens, of this tokenizer or a usual one."""

    def fits(text: str, tokens: int) -> bool:
        if len(text) > tokens * CHARS_PER_TOKEN:
            return False
        return len(text.encode(errors="replace")) <= tokens * _BYTES_PER_TOKEN or tokenizer.count(text) <= tokens

    return fits


def ends_of(text: str, fits: Fits) -> Ends:
    """Find the ends of a prompt: up to the mark of its documents, or else some short paragraphs.

    A mark is a label such as "Context:", a line of dashes, or the tag of a long element. Only what stands near an end
    is looked at, so that no document in between can pass for the prompt.
    """
    first, last = _first_mark(text), _last_mark(text)
    first = first if fits(text[:first], BLOCK_TOKENS) else len(text)
    last = last if fits(text[last:], BLOCK_TOKENS) else 0
    return Ends(tuple(_head(text, first, fits)), tuple(_tail(text, last, fits)), first, last)


def holds_documents(text: str, fits: Fits) -> bool:
    """Whether a message is longer than a question and has a mark of documents."""
    return not fits(text, QUERY_TOKENS) and (_first_mark(text) < len(text) or _last_mark(text) > 0)


def before_space(text: str, end: int, start: int = 0) -> int:
    """Return where the space before `end` begins, without a copy: a prompt may have thousands of labels."""
    while end > start and text[end - 1].isspace():
        end -= 1
    return end


def closing_cue(text: str) -> int:
    """Return the start of the lines that close a text and say where its answer goes, or the end of the text."""
    start = stop = before_space(text, len(text))
    for _ in range(_CLOSERS):
        line = text.rfind("\n", 0, stop) + 1
        cue = CUE.match(text, line, stop)
        if not line or stop - line > REACH or not ((cue and cue.end() == stop) or CLOSER.match(text[line:stop])):
            break
        start, stop = line, before_space(text, line)
    return start


def _first_mark(text: str) -> int:
    marks = [mark.start() for pattern in (CONTEXT, RULE) if (mark := pattern.search(text, 0, REACH))]
    for tag, _ in zip(TAG.finditer(text, 0, REACH), range(_TAGS), strict=False):
        if not tag["close"] and text.find(f"</{tag['name']}>", tag.end()) > tag.end() + _ELEMENT:
            marks.append(tag.start())
            break
    return min(marks, default=len(text))


def _last_mark(text: str) -> int:
    reach = max(0, len(text) - REACH)
    rules = [rule.end() for rule in RULE.finditer(text, reach)]
    marks = rules[-1:] if len(rules) <= 2 else []  # more of them stand between documents
    for tag in [tag for tag in TAG.finditer(text, reach) if tag["close"]][-_TAGS:]:
        if 0 <= text.rfind(f"<{tag['name']}", 0, tag.start()) < tag.start() - _ELEMENT:
            marks.append(tag.end())
    return max(marks, default=0)


def _head(text: str, first: int, fits: Fits) -> Iterator[Span]:
    marked = first < len(text)
    for span in _paragraphs(text, 0, min(first, REACH), fits):
        outermost = not text[: span[0]].strip()
        if not marked and not fits(text[: span[1]], QUERY_TOKENS if outermost else _UNMARKED_TOKENS):
            return
        yield span


def _tail(text: str, last: int, fits: Fits) -> Iterator[Span]:
    marked = last > 0
    for span in reversed([*_paragraphs(text, max(last, len(text) - REACH), len(text), fits)]):
        outermost = not text[span[1] :].strip()
        if not marked and not fits(text[span[0] :], QUERY_TOKENS if outermost else _UNMARKED_TOKENS):
            return
        if CONTEXT.match(text, span[0]):
            return
        yield span


def _paragraphs(text: str, start: int, stop: int, fits: Fits) -> Iterator[Span]:
    """Yield the paragraphs of a range without the space around them, and the lines of one that is too long."""
    for low, high in _parts(text, start, stop):
        if fits(text[low:high], QUERY_TOKENS):
            yield low, high
            continue
        at = low
        while at < high:
            end = text.find("\n", at, high)
            end = high if end < 0 else end
            yield from _parts(text, at, end)
            at = end + 1


def _parts(text: str, start: int, stop: int) -> Iterator[Span]:
    at = start
    for blank in [*PARAGRAPH_END.finditer(text, start, stop), None]:
        low, high = at, before_space(text, blank.start() if blank else stop, at)
        at = blank.end() if blank else stop
        while low < high and text[low].isspace():
            low += 1
        if low < high:
            yield low, high
