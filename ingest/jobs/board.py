"""What people and programs see of the queue: which jobs there are, how far they are, and what can be done about one."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ingest.jobs.job import COLUMNS, STATES, Job, State, job_of
from ingest.jobs.queue import Queued, wake
from ingest.sources.shared import PastFailure
from vectorstore.errors import BadInput, NotFound
from vectorstore.index.truth.database import Connection, Database

_DOCUMENT = "reason <> 'skipped'"
"""Files of a folder that are no documents are kept in mind, and shown to nobody."""
_SETTLED = "state IN ('done', 'cancelled', 'replaced')"


@dataclass(frozen=True, slots=True)
class Counts:
    """How many jobs are in which state, and for how many seconds the oldest that waits or is being done has."""

    states: Mapping[str, int]
    oldest_seconds: float


class Board:
    """Looks at the queue of one index. Safe to use from several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def jobs(self, *, states: Sequence[State] = (), tenant: str | None = None, most: int = 100) -> list[Job]:
        """Return the newest jobs in these states (all without any), newest first."""
        sql = (
            f"SELECT {COLUMNS} FROM jobs WHERE (?::text IS NULL OR tenant = ?::text)"
            f" AND state IN (SELECT value FROM jsonb_array_elements_text(?::jsonb)) AND {_DOCUMENT}"
            " ORDER BY id DESC LIMIT ?"
        )
        wanted = json.dumps(list(states or STATES))
        with self._database.connection() as connection:
            return [job_of(row) for row in connection.rows(sql, (tenant, tenant, wanted, most))]

    def job(self, number: int) -> Job:
        """Return one job; raises NotFound."""
        with self._database.connection() as connection:
            return _job(connection, number)

    def states(self, numbers: Sequence[int]) -> dict[int, Queued]:
        """Return how far jobs are, by number; those that are not kept any more are left out."""
        sql = (
            "SELECT uri, id, state, reason, error FROM jobs"
            " WHERE id IN (SELECT value::bigint FROM jsonb_array_elements_text(?::jsonb))"
        )
        with self._database.connection() as connection:
            rows = connection.rows(sql, (json.dumps(list(numbers)),))
        return {int(row[1]): Queued(*row) for row in rows}

    def counts(self) -> Counts:
        """Count the jobs by state."""
        sql = (
            "SELECT state, count(*), extract(epoch FROM clock_timestamp() - min(created))::float8"
            f" FROM jobs WHERE {_DOCUMENT} GROUP BY state"
        )
        with self._database.connection() as connection:
            rows = connection.rows(sql)
        ages = [float(age) for state, _, age in rows if state in ("todo", "doing")]
        return Counts({str(state): int(count) for state, count, _ in rows}, max(ages, default=0.0))

    def unattended_seconds(self) -> float:
        """Return for how long the oldest job that may begin has waited, while no worker is at any; 0 else."""
        sql = (
            "SELECT extract(epoch FROM clock_timestamp() - min(greatest(created, not_before)))::float8 FROM jobs"
            " WHERE state = 'todo' AND not_before <= clock_timestamp()"
            " AND NOT EXISTS (SELECT 1 FROM jobs WHERE state = 'doing' AND lease > clock_timestamp())"
        )
        with self._database.connection() as connection:
            row = connection.one(sql)
        return float(row[0] or 0) if row else 0.0

    def pending(self, tenant: str, known: Mapping[str, str]) -> dict[str, str]:
        """Return uri → digest as the index will hold it when all that waits is done; `known` is what it holds now."""
        sql = (
            "SELECT uri, action, digest, moved_from FROM jobs WHERE tenant = ? AND state IN ('todo', 'doing')"
            " ORDER BY coalesce(place, id)"
        )
        future = dict(known)
        with self._database.connection() as connection:
            for uri, action, digest, moved_from in connection.rows(sql, (tenant,)):
                future.pop(moved_from, None)
                if action == "remove":
                    future.pop(uri, None)
                else:
                    future[uri] = digest
        return future

    def under_way(self, tenant: str) -> dict[str, Queued]:
        """Return uri → the newest job of each of a tenant's documents that waits or is being read."""
        sql = (
            "SELECT uri, id, state, reason, error FROM jobs"
            " WHERE tenant = ? AND state IN ('todo', 'doing') ORDER BY id"
        )
        with self._database.connection() as connection:
            return {str(row[0]): Queued(*row) for row in connection.rows(sql, (tenant,))}

    def waiting(self, tenant: str, uris: Sequence[str]) -> set[str]:
        """Return those addresses at which something is still to happen."""
        given = "(SELECT value FROM jsonb_array_elements_text(?::jsonb))"
        of = "SELECT {} FROM jobs WHERE tenant = ? AND state IN ('todo', 'doing') AND {} IN " + given
        sql = f"{of.format('uri', 'uri')} UNION {of.format('moved_from', 'moved_from')}"
        values = (tenant, json.dumps(list(uris)))
        with self._database.connection() as connection:
            return {str(uri) for (uri,) in connection.rows(sql, values * 2)}

    def failures(self, tenant: str) -> dict[str, PastFailure]:
        """Return uri → why a tenant's documents could not be read: not tried again until they change."""
        sql = (
            "SELECT uri, digest, reason, error, extract(epoch FROM ended)::float8 FROM jobs"
            " WHERE tenant = ? AND state = 'failed' ORDER BY id"
        )
        with self._database.connection() as connection:
            rows = connection.rows(sql, (tenant,))
        return {
            uri: PastFailure(digest, reason, error, _minute(ended))
            for uri, digest, reason, error, ended in rows
        }

    def retry(self, number: int) -> Job:
        """Let a job that failed or was cancelled wait again; raises NotFound, BadInput where that cannot be."""
        with self._database.connection() as connection, connection.transaction("UNLOCKED"):
            job = _job(connection, number)
            if job.state not in ("failed", "cancelled"):
                begun = {"todo": "waits already", "doing": "is being done"}.get(job.state, f"is {job.state}")
                raise BadInput(f"Job {number} {begun}; there is nothing to try again.")
            wake(connection, job.tenant)
            sql = "SELECT 1 FROM jobs WHERE tenant = ? AND uri = ? AND state IN ('todo', 'doing') AND id <> ?"
            if connection.one(sql, (job.tenant, job.uri, number)):
                raise BadInput("A newer version of this document waits or is being read.")
            # What failed is replaced by a newer version, what was cancelled is not.
            newer = "SELECT 1 FROM jobs WHERE tenant = ? AND uri = ? AND state = 'done' AND id > ?"
            if job.state == "cancelled" and connection.one(newer, (job.tenant, job.uri, number)):
                raise BadInput(
                    "A newer version of this document has been read.", "Ingest the document again."
                )
            changed = connection.rows(
                "UPDATE jobs SET state = 'todo', attempts = 0, alone = true, not_before = clock_timestamp(),"
                " ended = NULL, reason = '', error = '' WHERE id = ?"
                " AND state IN ('failed', 'cancelled') AND (file <> '' OR action = 'remove') RETURNING id",
                (number,),
            )
            if not changed:
                raise BadInput(
                    f"Job {number} is {job.state}, and nothing is kept of it that could be tried again.",
                    "Ingest the document again.",
                )
            return _job(connection, number)

    def cancel(self, number: int) -> Job:
        """Have a job that has not ended change nothing, also where a worker is at it; raises NotFound, BadInput."""
        with self._database.connection() as connection, connection.transaction("UNLOCKED"):
            job = _job(connection, number)
            changed = connection.rows(
                "UPDATE jobs SET state = 'cancelled', worker = NULL, lease = NULL, ended = clock_timestamp()"
                " WHERE id = ? AND state IN ('todo', 'doing', 'failed') RETURNING id",
                (number,),
            )
            if not changed:
                raise BadInput(f"Job {number} is {job.state}; there is nothing to cancel.")
            return _job(connection, number)

    def forget(self, tenant: str, uris: Sequence[str], *, drop: Callable[[str], object]) -> None:
        """Delete the jobs of documents that are erased, with all that they say; `drop` deletes their files before that.

        Raises BadInput while a worker is at one of them.
        """
        given = json.dumps(list(uris))
        # What moves away from such an address names it too.
        which = "{} IN (SELECT value FROM jsonb_array_elements_text(?::jsonb))"
        sql = f"DELETE FROM jobs WHERE tenant = ? AND ({which.format('uri')} OR {which.format('moved_from')})"
        with self._database.connection() as connection, connection.transaction("UNLOCKED"):
            wake(connection, tenant)
            rows = connection.rows(f"{sql} RETURNING state, file", (tenant, given, given))
            if any(state == "doing" for state, _ in rows):
                raise BadInput("A worker is reading one of these documents.", "Try again in a minute.")
            for _, file in rows:
                if file:
                    drop(str(file))

    def settled(self, *, most: int) -> list[Job]:
        """Return jobs that ended and whose file is kept still, though a minute has passed."""
        sql = (
            f"SELECT {COLUMNS} FROM jobs WHERE {_SETTLED} AND file <> ''"
            " AND ended < clock_timestamp() - interval '1 minute' ORDER BY ended LIMIT ?"
        )
        with self._database.connection() as connection:
            return [job_of(row) for row in connection.rows(sql, (most,))]

    def let_go(self, number: int) -> bool:
        """Note that the file of a job is kept no more; say whether it may be dropped: not where it waits again."""
        sql = "UPDATE jobs SET file = '' WHERE id = ? AND state NOT IN ('todo', 'doing') RETURNING id"
        with self._database.connection() as connection, connection.transaction("UNLOCKED"):
            return bool(connection.rows(sql, (number,)))

    def unknown(self, files: Sequence[str]) -> list[str]:
        """Return those files that no job is for: who kept them died before it could queue one."""
        sql = (
            "SELECT value FROM jsonb_array_elements_text(?::jsonb) WHERE NOT EXISTS"
            " (SELECT 1 FROM jobs WHERE file = value)"
        )
        with self._database.connection() as connection:
            return [str(name) for (name,) in connection.rows(sql, (json.dumps(list(files)),))]

    def prune(self, *, days: int) -> int:
        """Delete what ended well more than so many days ago; return how many jobs."""
        sql = (
            f"DELETE FROM jobs WHERE {_SETTLED} AND file = ''"
            " AND ended < clock_timestamp() - make_interval(days => ?) RETURNING id"
        )
        with self._database.connection() as connection, connection.transaction("UNLOCKED"):
            return len(connection.rows(sql, (days,)))


def _minute(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="minutes")


def _job(connection: Connection, number: int) -> Job:
    row = connection.one(f"SELECT {COLUMNS} FROM jobs WHERE id = ?", (number,))
    if row is None:
        raise NotFound(f"There is no job {number}.", "`footnote jobs ls` lists them.")
    return job_of(row)
