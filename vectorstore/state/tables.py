"""The tables of what is kept beside the index, in its schema."""

from vectorstore.index.postgresql.database import PostgreSQL

_TABLES = """
CREATE TABLE cells (
  name text PRIMARY KEY,
  version bigint NOT NULL,
  content bytea NOT NULL
);
CREATE TABLE uses (
  cell text NOT NULL,
  item text NOT NULL,
  at double precision NOT NULL,  -- seconds since 1970
  PRIMARY KEY (cell, item)
);
CREATE TABLE services (
  id text PRIMARY KEY,
  seen double precision NOT NULL
);
CREATE TABLE flags (
  prefix text PRIMARY KEY,       -- the address of a folder, with its slash, or of a file
  readers text,                  -- JSON list; NULL: as was said before
  collection text NOT NULL
);
CREATE TABLE failures (
  uri text PRIMARY KEY,
  digest text NOT NULL,
  reason text NOT NULL,
  message text NOT NULL,
  noted text NOT NULL,
  formats text NOT NULL          -- what could be read when it was noted
);
CREATE TABLE audit (
  n bigint PRIMARY KEY,
  line text NOT NULL             -- see app/audit/entry.py
);
CREATE TABLE audit_end (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  n bigint NOT NULL,
  hash text NOT NULL
);
INSERT INTO audit_end (n, hash) VALUES (0, repeat('0', 64));
CREATE TABLE audit_people (
  place text PRIMARY KEY,        -- a hash of the person
  kept text NOT NULL,            -- JSON: person, name, key
  used double precision NOT NULL
);
CREATE TABLE audit_contents (
  hash text PRIMARY KEY,
  place text NOT NULL,
  at double precision NOT NULL,
  salt text NOT NULL,
  content bytea NOT NULL
);
CREATE INDEX audit_contents_by_place ON audit_contents (place)
"""


def prepare(database: PostgreSQL) -> None:
    """Make the tables where there are none; raises Unavailable where this user may not."""
    with database.connection() as connection:
        if connection.has_table("audit_contents"):
            return
        schema = database.address.schema
        with connection.transaction("UNLOCKED"):
            connection.one("SELECT pg_advisory_xact_lock(hashtextextended(?, 20))::text", (schema,))
            if connection.has_table("audit_contents"):
                return
            connection.make_schema()
            for statement in _TABLES.split(";\n"):
                connection.run(statement)
