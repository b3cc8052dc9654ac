"""Looking after a repository: is every piece whole, which backups hold what was erased since, and which are to go."""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from app.backup import erased
from app.backup.erased import ALWAYS, Erased
from app.backup.repository import Blob, Manifest, Repository
from app.backup.rows import rows_in
from app.runs.record_tables import runs
from vectorstore.errors import BadInput, FootnoteError, NotFound
from vectorstore.index.maintenance.backup import TABLES
from vectorstore.index.maintenance.erasure import is_erased

_NAMING: Final = ("originals", "files")
"""Tables whose rows name the pieces of files."""
_FILE: Final = ""


def problems(repository: Repository) -> Iterator[str]:
    """Read everything, each piece once, and yield what is wrong, a sentence each."""
    known: dict[str, list[str]] = {}
    try:
        erased.noted(repository.place)
    except FootnoteError as error:
        yield error.what
    for name in repository.ids():
        try:
            tables = repository.manifest(name).tables.items()
            wrong = [_wrong(repository, table, blob, known) for table, blobs in tables for blob in blobs]
        except NotFound:
            continue  # pruned meanwhile
        except FootnoteError as error:
            wrong = [[error.what]]
        for sentence in dict.fromkeys(sentence for sentences in wrong for sentence in sentences):
            yield f"{name}: {sentence}"


def _wrong(repository: Repository, table: str, blob: Blob, known: dict[str, list[str]]) -> list[str]:
    """Return what is wrong with a piece, and with the files that its rows name: each is read once, and told of each backup."""
    if blob.digest not in known:
        found: list[str] = []
        known[blob.digest] = found
        try:
            if table == _FILE:
                repository.get(blob)
                return found
            for rows in rows_in(repository, [blob]):
                for piece in (piece for row in rows for piece in (row[-1] if table in _NAMING else ())):
                    found += _wrong(repository, _FILE, Blob(*piece), known)
        except FootnoteError as error:
            found.append(error.what)
    return known[blob.digest]


def prune(repository: Repository, *, keep: int | None, is_erased: bool) -> tuple[list[str], int]:
    """Drop all backups but the newest `keep`, or those that hold what was erased; return their ids, and how many blobs."""
    with repository.place.alone():
        erased.tidy(repository.place)
        names = repository.ids()
        gone = set(names[:-keep]) if keep else set()
        gone |= set(holding_erased(repository)) if is_erased else set()
        if gone and gone == set(names):
            raise BadInput(
                "Every backup there holds what was erased since, and none would be left.",
                "Make one without it first: `footnote backup`.",
            )
        used = {name: _digests(repository, repository.manifest(name)) for name in names if name not in gone}
        return sorted(gone), repository.drop(sorted(gone), used)


def _digests(repository: Repository, manifest: Manifest) -> set[str]:
    found = {blob.digest for blobs in manifest.tables.values() for blob in blobs}
    for table in _NAMING:
        for rows in rows_in(repository, manifest.tables.get(table, ())):
            found.update(digest for row in rows for digest, _ in row[-1])
    return found


def holding_erased(repository: Repository) -> list[str]:
    """Return the ids of the backups that hold something of what has been erased since."""
    noted = erased.noted(repository.place)
    if not noted.documents and not noted.people:
        return []
    clean: dict[str, datetime] = {}
    found = []
    for name in repository.ids():
        with suppress(NotFound):
            if _holds(repository, repository.manifest(name), noted, clean):
                found.append(name)
    return found


def _holds(repository: Repository, manifest: Manifest, noted: Erased, clean: dict[str, datetime]) -> bool:
    """Say whether a backup does; pieces that were found clean of what was erased since that moment are not read again."""
    columns = {name: runs.c.keys().index(name) + 1 for name in ("owner", "created")}
    place = TABLES["documents"].columns.index("id")
    documents = noted.documents_since(manifest.moment)

    def is_gone(table: str, row: Sequence[Any]) -> bool:
        match table:
            case "index.documents":
                return is_erased(row[place], documents)
            case "records.runs":
                return noted.is_gone(row[columns["owner"]], row[columns["created"]])
        told = json.loads(row[1])
        return noted.is_gone(told["person"], datetime.fromtimestamp(float(told["made"]), UTC))

    for table in ("index.documents", "records.runs", "audit_people"):
        for blob in manifest.tables.get(table, ()):
            if clean.get(blob.digest, ALWAYS) <= manifest.moment:
                continue
            if any(is_gone(table, row) for rows in rows_in(repository, [blob]) for row in rows):
                return True
            clean[blob.digest] = manifest.moment
    return False
