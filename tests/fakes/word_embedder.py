"""A small embedder for tests that need no meaning: real token offsets, vectors from a hash."""

import hashlib
import re
from collections.abc import Callable, Sequence

import numpy as np

from vectorstore.types import Vector, Vectors

_WORD = re.compile(r"\w+|[^\w\s]")


class WordEmbedder:
    """Four letters are a token; a word of more than forty letters is one unknown token, as in WordPiece."""

    name = "words"
    fingerprint = "words-1"
    dimension = 8

    def __init__(self, max_tokens: int = 64) -> None:
        self.max_tokens = max_tokens
        self.embedded = 0

    def count_tokens(self, text: str) -> int:
        return len(self.token_offsets(text)) + 2

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        offsets = []
        for word in _WORD.finditer(text):
            start, end = word.span()
            step = 4 if end - start <= 40 else end - start
            offsets += [(at, min(at + step, end)) for at in range(start, end, step)]
        return offsets

    def embed_query(self, text: str) -> Vector:
        return self.embed_documents([text])[0]

    def embed_documents(
        self, texts: Sequence[str], *, on_batch: Callable[[int], None] | None = None
    ) -> Vectors:
        self.embedded += len(texts)
        rows = np.zeros((len(texts), self.dimension), np.float32)
        for number, text in enumerate(texts):
            digest = hashlib.sha256(text.encode()).digest()[: self.dimension]
            rows[number] = np.frombuffer(digest, np.uint8).astype(np.float32) + 1
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        if on_batch is not None:
            on_batch(len(texts))
        return rows

    def token_states(
        self, texts: Sequence[str], *, query: bool = False
    ) -> list[tuple[list[tuple[int, int]], Vectors]]:
        found = []
        for text in texts:
            offsets = self.token_offsets(text)[: self.max_tokens]
            tokens = [text[start:end].lower() for start, end in offsets]
            found.append((offsets, self.embed_documents(tokens)))
        return found
