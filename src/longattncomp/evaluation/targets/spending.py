"""tokens that an endpoint charged for -> what they cost."""

from __future__ import annotations

from dataclasses import dataclass, replace

from longattncomp.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """Prices of an endpoint, in any currency per million tokens."""

    prompt: float
    completion: float

    def __post_init__(self) -> None:
        if self.prompt < 0 or self.completion < 0:
            raise InputError(f"expected prices of 0 or more, got {self.prompt} and {self.completion}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What an endpoint has charged since it was opened.

    Attributes:
        paid: answers that were requested.
        kept: answers that an earlier run had paid for.
        prompt_tokens: prompt tokens of the answers paid now, as the endpoint counts.
        completion_tokens: likewise for the tokens that it wrote.
        prices: prices of the endpoint, if they are known.
    """

    paid: int = 0
    kept: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prices: Prices | None = None

    @property
    def cost(self) -> float | None:
        """Cost in the currency of the prices; None without prices."""
        if self.prices is None:
            return None
        return (self.prompt_tokens * self.prices.prompt + self.completion_tokens * self.prices.completion) / 1e6

    def plus(self, **more: int) -> Spent:
        """Add answers and tokens, by the names of the attributes."""
        return replace(self, **{name: getattr(self, name) + number for name, number in more.items()})

    def __str__(self) -> str:
        cost = "" if self.cost is None else f", cost {self.cost:.4f}"
        return (
            f"{self.paid} answers paid: {self.prompt_tokens} prompt and {self.completion_tokens} completion tokens"
            f"{cost}; {self.kept} answers were kept from before"
        )
