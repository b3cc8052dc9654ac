"""One index database that is open, and what has been read of it so far."""

import logging
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import RLock
from typing import Protocol

from vectorstore.errors import Busy, FootnoteError, NotFound, Unavailable
from vectorstore.index.catalog.catalog import Catalog
from vectorstore.index.catalog.read import Catalogs, Pinned
from vectorstore.index.projection import projections
from vectorstore.index.projection.dense import Nearest
from vectorstore.index.projection.projections import Indexes, Kind, Projections
from vectorstore.index.publishing import Publishing
from vectorstore.index.recent import Recent
from vectorstore.index.truth import read as truth
from vectorstore.index.truth.database import Connection, Database, Identity
from vectorstore.index.truth.files import writer_lock
from vectorstore.index.truth.read import Head
from vectorstore.types import Generation, GenerationInfo

_log = logging.getLogger(__name__)

_SWEPT = 3
"""How often in a row a writer may sweep files away before they are opened."""
_PATIENCE = 20.0
"""Seconds to wait for a writer when there is nothing at all to search in."""


class Superseded(Exception):
    """The truth is not the one that was read so far: purged meanwhile, or without a generation that it had."""


class WithinDatabase(Protocol):
    """Search inside the database itself, for replicas that hold no projections."""

    def indexes(self, generation: Generation, tenant: str) -> Indexes:
        """Return what a tenant's search at a generation reads."""

    def problems(self, connection: Connection) -> Iterator[str]:
        """Yield what it holds otherwise than the truth, one sentence each."""

    def reached(self, connection: Connection) -> int:
        """Return the newest generation that can be searched, 0 for none."""


class Opened:
    """Follows the commits of one index. Everything it hands out is immutable."""

    def __init__(
        self,
        folder: Path,
        database: Database,
        *,
        kind: Kind,
        identity: Identity,
        within: WithinDatabase | None = None,
        publishing: Publishing | None = None,
    ) -> None:
        self.folder = folder
        self.database = database
        self.kind = kind
        self.identity = identity
        self.within = within
        self._publishing = publishing
        self._catalogs = Catalogs(database)
        self._projections: Projections | None = None
        self._loading = RLock()
        self._followed: Head | None = None
        self._last_chunks: dict[Generation, int] = {}
        self.recent = Recent()

    def pin(self, at: Generation | None, *, ready: bool = True) -> tuple[GenerationInfo, Pinned]:
        """Choose the generation to read: `at`, or the newest that can be searched without waiting (not `ready`: the newest).

        Raises Superseded where all that was read so far must be read anew.
        """
        with self.database.connection() as connection:
            head = truth.head(connection)
            self._follow(connection, head)
            if at is None and ready:
                info = self._chosen(connection, head)
            else:
                info = _info(connection, head.generation if at is None else at)
            return info, (info.number, head.generation)

    @property
    def searchable(self) -> bool:
        """Whether there are projections in memory, be they current or behind."""
        return self._projections is not None

    def holds(self, pinned: Pinned) -> bool:
        """Say whether all that a search in this generation needs is in memory, but the texts."""
        return self._catalogs.holds(pinned) and self.searchable

    def _follow(self, connection: Connection, head: Head) -> None:
        """Notice when the truth has lost what it had: a server that took over without the last commits."""
        last = self._followed
        if last is not None and (head.generation, head.mark) != (last.generation, last.mark):
            if head.epoch != last.epoch:
                raise Superseded
            # Asked now: a thread that asked for the head later may have been quicker with the answer.
            kept = truth.mark_of(connection, last.generation)
            if kept != last.mark and (kept is not None or head.generation <= last.generation):
                _log.warning(
                    "The index has lost generation %d, which was read here: the search index is made anew.",
                    last.generation,
                )
                raise Superseded
        if last is None or head.generation >= last.generation:
            self._followed = head
        self._last_chunks[head.generation] = head.last_chunk

    def _chosen(self, connection: Connection, head: Head) -> GenerationInfo:
        current = self._projections
        if current is None and self.kind.outside is not None:
            # What is kept elsewhere may be behind, or away: what was searched before is searched on.
            current = self._refresh(connection, blocking=True)
        if current is not None and current.covered.last_chunk < head.last_chunk:
            current = self._refresh(connection, blocking=False) or current
            if current.covered.last_chunk < head.last_chunk:
                return _newest_within(connection, current.covered.last_chunk)
        return _info(connection, head.generation)

    def catch_up(self, connection: Connection) -> None:
        """Bring the projections on disk up to date; the caller holds the writer lock."""
        if self._publishing is None or self.kind.outside is not None:
            projections.catch_up(self.folder, connection, self.kind)
        else:
            self._publishing.catch_up(self.folder, self.database, connection, self.kind)

    def catalog(self, pinned: Pinned) -> Catalog:
        """Return which documents stand in a generation, for the readers that rule in another."""
        return self._catalogs.of(pinned)

    def indexes(self, generation: Generation, tenant: str) -> Indexes:
        """Return what a tenant's search at a generation reads."""
        if self.within is not None:
            return self.within.indexes(generation, tenant)
        current = self.projections(generation)
        for _ in range(_SWEPT):
            with suppress(Unavailable):
                return self._vectors(current, tenant), current.lexical.index(tenant)
            # A writer has swept the files away since, and left newer ones.
            current = self._reload()
        return self._vectors(current, tenant), current.lexical.index(tenant)

    def _vectors(self, current: Projections, tenant: str) -> Nearest:
        outside = self.kind.outside
        return current.dense if outside is None else outside.of(tenant, current.covered.last_chunk)

    def projections(self, generation: Generation) -> Projections:
        """Return projections that hold a generation's chunks, made or caught up now if need be."""
        needed = self._last_chunks.get(generation)
        if needed is None:
            with self.database.connection() as connection:
                needed = self._last_chunks[generation] = truth.last_chunk(connection, generation) or 0
        if (current := self._reaching(needed)) is not None:
            return current
        # Whoever makes them just now is waited for without a connection: many would leave none for anybody else.
        with self._loading:
            current = self._reaching(needed)
        if current is not None:
            return current
        with self.database.connection() as connection:
            current = self._refresh(connection, blocking=True)
            if current is None or current.covered.last_chunk < needed:
                current = self._make(connection, wait=True, last=current)
            return current

    def _reaching(self, last_chunk: int) -> Projections | None:
        current = self._projections
        return current if current is not None and current.covered.last_chunk >= last_chunk else None

    def _reload(self) -> Projections:
        with self.database.connection() as connection:
            with self._loading:
                current = projections.load(self.folder, connection, self.kind, last=None)
                self._projections = current or self._projections
            return current or self._make(connection, wait=True)

    def _refresh(self, connection: Connection, *, blocking: bool) -> Projections | None:
        """Load what is on disk, catching it up if nobody writes just now; None when that gives nothing."""
        if not self._loading.acquire(blocking=blocking):
            return None
        try:
            head = truth.head(connection)
            current = self._projections
            if current is None or current.covered.last_chunk < head.last_chunk:
                current = projections.load(self.folder, connection, self.kind, last=self._projections)
            if current is None or current.covered.last_chunk < head.last_chunk:
                # Whoever writes now will finish the projections; until then the older ones serve.
                with suppress(Busy, Unavailable, OSError):
                    current = self._make(connection, wait=False, last=current)
            self._projections = current or self._projections
            return self._projections
        finally:
            self._loading.release()

    def _make(self, connection: Connection, *, wait: bool, last: Projections | None = None) -> Projections:
        """Catch up. What `last` holds has been read and found whole by this process, and is not read again."""
        lock = writer_lock(self.folder / "index.lock", wait=wait, at_most=_PATIENCE, following=True)
        with lock, self._loading:
            if last is None:
                projections.discard_damaged(self.folder, connection, self.kind)
            self.catch_up(connection)
            made = projections.load(self.folder, connection, self.kind, last=last)
            if made is None:
                raise Unavailable(
                    "The search index was rebuilt and is damaged again.",
                    "Check the disk under FOOTNOTE_DATA_DIR.",
                )
            self._projections = made
            with suppress(FootnoteError):
                # Whoever erases must know of this folder, and be it searched but once, from the command line.
                self.database.storage.acknowledge(self.folder)
            return made


def _info(connection: Connection, generation: Generation) -> GenerationInfo:
    found = truth.generation(connection, generation)
    if found is None:
        raise not_kept(generation)
    return found


def _newest_within(connection: Connection, last_chunk: int) -> GenerationInfo:
    return truth.newest_within(connection, last_chunk) or truth.EMPTY_GENERATION


def not_kept(generation: Generation) -> NotFound:
    """Return the error for a generation that is not there."""
    return NotFound(
        f"Generation {generation} is not kept.", "`footnote index generations` lists those that are."
    )
