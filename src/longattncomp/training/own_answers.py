"""(documents, question) -> what the target itself answers after the full text, made once and kept."""

import hashlib
import json
from pathlib import Path

import torch

from longattncomp.runtime.stores import LMDBStore
from longattncomp.soft.target import Memory, Target

_TOKENS = 32


class OwnAnswers:
    """The target's greedy answers, in a folder that several runs and processes share."""

    def __init__(self, target: Target, folder: Path) -> None:
        self._target = target
        self._store = LMDBStore(folder)

    @torch.no_grad()
    def __call__(self, memory: Memory, about: str, query: str) -> str:
        """Answer a question after what is in the memory; `about` stands for what was read."""
        target = self._target
        key = json.dumps([target.fingerprint, str(target.dtype), about, query]).encode()
        name = hashlib.blake2b(key, digest_size=16).hexdigest()
        (found,) = self._store.mget([name])
        if found is not None:
            return found.decode()
        reading = target.read(memory, target.embed(target.form.around(f"\n\n{query}")[1])[None])
        ids: list[int] = []
        while len(ids) < _TOKENS and (token := int(reading.logits[0, -1].argmax())) not in target.ends:
            ids.append(token)
            reading = target.read(reading.memory, target.embed([token])[None])
        text = target.text(ids).strip()
        self._store.mset([(name, text.encode())])
        return text
