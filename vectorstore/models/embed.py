"""The seam between embedders: text to unit vectors; and one that remembers."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from vectorstore.telemetry.metrics import count
from vectorstore.telemetry.names import CACHE
from vectorstore.types import Vector, Vectors

TokenStates: TypeAlias = tuple[list[tuple[int, int]], npt.NDArray[np.float32]]
"""A text's token offsets and their states (tokens, d); special tokens and what lies beyond the window are left out."""


class Space(Protocol):
    """What vectors must share to be compared: all that an index need know of an embedder."""

    @property
    def fingerprint(self) -> str:
        """Changes whenever the vectors would: model, weights, pooling, precision class."""

    @property
    def dimension(self) -> int:
        """The length of a vector."""


class Embedder(Space, Protocol):
    """Turns text into L2-normalised float32 vectors. Plain synchronous code; safe to call from threads."""

    @property
    def name(self) -> str:
        """What a person calls the model, such as `all-MiniLM-L6-v2`."""

    @property
    def max_tokens(self) -> int:
        """The most tokens of one text that are read; the rest would be ignored."""

    def count_tokens(self, text: str) -> int:
        """Count the text's tokens as the model sees them, special tokens included."""

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        """Return each token's [start, end) in the text, special tokens left out."""

    def embed_query(self, text: str) -> Vector:
        """Embed one question; shape (d,)."""

    def embed_documents(
        self, texts: Sequence[str], *, on_batch: Callable[[int], None] | None = None
    ) -> Vectors:
        """Embed passages; shape (n, d) in the order given. `on_batch` hears how many are newly done."""


@runtime_checkable
class TokenReader(Protocol):
    """Reads a text token by token, as an embedder does whose model is at hand."""

    @property
    def name(self) -> str:
        """What a person calls the model."""

    def token_states(self, texts: Sequence[str], *, query: bool = False) -> list[TokenStates]:
        """Return what it makes of each token of texts, read as passages or as questions."""


@runtime_checkable
class Metered(Protocol):
    """What somebody counts tokens of, and may charge for."""

    @property
    def tokens(self) -> int:
        """How many have been counted so far."""


class RememberingEmbedder:
    """Another embedder with the vectors of the texts wanted last kept (1.5 kB each at 384 dimensions).

    No turn asks for a text twice; this is for questions that many ask, and the sentences that answer them.
    """

    def __init__(self, embedder: Embedder, *, remember: int = 4_096) -> None:
        self._embedder = embedder
        self._remember = remember
        self._known: OrderedDict[str, Vector] = OrderedDict()
        self._lock = Lock()
        self.name = embedder.name
        self.fingerprint = embedder.fingerprint
        self.dimension = embedder.dimension
        self.max_tokens = embedder.max_tokens

    def count_tokens(self, text: str) -> int:
        """Count the text's tokens as the model sees them."""
        return self._embedder.count_tokens(text)

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        """Return each token's [start, end) in the text."""
        return self._embedder.token_offsets(text)

    def embed_query(self, text: str) -> Vector:
        """Embed one question; shape (d,)."""
        key = f"\0{text}"
        known = self._recalled([key]).get(key)
        if known is None:
            known = self._embedder.embed_query(text)
            self._keep({key: known})
        return known

    def embed_documents(
        self, texts: Sequence[str], *, on_batch: Callable[[int], None] | None = None
    ) -> Vectors:
        """Embed passages; shape (n, d) in the order given. Only those not remembered reach the model."""
        found = self._recalled(texts)
        new = list(dict.fromkeys(text for text in texts if text not in found))
        if new:
            fresh = dict(zip(new, self._embedder.embed_documents(new), strict=True))
            found |= fresh
            self._keep(fresh)
        if on_batch is not None:
            on_batch(len(texts))
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        return np.stack([found[text] for text in texts])

    def _recalled(self, keys: Sequence[str]) -> dict[str, Vector]:
        with self._lock:
            found = {key: self._known[key] for key in keys if key in self._known}
            for key in found:
                self._known.move_to_end(key)
            hit, miss = len(found), len(set(keys)) - len(found)
        count(CACHE, hit, cache="embedding", result="hit")
        count(CACHE, miss, cache="embedding", result="miss")
        return found

    def _keep(self, vectors: dict[str, Vector]) -> None:
        with self._lock:
            self._known.update(vectors)
            while len(self._known) > self._remember:
                self._known.popitem(last=False)
