"""Encoders of text that come with Footnote, without torch and without a download."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np

from vectorstore.models.engine import BATCH_TOKENS, EngineName, Tokens, batch_size, open_engine
from vectorstore.models.files import cached
from vectorstore.models.graph import VERSION, Shape, Weights, build_graph
from vectorstore.types import Vector, Vectors


class Tokenizer(Protocol):
    """Cuts text into a model's tokens; words apart have the tokens of the text as a whole."""

    def ids(self, text: str) -> list[int]:
        """Return the text's tokens, with the special ones at both ends."""

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Return each token's [start, end) in the text, special tokens left out."""


@dataclass(frozen=True, slots=True)
class Neutral:
    """Takes out of vectors what all have in common (`centre`), and in what language their texts are.

    `directions` (k, d) are orthonormal. A language lies in a few directions that carry no meaning, and without them a
    question is near what answers it in any language, not near all that is in its own (Yang et al., 2021). They are
    found by `python -m benchmarks.search.languages`, from translations of the same sentences.
    """

    centre: Vector
    directions: Vectors

    def vectors(self, found: Vectors) -> Vectors:
        """Return vectors (n, d) without either, at length 1."""
        left = self.states(found - self.centre)
        lengths = np.maximum(np.linalg.norm(left, axis=1, keepdims=True), 1e-6)
        unit: Vectors = (left / lengths).astype(np.float32)
        return unit

    def states(self, found: Vectors) -> Vectors:
        """Return the states of tokens (n, d) without their language."""
        spoken = (found @ self.directions.T) @ self.directions
        left: Vectors = (found - spoken).astype(np.float32)
        return left


@dataclass(frozen=True, slots=True)
class Model:
    """What tells one encoder from another; `weights` and `tokenizer` load it, and raise Unavailable.

    `seal` is the SHA-256 of its weights; `window` the most tokens that it reads; `before_…` what it was trained to
    see before a question and before a passage; `neutral` is taken out of what it makes of them.
    """

    name: str
    seal: str
    window: int
    shape: Shape
    weights: Callable[[], Weights]
    tokenizer: Callable[[], Tokenizer]
    before_query: str = ""
    before_passage: str = ""
    neutral: Callable[[], Neutral] | None = None


TokenStates: TypeAlias = tuple[list[tuple[int, int]], Vectors]
"""A text's token offsets, and the tokens' states (tokens, 384)."""

_DIMENSION = 384
_STATE_TOKENS = 512
"""Tokens in a batch whose states somebody waits for: what the cores share."""
_FEW = 16
_AT_ONCE = 4


class Encoder:
    """Embeds on the processor's cores, a batch on each side by side, so that a query is not held up."""

    def __init__(
        self, model: Model, *, cache_dir: Path, threads: int | None = None, engine: EngineName | None = None
    ) -> None:
        """Load the model with the fastest engine or the one named; its graph is made the first time.

        Raises Unavailable when its weights are missing or not the published ones, or the graph cannot be kept.
        """
        self._model = model
        self._tokenizer = model.tokenizer()
        self._threads = threads or _cores()
        path = cache_dir / f"{model.name}-{model.seal[:12]}-{VERSION}.onnx"
        graph = cached(path, lambda: build_graph(model.weights(), model.shape))
        self._engine = open_engine(graph, threads=self._threads, name=engine)
        self._neutral = model.neutral() if model.neutral else None

    @property
    def name(self) -> str:
        """The model's name."""
        return self._model.name

    @property
    def fingerprint(self) -> str:
        """Names the weights, the pooling and the window, not the engine: its vectors are interchangeable."""
        named = f"{self._model.name}/{self._model.seal[:12]}/mean/{self._model.window}"
        return f"{named}/neutral" if self._neutral else named

    @property
    def dimension(self) -> int:
        """The length of a vector."""
        return _DIMENSION

    @property
    def max_tokens(self) -> int:
        """The most tokens of one text that are read."""
        return self._model.window

    def count_tokens(self, text: str) -> int:
        """Count the text's tokens, the two special ones and what stands before a passage included."""
        return len(self._tokenizer.ids(self._model.before_passage + text))

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        """Return each token's [start, end) in the text, special tokens left out."""
        return self._tokenizer.offsets(text)

    def embed_query(self, text: str) -> Vector:
        """Embed one question; shape (384,)."""
        (tokens,) = self._tokens([text], before=self._model.before_query)
        found = self._engine.query(*_padded([tokens]))
        vector: Vector = (self._neutral.vectors(found) if self._neutral else found)[0]
        return vector

    def token_states(
        self, texts: Sequence[str], *, layer: int | None = None, query: bool = False
    ) -> list[TokenStates]:
        """Return each text's tokens as they are after a layer: the last, or another that the model's shape shows.

        Special tokens, what stands before a text and what lies beyond the window are left out.
        """
        before = self._model.before_query if query else self._model.before_passage
        tokens = self._tokens(texts, before=before)
        opening = len(self._tokenizer.ids(before)) - 1
        found: dict[int, TokenStates] = {}

        def run(batch: list[int]) -> None:
            ids, mask = _padded([tokens[i] for i in batch])
            states = self._engine.states(ids, mask, layer=layer or self._model.shape.layers)
            for i, rows in zip(batch, states, strict=True):
                kept = rows[opening : len(tokens[i]) - 1]
                if self._neutral and layer is None:
                    kept = self._neutral.states(kept)
                found[i] = self.token_offsets(texts[i])[: len(kept)], kept

        batches = list(_batches([len(row) for row in tokens], most=_STATE_TOKENS))
        if len(batches) == 1:
            run(batches[0])
        elif batches:
            with ThreadPoolExecutor(self._threads, thread_name_prefix="states") as pool:
                list(pool.map(run, batches))
        return [found[i] for i in range(len(texts))]

    def embed_documents(
        self, texts: Sequence[str], *, on_batch: Callable[[int], None] | None = None
    ) -> Vectors:
        """Embed passages; shape (n, 384)."""
        found = self._pooled(texts, on_batch)
        return self._neutral.vectors(found) if self._neutral else found

    def _pooled(self, texts: Sequence[str], on_batch: Callable[[int], None] | None) -> Vectors:
        """Embed passages in batches of texts of like length, so that little is padded."""
        vectors = np.empty((len(texts), _DIMENSION), dtype=np.float32)
        tokens = self._tokens(texts, before=self._model.before_passage)
        batches = list(_batches([len(row) for row in tokens]))
        if len(batches) == 1 and on_batch is None:
            # A question's few sentences: threads of their own would cost more than they bring.
            for rows in _cut_up(batches[0]):
                vectors[rows] = self._engine.documents(*_padded([tokens[i] for i in rows]))
            return vectors
        pool = ThreadPoolExecutor(self._threads, thread_name_prefix="embed")
        try:
            runs = pool.map(
                lambda batch: self._engine.documents(*_padded([tokens[i] for i in batch])), batches
            )
            for batch, found in zip(batches, runs, strict=True):
                vectors[batch] = found
                if on_batch is not None:
                    on_batch(len(batch))
        finally:
            # On Ctrl-C only the batches in the works are waited for.
            pool.shutdown(cancel_futures=True)
        return vectors

    def _tokens(self, texts: Sequence[str], *, before: str) -> list[Tokens]:
        """Return each text's token ids, cut to the window, the closing special one at the end."""
        rows = [self._tokenizer.ids(before + text) for text in texts]
        window = self._model.window
        return [
            np.array(row if len(row) <= window else [*row[: window - 1], row[-1]], np.int32) for row in rows
        ]


def _padded(rows: Sequence[Tokens]) -> tuple[Tokens, Tokens]:
    """Return token ids and mask, each (n, longest)."""
    tokens = np.zeros((len(rows), max(len(row) for row in rows)), dtype=np.int32)
    mask = np.zeros_like(tokens)
    for index, row in enumerate(rows):
        tokens[index, : len(row)] = row
        mask[index, : len(row)] = 1
    return tokens, mask


def _batches(lengths: Sequence[int], *, most: int = BATCH_TOKENS) -> Iterator[list[int]]:
    """Yield index lists, longest texts first, each of about `most` tokens after padding."""
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    position = 0
    while position < len(order):
        size = batch_size(lengths[order[position]], most)
        yield order[position : position + size]
        position += size


def _cut_up(batch: list[int]) -> Iterator[list[int]]:
    """Yield a batch of few rows in fours, twos and one: a further call costs less than padding all to the longest."""
    if len(batch) > _FEW:
        yield batch
        return
    position = 0
    while position < len(batch):
        size = min(_AT_ONCE, 1 << ((len(batch) - position).bit_length() - 1))
        yield batch[position : position + size]
        position += size


def _cores() -> int:
    # Which of the machine's cores this process may use, where the system can say.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
