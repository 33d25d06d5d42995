"""text -> pieces of tokens that are compressed one by one."""

from bisect import bisect_right
from itertools import pairwise

from longattncomp.chunking.boundaries import text_boundaries
from longattncomp.types import Tokenizer


def pieces(text: str, tokenizer: Tokenizer, most: int) -> list[list[int]]:
    """Cut the tokens of a text into pieces of at most `most`, which end where sentences or lines do.

    Neighbouring sentences share a piece while they fit; a longer sentence is cut into parts of like length.
    """
    encoding = tokenizer.encode(text)
    ids, ends = list(encoding.ids), list(encoding.ends)
    found = [0]
    last = 0  # the end of the last sentence that is in no piece yet
    for cut in text_boundaries(text):
        end = bisect_right(ends, cut)
        if last > found[-1] and end - found[-1] > most:
            found.append(last)
        if (length := end - found[-1]) > most:
            parts = -(-length // most)
            start = found[-1]
            found += [start + length * part // parts for part in range(1, parts)]
        last = end
    return [ids[start:end] for start, end in pairwise([*found, len(ids)]) if start < end]
