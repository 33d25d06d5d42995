"""a name that is no setting -> the one that was meant."""

from collections.abc import Collection
from difflib import get_close_matches

from longattncomp.errors import InputError

_MEANT = {
    **dict.fromkeys(
        (
            *("budget", "budget_tokens", "k", "limit", "max_length", "max_tokens", "similarity_top_k", "target_token"),
            *("target_tokens", "token_limit", "tokens", "top_k", "top_n"),
        ),
        "token_budget",
    ),
    **dict.fromkeys(("compression_ratio", "percentile_cutoff", "rate", "ratio"), "keep_rate"),
    **dict.fromkeys(
        ("score_threshold", "similarity_cutoff", "similarity_threshold", "threshold", "threshold_cutoff"),
        "min_relevance",
    ),
    **dict.fromkeys(("keep", "messages_to_keep"), "keep_last"),
    **dict.fromkeys(("chunk_size", "chunk_tokens"), "node_tokens"),
    "device_map": "device",
    "encoding": "target_tokenizer",
    "model_name": "model",
    "tokenizer": "target_tokenizer",
}
"""Names that other libraries give to what a setting, or an option of a component, does."""


def is_like(name: str, known: Collection[str]) -> bool:
    """Whether a name that is unknown is near to a known one, or another library's name for it."""
    return name in _MEANT or bool(get_close_matches(name, known, 1, 0.8))


def no_such(what: str, unknown: Collection[str], known: Collection[str]) -> InputError:
    """Make the error for unknown names of `what`, such as "setting"; it says which ones are probably meant."""
    likely = {
        found
        for name in unknown
        for found in ([_MEANT[name]] if _MEANT.get(name) in known else get_close_matches(name.lower(), known, 1))
    }
    hint = f" (did you mean {', '.join(sorted(likely))}?)" if likely else ""
    return InputError(f"no such {what}: {', '.join(sorted(unknown)):.200}{hint}; there are: {', '.join(known)}")
