"""The queue's tables, in the index's own schema: a job can then end in the transaction that publishes its document."""

from vectorstore.index.truth.database import Connection

# Addresses are hashed: a tree holds none of 3,000 bytes.
TABLES = """
CREATE TABLE jobs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text NOT NULL,
    uri text NOT NULL,
    action text NOT NULL,
    digest text NOT NULL DEFAULT '',
    moved_from text NOT NULL DEFAULT '',
    step text NOT NULL DEFAULT '',
    groups text[],
    file text NOT NULL DEFAULT '',
    size bigint NOT NULL DEFAULT 0,
    priority int NOT NULL DEFAULT 0,
    place bigint,
    state text NOT NULL DEFAULT 'todo',
    attempts int NOT NULL DEFAULT 0,
    alone boolean NOT NULL DEFAULT false,
    mates int NOT NULL DEFAULT 1,
    not_before timestamptz NOT NULL DEFAULT now(),
    worker text,
    lease timestamptz,
    reason text NOT NULL DEFAULT '',
    error text NOT NULL DEFAULT '',
    created timestamptz NOT NULL DEFAULT now(),
    ended timestamptz
);
ALTER TABLE jobs ADD CONSTRAINT jobs_waiting EXCLUDE USING hash ((tenant || E'\\n' || uri) WITH =) WHERE (state = 'todo');
CREATE INDEX jobs_in_turn ON jobs (tenant, priority DESC, coalesce(place, id)) WHERE state = 'todo';
CREATE INDEX jobs_of_uri ON jobs USING hash (uri) WHERE state IN ('todo', 'doing', 'failed');
CREATE INDEX jobs_moving ON jobs USING hash (moved_from) WHERE state IN ('todo', 'doing') AND moved_from <> '';
CREATE INDEX jobs_leased ON jobs (lease) WHERE state = 'doing';
CREATE INDEX jobs_ended ON jobs (ended) WHERE state IN ('done', 'cancelled', 'replaced');
CREATE TABLE job_tenants (tenant text PRIMARY KEY, served timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE INDEX job_tenants_served ON job_tenants (served);
"""


def prepare(connection: Connection) -> None:
    """Make the tables where there are none; in no transaction."""
    if connection.has_table("jobs"):
        return
    with connection.transaction():
        # Another process may have made them while this one waited.
        if not connection.has_table("jobs"):
            # Asked first: who may make no schema may still use one that was made.
            if connection.rows("SELECT current_schema()") == [(None,)]:
                schema = connection.rows("SELECT current_setting('search_path')")[0][0]
                connection.run(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
            for statement in filter(str.strip, TABLES.split(";\n")):
                connection.run(statement)
