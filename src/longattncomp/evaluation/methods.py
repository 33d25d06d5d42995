"""methods' names -> compressors that score with them, comparable with each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from longattncomp.compressor import Compressor
from longattncomp.errors import InputError
from longattncomp.scorers.baselines import RandomScorer
from longattncomp.scorers.methods import DEFAULT, METHODS
from longattncomp.scorers.opening import open_scorer
from longattncomp.settings import Settings
from longattncomp.types import Scorer

DEFAULT_METHODS = ("random", "first", "last", "bm25", DEFAULT)
"""Those that need no extra; `minilm` and `rrf` come with `longattncomp[peers]`."""

_SHARED = ("model", "device", "dtype", "model_dir", "cache_bytes", "gap_mark", "separator")
"""The settings that a published system shares with ours; everything else is as its paper has it."""


def compressors(
    names: Sequence[str], compressor: Compressor, *, scorers: Mapping[str, Scorer] | None = None, seed: int = 0
) -> dict[str, Compressor]:
    """Open methods by their names.

    `speculative` and `attncomp` have the nodes and the rank of their papers. The peers have the settings of the
    compressor and nodes as `method="bm25"` has them, unless the settings say otherwise; they rank by score alone.

    Args:
        names: out of `METHODS` and `scorers`.
        compressor: the method `longattncomp`; all methods share its budget and the way it counts.
        scorers: more methods by name, or other scorers for known names; cut and ranked like the peers.
        seed: of the random method.

    Raises:
        InputError: no such name, or the compressor has another method.
        ModelError: a method's model cannot be opened.
    """
    if compressor.settings.method != DEFAULT:
        got = compressor.settings.method
        raise InputError(f"expected method={DEFAULT!r} in the settings, got {got!r}: leave it out")
    given = {"random": RandomScorer(seed), **(scorers or {})}
    known = dict.fromkeys([*METHODS, *given])
    if not names or any(name not in known for name in names):
        raise InputError(f"expected methods out of {', '.join(known)}; got {', '.join(names) or 'none'}")
    ours = compressor.configured(keep_rate=1.0)  # the measurement sets the budgets
    return {name: _opened(name, ours, given.get(name)) for name in dict.fromkeys(names)}


def _opened(name: str, ours: Compressor, scorer: Scorer | None) -> Compressor:
    if name == DEFAULT and scorer is None:
        return ours
    method = METHODS[name if name in METHODS else "bm25"]
    if method.as_published:
        settings = Settings.model_validate(
            {"method": name, **{shared: getattr(ours.settings, shared) for shared in _SHARED}}
        )
    else:
        settings = ours.settings.override(method=method.name)
    if method.heads or method.as_published:
        return Compressor.from_pretrained(settings=settings, shared=True, target_tokenizer=ours.target)
    settings = settings.override(context_weight=method.defaults.get("context_weight"), head=None)
    return Compressor(
        scorer or open_scorer(settings)[0], ours.tokenizer, settings=settings, target_tokenizer=ours.target
    )
