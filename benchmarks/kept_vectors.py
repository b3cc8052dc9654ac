"""An embedder whose vectors are kept in a file between runs of a benchmark."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from vectorstore.models.embed import Embedder
from vectorstore.open import open_embedder
from vectorstore.types import Vector, Vectors


class KeptVectors:
    """An embedder that comes with Footnote, remembering every text; `save` writes what is new."""

    def __init__(self, folder: Path, name: str = "all-MiniLM-L6-v2") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._embedder: Embedder = open_embedder(name, cache_dir=folder / "model")
        self._file = folder / "kept.npz"
        self._known: dict[str, Vector] = {}
        if self._file.exists():
            with np.load(self._file) as kept:
                self._known = dict(
                    zip(kept["keys"].tolist(), kept["vectors"].astype(np.float32), strict=True)
                )
        self._kept = len(self._known)
        self.name = self._embedder.name
        self.fingerprint = self._embedder.fingerprint
        self.dimension = self._embedder.dimension
        self.max_tokens = self._embedder.max_tokens

    def count_tokens(self, text: str) -> int:
        return self._embedder.count_tokens(text)

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        return self._embedder.token_offsets(text)

    def embed_query(self, text: str) -> Vector:
        key = f"query {_key(text)}"
        if key not in self._known:
            self._known[key] = self._embedder.embed_query(text)
        return self._known[key]

    def embed_documents(
        self, texts: Sequence[str], *, on_batch: Callable[[int], None] | None = None
    ) -> Vectors:
        keys = [_key(text) for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._known}
        if new:
            self._known.update(zip(new, self._embedder.embed_documents(list(new.values())), strict=True))
        if on_batch is not None:
            on_batch(len(texts))
        return np.stack([self._known[key] for key in keys])

    def save(self) -> None:
        """Write the vectors if there are new ones."""
        if len(self._known) == self._kept:
            return
        keys = np.array(list(self._known))
        vectors = np.stack(list(self._known.values())).astype(np.float16)
        np.savez(self._file, keys=keys, vectors=vectors)
        self._kept = len(self._known)


def _key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
