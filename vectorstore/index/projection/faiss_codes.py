"""FAISS, wrapped: compact codes of vectors by position, scanned or probed for candidates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vectorstore.index.truth.arrays import Allowed, Half, Positions, Scores
from vectorstore.types import Vector, Vectors

FORMAT = 3
"""Of the codes on disk: raised when they change, so that an index of before is coded anew."""
_TRAINING = 50_000
_COARSE = 16
"""Steps of the centre from 0 to 1. The default embedder's is 0 then; recall stays (0.1 of cosine among others: 0.99)."""
_QUERY_BITS = 4
"""With 8 a scan takes up to a half longer and finds no more."""
_POINTS_PER_LIST = 48
_ROUNDS = 10
_MASKED_SHARE = 0.3
"""With fewer of all vectors allowed, one scan with a selector beats probing ever more lists."""


class HalfCodes:
    """The float16 vectors themselves: exact, right for a small index."""

    reranked = 0

    def __init__(self, vectors: Half) -> None:
        self._index = _half_index(vectors)

    def candidates(
        self, vector: Vector, limit: int, allowed: Allowed | None, *, probing: bool = True
    ) -> Positions:
        """Return up to `limit` positions, best first; only of those allowed. There are no lists to probe."""
        del probing
        faiss = _faiss()
        parameters = None if allowed is None else faiss.SearchParameters(sel=_selector(allowed))
        return _search(self._index, vector, limit, parameters)[0]

    def extended(self, vectors: Half, *, known: int) -> HalfCodes:
        """Return codes of all these vectors, of which the first `known` are in already."""
        del known
        return HalfCodes(vectors)


class RaBitQCodes:
    """One bit a dimension (48 bytes for 384); the few hundred best need an exact rerank.

    Without `lists` all codes are scanned: one list, packed for FAISS's fast scan, which without AVX-512 takes half
    the time of its plain RaBitQ. With them, only the lists nearest to the question are. `reranked` is how many
    candidates that needs.
    """

    def __init__(self, flat: Any, lists: Any = None, *, reranked: int) -> None:
        self._flat = flat
        self._lists = lists
        self.reranked = reranked

    @property
    def count(self) -> int:
        """How many vectors are in."""
        return int(self._flat.ntotal)

    @property
    def probes(self) -> int:
        """How many lists are probed for a question; 0 when all codes are scanned."""
        return int(self._lists.nprobe) if self._lists is not None else 0

    def candidates(
        self, vector: Vector, limit: int, allowed: Allowed | None, *, probing: bool = True
    ) -> Positions:
        """Return up to `limit` positions, best first by the codes' estimate; only of those allowed.

        Without `probing` all codes are scanned: which list a vector lies in depends on all the others.
        """
        faiss = _faiss()
        share = 1.0 if allowed is None else allowed.share
        selector = None if allowed is None else _selector(allowed)
        if self._lists is not None and share >= _MASKED_SHARE and probing:
            probes = min(int(self._lists.nprobe / share), int(self._lists.nlist))
            parameters = faiss.IVFRaBitQSearchParameters(nprobe=probes, qb=_QUERY_BITS, sel=selector)
            found = _search(self._lists, vector, limit, parameters)[0]
            if len(found) >= limit:
                return found
        parameters = faiss.IVFRaBitQSearchParameters(nprobe=1, qb=_QUERY_BITS, sel=selector)
        return _search(self._flat, vector, limit, parameters)[0]

    def probed(self, vector: Vector, limit: int, *, probes: int) -> Positions:
        """Return candidates from so many lists, to measure what that many find."""
        parameters = _faiss().IVFRaBitQSearchParameters(nprobe=probes, qb=_QUERY_BITS)
        return _search(self._lists, vector, limit, parameters)[0]

    def extended(self, vectors: Half, *, known: int, in_place: bool = False) -> RaBitQCodes:
        """Return codes of all these vectors, of which the first `known` are in already.

        This object stays as it is, for searches under way, unless nobody has seen it yet (`in_place`).
        """
        if known >= len(vectors):
            return self
        copied = (lambda index: index) if in_place else _faiss().clone_index
        indexes = [None if each is None else copied(each) for each in (self._flat, self._lists)]
        for index in indexes:
            if index is not None:
                _add(index, vectors[known:])
        return RaBitQCodes(*indexes, reranked=self.reranked)

    def with_lists(self, vectors: Half, *, lists: int) -> RaBitQCodes:
        """Return these codes with the vectors also sorted into lists, for probing."""
        faiss = _faiss()
        dimension = vectors.shape[1]
        index = faiss.IndexIVFRaBitQ(
            faiss.IndexFlatIP(dimension), dimension, lists, faiss.METRIC_INNER_PRODUCT
        )
        index.cp.niter, index.cp.max_points_per_centroid, index.cp.spherical = _ROUNDS, _POINTS_PER_LIST, True
        index.cp.min_points_per_centroid = 1
        index.train(_sampled(vectors, lists * _POINTS_PER_LIST))
        _add(index, vectors)
        return RaBitQCodes(self._flat, index, reranked=self.reranked)

    def tuned(self, *, reranked: int, probes: int = 0) -> RaBitQCodes:
        """Return these codes with so many candidates reranked and lists probed; no lists at all with 0."""
        if probes:
            self._lists.nprobe = probes
        return RaBitQCodes(self._flat, self._lists if probes else None, reranked=reranked)

    def serialized(self) -> tuple[bytes, bytes]:
        """Return the codes and the lists (empty when there are none) as bytes."""
        faiss = _faiss()
        lists = b"" if self._lists is None else faiss.serialize_index(self._lists).tobytes()
        return faiss.serialize_index(self._flat).tobytes(), lists


def train_codes(vectors: Half, *, reranked: int) -> RaBitQCodes:
    """Build codes around the centre that the embedder's vectors have, coarsely, whatever the documents."""
    faiss = _faiss()
    faiss.omp_set_num_threads(1)
    sample = _sampled(vectors, _TRAINING)
    centre = faiss.IndexFlatIP(vectors.shape[1])
    # A code says on which side of the centre a vector lies. So coarse, the centre tells embedders apart that crowd
    # around a direction, and no documents: nobody's vector gets another code because of what others wrote.
    centre.add(np.round(sample.mean(axis=0, keepdims=True) * _COARSE) / _COARSE)
    index = faiss.IndexIVFRaBitQFastScan(centre, vectors.shape[1], 1, faiss.METRIC_INNER_PRODUCT)
    index.train(sample)
    _add(index, vectors)
    return RaBitQCodes(index, reranked=reranked)


def load_codes(*paths: Path, reranked: int) -> RaBitQCodes:
    """Read codes, and lists if there are any, from their files.

    The caller has checked the files against their seals: FAISS itself has no checksum. Raises OSError for a file that
    is gone, or not whole any more.
    """
    try:
        indexes = [_faiss().read_index(str(path)) for path in paths]
    except RuntimeError as error:
        raise OSError("FAISS cannot read its files") from error
    return RaBitQCodes(*indexes, reranked=reranked)


def nearest(vectors: Half, vector: Vector, limit: int) -> tuple[Positions, Scores]:
    """Return where the `limit` nearest of these vectors stand, best first, and their cosines.

    FAISS does it on one thread. numpy's product of a thousand rows and more takes every core, for four times the
    processor time.
    """
    return _search(_half_index(vectors), vector, limit, None)


def decode(vectors: Half) -> Vectors:
    """Return float16 vectors as float32; FAISS does this several times faster than numpy."""
    faiss = _faiss()
    if not len(vectors):
        return vectors.astype(np.float32)
    codec = faiss.IndexScalarQuantizer(vectors.shape[1], faiss.ScalarQuantizer.QT_fp16)
    decoded: Vectors = codec.sa_decode(_bytes_of(vectors))
    return decoded


def _half_index(vectors: Half) -> Any:
    faiss = _faiss()
    index = faiss.IndexScalarQuantizer(
        vectors.shape[1], faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
    )
    if len(vectors):
        index.add_sa_codes(_bytes_of(vectors))
    return index


def _add(index: Any, vectors: Half) -> None:
    for start in range(0, len(vectors), _TRAINING):
        index.add(decode(vectors[start : start + _TRAINING]))


def _sampled(vectors: Half, count: int) -> Vectors:
    step = max(1, len(vectors) // count)
    return decode(np.ascontiguousarray(vectors[::step]))


def _search(index: Any, vector: Vector, limit: int, parameters: Any) -> tuple[Positions, Scores]:
    # One query is two to three times slower on two OpenMP threads; the setting is per calling thread.
    _faiss().omp_set_num_threads(1)
    limit = min(limit, int(index.ntotal))
    if limit <= 0:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
    question = np.ascontiguousarray(vector, dtype=np.float32).reshape(1, -1)
    scores, found = index.search(question, limit, params=parameters)
    held = found[0] >= 0
    return found[0][held], scores[0][held]


def _selector(allowed: Allowed) -> Any:
    return _faiss().IDSelectorBitmap(allowed.bits)


def _faiss() -> Any:
    """Return the module without its types: they describe the C++ classes, not the calls that Python makes."""
    import faiss

    return faiss


def _bytes_of(vectors: Half) -> npt.NDArray[np.uint8]:
    return np.ascontiguousarray(vectors).view(np.uint8).reshape(len(vectors), -1)
