"""The default embedder: English as MiniLM reads it and as e5 does, every other language as e5 reads it."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from vectorstore.errors import Unavailable
from vectorstore.language.detect import english
from vectorstore.models.e5 import E5
from vectorstore.models.encoder import Encoder
from vectorstore.models.minilm import MINILM
from vectorstore.types import Vector, Vectors

_WINDOW = 272
"""What fills MiniLM's window of 256 in English has this many of e5's tokens."""


class Combined:
    """One vector of two parts, MiniLM's and e5's: their product is the mean of the two cosines.

    Of a text that is not English MiniLM's part is empty and e5's counts alone; the vectors have length 1 all the same.
    """

    def __init__(self, minilm: Encoder, e5: Encoder) -> None:
        """Combine the two; both stay open to whoever reads token by token."""
        self.minilm, self.e5 = minilm, e5
        self.name = f"{minilm.name}+{e5.name}"
        self.fingerprint = f"{minilm.fingerprint}+{e5.fingerprint}/{_WINDOW}"
        self.dimension = minilm.dimension + e5.dimension
        self.max_tokens = _WINDOW

    def count_tokens(self, text: str) -> int:
        """Count the text's tokens as e5 sees them, special ones included."""
        return self.e5.count_tokens(text)

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        """Return each of e5's tokens' [start, end) in the text, special tokens left out."""
        return self.e5.token_offsets(text)

    def embed_query(self, text: str) -> Vector:
        """Embed one question; shape (768,)."""
        spoken = english(text)
        mine = [self.minilm.embed_query(text)] if spoken else []
        vector: Vector = self._joined([spoken], mine, self.e5.embed_query(text)[None])[0]
        return vector

    def embed_documents(
        self, texts: Sequence[str], *, on_batch: Callable[[int], None] | None = None
    ) -> Vectors:
        """Embed passages; shape (n, 768) in the order given. `on_batch` hears how many are newly done."""
        spoken = [english(text) for text in texts]
        mine = self.minilm.embed_documents([text for text, is_so in zip(texts, spoken, strict=True) if is_so])
        return self._joined(spoken, mine, self.e5.embed_documents(texts, on_batch=on_batch))

    def _joined(self, spoken: Sequence[bool], mine: Sequence[Vector] | Vectors, others: Vectors) -> Vectors:
        """Put both parts side by side; `mine` are those of the texts that are spoken in English."""
        joined = np.zeros((len(spoken), self.dimension), np.float32)
        if any(spoken):
            joined[np.array(spoken), : self.minilm.dimension] = mine
        joined[:, self.minilm.dimension :] = others
        lengths: Vectors = np.linalg.norm(joined, axis=1, keepdims=True)
        return joined / lengths


def open_combined(cache_dir: Path) -> Combined:
    """Load both side by side; raises Unavailable when the weights of either are missing."""
    try:
        with ThreadPoolExecutor(2, thread_name_prefix="load") as pool:
            minilm, e5 = pool.map(lambda model: Encoder(model, cache_dir=cache_dir), (MINILM, E5))
    except Unavailable as error:
        alone = f"English alone needs no more than FOOTNOTE_EMBEDDER={MINILM.name}."
        raise Unavailable(error.what, f"{error.hint} {alone}") from error
    return Combined(minilm, e5)
