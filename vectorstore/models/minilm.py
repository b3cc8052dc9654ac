"""all-MiniLM-L6-v2: the default embedder, without torch and without a download."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np

from vectorstore.models.minilm_engine import EngineName, Tokens, batch_size, open_engine
from vectorstore.models.minilm_files import WEIGHTS_SHA256, graph_file, tokenizer_definition
from vectorstore.types import Vector, Vectors

_KEPT: Final = 50_000
"""Words remembered, some 20 MB; then they are learnt anew, the frequent ones at once."""
_LONGEST: Final = 40
"""Characters of a word worth remembering: a line of Chinese is one "word" here, and hardly comes twice."""

# Other white space stays inside a word: the tokenizer parts words at some of it, and leaves some out unseen.
_WORD: Final = re.compile(r"\[(?:PAD|UNK|CLS|SEP|MASK)\]|[^ \t\n\r!-/:-@\[-`{-~]+|[!-/:-@\[-`{-~]")

_Tokens: TypeAlias = tuple[tuple[int, ...], tuple[tuple[int, int], ...]]
"""A word's token ids, and each token's [start, end) in the word."""


class WordPieces:
    """The tokenizer. Safe to use from several threads."""

    def __init__(self) -> None:
        """Load it; raises Unavailable when its definition is missing or not the published one."""
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_buffer(tokenizer_definition())
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._first, self._last = self._tokenizer.encode("").ids
        self._known: dict[str, _Tokens] = {}

    def ids(self, text: str) -> list[int]:
        """Return the text's tokens, with the special ones at both ends."""
        known = self._known
        found = [self._first]
        for word in _WORD.findall(text):
            found += (known.get(word) or self._learnt(word))[0]
        found.append(self._last)
        return found

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Return each token's [start, end) in the text, special tokens left out."""
        known = self._known
        found = []
        for match in _WORD.finditer(text):
            word, at = match[0], match.start()
            for start, end in (known.get(word) or self._learnt(word))[1]:
                found.append((at + start, at + end))
        return found

    def _learnt(self, word: str) -> _Tokens:
        encoding = self._tokenizer.encode(word, add_special_tokens=False)
        tokens = tuple(encoding.ids), tuple(encoding.offsets)
        if len(word) <= _LONGEST:
            if len(self._known) >= _KEPT:
                self._known.clear()
            self._known[word] = tokens
        return tokens


_DIMENSION = 384
_MAX_TOKENS = 256
_FEW = 16
_AT_ONCE = 4


class MiniLM:
    """Embeds on the processor's cores, a batch on each side by side, so that a query is not held up."""

    def __init__(
        self, *, cache_dir: Path, threads: int | None = None, engine: EngineName | None = None
    ) -> None:
        """Load the model with the fastest engine or the one named.

        Raises Unavailable when its weights are missing or not the published ones.
        """
        self._word_pieces = WordPieces()
        self._threads = threads or _cores()
        self._engine = open_engine(graph_file(cache_dir), threads=self._threads, name=engine)

    @property
    def name(self) -> str:
        """The model's name."""
        return "all-MiniLM-L6-v2"

    @property
    def fingerprint(self) -> str:
        """Names the weights, the pooling and the window, not the engine: its vectors are interchangeable."""
        return f"all-MiniLM-L6-v2/{WEIGHTS_SHA256[:12]}/mean/{_MAX_TOKENS}"

    @property
    def dimension(self) -> int:
        """The length of a vector."""
        return _DIMENSION

    @property
    def max_tokens(self) -> int:
        """The most tokens of one text that are read."""
        return _MAX_TOKENS

    def count_tokens(self, text: str) -> int:
        """Count the text's tokens, the two special ones included."""
        return len(self._word_pieces.ids(text))

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        """Return each token's [start, end) in the text, special tokens left out."""
        return self._word_pieces.offsets(text)

    def embed_query(self, text: str) -> Vector:
        """Embed one question; shape (384,)."""
        vector: Vector = self._engine.query(*_padded(self._tokens([text])))[0]
        return vector

    def embed_documents(
        self, texts: Sequence[str], *, on_batch: Callable[[int], None] | None = None
    ) -> Vectors:
        """Embed passages; shape (n, 384). Batches hold texts of like length, so that little is padded."""
        vectors = np.empty((len(texts), _DIMENSION), dtype=np.float32)
        tokens = self._tokens(texts)
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

    def _tokens(self, texts: Sequence[str]) -> list[Tokens]:
        """Return each text's token ids, cut to the window."""
        return [_cut(np.array(self._word_pieces.ids(text), dtype=np.int32)) for text in texts]


def _cut(tokens: Tokens) -> Tokens:
    """Keep the window's worth of tokens, with the closing special one at the end."""
    if len(tokens) <= _MAX_TOKENS:
        return tokens
    return np.append(tokens[: _MAX_TOKENS - 1], tokens[-1])


def _padded(rows: Sequence[Tokens]) -> tuple[Tokens, Tokens]:
    """Return token ids and mask, each (n, longest)."""
    tokens = np.zeros((len(rows), max(len(row) for row in rows)), dtype=np.int32)
    mask = np.zeros_like(tokens)
    for index, row in enumerate(rows):
        tokens[index, : len(row)] = row
        mask[index, : len(row)] = 1
    return tokens, mask


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield index lists, longest texts first, each of about `BATCH_TOKENS` tokens after padding."""
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    position = 0
    while position < len(order):
        size = batch_size(lengths[order[position]])
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
