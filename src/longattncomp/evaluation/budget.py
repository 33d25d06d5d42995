"""text -> budget."""

from __future__ import annotations

from dataclasses import dataclass

from longattncomp.errors import InputError

_ADAPTIVE = "adaptive"


@dataclass(frozen=True, slots=True)
class Budget:
    """How much may be kept: a number of tokens, a share of each context, or as much as the method decides.

    Attributes:
        tokens: most tokens, at least 1.
        share: most tokens as a share of the context's, in (0, 1].

    Raises:
        InputError: one is out of its range.
    """

    tokens: int | None = None
    share: float | None = None

    def __post_init__(self) -> None:
        if (self.tokens is not None and self.tokens < 1) or (self.share is not None and not 0 < self.share <= 1):
            raise InputError(f"expected at least 1 token or a share in (0, 1], got {self}")

    @classmethod
    def parse(cls, text: str, *, adaptive: bool = True) -> Budget:
        """Read `2048` as tokens, `4%` and `0.04` as a share, and `adaptive` as no limit but the method's top-p.

        Raises:
            InputError: the text is none of these, or out of range.
        """
        given = text.strip()
        if adaptive and given == _ADAPTIVE:
            return cls()
        try:
            if given.isdecimal():
                return cls(tokens=int(given))
            return cls(share=float(given.removesuffix("%")) / (100 if given.endswith("%") else 1))
        except ValueError as error:
            more = ", or adaptive" if adaptive else ""
            raise InputError(
                f"expected a budget such as 2048 (tokens), 4% or 0.04 (of the context){more}, got {text!r}"
            ) from error

    @property
    def adaptive(self) -> bool:
        """Whether the method decides how much is kept."""
        return self.tokens is None and self.share is None

    def of(self, context_tokens: int) -> int:
        """Return the budget for one context in tokens, at least 1; without a limit it is the context's length."""
        if self.share is None:
            return self.tokens or max(1, context_tokens)
        return max(1, int(self.share * context_tokens + 1e-9))  # 0.29 * 100 is 28.999...

    def __str__(self) -> str:
        if self.adaptive:
            return _ADAPTIVE
        return str(self.tokens) if self.share is None else f"{100 * self.share:g}%"
