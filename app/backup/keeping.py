"""Looking after a repository: is every piece whole, which backups hold what was erased since, and which are to go."""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from app.backup import erased
from app.backup.erased import Erased
from app.backup.repository import Blob, Manifest, Repository
from app.backup.rows import rows_in
from app.runs.record_tables import runs
from vectorstore.errors import FootnoteError, NotFound
from vectorstore.index.maintenance.backup import TABLES
from vectorstore.index.maintenance.erasure import is_erased


def problems(repository: Repository) -> Iterator[str]:
    """Read everything, each piece once, and yield what is wrong, a sentence each."""
    seen: set[str] = set()
    try:
        erased.noted(repository.place)
    except FootnoteError as error:
        yield error.what
    for name in repository.ids():
        try:
            manifest = repository.manifest(name)
            for table, blobs in manifest.tables.items():
                for blob in blobs:
                    if blob.digest not in seen:
                        seen.add(blob.digest)
                        for rows in rows_in(repository, [blob]):
                            _read_pieces(repository, table, rows, seen)
        except NotFound:
            continue  # pruned meanwhile
        except FootnoteError as error:
            yield f"{name}: {error.what}"


def _read_pieces(repository: Repository, table: str, rows: Sequence[Sequence[Any]], seen: set[str]) -> None:
    """Read the files that rows name."""
    if table in {"originals", "files"}:
        for row in rows:
            for digest, size in row[-1]:
                if digest not in seen:
                    repository.get(Blob(digest, size))
                    seen.add(digest)


def prune(repository: Repository, *, keep: int | None, is_erased: bool) -> tuple[list[str], int]:
    """Drop all backups but the newest `keep`, or those that hold what was erased; return their ids, and how many blobs."""
    with repository.place.alone():
        erased.tidy(repository.place)
        names = repository.ids()
        gone = set(names[:-keep]) if keep else set()
        gone |= set(holding_erased(repository)) if is_erased else set()
        used = {name: _digests(repository, repository.manifest(name)) for name in names if name not in gone}
        return sorted(gone), repository.drop(sorted(gone), used)


def _digests(repository: Repository, manifest: Manifest) -> set[str]:
    found = {blob.digest for blobs in manifest.tables.values() for blob in blobs}
    for table in ("originals", "files"):
        for rows in rows_in(repository, manifest.tables.get(table, ())):
            found.update(digest for row in rows for digest, _ in row[-1])
    return found


def holding_erased(repository: Repository) -> list[str]:
    """Return the ids of the backups that hold something of what has been erased since."""
    noted = erased.noted(repository.place)
    if not noted.documents and not noted.people:
        return []
    clean: set[str] = set()
    found = []
    for name in repository.ids():
        with suppress(NotFound):
            if _holds(repository, repository.manifest(name), noted, clean):
                found.append(name)
    return found


def _holds(repository: Repository, manifest: Manifest, noted: Erased, clean: set[str]) -> bool:
    """Say whether a backup does; pieces that are found clean are not read again."""
    columns = {name: runs.c.keys().index(name) + 1 for name in ("owner", "created")}
    place = TABLES["documents"].columns.index("id")

    def is_gone(table: str, row: Sequence[Any]) -> bool:
        match table:
            case "index.documents":
                return is_erased(row[place], noted.documents)
            case "records.runs":
                return noted.is_gone(row[columns["owner"]], row[columns["created"]])
        told = json.loads(row[1])
        return noted.is_gone(told["person"], datetime.fromtimestamp(float(told["made"]), UTC))

    for table in ("index.documents", "records.runs", "audit_people"):
        for blob in manifest.tables.get(table, ()):
            if blob.digest in clean:
                continue
            if any(is_gone(table, row) for rows in rows_in(repository, [blob]) for row in rows):
                return True
            clean.add(blob.digest)
    return False
