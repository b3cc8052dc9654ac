"""The store: a database is the truth, the indexes of vectors and of words are derived from it."""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from threading import Lock

from vectorstore.errors import BadInput, Busy, FootnoteError, NotFound, Unavailable
from vectorstore.index import create
from vectorstore.index.catalog.read import KEPT_CATALOGS, Pinned
from vectorstore.index.draft import IndexDraft
from vectorstore.index.empty import EmptySnapshot
from vectorstore.index.following import Following
from vectorstore.index.maintenance.erasure import finish_erasure, is_under_way
from vectorstore.index.opened import Opened, Superseded, WithinDatabase, not_kept
from vectorstore.index.projection import projections
from vectorstore.index.projection.projections import Kind, Outside
from vectorstore.index.publishing import Publishing
from vectorstore.index.snapshot import IndexSnapshot
from vectorstore.index.truth import read as truth
from vectorstore.index.truth.database import Connection, Database, Identity
from vectorstore.models.embed import Space
from vectorstore.objects import cache
from vectorstore.refine import Refine, Rerank
from vectorstore.settings import StoreSettings
from vectorstore.store import Lag
from vectorstore.types import Generation, GenerationInfo, Vector

_log = logging.getLogger(__name__)
_SUPERSEDED = 5
"""How often in a row the truth may turn out to be another before it is read."""


class IndexStore:
    """Documents, chunks and vectors over time: the truth in a database, the projections in a folder.

    Safe to use from several threads.

    Without a space it takes the index as it is: for maintenance, which embeds nothing.
    """

    def __init__(
        self,
        settings: StoreSettings,
        space: Space | None,
        *,
        database: Database,
        within: Callable[[], WithinDatabase] | None = None,
        outside: Callable[[Kind], Outside] | None = None,
        rerank: Rerank | None,
        publishing: Publishing | None = None,
    ) -> None:
        self.folder = settings.data_dir
        self.database = database
        self._settings = settings
        self._within = within
        self._outside = outside
        self._space = space
        self._refine = Refine(settings.deduplicate, settings.rerank_depth, rerank)
        self.publishing = publishing
        """What publishes the projections and takes published ones; None without object storage."""
        self._lock = Lock()
        self._opened: Opened | None = None
        self._read: deque[tuple[Opened, Pinned, IndexSnapshot]] = deque(maxlen=KEPT_CATALOGS)
        """What was read lately: what is read on while the database is away."""
        self._following: Following | None = None
        self._caught_up: Opened | None = None
        """The one that was last caught up with; what was opened anew since, after a purge, is still to be read."""
        try:
            self.opened()
        except FootnoteError:
            database.close()
            raise

    @contextmanager
    def snapshot(self, at: Generation | None = None) -> Iterator[IndexSnapshot | EmptySnapshot]:
        """Pin a generation (the newest when None); raises NotFound for one that is not kept."""
        yield self._snapshot(at)

    def _snapshot(self, at: Generation | None) -> IndexSnapshot | EmptySnapshot:
        try:
            return self._pinned(at)
        except Unavailable as error:
            # While the database is away, what was read of it goes on.
            with self._lock:
                read = list(self._read) if at is None else []
            for opened, pinned, snapshot in reversed(read):
                if opened.holds(pinned):
                    _log.info("Generation %d is read on: %s", snapshot.generation, error)
                    return snapshot
            raise

    def _pinned(self, at: Generation | None) -> IndexSnapshot | EmptySnapshot:
        for _ in range(_SUPERSEDED):
            opened = self.opened()
            if opened is None:
                if at:
                    raise not_kept(at)
                return EmptySnapshot()
            try:
                info, pinned = opened.pin(at)
            except Superseded:
                with self._lock:
                    self._opened = None if self._opened is opened else self._opened
                continue
            snapshot = self._reading(opened, info, pinned)
            if at is None and self.database.follows:
                self._note(opened, pinned, snapshot)
            return snapshot
        raise Busy("The index changes faster than it can be read.", "Try again in a moment.")

    def _note(self, opened: Opened, pinned: Pinned, snapshot: IndexSnapshot) -> None:
        """Remember what is read; what nobody has searched in makes room for the next."""
        with self._lock:
            if self._opened is not opened or (self._read and self._read[-1][1] == pinned):
                return
            if self._read and not self._read[-1][0].holds(self._read[-1][1]):
                self._read.pop()
            self._read.append((opened, pinned, snapshot))

    def _reading(self, opened: Opened, info: GenerationInfo, pinned: Pinned) -> IndexSnapshot:
        return IndexSnapshot(
            opened.database,
            info,
            catalog=partial(opened.catalog, pinned),
            indexes=partial(opened.indexes, info.number),
            dense_weight=self._settings.dense_weight,
            dimension=opened.kind.dimension,
            refine=self._refine,
            recent=opened.recent,
        )

    def follow(self) -> None:
        """Keep up with what others commit, from now until `close`; returns at once."""
        if self._within is not None:
            projections.discard_where_none_belongs(self.folder)
        if self.database.follows and self._following is None:
            self._following = Following(self._catch_up, self.database.commits)

    def catch_up(self) -> None:
        """Wait until a search here finds what is committed; where that fails, the next search tries again."""
        with suppress(FootnoteError, OSError):
            self._catch_up()

    def lag(self) -> Lag:
        """Return how far this replica is behind the truth; of a store that does not follow, that it is not."""
        if self._following is None:
            return Lag()
        found = self._following.lag()
        return found if self._caught_up is self._opened else replace(found, behind=None)

    def _catch_up(self) -> int:
        """Read what a search in the newest generation needs; return how many generations it is still behind."""
        for _ in range(_SUPERSEDED):
            opened = self.opened()
            if opened is None:
                self._caught_up = None
                return 0
            if self._caught_up is not opened:
                # Before it takes long: whoever erases meanwhile then waits for this replica too.
                self._acknowledge()
            with suppress(Superseded):
                newest, _ = opened.pin(None, ready=False)
                if newest.chunks and opened.within is None:
                    self._read_projections(opened, newest.number)
                info, pinned = opened.pin(None)
                opened.catalog(pinned)
                self._note(opened, pinned, self._reading(opened, info, pinned))
                self._acknowledge()
                self._caught_up = opened
                return pinned[1] - info.number
            with self._lock:
                self._opened = None if self._opened is opened else self._opened
        return 0

    def _read_projections(self, opened: Opened, generation: Generation) -> None:
        try:
            opened.projections(generation)
        except Unavailable:
            raise
        except (FootnoteError, OSError) as error:
            # A full disk, say. What was searched before is searched on, and counts as behind.
            if not opened.searchable:
                raise
            _log.warning("This replica cannot catch up: %s", error)

    def _acknowledge(self) -> None:
        """Say which purges this replica has followed: an erasure is complete when all have."""
        try:
            self.database.storage.acknowledge(self.folder)
        except FootnoteError as error:
            # Whoever erases then waits for nobody here, or in vain; searching goes on.
            _log.debug("This replica cannot say that it is there: %s", error)

    @contextmanager
    def draft(self, *, note: str = "", wait: bool = False) -> Iterator[IndexDraft]:
        """Open the next generation for writing; a clean exit publishes it, an exception discards it."""
        if self._space is None and self.opened() is None:
            raise BadInput("There is no index here yet.", "Run `footnote ingest PATH` first.")
        with self.database.writer(wait=wait, space=self._space) as connection:
            self._opened_for_writing(connection)
            try:
                with connection.transaction():
                    # Under the lock: what it says of embedder and layout holds until the commit.
                    opened = self._opened_for_writing(None)
                    draft = self._begin(connection, opened.kind, note)
                    yield draft
                    is_changed = draft.changed()
                    if is_changed:
                        draft.publish()
                    if not draft.accompany() and not is_changed:
                        raise _NothingChanged
            except _NothingChanged:
                return
            self._project(opened, connection)

    def cached_vectors(self, texts: Sequence[str]) -> Mapping[str, Vector]:
        """Return the vectors of those embedded texts that the index already holds, by text."""
        opened = self.opened()
        if opened is None:
            return {}
        with opened.database.connection() as connection:
            return truth.cached_vectors(connection, texts)

    def generations(self) -> list[GenerationInfo]:
        """Return the kept generations, oldest first."""
        opened = self.opened()
        if opened is None:
            return []
        with opened.database.connection() as connection:
            return truth.generations(connection)

    def rollback(self, to: Generation, *, wait: bool = False) -> Generation:
        """Publish a new generation equal to `to` but for who may read, and return its number; raises NotFound, Busy."""
        opened = self.opened()
        if opened is None:
            raise not_kept(to)
        with self.database.writer(wait=wait) as connection:
            with connection.transaction():
                if truth.generation(connection, to) is None:
                    raise not_kept(to)
                opened = self._opened_for_writing(None)
                draft = self._begin(connection, opened.kind, f"rollback to generation {to}")
                draft.restore(to)
                draft.publish()
            self._project(opened, connection)
            return draft.number

    def close(self) -> None:
        """Release files and memory."""
        if self._following is not None:
            self._following.stop()
            self._following = None
        if self.publishing is not None:
            self.publishing.close()
        with self._lock:
            self.database.close()
            if self._opened is not None and self._opened.kind.outside is not None:
                self._opened.kind.outside.close()
            self._opened = None
            self._read.clear()

    def opened(self) -> Opened | None:
        """Return the index as it is on disk now; None when there is none yet.

        Raises EmbedderMismatch when it was made by another embedder than this store is for.
        """
        # Without the lock: holding it while the database answers would make all searches wait for each other.
        if current := self._still(self.database.identity()):
            return current
        with self._lock:
            identity = self.database.identity()
            if current := self._still(identity):
                return current
            self._opened = None
            # What an erasure has taken away is not read on, and of no file either.
            self._read.clear()
            if identity is None:
                return None
            cache.keep_to(self.folder, " ".join(map(str, identity)))
            kind = create.read_kind(self.database, self._space, recall_target=self._settings.recall_target)
            if kind is not None:
                if self._outside is not None:
                    kind = replace(kind, outside=self._outside(kind))
                self._opened = Opened(
                    self.folder,
                    self.database,
                    kind=kind,
                    identity=identity,
                    within=self._within() if self._within is not None else None,
                    publishing=self.publishing,
                )
            return self._opened

    def _still(self, identity: Identity | None) -> Opened | None:
        """Return the index that is open if it is the one of this identity.

        Its last fact is the embedder: an index that was empty, and so open for another one, may hold vectors now.
        """
        opened = self._opened
        if opened is None or identity is None or opened.identity != identity:
            return None
        return opened if opened.kind.fingerprint == identity[-1] else None

    def _opened_for_writing(self, connection: Connection | None) -> Opened:
        """Return the index; with a connection, bring lagging projections up to date before more is added."""
        opened = self.opened()
        if opened is None:
            raise NotFound("The index has vanished while it was being opened.")
        if connection is not None:
            if is_under_way(connection):
                finish_erasure(self.folder, self.database, connection, opened.kind)
            if not self.database.follows:
                self._project(opened, connection)
        return opened

    def _begin(self, connection: Connection, kind: Kind, note: str) -> IndexDraft:
        base = truth.head(connection).generation
        return IndexDraft(connection, base=base, dimension=kind.dimension, note=note)

    def _project(self, opened: Opened, connection: Connection) -> None:
        if self.database.follows:
            if self._following is not None:
                # Who searches here finds what was put in here, as in a folder.
                self.catch_up()
            return
        try:
            opened.catch_up(connection)
        except (OSError, FootnoteError) as error:
            # The commit stands whatever happens here: the projections are caught up at the next chance.
            _log.warning("The search index could not be brought up to date: %s", error)


class _NothingChanged(Exception):
    """Ends the transaction of an empty draft."""
