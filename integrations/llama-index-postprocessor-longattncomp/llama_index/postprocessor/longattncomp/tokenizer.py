"""LlamaIndex's `Settings.tokenizer` -> what the engine counts the budget with."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from llama_index.core.settings import Settings

_reading = threading.Lock()


def settings_tokenizer() -> Callable[[str], Any]:
    """The global tokenizer of LlamaIndex, as it is set now."""
    with _reading:  # the first read sets and unsets an environment variable, which two threads cannot do at once
        return Settings.tokenizer
