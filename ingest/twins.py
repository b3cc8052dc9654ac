"""Finds documents that say nearly the same as another, across runs."""

import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from vectorstore.errors import NotFound
from vectorstore.language.words import words
from vectorstore.store import Snapshot
from vectorstore.types import Document, DocumentId, Scope

Sketch: TypeAlias = npt.NDArray[np.uint64]
"""Shape (8,): one number for each band."""
BANDS: Final = 8

_RUN: Final = 5
_FEWEST: Final = 20
_MOST: Final = 50_000
_LONGEST: Final = 16
"""Characters of a word and what parts it from the next, of a text whose end is not looked at."""
_ROWS: Final = 4
_PIECE: Final = 4_096
_PRIME: Final = np.uint64((1 << 31) - 1)
_dice = np.random.default_rng(20_261_123)
_FACTORS: Final = _dice.integers(1, int(_PRIME), BANDS * _ROWS, dtype=np.uint64)[:, None]
_OFFSETS: Final = _dice.integers(0, int(_PRIME), BANDS * _ROWS, dtype=np.uint64)[:, None]
_MIX: Final = _dice.integers(1, 1 << 63, _ROWS, dtype=np.uint64) | np.uint64(1)


def shingles(text: str) -> frozenset[int]:
    """Return the hashes of a text's runs of five words; none when there are too few to tell texts apart."""
    spoken = words(text[: _MOST * _LONGEST])[:_MOST]
    if len(spoken) < _FEWEST:
        return frozenset()
    # Cut out of one string of bytes: joining each run anew takes most of the time.
    line = " ".join(spoken).encode("utf-8", "replace")
    ends = list(accumulate(len(word) + 1 for word in line.split(b" ")))
    return frozenset(
        zlib.crc32(line[start : end - 1]) for start, end in zip([0, *ends], ends[_RUN - 1 :], strict=False)
    )


def sketch_of(found: frozenset[int]) -> Sketch:
    """Sketch a text by its shingles, of which there must be some."""
    # Below 2³¹, so that a product with a factor fits into 64 bits.
    hashes = np.fromiter(found, np.uint64, len(found)) & np.uint64(0x7FFF_FFFF)
    minima = np.full(BANDS * _ROWS, np.iinfo(np.uint64).max, np.uint64)
    for start in range(0, len(hashes), _PIECE):
        permuted = (_FACTORS * hashes[start : start + _PIECE] + _OFFSETS) % _PRIME
        np.minimum(minima, permuted.min(axis=1), out=minima)
    bands: Sketch = (minima.reshape(BANDS, _ROWS) * _MIX).sum(axis=1, dtype=np.uint64)
    return bands


def alike(one: frozenset[int], other: frozenset[int]) -> float:
    """Return the share of shingles that two texts have in common, of all that either has (Jaccard)."""
    return len(one & other) / len(one | other) if one and other else 0.0


_FILE: Final = "sketches.npz"
_ALIKE: Final = 0.8
_CANDIDATES: Final = 8


@dataclass(frozen=True, slots=True)
class Twin:
    """A document much like another one; `share` of their runs of words are the same."""

    document: Document
    share: float


class Twins:
    """The sketches of an index's documents, kept in its cache folder; losing them costs reports, nothing else.

    They name documents by id, so that what is erased from the index stands in no address here.
    """

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / "cache" / _FILE
        self._ids, self._bands = self._load()
        self._rows = {identity: row for row, identity in enumerate(self._ids)}

    def note(self, documents: Iterable[tuple[DocumentId, str]]) -> None:
        """Sketch documents that are now in the index, given with their texts."""
        new: list[Sketch] = []
        for identity, text in documents:
            found = shingles(text)
            if found and identity not in self._rows:
                self._rows[identity] = len(self._ids)
                self._ids.append(identity)
                new.append(sketch_of(found))
        if new:
            self._bands = np.concatenate([self._bands, np.stack(new)])

    def of(self, document: Document, snapshot: Snapshot) -> list[Twin]:
        """Return the documents of the same tenant that share four fifths of their runs of words, best first."""
        row = self._rows.get(document.id)
        if row is None:
            return []
        # Most documents have no candidate, and so are not cut into their runs of words once more.
        candidates = list(self._candidates(row, snapshot, document.tenant))
        own = shingles(snapshot.text(document.id)) if candidates else frozenset()
        twins = []
        for other in candidates:
            share = alike(own, shingles(snapshot.text(other.id)))
            if share >= _ALIKE:
                twins.append(Twin(other, share))
        return sorted(twins, key=lambda twin: -twin.share)

    def save(self) -> None:
        """Keep the sketches for later runs."""
        with suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, draft = tempfile.mkstemp(dir=self._path.parent, prefix=f".{_FILE}.")
            with os.fdopen(handle, "wb") as file:
                np.savez(file, ids=np.array(self._ids, dtype="S32"), sketches=self._bands)
            Path(draft).replace(self._path)

    def _candidates(self, row: int, snapshot: Snapshot, tenant: str) -> Iterator[Document]:
        same = np.flatnonzero((self._bands == self._bands[row]).any(axis=1))
        scope = Scope(tenant, unrestricted=True)
        left = _CANDIDATES
        for other in same.tolist():
            if other == row:
                continue
            # A sketch outlives its document.
            with suppress(NotFound):
                yield snapshot.document(self._ids[other], scope=scope)
                left -= 1
            if not left:
                return

    def _load(self) -> tuple[list[DocumentId], np.ndarray[tuple[int, ...], np.dtype[np.uint64]]]:
        nothing = np.empty((0, BANDS), np.uint64)
        try:
            with np.load(self._path, allow_pickle=False) as kept:
                ids = [DocumentId(each.decode("ascii")) for each in kept["ids"].tolist()]
                bands = kept["sketches"]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return [], nothing
        if bands.shape != (len(ids), BANDS) or bands.dtype != np.uint64:
            return [], nothing
        return ids, bands
