"""Any sentence-transformers model as an embedder (the extra `[models]`)."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from vectorstore.errors import Unavailable
from vectorstore.types import Vector, Vectors

_BATCH = 64


class SentenceTransformerEmbedder:
    """Embeds on torch with a model from a local folder or the local cache; nothing is downloaded."""

    def __init__(self, name: str) -> None:
        """Load the model; raises Unavailable when the extra or the model is missing."""
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise Unavailable(
                f"The embedder {name!r} needs sentence-transformers.", "Run: pip install 'footnote[models]'"
            ) from error
        try:
            self._model: Any = SentenceTransformer(name, device="cpu", local_files_only=True)
        except (OSError, ValueError) as error:
            raise Unavailable(
                f"The embedder {name!r} is not on this machine.",
                "Download it beforehand, or set FOOTNOTE_EMBEDDER to a folder that holds it.",
            ) from error
        self._name = name
        self._probe = hashlib.sha256(self.embed_query("fingerprint").tobytes()).hexdigest()[:12]

    @property
    def name(self) -> str:
        """The model's name or folder."""
        return self._name

    @property
    def fingerprint(self) -> str:
        """Names the model and what it makes of a known text, so that changed weights show."""
        return f"sentence-transformers/{self._name}/{self._probe}"

    @property
    def dimension(self) -> int:
        """The length of a vector."""
        return int(self._model.get_sentence_embedding_dimension())

    @property
    def max_tokens(self) -> int:
        """The most tokens of one text that are read."""
        return int(self._model.max_seq_length)

    def count_tokens(self, text: str) -> int:
        """Count the text's tokens, special ones included."""
        return len(self._model.tokenizer(text, truncation=False)["input_ids"])

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        """Return each token's [start, end) in the text, special tokens left out."""
        encoded = self._model.tokenizer(
            text, truncation=False, add_special_tokens=False, return_offsets_mapping=True
        )
        return [(int(start), int(end)) for start, end in encoded["offset_mapping"]]

    def embed_query(self, text: str) -> Vector:
        """Embed one question; shape (d,)."""
        vector: Vector = self._model.encode_query(text, normalize_embeddings=True, show_progress_bar=False)
        return vector.astype(np.float32)

    def embed_documents(
        self, texts: Sequence[str], *, on_batch: Callable[[int], None] | None = None
    ) -> Vectors:
        """Embed passages; shape (n, d)."""
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda index: -len(texts[index]))
        for start in range(0, len(order), _BATCH):
            rows = order[start : start + _BATCH]
            vectors[rows] = self._model.encode_document(
                [texts[row] for row in rows], normalize_embeddings=True, show_progress_bar=False
            )
            if on_batch is not None:
                on_batch(len(rows))
        return vectors
