"""The tables of the truth.

A document's row and its chunks never change once written. `lives` says in which generations a document is
visible, [added, removed): a snapshot, a rollback and a comparison are all questions to that one table.
"""

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
