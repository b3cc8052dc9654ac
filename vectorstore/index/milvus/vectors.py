"""The vectors of an index in Milvus: one collection for all tenants, held to the truth, and searched for allowed documents.

The collection says itself what of the truth it holds, in a row of its own that is written last. Whoever finds it
behind adds what is missing; two that do so at once write the same. A truth with other rows (after a purge) gets a new
collection, and an alias then names that one.
"""

import hashlib
import json
import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import asdict
from threading import RLock
from typing import Final

import numpy as np

from vectorstore.errors import Unavailable
from vectorstore.index.milvus.client import LARGEST, Consistency, Gone, Milvus
from vectorstore.index.projection.dense import Nearest
from vectorstore.index.projection.manifest import Covered
from vectorstore.index.projection.projections import Kind, batches_of, coverage, mark_of
from vectorstore.index.truth import read as truth
from vectorstore.index.truth.arrays import Found, Rows, found_nothing
from vectorstore.index.truth.database import Connection, Database
from vectorstore.index.truth.records import vector_of
from vectorstore.types import Vector

FORMAT: Final = 1
"""Of a collection's fields; one of another format is made anew."""
_LISTED: Final = 10_000
"""Documents named in one condition."""
_PIECES: Final = 5
"""Up to so many conditions are searched one by one; with more allowed documents, the nearest of all are looked through."""
_SETTLING: Final = 10.0
"""Seconds for which a search waits for all writes (Strong) after new ones became known; Bounded lags 5 s by default."""
_LOOKED_AT: Final = 200
"""Vectors that a check compares with the truth."""
_CLOSE: Final = 1e-3
_PLAIN: Final = re.compile(r"[^0-9A-Za-z_]")


class MilvusVectors:
    """One index's vectors in Milvus. Safe to use from several threads."""

    def __init__(self, milvus: Milvus, database: Database, kind: Kind) -> None:
        self.place = milvus.place
        self.milvus = milvus
        self._database = database
        self._kind = kind
        self._alias = f"footnote_{_PLAIN.sub('_', kind.index)}"
        self._known: tuple[str, Covered] | None = None
        self._settled = 0.0
        self._lock = RLock()

    def of(self, tenant: str, last_chunk: int) -> Nearest:
        """Return the search among a tenant's chunks, which holds all up to `last_chunk`."""
        return TenantVectors(self, _tenant(tenant), last_chunk)

    def catch_up(self, connection: Connection, *, anew: bool = False) -> None:
        """Make the collection hold the newest commit, and say so once a strong read has seen all of it."""
        try:
            with self._lock:
                self._catch_up(connection, anew=anew)
        except Gone as error:
            raise _being_made_anew(self.place) from error

    def _catch_up(self, connection: Connection, *, anew: bool) -> None:
        wanted = coverage(connection, self._kind)
        collection, held = self._read()
        if anew or held is None or not self._continues(connection, held, wanted):
            self._make_anew(connection, wanted)
            return
        if held != wanted:
            self._add(connection, collection, held.last_chunk, wanted)
        # Another replica may have caught up since this one looked last.
        if self._known != (collection, wanted):
            self._learn(collection, wanted)

    def current(self, last_chunk: int) -> tuple[str, Consistency]:
        """Return a collection that holds the chunks up to this one, and how it is to be asked."""
        known = self._known
        if known is None or known[1].last_chunk < last_chunk:
            with self._lock:
                collection, held = self._read()
                if held is not None and held.last_chunk >= last_chunk:
                    self._learn(collection, held)
                else:
                    with self._database.connection() as connection:
                        self.catch_up(connection)
                known = self._known
        if known is None:
            raise Unavailable(f"Milvus at {self.place} holds no vectors.", "Run `footnote index rebuild`.")
        return known[0], "Strong" if time.monotonic() < self._settled else "Bounded"

    def forget(self) -> None:
        """Look again which collection is in use."""
        self._known = None

    def problems(self, connection: Connection) -> Iterator[str]:
        """Yield what the collection holds otherwise than the truth, one sentence each."""
        head = truth.head(connection)
        collection, held = self._read()
        if held is None or not self._continues(connection, held, coverage(connection, self._kind)):
            if head.last_chunk:
                yield f"Milvus at {self.place} holds no vectors of this index."
            return
        if held.last_chunk < head.last_chunk:
            yield f"The vectors in Milvus end at generation {held.generation} of {head.generation}."
            return
        kept = np.array([row[0] for row in connection.each("SELECT row FROM chunks ORDER BY row")], np.int64)
        if self.milvus.count(collection, after=0, until=head.last_chunk) < len(kept):
            yield "Milvus lacks vectors that the index has."
        looked_at = kept[:: max(1, len(kept) // _LOOKED_AT)].tolist()
        there = self.milvus.vectors(collection, looked_at) if looked_at else {}
        for row, content in connection.among(
            "SELECT chunk, vector FROM vectors WHERE chunk IN ({keys})", looked_at
        ):
            if row not in there or not np.allclose(vector_of(content), there[row], atol=_CLOSE):
                yield f"Milvus holds another vector for chunk row {row} than the index."

    def close(self) -> None:
        """Close the connection."""
        self.milvus.close()

    def _read(self) -> tuple[str, Covered | None]:
        """Return the collection in use and what it says that it holds."""
        collection = self.milvus.named(self._alias)
        if not collection:
            return "", None
        try:
            if self._known is None or self._known[0] != collection:
                self.milvus.load(collection)
            told = json.loads(self.milvus.note(collection) or "{}")
            return collection, Covered(**told["covered"]) if told.get("format") == FORMAT else None
        except (Gone, ValueError, TypeError, KeyError):
            return collection, None

    def _continues(self, connection: Connection, held: Covered, wanted: Covered) -> bool:
        same = (held.index, held.fingerprint, held.epoch) == (wanted.index, wanted.fingerprint, wanted.epoch)
        return same and held.mark == mark_of(connection, held.generation)

    def _make_anew(self, connection: Connection, wanted: Covered) -> None:
        collection = f"{self._alias}_{wanted.epoch}_{secrets.token_hex(4)}"
        self.milvus.make(collection, self._kind.dimension)
        try:
            self._add(connection, collection, 0, wanted)
            self.milvus.name(collection, self._alias)
        except BaseException:
            self.milvus.drop(collection)
            raise
        self._learn(collection, wanted)
        # Also what a rebuild that was killed has left.
        for other in self.milvus.collections():
            if other.startswith(f"{self._alias}_") and other != collection:
                self.milvus.drop(other)

    def _add(self, connection: Connection, collection: str, after: int, wanted: Covered) -> None:
        """Write the chunks from behind `after` on, see that all are there, and then that this is so."""
        written = 0
        for batch in batches_of(connection, after, wanted.last_chunk, self._kind.dimension):
            documents = np.unique(batch.owners).tolist()
            tenants = dict(
                connection.among("SELECT row, tenant FROM documents WHERE row IN ({keys})", documents)
            )
            names = [_tenant(tenants[owner]) for owner in batch.owners.tolist()]
            self.milvus.put(collection, batch.rows, names, batch.owners, batch.vectors)
            written += len(batch.rows)
        if written:
            self.milvus.flush(collection)
            seen = self.milvus.count(collection, after=after, until=wanted.last_chunk)
            if seen < written:
                raise Unavailable(
                    f"Milvus at {self.place} shows {seen} of {written} chunks that it was given.",
                    "It is tried again with the next commit or question.",
                )
        note = json.dumps({"format": FORMAT, "covered": asdict(wanted)})
        self.milvus.put_note(collection, note, self._kind.dimension)

    def _learn(self, collection: str, held: Covered) -> None:
        self._known = collection, held
        self._settled = time.monotonic() + _SETTLING


class TenantVectors:
    """The chunks of one tenant."""

    def __init__(self, index: MilvusVectors, tenant: str, last_chunk: int) -> None:
        self._index = index
        self._tenant = tenant
        self._last_chunk = last_chunk

    def nearest(self, vector: Vector, limit: int, documents: Rows, *, alone: bool) -> Found:
        """Return the `limit` nearest chunks of these documents with their cosine, as Milvus' index finds them.

        Up to 50,000 documents are named to Milvus, so that nothing else has a part in it. Beyond that the nearest of
        the whole tenant are looked through first.
        """
        del alone
        if not len(documents) or limit < 1:
            return found_nothing()
        try:
            return self._found(vector, limit, documents)
        except Gone:
            self._index.forget()
        try:
            return self._found(vector, limit, documents)
        except Gone as error:
            raise _being_made_anew(self._index.place) from error

    def _found(self, vector: Vector, limit: int, documents: Rows) -> Found:
        if len(documents) > _LISTED * _PIECES:
            for most in (4 * limit, LARGEST):
                rows, owners, scores = self._asked(vector, most, "")
                allowed = np.isin(owners, documents)
                if allowed.sum() >= limit:
                    return _best([(rows[allowed], scores[allowed])], limit)
        pieces = []
        for start in range(0, len(documents), _LISTED):
            listed = ",".join(map(str, documents[start : start + _LISTED].tolist()))
            rows, _, scores = self._asked(vector, limit, f" and document in [{listed}]")
            pieces.append((rows, scores))
        return _best(pieces, limit)

    def _asked(self, vector: Vector, limit: int, narrower: str) -> tuple[Rows, Rows, Vector]:
        collection, consistency = self._index.current(self._last_chunk)
        condition = f'tenant == "{self._tenant}"{narrower}'
        return self._index.milvus.nearest(collection, vector, limit, condition, consistency=consistency)


def _best(pieces: list[tuple[Rows, Vector]], limit: int) -> Found:
    rows = np.concatenate([rows for rows, _ in pieces])
    scores = np.concatenate([scores for _, scores in pieces])
    order = np.lexsort((rows, -scores))[:limit]
    return Found(rows[order], scores[order])


def _being_made_anew(place: str) -> Unavailable:
    return Unavailable(f"The vectors in Milvus at {place} are being made anew.", "Try again.")


def _tenant(name: str) -> str:
    """Return what a tenant is called in Milvus: names may hold anything, and are nobody's business there."""
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
