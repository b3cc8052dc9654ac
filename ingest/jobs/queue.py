"""The queue: a table in PostgreSQL whose jobs are claimed fairly over tenants and ended once.

A job ends in the very transaction that publishes what it did (`finish`), under the condition that it is still its
worker's. So a worker that lost its lease commits nothing, and no effect happens twice or without its job.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from ingest.jobs.job import COLUMNS, Job, State, Wanted, job_of, step_after
from ingest.jobs.settings import QueueSettings
from vectorstore.errors import LostLease, QueueFull
from vectorstore.index.truth.database import Connection, Database, Value
from vectorstore.store import Transaction

_PIECE: Final = 500
"""Jobs that are queued in one transaction: workers take the tenant's first ones while the rest comes in."""
_TRIES: Final = 50
"""Tenants that a claim looks at when those before have nothing that may begin."""
_ACTIVE: Final = "state IN ('todo', 'doing')"
_ENDED: Final = "worker = NULL, lease = NULL, ended = clock_timestamp()"
_BACK: Final = "state = 'todo', worker = NULL, lease = NULL"
Seconds: TypeAlias = float


@dataclass(frozen=True, slots=True)
class Queued:
    """What became of a wish: the job that stands for it, which may have waited already or failed before."""

    uri: str
    id: int
    state: State
    reason: str = ""
    error: str = ""
    is_new: bool = False


class Queue:
    """The jobs of one index. Safe to use from several threads and machines."""

    def __init__(self, database: Database, settings: QueueSettings) -> None:
        self._database = database
        self.settings = settings

    @property
    def database(self) -> Database:
        """Where it lies."""
        return self._database

    def add(
        self, wanted: Sequence[Wanted], *, tenant: str, priority: int = 0, again: bool = False
    ) -> list[Queued]:
        """Queue documents of a tenant, and say which job stands for each, in their order.

        A newer version takes the place of one that waits. The same version is not queued twice, nor `again` after it
        has failed, unless that is said. Whether there is room is not asked here: a removal is never refused.
        """
        queued: list[Queued] = []
        for start in range(0, len(wanted), _PIECE):
            piece = wanted[start : start + _PIECE]
            with self._database.connection() as connection, connection.transaction("UNLOCKED"):
                wake(connection, tenant)
                queued += _add(connection, piece, tenant=tenant, priority=priority, again=again)
        return queued

    def check_room(self, more: int, tenant: str) -> None:
        """Raise QueueFull where a tenant may not have so many more jobs waiting; for none there is always room."""
        if not more:
            return
        most = self.settings.queue_limit
        sql = "SELECT count(*) FROM jobs WHERE tenant = ? AND state = 'todo'"
        with self._database.connection() as connection:
            row = connection.one(sql, (tenant,))
        waiting = int(row[0]) if row else 0
        if waiting + more > most:
            raise QueueFull(
                f"The queue is full: {waiting:,} of at most {most:,} documents wait, and there is no room for {more:,} more.",
                "Try again when fewer wait (`footnote jobs ls`), start another `footnote worker`, or raise FOOTNOTE_QUEUE_LIMIT.",
            )

    def put_aside(self, wanted: Wanted, *, tenant: str, reason: str, error: str) -> None:
        """Note for a person what cannot even be queued, in place of what was noted of that document before."""
        before = (
            f"UPDATE jobs SET state = 'replaced', {_ENDED} WHERE tenant = ? AND uri = ? AND state = 'failed'"
        )
        sql = (
            "INSERT INTO jobs (tenant, uri, action, digest, state, reason, error, ended)"
            " VALUES (?, ?, ?, ?, 'failed', ?, ?, clock_timestamp()) RETURNING id"
        )
        values = (tenant, wanted.uri, wanted.action, wanted.digest, reason, error)
        with self._database.connection() as connection, connection.transaction("UNLOCKED"):
            connection.run(before, (tenant, wanted.uri))
            connection.rows(sql, values)

    def claim(self, worker: str, *, most: int) -> list[Job]:
        """Take up to `most` jobs of the tenant that was served longest ago; empty when nothing may begin.

        They are one tenant's, of documents on which no other job works or has come before. What was in a batch
        that died is taken alone.
        """
        tried: set[str] = set()
        while len(tried) < _TRIES:
            with self._database.connection() as connection, connection.transaction("UNLOCKED"):
                tenant = _next_tenant(connection, most_attempts=self.settings.queue_attempts)
                if tenant is None or tenant in tried:
                    return []
                tried.add(tenant)
                chosen = _first(
                    _candidates(connection, tenant, most=most, most_attempts=self.settings.queue_attempts),
                    most_bytes=self.settings.batch_bytes,
                )
                taken = _taken(connection, chosen, worker=worker, seconds=self.settings.queue_lease_seconds)
                _served(connection, tenant)
                if taken:
                    return taken
        return []

    def finish(self, connection: Transaction, ids: Sequence[int], *, worker: str) -> None:
        """End jobs in the transaction of `connection`; raises LostLease unless all of them are still this worker's."""
        sql = (
            f"UPDATE jobs SET state = 'done', reason = '', error = '', {_ENDED}"
            " WHERE id IN (SELECT value::bigint FROM jsonb_array_elements_text(?::jsonb))"
            " AND worker = ? AND state = 'doing' RETURNING id"
        )
        if len(connection.rows(sql, (json.dumps(list(ids)), worker))) != len(ids):
            raise LostLease("A document was given to another worker meanwhile.")

    def done(self, ids: Sequence[int], *, worker: str) -> None:
        """End jobs that change nothing; raises LostLease."""
        with self._database.connection() as connection, connection.transaction("UNLOCKED"):
            self.finish(connection, ids, worker=worker)

    def fail(self, job: Job, *, worker: str, reason: str, error: str, final: bool = False) -> None:
        """Note why a job failed: it is tried again after a while, or put aside for a person when `final` or too often."""
        is_dead = final or job.attempts >= self.settings.queue_attempts
        pause = self.settings.queue_retry_seconds * 4 ** (job.attempts - 1)
        became = f"state = 'failed', {_ENDED}" if is_dead else f"{_BACK}, alone = true"
        sql = (
            f"UPDATE jobs SET {became}, reason = ?, error = ?,"
            " not_before = clock_timestamp() + make_interval(secs => ?)"
            " WHERE id = ? AND worker = ? AND state = 'doing'"
        )
        self._back(sql, (reason, _storable(error), float(pause), job.id, worker), job)

    def give_back(self, jobs: Sequence[Job], *, worker: str, alone: bool = False, why: str = "") -> None:
        """Let others take jobs that were begun and not ended, as if they never had been begun.

        With `why`, what all documents need is down: after a while, and a person is told of it.
        """
        pause = self.settings.queue_retry_seconds if why else 0.0
        sql = (
            f"UPDATE jobs SET {_BACK}, attempts = attempts - 1, alone = alone OR ?, reason = ?, error = ?,"
            " not_before = clock_timestamp() + make_interval(secs => ?)"
            " WHERE id = ? AND worker = ? AND state = 'doing'"
        )
        reason = "unavailable" if why else ""
        for job in jobs:
            self._back(sql, (alone, reason, _storable(why), float(pause), job.id, worker), job)

    def _back(self, sql: str, values: Sequence[Value], job: Job) -> None:
        """Change a job that may wait again, unless a newer version waits: then that one stands for it."""
        with self._database.connection() as connection, connection.transaction("UNLOCKED"):
            wake(connection, job.tenant)
            if not _outdated(connection, job):
                connection.run(sql, values)

    def renew(self, worker: str) -> int:
        """Prolong the leases of a worker; return how many jobs are still its own."""
        sql = (
            "UPDATE jobs SET lease = clock_timestamp() + make_interval(secs => ?)"
            " WHERE worker = ? AND state = 'doing' RETURNING id"
        )
        with self._database.connection() as connection, connection.transaction("UNLOCKED"):
            return len(connection.rows(sql, (float(self.settings.queue_lease_seconds), worker)))

    def reap(self) -> int:
        """Let others take the jobs of workers that died; return how many.

        Who of a batch killed its worker is not known: each is tried alone from then on, and only deaths alone are
        counted. What has died too often is put aside for a person.
        """
        sql = (
            f"SELECT {COLUMNS}, mates FROM jobs WHERE state = 'doing' AND lease < clock_timestamp()"
            " ORDER BY lease LIMIT 100 FOR UPDATE SKIP LOCKED"
        )
        with self._database.connection() as connection, connection.transaction("UNLOCKED"):
            lost = [(job_of(row[:-1]), int(row[-1])) for row in connection.rows(sql)]
            for tenant in sorted({job.tenant for job, _ in lost}):
                wake(connection, tenant)
            for job, mates in lost:
                _reap(connection, job, counts=mates <= 1, most_attempts=self.settings.queue_attempts)
        return len(lost)


def _storable(message: str) -> str:
    """Return a message without U+0000, which PostgreSQL does not take: it may quote a file."""
    return message.replace("\0", "\ufffd")


def wake(connection: Connection, tenant: str) -> None:
    """Say that a tenant has work, and keep others from saying that it has none until this transaction ends."""
    sql = "INSERT INTO job_tenants (tenant) VALUES (?) ON CONFLICT (tenant) DO UPDATE SET tenant = EXCLUDED.tenant RETURNING tenant"
    connection.rows(sql, (tenant,))


def _add(
    connection: Connection, wanted: Sequence[Wanted], *, tenant: str, priority: int, again: bool
) -> list[Queued]:
    known = _standing(connection, [each.uri for each in wanted], tenant)
    stands: dict[str, Queued] = {}
    fresh: dict[str, Wanted] = {}
    for each in wanted:
        if job := _same(each, known.get(each.uri, []), again=again):
            stands[each.uri] = Queued(each.uri, job.id, job.state, job.reason, job.error)
            fresh.pop(each.uri, None)
        else:
            fresh[each.uri] = each
    for uri, number in _inserted(connection, list(fresh.values()), tenant=tenant, priority=priority).items():
        stands[uri] = Queued(uri, number, "todo", is_new=True)
    return [stands[each.uri] for each in wanted]


def _standing(connection: Connection, uris: Sequence[str], tenant: str) -> dict[str, list[Job]]:
    sql = (
        f"SELECT {COLUMNS} FROM jobs WHERE tenant = ? AND state IN ('todo', 'doing', 'failed')"
        " AND uri IN (SELECT value FROM jsonb_array_elements_text(?::jsonb)) ORDER BY id"
    )
    found: dict[str, list[Job]] = {}
    for row in connection.rows(sql, (tenant, json.dumps(list(uris)))):
        job = job_of(row)
        found.setdefault(job.uri, []).append(job)
    return found


def _same(wanted: Wanted, known: Sequence[Job], *, again: bool) -> Job | None:
    """Return the newest job of a document if it is for the very version that is wanted."""
    if not known or (newest := known[-1]).digest != wanted.digest:
        return None
    if (newest.action == "remove") != (wanted.action == "remove"):
        return None
    return None if newest.state == "failed" and again else newest


def _inserted(
    connection: Connection, wanted: Sequence[Wanted], *, tenant: str, priority: int
) -> dict[str, int]:
    """Insert jobs in the places of those that they replace; what was to move moves still, what was closed stays so."""
    if not wanted:
        return {}
    gone = {each.uri for each in wanted} | {each.moved_from for each in wanted if each.moved_from}
    ended = connection.rows(
        f"UPDATE jobs SET state = 'replaced', {_ENDED} WHERE tenant = ? AND state IN ('todo', 'failed')"
        " AND uri IN (SELECT value FROM jsonb_array_elements_text(?::jsonb))"
        " RETURNING id, uri, coalesce(place, id), moved_from, step",
        (tenant, json.dumps(sorted(gone))),
    )
    replaced = {str(uri): (int(place), str(left), str(step)) for _, uri, place, left, step in sorted(ended)}
    none = None, "", ""
    rows = []
    for each in wanted:
        place, before, step = replaced.get(each.uri, none)
        # Where the address that it leaves was itself still to be reached, the one before that is left.
        _, further, left = replaced.get(each.moved_from, none)
        new = replace(
            each,
            moved_from=further or each.moved_from or before,
            step=step_after(each.step, step or left),
        )
        rows.append({**new.as_row(), "place": place})
    sql = (
        "INSERT INTO jobs (tenant, priority, uri, action, digest, moved_from, step, groups, file, size, place)"
        " SELECT ?::text, ?::int, uri, action, digest, moved_from, step, groups, file, size, place"
        " FROM jsonb_to_recordset(?::jsonb) AS given (uri text, action text, digest text, moved_from text, step text,"
        " groups text[], file text, size bigint, place bigint) RETURNING uri, id"
    )
    inserted = connection.rows(sql, (tenant, priority, json.dumps(rows)))
    return {str(uri): int(number) for uri, number in inserted}


def _next_tenant(connection: Connection, *, most_attempts: int) -> str | None:
    sql = (
        "SELECT t.tenant FROM job_tenants t WHERE EXISTS (SELECT 1 FROM jobs j WHERE j.tenant = t.tenant"
        " AND j.state = 'todo' AND j.not_before <= clock_timestamp() AND j.attempts < ?)"
        " ORDER BY t.served LIMIT 1 FOR UPDATE OF t SKIP LOCKED"
    )
    row = connection.one(sql, (most_attempts,))
    return str(row[0]) if row else None


def _candidates(connection: Connection, tenant: str, *, most: int, most_attempts: int) -> list[Job]:
    """Return a tenant's next jobs, without those of documents on which an earlier job has not ended."""
    earlier = f"e.tenant = j.tenant AND e.{_ACTIVE} AND coalesce(e.place, e.id) < coalesce(j.place, j.id)"
    doing = "e.tenant = j.tenant AND e.state = 'doing' AND e.id <> j.id"
    clashes = " AND ".join(
        f"NOT EXISTS (SELECT 1 FROM jobs e WHERE {which} AND {same})"
        for which in (earlier, doing)
        for same in (
            "e.uri = j.uri",
            "e.moved_from <> '' AND e.moved_from = j.uri",
            "j.moved_from <> '' AND e.uri = j.moved_from",
        )
    )
    # The attempts are asked for here too: leases may run out faster than anybody puts such jobs aside.
    sql = (
        f"SELECT {COLUMNS} FROM jobs j WHERE tenant = ? AND state = 'todo' AND attempts < ?"
        f" AND not_before <= clock_timestamp() AND {clashes}"
        " ORDER BY priority DESC, coalesce(place, id) LIMIT ? FOR UPDATE OF j SKIP LOCKED"
    )
    return [job_of(row) for row in connection.rows(sql, (tenant, most_attempts, most))]


def _first(candidates: Sequence[Job], *, most_bytes: int) -> list[Job]:
    """Return what is taken together: as many as are not large, one that is to be alone only by itself."""
    chosen: list[Job] = []
    size = 0
    for job in candidates:
        size += job.size
        if chosen and (job.alone or size > most_bytes):
            break
        chosen.append(job)
        if job.alone:
            break
    return chosen


def _served(connection: Connection, tenant: str) -> None:
    """Put a tenant at the end of the row; one that has nothing waiting any more leaves it."""
    if connection.one("SELECT 1 FROM jobs WHERE tenant = ? AND state = 'todo' LIMIT 1", (tenant,)):
        connection.run("UPDATE job_tenants SET served = clock_timestamp() WHERE tenant = ?", (tenant,))
    else:
        connection.run("DELETE FROM job_tenants WHERE tenant = ?", (tenant,))


def _taken(connection: Connection, jobs: Sequence[Job], *, worker: str, seconds: float) -> list[Job]:
    if not jobs:
        return []
    sql = (
        "UPDATE jobs SET state = 'doing', worker = ?, attempts = attempts + 1, mates = ?,"
        " lease = clock_timestamp() + make_interval(secs => ?)"
        " WHERE id IN (SELECT value::bigint FROM jsonb_array_elements_text(?::jsonb))"
    )
    ids = [job.id for job in jobs]
    connection.run(sql, (worker, len(jobs), float(seconds), json.dumps(ids)))
    return [replace(job, state="doing", worker=worker, attempts=job.attempts + 1) for job in jobs]


def _outdated(connection: Connection, job: Job) -> bool:
    """End a job that is not to wait again, because a newer version of its document waits; say whether one does."""
    if not connection.one(
        "SELECT 1 FROM jobs WHERE tenant = ? AND uri = ? AND state = 'todo'", (job.tenant, job.uri)
    ):
        return False
    sql = f"UPDATE jobs SET state = 'replaced', {_ENDED} WHERE id = ? AND worker = ? AND state = 'doing'"
    connection.run(sql, (job.id, job.worker))
    return True


def _reap(connection: Connection, job: Job, *, counts: bool, most_attempts: int) -> None:
    if _outdated(connection, job):
        return
    is_dead = counts and job.attempts >= most_attempts
    became = f"state = 'failed', {_ENDED}" if is_dead else f"{_BACK}, alone = true"
    error = (
        "The worker that read it died or hung each time; look at the document, then `footnote jobs retry`."
    )
    connection.run(
        f"UPDATE jobs SET {became}, attempts = attempts - ?, reason = 'worker_lost', error = ? WHERE id = ?",
        (0 if counts else 1, error, job.id),
    )
