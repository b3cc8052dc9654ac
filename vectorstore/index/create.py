"""Making the index, and recognising it."""

import secrets
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from vectorstore.errors import BadInput, EmbedderMismatch, StoreDamaged
from vectorstore.index.projection.projections import Kind
from vectorstore.index.sqlite.database import SQLite, SQLiteConnection, create_file
from vectorstore.index.truth import read as truth
from vectorstore.index.truth import seal
from vectorstore.index.truth.files import sync_folder
from vectorstore.index.truth.seal import next_epoch, read_meta, write_meta
from vectorstore.models.embed import Space

VERSION = 1

TABLES = """
CREATE TABLE meta (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE generations (
  number INTEGER PRIMARY KEY,
  created TEXT NOT NULL,
  note TEXT NOT NULL,
  documents INTEGER NOT NULL,
  chunks INTEGER NOT NULL,
  last_chunk INTEGER NOT NULL,  -- the greatest chunk row when this was committed
  seal BLOB NOT NULL,           -- sum over the visible documents: see seal.py
  mark BLOB NOT NULL            -- SHA-256 over this row
);
CREATE TABLE documents (
  row INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL,
  tenant TEXT NOT NULL,
  uri TEXT NOT NULL,
  title TEXT NOT NULL,
  media_type TEXT NOT NULL,
  digest TEXT NOT NULL,
  modified TEXT,
  readers TEXT NOT NULL,        -- JSON list
  pages TEXT NOT NULL,          -- JSON list
  metadata TEXT NOT NULL,       -- JSON object
  chunks INTEGER NOT NULL,
  seal BLOB NOT NULL            -- SHA-256 over this row, its text, chunks and vectors
);
CREATE INDEX documents_by_id ON documents (id);
CREATE INDEX documents_by_uri ON documents (tenant, uri);
CREATE TABLE texts (
  document INTEGER PRIMARY KEY REFERENCES documents (row),
  text TEXT NOT NULL
);
CREATE TABLE lives (
  document INTEGER NOT NULL REFERENCES documents (row),
  added INTEGER NOT NULL,
  removed INTEGER,
  PRIMARY KEY (document, added)
) WITHOUT ROWID;
CREATE INDEX lives_by_removal ON lives (removed);
CREATE TABLE chunks (
  row INTEGER PRIMARY KEY AUTOINCREMENT,
  document INTEGER NOT NULL REFERENCES documents (row),
  position INTEGER NOT NULL,
  id TEXT NOT NULL,
  text TEXT NOT NULL,
  start INTEGER NOT NULL,
  "end" INTEGER NOT NULL,
  page INTEGER,
  headings TEXT NOT NULL,       -- JSON list
  context TEXT NOT NULL,
  embedded BLOB NOT NULL        -- first 16 bytes of the SHA-256 of the embedded text
);
CREATE UNIQUE INDEX chunks_by_position ON chunks (document, position);
CREATE INDEX chunks_by_embedded ON chunks (embedded);
CREATE TABLE tombstones (
  hash TEXT PRIMARY KEY         -- salted, of an erased document's id: see erasure.py
) WITHOUT ROWID;
CREATE TABLE vectors (
  chunk INTEGER PRIMARY KEY REFERENCES chunks (row),
  vector BLOB NOT NULL          -- float16, little endian
);
"""


def prepare(path: Path, space: Space | None) -> None:
    """Make the index when there is none; give an empty one of another embedder to this one.

    The caller holds the writer lock. A new index is made under another name and put in place whole: a reader
    that met it half made would find a header that is too short.
    """
    if path.exists() and path.stat().st_size:
        _prepare(path, space)
        return
    making = path.with_name(f"{path.name}.new")
    for left in path.parent.glob(f"{making.name}*"):
        left.unlink()
    create_file(making)
    _prepare(making, space)
    making.replace(path)
    sync_folder(path.parent)


def _prepare(path: Path, space: Space | None) -> None:
    database = SQLite(path)
    try:
        with database.connection() as connection:
            if not _has_tables(connection):
                if space is None:
                    raise BadInput("There is no index here yet.", "Run `footnote ingest PATH` first.")
                _create(connection, space)
            elif space is not None:
                _adopt(connection, space)
    finally:
        database.close()


def read_kind(database: SQLite, space: Space | None, *, recall_target: float) -> Kind | None:
    """Return what kind of index this is; None when it has no tables yet.

    Raises EmbedderMismatch when it holds vectors of another embedder, StoreDamaged for another version.
    """
    with database.connection() as connection:
        if not _has_tables(connection):
            return None
        meta = read_meta(connection)
        if meta.get("schema") != str(VERSION):
            raise StoreDamaged(
                f"The index has format {meta.get('schema')!r}, this version of Footnote reads {VERSION}.",
                "Use the version of Footnote that made it, or set FOOTNOTE_DATA_DIR to a new folder and ingest again.",
            )
        kind = Kind(meta["index"], meta["fingerprint"], int(meta["dimension"]), recall_target)
        if space is None or space.fingerprint == kind.fingerprint:
            return kind
        if _is_empty(connection):
            return replace(kind, fingerprint=space.fingerprint, dimension=space.dimension)
        raise mismatch(path=database.path, holds=kind.fingerprint, asked=space.fingerprint)


def identity(path: Path, database: SQLite) -> tuple[int, int, int] | None:
    """Return device, inode and epoch of the index; None when it is gone or has no tables yet."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    with database.connection() as connection:
        if not _has_tables(connection):
            return None
        return status.st_dev, status.st_ino, truth.head(connection).epoch


def mismatch(*, path: Path, holds: str, asked: str) -> EmbedderMismatch:
    """Return the error that says which embedder made the index, and what to run."""
    return EmbedderMismatch(
        f"The index in {str(path.parent)!r} was made by the embedder {holds!r}, but {asked!r} is set.",
        "Run `footnote index reembed` to give its chunks new vectors, or set FOOTNOTE_EMBEDDER back.",
    )


def _create(connection: SQLiteConnection, space: Space) -> None:
    # Before the first table: pages freed by compaction can then be given back without rewriting the file.
    connection.rows("PRAGMA auto_vacuum = INCREMENTAL")
    connection.rows("PRAGMA journal_mode = WAL")
    first = (0, datetime.now(UTC).isoformat(), "empty", 0, 0, 0, seal.EMPTY)
    with connection.transaction():
        for statement in TABLES.split(";\n"):
            connection.run(statement)
        connection.run(
            "INSERT INTO generations (number, created, note, documents, chunks, last_chunk, seal, mark)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (*first, seal.mark(first)),
        )
        write_meta(
            connection,
            schema=str(VERSION),
            index=secrets.token_hex(8),
            fingerprint=space.fingerprint,
            dimension=str(space.dimension),
            epoch="0",
            salt=secrets.token_hex(16),
        )


def _adopt(connection: SQLiteConnection, space: Space) -> None:
    if read_meta(connection)["fingerprint"] == space.fingerprint or not _is_empty(connection):
        return
    with connection.transaction():
        write_meta(connection, fingerprint=space.fingerprint, dimension=str(space.dimension))
        next_epoch(connection)


def _has_tables(connection: SQLiteConnection) -> bool:
    return connection.one("SELECT 1 FROM sqlite_master WHERE name = 'meta'") is not None


def _is_empty(connection: SQLiteConnection) -> bool:
    return connection.one("SELECT 1 FROM documents LIMIT 1") is None
