"""methods' names -> compressors that score with them, comparable with each other."""

from collections.abc import Mapping, Sequence

from longattncomp.compressor import Compressor
from longattncomp.errors import InputError
from longattncomp.scorers.baselines import RandomScorer
from longattncomp.scorers.fusion import FusionScorer
from longattncomp.scorers.methods import DEFAULT, METHODS
from longattncomp.scorers.opening import open_scorer
from longattncomp.settings import Settings
from longattncomp.types import Scorer

DEFAULT_METHODS = ("random", "first", "last", "bm25", DEFAULT)
"""Methods that need no extra; `minilm` and `rrf` come with `longattncomp[peers]`."""

_SHARED = {"model", "device", "dtype", "model_dir", "cache_bytes", "gap_mark", "separator"}
"""Settings that published methods share with ours; all others are as in their papers."""
_FUSED = ("bm25", "minilm")


def compressors(
    names: Sequence[str], compressor: Compressor, *, scorers: Mapping[str, Scorer] | None = None, seed: int = 0
) -> dict[str, Compressor]:
    """Open methods by their names.

    `speculative` and `attncomp` cut and rank nodes as their papers do. The peers share the compressor's settings, but
    rank nodes by score alone, and cut them as `method="bm25"` does unless the settings set `node_tokens`.

    Args:
        names: out of `METHODS` and `scorers`.
        compressor: the method `longattncomp`; all methods share its budget and its way to count tokens.
        scorers: further methods by name, or other scorers for known names; cut and ranked like the peers.
        seed: seed of the random method.

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
    return {name: _opened(name, ours, given) for name in dict.fromkeys(names)}


def _opened(name: str, ours: Compressor, given: Mapping[str, Scorer]) -> Compressor:
    if name == DEFAULT and name not in given:
        return ours
    method = METHODS[name if name in METHODS else "bm25"]
    shared = _SHARED if method.as_published else ours.settings.model_fields_set - set(method.ignores)
    settings = Settings.model_validate(
        {setting: value for setting, value in ours.settings if setting in shared} | {"method": method.name}
    )
    if method.heads or method.as_published:
        return Compressor.from_pretrained(settings=settings, shared=True, target_tokenizer=ours.target)
    settings = settings.override(context_weight=method.defaults.get("context_weight"))
    return Compressor(_peer(name, settings, given), ours.tokenizer, settings=settings, target_tokenizer=ours.target)


def _peer(name: str, settings: Settings, given: Mapping[str, Scorer]) -> Scorer:
    if name in given:
        return given[name]
    if name == "rrf":  # of the scorers that were given for the methods it fuses
        return FusionScorer([_peer(one, settings.override(method=one), given) for one in _FUSED])
    return open_scorer(settings)[0]
