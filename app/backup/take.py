"""Taking a backup while others read and write: each store at one moment, what refers before what is referred to.

The audit log is read before the conversations that it names, these before the documents that they cite, documents before
their files, and who was erased last of all: what is written meanwhile is never missed by something that was read before.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Final, TypeAlias

from app.backup import beside, erased
from app.backup.erased import Erased
from app.backup.place import Folder
from app.backup.repository import PIECE, Blob, Manifest, Repository
from app.backup.rows import SPAN, keep_rows, rows_in
from app.configuration import masked
from app.configuration import settings as all_settings
from app.people.ledger import Ledger
from app.people.people import BACKUP, last_backup
from app.runs.record_tables import KEPT, every_row, opened
from app.runs.records import records_url
from app.settings import Settings
from ingest.originals import Originals, open_originals
from ingest.sources.ledger import ledger_file
from ingest.sources.placed import UPLOAD
from vectorstore.errors import BadInput, NotFound, StoreDamaged
from vectorstore.index.create import check_layout
from vectorstore.index.maintenance import backup
from vectorstore.index.truth import read as truth
from vectorstore.index.truth.database import Connection
from vectorstore.index.truth.seal import read_meta
from vectorstore.open import open_database
from vectorstore.state.cell import State
from vectorstore.state.files import private
from vectorstore.state.open import open_state

Tables: TypeAlias = dict[str, list[Blob]]
_Original: TypeAlias = tuple[str, str, str]
FILES: Final = ("cache/sketches.npz",)
"""Files of this machine that would cost a new ingest, not of the index: which documents are nearly the same."""


def take(settings: Settings, repository: Repository, *, anew: bool = False) -> Manifest:
    """Take a backup of everything; raises Unavailable, Busy, StoreDamaged, BadInput. Without it nothing has changed.

    `anew`: begin again in a place where backups were, and are no more.
    """
    state = open_state(settings.store)
    _check_apart(repository, settings.store.data_dir)
    if not anew:
        _check_there(repository, state)
    _check_filled(settings, state)
    with repository.place.writing():
        repository.begin()
        tables: Tables = {}
        signed = beside.heads(state)
        for name, rows in beside.TABLES.items():
            tables[name] = keep_rows(repository, rows(state))
        tables |= _records(settings, state, repository)
        of_index, facts, stones = _index(settings, repository)
        tables |= of_index
        tables["originals"], lost = _originals(settings, repository, facts.pop("uploads"))
        tables["files"] = keep_rows(repository, _files(settings.store.data_dir, state, repository))
        tables["cells"] = keep_rows(repository, beside.cells(state, signed))
        stones.add(erased.of_people(Ledger(state).read()))
        erased.note(repository.place, stones)
        engine = "folder" if state.database is None else "postgresql"
        facts |= {"lost_originals": lost, "columns": columns()}
        made = repository.add(engine, tables, facts, _settings())
    note_backup(state, datetime.now(UTC), repository.place.name)
    return made


def note_backup(state: State, completed: datetime, where: str) -> None:
    """Keep beside the index which backup is the last: a certificate of erasure says where others hold it still."""
    with state.cell(BACKUP).changing() as change:
        change.content = json.dumps({"completed": int(completed.timestamp()), "where": where}).encode()


def columns() -> dict[str, list[str]]:
    """Return the columns of the index's and the records' tables, as this version has them."""
    found = {f"index.{name}": list(table.columns) for name, table in backup.TABLES.items()}
    return found | {f"records.{table.name}": table.c.keys() for table in KEPT}


def note_erased(settings: Settings, repository: Repository) -> None:
    """Keep beside the backups what was erased so far."""
    state = open_state(settings.store)
    _check_there(repository, state)
    found = erased.of_people(Ledger(state).read())
    with closing(open_database(settings.store)) as database:
        if database.identity() is not None:
            with database.connection() as connection, connection.transaction("DEFERRED"):
                found.add(_stones(connection))
    with repository.place.writing():
        repository.begin()
        erased.note(repository.place, found)


def _check_apart(repository: Repository, data_dir: Path) -> None:
    """Raise BadInput for backups in the data folder: they would go with it, and erasures would search them in vain."""
    if isinstance(repository.place, Folder) and data_dir.resolve() in (
        Path(repository.place.name).resolve(),
        *Path(repository.place.name).resolve().parents,
    ):
        raise BadInput(
            "A backup does not belong into the data folder.", "Name another place, best on another machine."
        )


def _check_there(repository: Repository, state: State) -> None:
    """Raise BadInput where the last backup went to this place, and nothing is there: a disk that is not mounted."""
    last = last_backup(state)
    # Looked at anew: it may have been begun since it was opened.
    if last is not None and last[1] == repository.place.name and not Repository(repository.place).is_begun:
        raise BadInput(
            f"The backup of {datetime.fromtimestamp(last[0], UTC):%Y-%m-%d} went to {repository.place.name!r}, and there is none now.",
            "Mount what is kept there. If it is gone for good, begin again with `footnote backup --new`.",
        )


def _check_filled(settings: Settings, state: State) -> None:
    """Raise BadInput where there is nothing: night after night of that, and `prune` has dropped what was something."""
    with closing(open_database(settings.store)) as database:
        if database.identity() is None and all(
            state.cell(name).read() is None for name in ("keys.json", "people.json")
        ):
            raise BadInput(
                f"There is nothing to back up in {database.place}: no documents, and no keys.",
                "Run it where the service runs, with the settings of the service.",
            )


def _records(settings: Settings, state: State, repository: Repository) -> Tables:
    engine, _ = opened(records_url(settings.records.records_url, state))
    try:
        return {
            # By the hour: a conversation that is erased changes the rows of one.
            f"records.{name}": keep_rows(
                repository, ((f"{made:%Y%m%d%H}", (made, *values)) for _, made, values in rows)
            )
            for name, rows in groupby(every_row(engine), key=lambda row: row[0])
        }
    finally:
        engine.dispose()


def _index(settings: Settings, repository: Repository) -> tuple[Tables, dict[str, Any], Erased]:
    """Keep the index at one moment; return its tables, facts, and which documents were erased from it."""
    with closing(open_database(settings.store)) as database:
        if database.identity() is None:
            return {}, {"uploads": []}, Erased()
        with database.connection() as connection, connection.transaction("DEFERRED"):
            check_layout(read_meta(connection), place=database.place)
            tables = {
                f"index.{name}": keep_rows(repository, _numbered(backup.rows_of(connection, table)))
                for name, table in backup.TABLES.items()
            }
            newest = truth.generation(connection, truth.head(connection).generation)
            uploads = connection.rows(
                "SELECT DISTINCT tenant, uri, digest FROM documents WHERE uri LIKE ? ORDER BY tenant, uri, digest",
                (f"{UPLOAD}/%",),
            )
            facts = {
                "last": backup.last_rows(connection),
                "moment": backup.newest(connection).isoformat(),
                "generation": newest.number if newest else 0,
                "documents": newest.documents if newest else 0,
                "chunks": newest.chunks if newest else 0,
                "uploads": uploads,
            }
            return tables, facts, _stones(connection)


def _numbered(rows: Iterator[Sequence[Any]]) -> beside.Rows:
    for row in rows:
        yield (row[0] // SPAN if isinstance(row[0], int) else ""), row


def _stones(connection: Connection) -> Erased:
    hashes = [row[0] for row in connection.rows("SELECT hash FROM tombstones")]
    if not hashes:
        return Erased()
    return Erased({read_meta(connection)["salt"]: dict.fromkeys(hashes, backup.newest(connection))})


def _originals(
    settings: Settings, repository: Repository, uploads: list[_Original]
) -> tuple[list[Blob], int]:
    """Keep uploaded files as they came; return how many of them were gone."""
    originals = open_originals(settings.store.data_dir, settings.objects)
    private(settings.store.data_dir)
    known = _known(repository)
    rows, lost = list[Sequence[Any]](), 0
    for each in uploads:
        row = known.get(tuple(each))
        if row is None or not repository.holds([digest for digest, _ in row[3]]):
            row = _original(originals, repository, each, settings.store.data_dir)
        if row is None:
            lost += 1
        else:
            rows.append(row)
    return keep_rows(repository, ((number // SPAN, row) for number, row in enumerate(rows))), lost


def _known(repository: Repository) -> dict[tuple[str, ...], Sequence[Any]]:
    """Return the files of the newest backup: under the same name is the same content. Of a damaged one, none."""
    try:
        return {
            tuple(row[:3]): row
            for rows in rows_in(repository, repository.manifest().tables.get("originals", ()))
            for row in rows
        }
    except (NotFound, StoreDamaged):
        return {}


def _original(
    originals: Originals, repository: Repository, name: _Original, data_dir: Path
) -> Sequence[Any] | None:
    with TemporaryFile(dir=data_dir) as copy:
        if not originals.copy(*name, copy):
            return None
        copy.seek(0)
        return (*name, _pieces(copy, repository))


def _pieces(file: Any, repository: Repository) -> list[tuple[str, int]]:  # Any: a file open for reading bytes
    kept = (repository.put(content) for content in iter(lambda: file.read(PIECE), b""))
    return [(blob.digest, blob.size) for blob in kept]


def _files(data_dir: Path, state: State, repository: Repository) -> beside.Rows:
    ledger = repository.put(ledger_file(state))
    yield "", ("ingest.json", [(ledger.digest, ledger.size)])
    for name in FILES:
        if (data_dir / name).is_file():
            with (data_dir / name).open("rb") as file:
                yield "", (name, _pieces(file, repository))


def _settings() -> dict[str, str]:
    """Return the settings that are set, without what is secret in them."""
    return {each.names[0]: masked(each.value) for each in all_settings() if each.origin != "default"}
