"""LongAttnComp for LangChain: keeps what matters to the query, verbatim, in order, inside a token budget."""

from __future__ import annotations

from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_longattncomp.compressor import LongAttnCompressor
    from langchain_longattncomp.hook import pre_model_hook
    from langchain_longattncomp.middleware import LongAttnMiddleware
    from langchain_longattncomp.preparer import LongAttnPreparer
    from langchain_longattncomp.reader import LongAttnPromptEmbeds, LongAttnReader
    from langchain_longattncomp.summarizer import summarizer

__version__ = "0.1.0"

__all__ = [
    "LongAttnCompressor",
    "LongAttnMiddleware",
    "LongAttnPreparer",
    "LongAttnPromptEmbeds",
    "LongAttnReader",
    "pre_model_hook",
    "summarizer",
]

_MODULES = {
    "LongAttnCompressor": "compressor",
    "LongAttnMiddleware": "middleware",
    "LongAttnPreparer": "preparer",
    "LongAttnPromptEmbeds": "reader",
    "LongAttnReader": "reader",
    "pre_model_hook": "hook",
    "summarizer": "summarizer",
}


def __getattr__(name: str) -> Any:
    """Import a name at its first use, because agents take seconds to import and a retriever needs none."""
    if name not in _MODULES:
        raise AttributeError(f"module 'langchain_longattncomp' has no attribute {name!r}")
    try:
        value = resolve_name(f"langchain_longattncomp.{_MODULES[name]}:{name}")
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in ("langchain", "langgraph"):
            raise
        raise ImportError(f"{name} needs {error.name}: pip install 'langchain-longattncomp[agents]'") from error
    globals()[name] = value
    return value
