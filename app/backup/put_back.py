"""Putting a backup back: built beside what is there, checked, rid of what was erased since, and then put in its place.

Killed at any moment, what was there is there, or all of the backup is. Where conversations have a database of their own
(FOOTNOTE_RECORDS_URL), they are committed a moment before the rest.
"""

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.backup import beside, erased
from app.backup.erased import ALWAYS, Erased
from app.backup.repository import Blob, Manifest, Repository
from app.backup.rows import rows_in
from app.backup.take import FILES, columns, note_backup
from app.people.ledger import Book, Ledger
from app.people.serving import is_served
from app.runs.record_tables import KEPT, holds_any, opened, replacing, runs
from app.runs.records import records_url
from app.settings import Settings
from ingest.originals import open_originals
from ingest.sources.ledger import FILE_NAME, update_ledger
from vectorstore.errors import BadInput, Busy, StoreDamaged
from vectorstore.index import create
from vectorstore.index.maintenance import backup
from vectorstore.index.maintenance.backup import Before
from vectorstore.index.maintenance.erasure import finish_erasure
from vectorstore.index.postgresql import switch
from vectorstore.index.postgresql.address import read_address
from vectorstore.index.postgresql.database import PostgreSQL
from vectorstore.index.truth.database import Database
from vectorstore.index.truth.files import writer_lock
from vectorstore.open import open_database
from vectorstore.state import placing
from vectorstore.state.cell import State
from vectorstore.state.files import FolderState, private
from vectorstore.state.open import check_format, open_state
from vectorstore.state.rows import DatabaseState
from vectorstore.state.tables import prepare


@dataclass(slots=True)
class Restored:
    """What was put back, what of it was erased again, and where that lies which was there before."""

    manifest: Manifest
    erased: list[str] = field(default_factory=list)
    answers_erased: int = 0
    aside: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Known:
    """What counts today, whatever the backup says."""

    erased: Erased
    before: Before | None = None
    book: Book | None = None


def put_back(
    settings: Settings,
    repository: Repository,
    *,
    name: str = "",
    replaces: bool = False,
    accept_readers: bool = False,
) -> Restored:
    """Put a backup (an id, its beginning, or the newest) where the settings say.

    Raises NotFound, BadInput where the place holds anything, unless it `replaces` that, which is moved aside. Raises
    StoreDamaged where the backup is damaged, or where the index that makes way cannot say who may read what, unless
    `accept_readers`; Busy where something writes there or a service runs.
    """
    made = Restored(repository.manifest(name))
    _check_known(made.manifest)
    with _target(settings, replaces=replaces) as target, ExitStack() as stack:
        known = (
            _known(settings, repository, stack, accept_readers=accept_readers)
            if target.holds
            else _Known(erased.noted(repository.place))
        )
        with target.building() as staged:
            _put_index(staged, repository, made, known)
            _put_originals(staged, repository, made.manifest)
            state = target.state(staged)
            _put_beside(state, repository, made.manifest, known)
            _put_files(staged, state, repository, made)
            with _records(staged, state) as add:
                _put_records(add, repository, made, known.erased)
                target.check_free()
            # The index that makes way is moved, and nobody holds it open.
            target.let_go(state)
            stack.close()
            made.aside = target.put_in_place()
        target.finish(made)
    return made


def _check_known(manifest: Manifest) -> None:
    """Raise BadInput where a backup holds a table or a column that this version does not know: it would be lost."""
    known = columns()
    tables = {*known, *beside.TABLES, "cells", "originals", "files"}
    more = sorted(manifest.tables.keys() - tables)
    for table, names in manifest.facts["columns"].items():
        more += [f"{table}.{name}" for name in names if name not in known.get(table, ())]
    if more:
        raise BadInput(
            f"The backup {manifest.id} holds what this version of Footnote does not know ({more[0]}).",
            f"Restore it with version {manifest.version} or a newer one.",
        )


@contextmanager
def _target(settings: Settings, *, replaces: bool) -> "Iterator[_Folder | _Schema]":
    """Hold the place where a backup goes; raises BadInput where it holds anything that is not to be replaced."""
    placing.settle(settings.store.data_dir)
    with ExitStack() as stack:
        target: _Folder | _Schema
        if url := settings.store.store.get_secret_value():
            database = PostgreSQL(read_address(url))
            stack.callback(database.close)
            target = _Schema(settings, database)
        else:
            target = _Folder(settings)
        holds = [*target.holds]
        if foreign := settings.records.records_url:
            engine, place = opened(foreign)
            holds += [f"conversations in {place}"] if holds_any(engine) else []
            engine.dispose()
        if holds and not replaces:
            raise BadInput(
                f"There is something already where the backup would go: {', '.join(holds[:3])}{' …' if holds[3:] else ''}.",
                "Restore into an empty place, or add --replace: what is there is moved aside then.",
            )
        target.check_free()
        stack.enter_context(target.locked())
        yield target


def _known(settings: Settings, repository: Repository, stack: ExitStack, *, accept_readers: bool) -> "_Known":
    """Return what counts today: what is noted beside the backups, and what the place says that makes way."""
    found = _Known(erased.noted(repository.place))
    try:
        database = stack.enter_context(closing(open_database(settings.store)))
        if database.identity() is not None:
            found.before = stack.enter_context(backup.before(database))
            found.erased.add(Erased({found.before.salt: dict.fromkeys(found.before.stones, ALWAYS)}))
        found.book = Ledger(open_state(settings.store)).read()
        found.erased.add(erased.of_people(found.book))
    except StoreDamaged as error:
        if not accept_readers:
            raise StoreDamaged(
                f"What makes way cannot be read, and so nothing tells who may read which document today: {error.what}",
                "Add --accept-readers to let everybody read again what they could when the backup was made.",
            ) from error
    return found


class _Folder:
    """A data folder as the place where a backup goes."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = settings.store.data_dir
        self.holds = placing.content_of(self._folder)

    def locked(self) -> AbstractContextManager[object]:
        return writer_lock(self._folder / "index.lock")

    def check_free(self) -> None:
        _check_free(FolderState(self._folder))

    @contextmanager
    def building(self) -> Iterator[Settings]:
        with placing.building(self._folder) as new:
            yield replace(
                self._settings,
                store=self._settings.store.model_copy(update={"data_dir": new, "cache_dir": None}),
            )

    def state(self, staged: Settings) -> State:
        return FolderState(staged.store.data_dir)

    def let_go(self, state: State) -> None:
        pass

    def put_in_place(self) -> list[str]:
        aside = f"replaced-{_stamp()}" if self.holds else ""
        placing.put_in_place(self._folder, aside=aside)
        return [str(self._folder / aside)] if aside else []

    def finish(self, made: Restored) -> None:
        pass


class _Schema:
    """A schema of PostgreSQL as that place; this machine's folder gets what belongs to machines."""

    def __init__(self, settings: Settings, database: PostgreSQL) -> None:
        self._settings = settings
        self._database = database
        self.holds = switch.content_of(database)

    def locked(self) -> AbstractContextManager[object]:
        return nullcontext()

    def check_free(self) -> None:
        with self._database.connection() as connection:
            is_there = connection.has_table("services")
        if is_there:
            _check_free(DatabaseState(self._database, self._settings.store.data_dir))

    @contextmanager
    def building(self) -> Iterator[Settings]:
        folder = self._settings.store.data_dir
        with placing.building(folder) as new, switch.building(self._database) as self._built:
            url = switch.url_of(self._built, self._built.schema)
            update = {"data_dir": new, "store": type(self._settings.store.store)(url), "cache_dir": None}
            yield replace(self._settings, store=self._settings.store.model_copy(update=update))

    def state(self, staged: Settings) -> State:
        state = DatabaseState(PostgreSQL(self._built), staged.store.data_dir)
        prepare(state.database)
        return state

    def let_go(self, state: State) -> None:
        if state.database is not None:
            state.database.close()

    def put_in_place(self) -> list[str]:
        kept = switch.put_in_place(self._database, self._built, aside=_stamp() if self.holds else "")
        placing.put_in_place(self._settings.store.data_dir)
        return [f"schema {name}" for name in kept]

    def finish(self, made: Restored) -> None:
        """Leave no byte of what was erased again in the files of the database, once nobody waits for it."""
        if made.erased:
            with closing(open_database(self._settings.store)) as database:
                _search_anew(self._settings, database)


def _put_index(staged: Settings, repository: Repository, made: Restored, known: _Known) -> None:
    """Put the index back, checked, with today's readers and without what was erased; in a folder also what is searched."""
    tables = made.manifest.tables
    if not tables.get("index.meta"):
        return
    with closing(open_database(staged.store)) as database:
        with database.writer(wait=True, space=backup.NOTHING_YET) as connection:
            if not database.follows:
                connection.rows("PRAGMA synchronous = OFF")  # all of it is synced before it counts
            backup.begin(connection)
            for name, values in _as_taken(made.manifest).items():
                table = backup.TABLES[name]
                table = replace(table, values=tuple(values[len(table.key) :]))
                for rows in rows_in(repository, tables.get(f"index.{name}", ())):
                    backup.add(connection, table, [tuple(row) for row in rows])
            made.erased = backup.finish(
                connection,
                last=made.manifest.facts["last"],
                stones=known.erased.documents_since(made.manifest.moment),
                earlier=known.before,
            )
        if not database.follows:
            _search_anew(staged, database)


def _as_taken(manifest: Manifest) -> dict[str, list[str]]:
    """Return the columns that the index's tables had when the backup was taken, by table: later ones may be empty."""
    taken = manifest.facts["columns"]
    return {name: taken[f"index.{name}"] for name in backup.TABLES if f"index.{name}" in taken}


def _search_anew(settings: Settings, database: Database) -> None:
    """Make what is searched, and leave no byte of what was erased; with Milvus, whoever writes next does it."""
    kind = create.read_kind(database, None, recall_target=settings.store.recall_target)
    if kind is not None and settings.store.search != "milvus":
        with database.writer(wait=True) as connection:
            finish_erasure(settings.store.data_dir, database, connection, kind)


def _put_originals(staged: Settings, repository: Repository, manifest: Manifest) -> None:
    """Put back the files of the documents that the index shows now."""
    blobs = manifest.tables.get("originals", ())
    if not blobs:
        return
    with closing(open_database(staged.store)) as database, database.connection() as connection:
        held = set(connection.rows("SELECT tenant, uri, digest FROM documents"))
    originals = open_originals(staged.store.data_dir, staged.objects)
    for rows in rows_in(repository, blobs):
        for tenant, uri, digest, pieces in rows:
            if (tenant, uri, digest) in held:
                with tempfile.NamedTemporaryFile(dir=staged.store.data_dir) as copy:
                    for piece in pieces:
                        copy.write(repository.get(Blob(*piece)))
                    copy.flush()
                    originals.keep(tenant, uri, digest, Path(copy.name))


def _put_beside(state: State, repository: Repository, manifest: Manifest, known: _Known) -> None:
    """Put back keys, holds, the audit log and its people, but for those who were erased since."""
    for rows in rows_in(repository, manifest.tables.get("cells", ())):
        beside.put_back(state, "cells", rows)
    note_backup(state, datetime.fromisoformat(manifest.taken), repository.place.name)
    check_format(state)
    with Ledger(state).open() as book:
        _todays(book, known)
    gone: set[str] = set()
    for name in beside.TABLES:
        for rows in rows_in(repository, manifest.tables.get(name, ())):
            beside.put_back(
                state, name, [row for row in rows if not _is_of_erased(name, row, known.erased, gone)]
            )


def _todays(book: Book, known: _Known) -> None:
    """Have the ledger say what counts today: an older one would bring a hold that was lifted back, or a person."""
    today = known.book
    if today is not None and (today.holds or today.wishes or today.erased):
        book.salt, book.holds, book.wishes = today.salt, today.holds, today.wishes
        book.erased, book.certificates = today.erased, today.certificates
    book.erased = {**book.erased, **known.erased.people.get(book.salt, {})}
    # Nobody under a hold is erased: it was lifted before.
    book.holds = {
        owner: hold
        for owner, hold in book.holds.items()
        if (when := known.erased.person(owner)) is None or when < hold.since
    }


def _is_of_erased(table: str, row: Sequence[Any], since: Erased, gone: set[str]) -> bool:
    """Say whether a row is about somebody who was erased; people come before their contents."""
    if table == "audit_people":
        told = json.loads(row[1])
        if since.is_gone(told["person"], datetime.fromtimestamp(float(told["made"]), UTC)):
            gone.add(row[0])
    place = {"audit_people": 0, "audit_contents": 1}.get(table)
    return place is not None and row[place] in gone


def _put_files(staged: Settings, state: State, repository: Repository, made: Restored) -> None:
    """Put back what belongs to this machine; an erased document's address stands in none of it."""
    folder = staged.store.data_dir
    for rows in rows_in(repository, made.manifest.tables.get("files", ())):
        for name, pieces in rows:
            if name not in {FILE_NAME, *FILES}:
                raise StoreDamaged(
                    f"The backup has a file {name!r} that belongs to none.", "Use another backup."
                )
            private((folder / name).parent)
            with os.fdopen(os.open(folder / name, os.O_CREAT | os.O_WRONLY, 0o600), "wb") as file:
                for piece in pieces:
                    file.write(repository.get(Blob(*piece)))
    update_ledger(state, lambda ledger: ledger.forget(frozenset(made.erased)))


@contextmanager
def _records(
    staged: Settings, state: State
) -> Iterator[Callable[[str, Sequence[Mapping[str, Any]]], None]]:  # Any: rows
    engine, _ = opened(records_url(staged.records.records_url, state))
    try:
        with replacing(engine) as add:
            yield add
    finally:
        engine.dispose()


def _put_records(
    add: Callable[[str, Sequence[Mapping[str, Any]]], None],
    repository: Repository,
    made: Restored,
    since: Erased,
) -> None:
    """Put conversations back, but for those of people who were erased since."""
    taken, gone = made.manifest.facts["columns"], set[str]()
    owner = taken["records.runs"].index("owner")
    for table in KEPT:
        for rows in rows_in(repository, made.manifest.tables.get(f"records.{table.name}", ())):
            if table is runs:
                gone.update(values[0] for at, *values in rows if since.is_gone(values[owner], at))
            names = taken[f"records.{table.name}"]
            kept = (values for _, *values in rows if values[0] not in gone)
            add(table.name, [dict(zip(names, values, strict=True)) for values in kept])
    made.answers_erased = len(gone)


def _check_free(state: State) -> None:
    if is_served(state):
        raise Busy("A service runs there.", "Stop it first, and start it when the backup is back.")


def _stamp() -> str:
    return f"{datetime.now(UTC):%Y%m%d_%H%M%S}"
