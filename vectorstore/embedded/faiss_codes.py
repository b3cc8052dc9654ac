"""FAISS, wrapped: compact codes of vectors by position, scanned for candidates."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from vectorstore.embedded.arrays import Half, Mask, Positions
from vectorstore.types import Vector

_TRAINING = 50_000
_QUERY_BITS = 8


class Codes(Protocol):
    """Finds the positions of the vectors nearest to a question."""

    @property
    def count(self) -> int:
        """How many vectors are in."""

    @property
    def exact(self) -> bool:
        """Whether candidates come in their true order, so that no rerank is needed."""

    def candidates(self, vector: Vector, limit: int, mask: Mask | None) -> Positions:
        """Return up to `limit` positions, best first; only those where the mask is true."""


class HalfCodes:
    """The float16 vectors themselves: exact, right for a small index."""

    exact = True

    def __init__(self, vectors: Half) -> None:
        faiss = _faiss()
        self._index = faiss.IndexScalarQuantizer(
            vectors.shape[1], faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
        )
        if len(vectors):
            self._index.add_sa_codes(_bytes_of(vectors))

    @property
    def count(self) -> int:
        """How many vectors are in."""
        return int(self._index.ntotal)

    def candidates(self, vector: Vector, limit: int, mask: Mask | None) -> Positions:
        """Return up to `limit` positions, best first; only those where the mask is true."""
        faiss = _faiss()
        parameters = None if mask is None else faiss.SearchParameters(sel=_selector(mask))
        return _search(self._index, vector, limit, parameters)


class RaBitQCodes:
    """One bit a dimension (48 bytes for 384), scanned whole; the few hundred best need an exact rerank."""

    exact = False

    def __init__(self, index: Any) -> None:
        self._index = index

    @property
    def count(self) -> int:
        """How many vectors are in."""
        return int(self._index.ntotal)

    def candidates(self, vector: Vector, limit: int, mask: Mask | None) -> Positions:
        """Return up to `limit` positions, best first by the codes' estimate; only where the mask is true."""
        faiss = _faiss()
        selector = None if mask is None else _selector(mask)
        parameters = faiss.RaBitQSearchParameters(qb=_QUERY_BITS, sel=selector)
        return _search(self._index, vector, limit, parameters)

    def extended(self, vectors: Half) -> RaBitQCodes:
        """Return codes that hold these vectors too; this one stays as it is, for searches under way."""
        faiss = _faiss()
        if not len(vectors):
            return self
        index = faiss.clone_index(self._index)
        index.add(vectors.astype(np.float32))
        return RaBitQCodes(index)

    def serialized(self) -> bytes:
        """Return the codes as bytes."""
        faiss = _faiss()
        content: npt.NDArray[np.uint8] = faiss.serialize_index(self._index)
        return content.tobytes()


def train_codes(vectors: Half) -> RaBitQCodes:
    """Build codes around the vectors' own centre."""
    faiss = _faiss()
    faiss.omp_set_num_threads(1)
    index = faiss.IndexRaBitQ(vectors.shape[1], faiss.METRIC_INNER_PRODUCT)
    step = max(1, len(vectors) // _TRAINING)
    index.train(np.ascontiguousarray(vectors[::step], dtype=np.float32))
    for start in range(0, len(vectors), _TRAINING):
        index.add(vectors[start : start + _TRAINING].astype(np.float32))
    return RaBitQCodes(index)


def load_codes(content: bytes) -> RaBitQCodes:
    """Read codes back. The caller has checked the bytes against their seal: FAISS itself has no checksum."""
    faiss = _faiss()
    return RaBitQCodes(faiss.deserialize_index(np.frombuffer(content, dtype=np.uint8)))


def _search(index: Any, vector: Vector, limit: int, parameters: Any) -> Positions:
    faiss = _faiss()
    # One query is two to three times slower on two OpenMP threads; the setting is per calling thread.
    faiss.omp_set_num_threads(1)
    limit = min(limit, int(index.ntotal))
    if limit <= 0:
        return np.empty(0, dtype=np.int64)
    question = np.ascontiguousarray(vector, dtype=np.float32).reshape(1, -1)
    _, found = index.search(question, limit, params=parameters)
    positions: Positions = found[0]
    return positions[positions >= 0]


def _selector(mask: Mask) -> Any:
    faiss = _faiss()
    return faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little"))


def _faiss() -> Any:
    """Return the module without its types: they describe the C++ classes, not the calls that Python makes."""
    import faiss

    return faiss


def _bytes_of(vectors: Half) -> npt.NDArray[np.uint8]:
    return np.ascontiguousarray(vectors).view(np.uint8).reshape(len(vectors), -1)
