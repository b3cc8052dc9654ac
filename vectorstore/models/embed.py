"""The seam between embedders: text to unit vectors."""

from collections.abc import Callable, Sequence
from typing import Protocol

from vectorstore.types import Vector, Vectors


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
