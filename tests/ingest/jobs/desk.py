"""A queue on a real PostgreSQL server, and workers in this process or in ones of their own."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from ingest.jobs.board import Board
from ingest.jobs.enqueue import Desk
from ingest.jobs.incoming import IncomingFolder
from ingest.jobs.job import Wanted
from ingest.jobs.queue import Queue
from ingest.jobs.settings import QueueSettings
from ingest.jobs.table import prepare
from ingest.jobs.worker import Worker
from ingest.plan import Plan, Recipe, make_plan
from ingest.settings import IngestSettings
from ingest.sources.discover import Discovery, Source
from ingest.sources.ledger import Ledger
from ingest.sources.shared import Flags
from tests import forked
from tests.fakes.word_embedder import WordEmbedder
from vectorstore.index.store import IndexStore
from vectorstore.index.truth.database import Database
from vectorstore.open import open_database, open_store
from vectorstore.settings import StoreSettings
from vectorstore.types import Scope

ROOT = Path(__file__).parents[3]


@dataclass
class Place:
    """One index in PostgreSQL with its queue, and a folder."""

    url: str
    folder: Path
    database: Database
    desk: Desk
    settings: QueueSettings
    stores: list[IndexStore] = field(default_factory=list)

    @property
    def queue(self) -> Queue:
        return self.desk.queue

    @property
    def board(self) -> Board:
        return self.desk.board

    @property
    def stored(self) -> StoreSettings:
        return StoreSettings(data_dir=self.folder / "data", store=self.url)

    def worker(self, embedder: Any = None, **settings: Any) -> Worker:
        embedder = embedder or WordEmbedder()
        return Worker(
            self.desk,
            self.store(embedder),
            embedder,
            settings=IngestSettings(**{"ingest_jobs": 1, "chunk_tokens": 32, **settings}),
            queue_settings=self.settings,
            data_dir=self.folder / "data",
        )

    def store(self, embedder: Any) -> IndexStore:
        self.stores.append(open_store(self.stored, embedder))
        return self.stores[-1]

    def hand_in(
        self,
        files: dict[str, str],
        *,
        tenant: str = "default",
        readers: frozenset[str] | None = None,
        named: bool = True,
        when: float | None = None,
        **more: Any,
    ) -> list[Any]:
        """Hand in files by their address, whatever stands there already."""
        plan, recipe = self.plan(files, tenant=tenant, readers=readers, named=named, when=when)
        return self.desk.hand_in(plan, recipe, **more)

    def plan(
        self,
        files: dict[str, str],
        *,
        tenant: str = "default",
        readers: frozenset[str] | None = None,
        named: bool = True,
        when: float | None = None,
    ) -> tuple[Plan, Recipe]:
        """Write files and plan them, for these readers, as old as is said."""
        found = Discovery()
        for number, (uri, text) in enumerate(files.items()):
            path = (
                self.folder / "given" / f"{len(list(self.given.iterdir()))}-{number}" / uri.rpartition("/")[2]
            )
            path.parent.mkdir(parents=True)
            path.write_text(text)
            if when is not None:
                os.utime(path, (when, when))
            found.add(Source(uri, path, uri, named=named))
        recipe = IngestSettings(chunk_tokens=32).recipe(tenant)
        flags = dict.fromkeys(files, Flags(readers))
        return make_plan(found, {}, recipe=recipe, ledger=Ledger(flags=flags)), recipe

    @property
    def given(self) -> Path:
        folder = self.folder / "given"
        folder.mkdir(exist_ok=True)
        return folder

    def texts(self, tenant: str = "default") -> dict[str, str]:
        """Return what stands in the index, by address."""
        with self.store(WordEmbedder()).snapshot() as snapshot:
            held = list(snapshot.documents(scope=Scope(tenant, unrestricted=True)))
            return {each.uri: snapshot.text(each.id).strip() for each in held}

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        with self.database.connection() as connection:
            return connection.rows(sql, values)

    def run(self, sql: str, values: Sequence[Any] = ()) -> None:
        with self.database.connection() as connection, connection.transaction("UNLOCKED"):
            connection.run(sql, values)

    def states(self) -> dict[str, str]:
        """Return the newest job's state of each address."""
        return dict(self.rows("SELECT uri, state FROM jobs ORDER BY id"))

    def start(self, *arguments: str, **environment: str) -> forked.Process:
        """Start a worker in a process of its own, with an embedder that dies of what says POISON."""
        with (self.folder / "worker.log").open("ab") as log:
            return self._started(log, arguments, environment)

    def _started(
        self, log: BinaryIO, arguments: Sequence[str], environment: dict[str, str]
    ) -> forked.Process:
        settings = self.settings.model_dump().items()
        return forked.script(
            "from tests.ingest.jobs.worker_process import main; main()",
            *arguments,
            environment={
                **os.environ,
                "FOOTNOTE_STORE": self.url,
                "FOOTNOTE_DATA_DIR": str(self.folder / "data"),
                **{f"FOOTNOTE_{name.upper()}": str(value) for name, value in settings},
                **environment,
            },
            errors=log,
        )


@contextmanager
def place(url: str, folder: Path, **settings: Any) -> Iterator[Place]:
    """Open a queue in a new database."""
    stored = StoreSettings(data_dir=folder / "data", store=url)
    database = open_database(stored)
    with database.writer(wait=True) as connection:
        prepare(connection)
    given = QueueSettings(**{"queue_retry_seconds": 0.0, "queue_lease_seconds": 2.0, **settings})
    desk = Desk(Queue(database, given), Board(database), IncomingFolder(folder / "data"))
    opened = Place(url, folder, database, desk, given)
    try:
        yield opened
    finally:
        for each in (database, *opened.stores):
            each.close()


def wanted(*uris: str, digest: str = "d1") -> list[Wanted]:
    """Return wishes that no worker is to carry out."""
    return [Wanted(uri, "add", digest=digest, file="kept") for uri in uris]


def incoming(here: Place) -> list[str]:
    """Return the names of the files that wait for a worker."""
    folder = here.folder / "data" / "incoming"
    return sorted(each.name for each in folder.iterdir()) if folder.exists() else []
