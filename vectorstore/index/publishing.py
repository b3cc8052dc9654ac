"""When projections are published and taken: after every catch-up, without holding anybody up."""

import logging
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Lock, Thread
from typing import Final

from vectorstore.errors import Busy, FootnoteError, Unavailable
from vectorstore.index.projection import projections, published
from vectorstore.index.projection.manifest import read_manifest
from vectorstore.index.projection.projections import STAGED, Kind
from vectorstore.index.projection.published import Publication, Staged
from vectorstore.index.truth import read as truth
from vectorstore.index.truth.database import Connection, Database
from vectorstore.index.truth.files import writer_lock
from vectorstore.objects.settings import ObjectSettings
from vectorstore.objects.store import Objects, open_objects
from vectorstore.types import Generation

_log = logging.getLogger(__name__)

_LOCK: Final = "publishing.lock"
_SHARE: Final = 20
"""An index is published anew once it has grown by one in so many: ten million chunks are nine gigabytes each time."""
_PAUSE: Final = 60.0
"""Seconds before object storage that failed is tried again."""
_LAST_WAIT: Final = 120.0
"""Seconds that a process stays for a publication under way; one that is given up leaves nothing that counts."""


class Publishing:
    """Publishes the projections of one folder and takes published ones. Safe to use from several threads."""

    def __init__(self, objects: Objects, *, every: int) -> None:
        """Publish once so many chunks have been added since the last publication; 0: neither publish nor take."""
        self.objects = objects
        self._every = every
        self._newest: Publication | None = None
        self._not_before = 0.0
        self._lock = Lock()
        self._worker: Thread | None = None

    def catch_up(self, folder: Path, database: Database, connection: Connection, kind: Kind) -> None:
        """Bring the projections up to date, from published ones where that is shorter; the caller holds the writer lock.

        Object storage that fails costs a warning: the projections are made from the truth then.
        """
        _let_go(folder, connection)
        if self._every:
            try:
                taken = published.take(self.objects, folder, connection, kind, least=self._every)
                self._newest = taken or self._newest
            except (OSError, Unavailable) as error:
                _log.warning("No published search index could be taken: %s", error)
        projections.catch_up(folder, connection, kind)
        if self._every:
            self._offer(folder, database, connection, kind)

    def publish(self, folder: Path, database: Database, kind: Kind, *, wait: bool = False) -> Publication:
        """Publish what there is now, whatever was published before; raises Busy, Unavailable."""
        with ExitStack() as held:
            with (
                writer_lock(folder / "index.lock", wait=wait, following=True),
                database.connection() as connection,
            ):
                held.enter_context(writer_lock(folder / _LOCK, wait=wait))
                projections.sweep_staged(folder)
                projections.catch_up(folder, connection, kind)
                staged = Staged(folder, connection, kind)
            held.callback(staged.discard)
            return self._published(staged, database, kind)

    def forget(self) -> int:
        """Delete all that is published, in all versions; return how many objects. Raises Unavailable.

        An erasure does so before its commit: where the storage is away, it is not begun.
        """
        self._newest = None
        return published.forget(self.objects)

    def forget_older(self, index: str, epoch: int) -> tuple[int, list[str]]:
        """Delete what has been published of older epochs meanwhile; return how many objects, and what could not be done."""
        why = []
        if self.objects.keeps_versions is None:
            why.append(
                f"Whether {self.objects.url} keeps older versions of what is deleted could not be asked: "
                "a rule of the bucket has to delete them."
            )
        try:
            return published.forget(self.objects, but=(index, epoch)), why
        except Unavailable as error:
            again = f"{error.what} Search indexes that were published meanwhile go with the next publication."
            return 0, [*why, again]

    def close(self) -> None:
        """Wait for a publication under way."""
        worker = self._worker
        if worker is not None:
            worker.join(_LAST_WAIT)

    def _offer(self, folder: Path, database: Database, connection: Connection, kind: Kind) -> None:
        """Publish in the background what has just been caught up, if it is time."""
        with self._lock:
            busy = self._worker is not None and self._worker.is_alive()
            if busy or time.monotonic() < self._not_before or not self._is_due(connection, self._newest):
                return
            with ExitStack() as held:
                try:
                    held.enter_context(writer_lock(folder / _LOCK))
                    staged = Staged(folder, connection, kind)
                except Busy:
                    return
                except (OSError, Unavailable) as error:
                    _log.warning("The search index could not be made ready to be published: %s", error)
                    return
                held.callback(staged.discard)
                work = held.pop_all()
            self._worker = Thread(
                target=self._work, args=(work, staged, database, kind), name="footnote-publish", daemon=True
            )
            self._worker.start()

    def _work(self, held: ExitStack, staged: Staged, database: Database, kind: Kind) -> None:
        with held:
            try:
                with database.connection() as connection:
                    newest = next(iter(published.listed(self.objects, connection, kind)), None)
                    due = self._is_due(connection, newest)
                self._newest = newest
                if due and published.claimed(self.objects, staged.covered, kind):
                    self._published(staged, database, kind)
            except (OSError, FootnoteError) as error:
                self._not_before = time.monotonic() + _PAUSE
                _log.warning("The search index could not be published: %s", error)

    def _published(self, staged: Staged, database: Database, kind: Kind) -> Publication:
        done = staged.publish(self.objects, kind)
        with database.connection() as connection:
            # An erasure that looked before the last part was there did not see it.
            if truth.head(connection).epoch != staged.covered.epoch:
                self.objects.delete(done.prefix)
                raise Unavailable(
                    "Something was erased while the search index was published.", "Publish again."
                )
            self._newest = done
            published.tidy(self.objects, connection, kind)
        return done

    def _is_due(self, connection: Connection, newest: Publication | None) -> bool:
        last = truth.head(connection).last_chunk
        if last < self._every:
            return False
        # What covers a generation that compaction has dropped is taken by nobody.
        if newest is None or truth.last_chunk(connection, Generation(newest.generation)) is None:
            return True
        return last - newest.last_chunk >= max(self._every, last // _SHARE)


def _let_go(folder: Path, connection: Connection) -> None:
    """Delete files on their way that a process which died has left, and all that are from before a purge."""
    manifest = read_manifest(folder / "dense.json")
    if manifest is not None and manifest.covered.epoch != truth.head(connection).epoch:
        projections.discard(folder)
    elif any(folder.glob(f"{STAGED}*")):
        with suppress(Busy), writer_lock(folder / _LOCK):
            projections.sweep_staged(folder)


def open_publishing(settings: ObjectSettings | None = None) -> Publishing | None:
    """Open what publishes and takes projections; None without object storage. Raises Unavailable."""
    found = settings or ObjectSettings()
    objects = open_objects(found)
    return Publishing(objects, every=found.publish_chunks) if objects else None
