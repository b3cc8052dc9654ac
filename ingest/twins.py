"""Finds documents that say nearly the same as another, across runs."""

import os
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from ingest.shingles import BANDS, Sketch, alike, shingles, sketch_of
from vectorstore.errors import NotFound
from vectorstore.store import Snapshot
from vectorstore.types import Document, DocumentId, Scope

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
                np.savez(file, ids=np.array(self._ids, dtype="S32"), bands=self._bands)
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
                bands = kept["bands"]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return [], nothing
        if bands.shape != (len(ids), BANDS) or bands.dtype != np.uint64:
            return [], nothing
        return ids, bands
