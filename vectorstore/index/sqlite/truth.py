"""The truth in one SQLite file: its tables, its lock file, and making it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from vectorstore.index import create
from vectorstore.index.sqlite.database import SQLite, SQLiteConnection, create_file
from vectorstore.index.truth.database import Identity
from vectorstore.index.truth.files import sync_folder, writer_lock
from vectorstore.models.embed import Space

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
CREATE INDEX lives_by_addition ON lives (added);
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


class SQLiteTruth(SQLite):
    """The index in a folder: `index.db`, and `index.lock` for who writes."""

    follows = False
    searched = False

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "index.db")
        self.place = str(folder)
        self._inode: tuple[int, int] | None = None

    @contextmanager
    def writer(self, *, wait: bool, space: Space | None = None) -> Iterator[SQLiteConnection]:
        """Hold the lock file, and with it everything in the folder."""
        with writer_lock(self.path.parent / "index.lock", wait=wait):
            if space is not None:
                self._prepare(space)
            with self.connection() as connection:
                yield connection

    def _prepare(self, space: Space) -> None:
        """Make the index, or adopt an empty one.

        A new index is made under another name and put in place whole: a reader that met it half made would find a
        header that is too short.
        """
        path = self.path
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

    def commits(self, stop: Event) -> Iterator[None]:
        """Yield nothing: every read looks at the file, and the writer leaves the projections ready."""
        del stop
        return iter(())

    def upgrade(self) -> None:
        """Do nothing: there is one layout so far."""

    def identity(self) -> Identity | None:
        """Return device, inode and epoch of the index; None when it is gone or has no tables yet."""
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return None
        file = status.st_dev, status.st_ino
        if file != self._inode:
            self.forget()
            self._inode = file
        with self.connection() as connection:
            facts = create.facts(connection)
            return (*file, *facts) if facts else None


def _prepare(path: Path, space: Space) -> None:
    database = SQLite(path)
    try:
        with database.connection() as connection:
            if connection.has_table("meta"):
                # An index of before catalogs were made of what changed has it not.
                connection.run("CREATE INDEX IF NOT EXISTS lives_by_addition ON lives (added)")
                create.adopt(connection, space)
                return
            # Before the first table: pages freed by compaction can then be given back without rewriting the file.
            connection.rows("PRAGMA auto_vacuum = INCREMENTAL")
            connection.rows("PRAGMA journal_mode = WAL")
            with connection.transaction():
                for statement in TABLES.split(";\n"):
                    connection.run(statement)
                create.fill(connection, space)
    finally:
        database.close()
