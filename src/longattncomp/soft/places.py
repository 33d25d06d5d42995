"""length and ratio -> how many slots a piece gets, and which of its tokens are anchors."""


def slots(length: int, ratio: int) -> int:
    """Count the slots of a piece: one for each `ratio` tokens, and one for the rest, so that nothing is lost."""
    return -(-length // ratio)


def anchors(length: int, ratio: int) -> list[int]:
    """Find the middle token of each run of `ratio` tokens (SAC, arXiv 2510.08907).

    A last run that ends before its middle has no anchor; a piece that does so is its first token.
    """
    return list(range((ratio - 1) // 2, length, ratio)) or [0]
