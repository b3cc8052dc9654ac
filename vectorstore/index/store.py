"""The store: a database is the truth, the indexes of vectors and of words are derived from it."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from threading import Lock

from vectorstore.errors import BadInput, FootnoteError, NotFound
from vectorstore.index import create
from vectorstore.index.draft import IndexDraft
from vectorstore.index.empty import EmptySnapshot
from vectorstore.index.maintenance.erasure import finish_erasure, is_under_way
from vectorstore.index.opened import Opened, WithinDatabase, not_kept
from vectorstore.index.projection.projections import Kind
from vectorstore.index.publishing import Publishing
from vectorstore.index.snapshot import IndexSnapshot
from vectorstore.index.truth import read as truth
from vectorstore.index.truth.database import Connection, Database
from vectorstore.models.embed import Space
from vectorstore.refine import Refine, Rerank
from vectorstore.settings import StoreSettings
from vectorstore.types import Generation, GenerationInfo, Vector

_log = logging.getLogger(__name__)


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
        rerank: Rerank | None,
        publishing: Publishing | None = None,
    ) -> None:
        self.folder = settings.data_dir
        self.database = database
        self._settings = settings
        self._within = within
        self._space = space
        self._refine = Refine(settings.deduplicate, settings.rerank_depth, rerank)
        self.publishing = publishing
        """What publishes the projections and takes published ones; None without object storage."""
        self._lock = Lock()
        self._opened: Opened | None = None
        self.opened()

    @contextmanager
    def snapshot(self, at: Generation | None = None) -> Iterator[IndexSnapshot | EmptySnapshot]:
        """Pin a generation (the newest when None); raises NotFound for one that is not kept."""
        opened = self.opened()
        if opened is None:
            if at:
                raise not_kept(at)
            yield EmptySnapshot()
            return
        info, pinned = opened.pin(at)
        yield IndexSnapshot(
            opened.database,
            info,
            catalog=partial(opened.catalog, pinned),
            indexes=partial(opened.indexes, info.number),
            dense_weight=self._settings.dense_weight,
            dimension=opened.kind.dimension,
            refine=self._refine,
        )

    @contextmanager
    def draft(self, *, note: str = "", wait: bool = False) -> Iterator[IndexDraft]:
        """Open the next generation for writing; a clean exit publishes it, an exception discards it."""
        if self._space is None and self.opened() is None:
            raise BadInput("There is no index here yet.", "Run `footnote ingest PATH` first.")
        with self.database.writer(wait=wait, space=self._space) as connection:
            opened = self._opened_for_writing(connection)
            try:
                with connection.transaction():
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
                draft = self._begin(connection, opened.kind, f"rollback to generation {to}")
                draft.restore(to)
                draft.publish()
            self._project(opened, connection)
            return draft.number

    def close(self) -> None:
        """Release files and memory."""
        if self.publishing is not None:
            self.publishing.close()
        with self._lock:
            self.database.close()
            self._opened = None

    def opened(self) -> Opened | None:
        """Return the index as it is on disk now; None when there is none yet.

        Raises EmbedderMismatch when it was made by another embedder than this store is for.
        """
        # Without the lock: holding it while the database answers would make all searches wait for each other.
        identity = self.database.identity()
        current = self._opened
        if current is not None and current.identity == identity:
            return current
        with self._lock:
            identity = self.database.identity()
            if self._opened is not None and self._opened.identity == identity:
                return self._opened
            self._opened = None
            if identity is None:
                return None
            kind = create.read_kind(self.database, self._space, recall_target=self._settings.recall_target)
            if kind is not None:
                self._opened = Opened(
                    self.folder,
                    self.database,
                    kind=kind,
                    identity=identity,
                    within=self._within() if self._within is not None else None,
                    publishing=self.publishing,
                )
            return self._opened

    def _opened_for_writing(self, connection: Connection) -> Opened:
        """Bring lagging projections up to date before more is added."""
        opened = self.opened()
        if opened is None:
            raise NotFound("The index has vanished while it was being opened.")
        if is_under_way(connection):
            finish_erasure(self.folder, opened.database, connection, opened.kind)
        self._project(opened, connection)
        return opened

    def _begin(self, connection: Connection, kind: Kind, note: str) -> IndexDraft:
        base = truth.head(connection).generation
        return IndexDraft(connection, base=base, dimension=kind.dimension, note=note)

    def _project(self, opened: Opened, connection: Connection) -> None:
        if self.database.follows:
            return
        try:
            opened.catch_up(connection)
        except (OSError, FootnoteError) as error:
            # The commit stands whatever happens here: the projections are caught up at the next chance.
            _log.warning("The search index could not be brought up to date: %s", error)


class _NothingChanged(Exception):
    """Ends the transaction of an empty draft."""
