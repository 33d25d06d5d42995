"""what a compression saved -> the metadata of its run, an event of callbacks, and a line of log."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any

from langchain_core.callbacks import BaseCallbackManager, dispatch_custom_event
from langchain_core.runnables.config import ensure_config
from langchain_core.tracers.base import BaseTracer

EVENT = "longattncomp"
"""The name of the event, and of the entry in a run's metadata."""

_log = logging.getLogger(__name__)


def report(
    what: str,
    *,
    before: int,
    after: int,
    stop_reason: str,
    seconds: float,
    audit: bool,
    relevance: float | None = None,
) -> None:
    """Say what was saved, or with `audit` what would be, where the current run and its callbacks show it.

    `before` counts the tokens of the whole text, `after` those of what is kept of it, with what is shown around.
    """
    facts: dict[str, Any] = {
        "what": what,
        "tokens_before": before,
        "tokens_after": after,
        "stop_reason": stop_reason,
        "milliseconds": round(1000 * seconds, 1),
        "audit": audit,
        "relevance": relevance,
    }
    _log.info("%s: %s tokens -> %s, stopped by %s, %.0f ms", what, before, after, stop_reason, 1000 * seconds)
    callbacks = ensure_config().get("callbacks")
    if isinstance(callbacks, BaseCallbackManager):
        for tracer in callbacks.handlers:
            run = tracer.run_map.get(str(callbacks.parent_run_id)) if isinstance(tracer, BaseTracer) else None
            if run is not None:
                if run.extra is None:
                    run.extra = {}
                metadata = run.extra.setdefault("metadata", {})
                metadata[EVENT] = [*metadata.get(EVENT, ()), facts]
    with suppress(RuntimeError):  # nobody traces this call
        dispatch_custom_event(EVENT, facts)
