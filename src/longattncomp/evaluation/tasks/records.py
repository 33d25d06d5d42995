"""a seed -> a list of orders in one of six formats, and a question about the total of one."""

import json
import random
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import pairwise

from longattncomp.data.rows import Evidence, Example
from longattncomp.evaluation.tasks.task import Draw
from longattncomp.types import Document

Order = Mapping[str, str]

_CITIES = ("Bremen", "Cork", "Gdynia", "Graz", "Lyon", "Porto", "Split", "Turku")
_NAMES = ("Ada Marsh", "Ben Cole", "Ines Roy", "Lou Vance", "Mei Sato", "Petra Horn", "Sven Dahl", "Tomo Kuhn")
_LEAST = 8
_ORDER_TOKENS = 16  # no order has fewer


def _lines(write: Callable[[Order], str], before: str = "", after: str = "") -> Callable[[list[Order]], list[str]]:
    return lambda orders: [before, *(f"{write(order)}\n" for order in orders), after]


def _json(indent: int | None, separators: tuple[str, str] | None = None) -> Callable[[list[Order]], list[str]]:
    """Cut the text of a JSON list into what is before, each object with its comma, and what is after."""

    def parts(orders: list[Order]) -> list[str]:
        text = json.dumps(orders, indent=indent, separators=separators)
        starts = [text.rindex("{", 0, text.index(f'"{order["id"]}"')) for order in orders]
        bounds = [0, *starts, text.rindex("}") + 1, len(text)]
        return [text[low:high] for low, high in pairwise(bounds)]

    return parts


FORMATS: Mapping[str, Callable[[list[Order]], list[str]]] = {
    "indented": _json(2),
    "minified": _json(None, (",", ":")),
    "one line": _json(None),
    "json lines": _lines(json.dumps),
    "csv": _lines(lambda order: ",".join(order.values()), "id,customer,city,items,total\n"),
    "table": _lines(
        lambda order: f"| {' | '.join(order.values())} |",
        "| id | customer | city | items | total |\n|---|---|---|---|---|\n",
    ),
}
"""Format -> a function from orders to the text before them, that of each, and the text after them."""


def orders(draw: Draw) -> Iterator[Example]:
    """Generate lists of orders of about `draw.context_tokens` tokens, by turns in each of `FORMATS`.

    The answer is the total of the order whose number is asked for; the evidence is the whole order.
    """
    rng = random.Random(draw.seed)  # noqa: S311 (examples, no secret)
    for number in range(draw.examples):
        name = list(FORMATS)[number % len(FORMATS)]
        pool = [_order(rng) for _ in range(max(_LEAST, draw.context_tokens // _ORDER_TOKENS))]
        sizes = range(_LEAST, len(pool) + 1)
        fitting = bisect_right(sizes, draw.context_tokens, key=partial(_tokens, name, pool, draw.count))
        found = pool[: sizes[max(0, fitting - 1)]]
        asked = rng.randrange(len(found))
        before, *parts = FORMATS[name](found)
        start = len(before) + sum(map(len, parts[:asked]))
        order = found[asked]
        yield Example(
            id=f"{name}-{draw.seed}-{number}",
            task="records",
            query=f"What is the total of order {order['id']}?",
            answers=(order["total"],),
            documents=(Document("".join([before, *parts]), id=name),),
            evidence=(Evidence(0, start, start + len(parts[asked].rstrip(",\n "))),),
        )


def _tokens(name: str, pool: list[Order], count: Callable[[str], int], n_orders: int) -> int:
    return count("".join(FORMATS[name](pool[:n_orders])))


def _order(rng: random.Random) -> Order:
    return {
        "id": f"{rng.choice('ABCK')}-{rng.randrange(10_000, 100_000)}",
        "customer": rng.choice(_NAMES),
        "city": rng.choice(_CITIES),
        "items": str(rng.randrange(1, 40)),
        "total": f"{rng.randrange(1, 5_000)}.{rng.randrange(100):02}",
    }
