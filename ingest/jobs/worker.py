"""A worker: takes jobs, reads their files, and ends each job in the transaction that publishes its document."""

import logging
import os
import secrets
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Final, Literal

from ingest.confined.pool import ParserPool
from ingest.jobs.enqueue import Desk
from ingest.jobs.incoming import no_room
from ingest.jobs.job import Job, file_name, step_of
from ingest.jobs.settings import QueueSettings
from ingest.originals import open_originals
from ingest.pipeline import BatchSize, ingest
from ingest.plan import Plan, Step, content_of, digest_of
from ingest.report import Failure
from ingest.settings import IngestSettings
from ingest.sources.placed import UPLOAD, document_at
from ingest.twins import Twins
from vectorstore.errors import Busy, EmbedderMismatch, FootnoteError, LostLease, NotFound, Unavailable
from vectorstore.models.embed import Embedder
from vectorstore.store import Store, Transaction
from vectorstore.telemetry.logs import tell
from vectorstore.types import Condition, Scope

_IDLE, _IDLEST = 0.25, 1.0
"""Seconds between two looks at a queue in which nothing waits."""
_AWAY, _AWAY_LONGEST = 1.0, 30.0
"""Seconds until a worker tries again when something that all documents need is down."""
_SAYS: Final = 60.0
"""Seconds between two lines on how a worker fares."""
_TIDIES: Final = 300.0
_AT_A_TIME: Final = 100
"""Jobs whose files are dropped before the next batch."""
_LEFT_BEHIND: Final = 3_600.0
"""Seconds after which a file without a job is taken for nobody's: its job comes right after it."""
_MAY_PASS: Final = frozenset({"timeout", "out_of_memory", "crashed"})
"""Why a file could not be read that may be the machine's fault: it is tried again."""
_NOT_ITS_FAULT: Final = (Unavailable, Busy, EmbedderMismatch)
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Tally:
    """What a worker has done since it began."""

    done: int = 0
    failed: int = 0
    given_back: int = 0

    @property
    def ended(self) -> int:
        """How many jobs it has brought to an end."""
        return self.done + self.failed


class Worker:
    """Works until it is told to stop. One batch at a time: it takes no more while its last commit has not ended."""

    def __init__(
        self,
        desk: Desk,
        store: Store,
        embedder: Embedder,
        *,
        settings: IngestSettings,
        queue_settings: QueueSettings,
        data_dir: Path,
        say: Callable[[str], object] = _log.info,
    ) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
        self.tally = Tally()
        self._desk = desk
        self._store = store
        self._embedder = embedder
        self._settings = settings
        self._queue_settings = queue_settings
        self._originals = open_originals(data_dir)
        self._twins = Twins(data_dir)
        self._say = say
        self._has_told = False
        self._stop = threading.Event()
        self._at_hand: dict[int, Job] = {}

    def stop(self) -> None:
        """End after the batch that is at hand."""
        self._stop.set()

    def run(self, *, once: bool = False, most: int | None = None) -> Tally:
        """Take and do jobs until told to stop; with `once` until nothing may begin, with `most` until so many ended.

        What was begun and not ended is given back. Ctrl-C ends the batch at hand too.
        """
        tesseract = self._settings.tesseract()
        last_said = time.monotonic()
        tidy_at = last_said + _TIDIES
        idle, away = _IDLE, _AWAY
        with (
            ParserPool(self._settings.jobs(), self._settings.limits(), ocr=tesseract) as pool,
            self._renewing(),
        ):
            while not self._stop.is_set() and (most is None or self.tally.ended < most):
                try:
                    self._desk.queue.reap()
                    if time.monotonic() >= tidy_at:
                        tidy_at = time.monotonic() + (_TIDIES if self._tidy() else 0.0)
                    if time.monotonic() - last_said >= _SAYS:
                        last_said = time.monotonic()
                        self._say(self.health())
                    done = self._next_batch(pool, most)
                    away = _AWAY
                except (*_NOT_ITS_FAULT, OSError) as error:
                    _log.warning("%s Trying again in %.0f s.", no_room(error) or error, away)
                    self._stop.wait(away)
                    away = min(away * 2, _AWAY_LONGEST)
                    continue
                except KeyboardInterrupt:
                    break
                if done:
                    idle = _IDLE
                elif once:
                    break
                else:
                    self._stop.wait(idle)
                    idle = min(idle * 1.5, _IDLEST)
        return self.tally

    def health(self) -> str:
        """Say in one line how this worker and the queue fare."""
        counts = self._desk.board.counts()
        waiting = counts.states.get("todo", 0) + counts.states.get("doing", 0)
        oldest = f", the oldest for {counts.oldest_seconds:,.0f} s" if waiting else ""
        return (
            f"worker {self.name}: {self.tally.done:,} done, {self.tally.failed:,} failed here; "
            f"{waiting:,} waiting or being done{oldest}"
        )

    def _next_batch(self, pool: ParserPool, most: int | None) -> bool:
        """Claim and do one batch; say whether there was one."""
        left = self._queue_settings.queue_batch if most is None else most - self.tally.ended
        claimed = self._desk.queue.claim(self.name, most=min(self._queue_settings.queue_batch, left))
        if not claimed:
            return False
        self._at_hand = {job.id: job for job in claimed}
        try:
            self._do(claimed, pool)
        except LostLease:
            _log.warning(
                "Documents were given to another worker meanwhile; nothing of them was written here."
            )
        except Exception as error:  # noqa: BLE001 - the edge: another's document must not end the worker
            down = error if isinstance(error, _NOT_ITS_FAULT) else no_room(error)
            if down is None:
                self._blame(error)
                return True
            # Should it be one document's fault all the same, it holds up none of the others.
            self._give_back(alone=True, why=down.what)
            raise down from error.__cause__
        finally:
            self._give_back()
        return True

    def _do(self, jobs: Sequence[Job], pool: ParserPool) -> None:
        tenant = jobs[0].tenant
        with tempfile.TemporaryDirectory(prefix="footnote-jobs-") as folder:
            readings = [job for job in self._not_done_yet(jobs, tenant) if job.action != "remove"]
            removals = [job for job in jobs if job.action == "remove"]
            steps = {job.id: step for job in readings if (step := self._fetched(job, Path(folder)))}
            for groups, part in groupby(sorted(readings, key=_by_groups), key=lambda job: job.groups):
                plan = Plan(steps=[steps[job.id] for job in part if job.id in steps])
                self._ingest(plan, tenant, groups, pool)
            for job in removals:
                # Before the commit: where its file cannot be deleted, the document stays, and is tried again.
                self._originals.forget(tenant=tenant, uri=job.uri)
            gone = [uri for job in removals for uri in (job.uri, job.moved_from) if uri]
            self._ingest(Plan(removals=gone), tenant, None, pool)
            for job in removals:
                self._ended(job)

    def _not_done_yet(self, jobs: Sequence[Job], tenant: str) -> list[Job]:
        """End jobs whose document is in the index as it is to be; return the others."""
        where = (Condition("uri", "in", tuple(job.uri for job in jobs)),)
        with self._store.snapshot() as snapshot:
            scope = Scope(tenant, unrestricted=True)
            held = {each.uri: each.digest for each in snapshot.documents(scope=scope, where=where)}
        there = [job for job in jobs if not job.moved_from and held.get(job.uri) == job.digest != ""]
        if there:
            self._desk.queue.done([job.id for job in there], worker=self.name)
        for job in there:
            self._ended(job)
        return [job for job in jobs if job not in there]

    def _fetched(self, job: Job, folder: Path) -> Step | None:
        """Write a job's file into a folder of its own, under its name: what it is called helps to read it."""
        own = folder / str(job.id)
        own.mkdir()
        path = own / file_name(job)
        try:
            self._desk.incoming.fetch(job.file, path)
        except (NotFound, OSError) as error:
            if no_room(error):
                raise
            told = (
                f"Its file cannot be read ({error.strerror})." if isinstance(error, OSError) else str(error)
            )
            is_gone = isinstance(error, NotFound)
            self._failed(job, Failure(job.uri, "unreadable", told), final=is_gone)
            return None
        step = self._as_read_here(step_of(job, path), job.tenant)
        if self._originals.are_shared and job.uri.startswith(f"{UPLOAD}/"):
            # Before its document is published, which would promise what is not there.
            self._originals.keep(job.tenant, job.uri, step.digest, path)
        return step

    def _as_read_here(self, step: Step, tenant: str) -> Step:
        """Return a step under the digest of what this worker makes of the file, which the next ingest compares.

        Who queued it may have other settings, or another release. Where only workers read by OCR, that is meant so.
        """
        recipe = self._settings.recipe(tenant)
        here = digest_of(step, recipe)
        if step.digest in {here, digest_of(step, replace(recipe, ocr=""))}:
            return step
        if not self._has_told:
            self._has_told = True
            _log.warning(
                "Documents were queued under other settings of ingestion than this worker's, or by another "
                "release: give all processes the same (`footnote config show`). They are read as set here."
            )
        return replace(step, digest=here)

    def _ingest(
        self,
        plan: Plan,
        tenant: str,
        groups: tuple[str, ...] | None,
        pool: ParserPool,
    ) -> None:
        if not plan.steps and not plan.removals:
            return
        by_uri = {job.uri: job for job in self._at_hand.values()}
        files = {step.source.uri: step.source.path for step in plan.steps}

        def finish(connection: Transaction, uris: Sequence[str]) -> None:
            ids = [by_uri[uri].id for uri in uris if uri in by_uri]
            self._desk.queue.finish(connection, ids, worker=self.name)

        def told(uri: str, what: Failure | Literal["read", "written"]) -> None:
            if isinstance(what, Failure):
                self._failed(by_uri[uri], what)
            elif what == "written":
                self._written(by_uri[uri], files[uri])

        settings = self._settings
        report = ingest(
            plan,
            store=self._store,
            embedder=self._embedder,
            parse_all=pool.parse_all,
            recipe=settings.recipe(tenant, groups=None if groups is None else frozenset(groups)),
            batch_size=BatchSize(settings.commit_chunks, settings.commit_documents),
            wait=True,
            files=told,
            twins=self._twins,
            finish=finish,
        )
        if report.interrupted:
            raise KeyboardInterrupt  # what has not ended is not done, and nothing more is begun

    def _written(self, job: Job, file: Path) -> None:
        """Keep the file of an upload for its readers, as long as the document is there."""
        if job.uri.startswith(f"{UPLOAD}/"):
            self._keep_original(job, file)
        self._ended(job)

    def _keep_original(self, job: Job, file: Path) -> None:
        with self._store.snapshot() as snapshot:
            document = document_at(snapshot, job.uri, job.tenant)
        if document is not None and content_of(document.digest) == content_of(job.digest):
            try:
                if not self._originals.are_kept(document):
                    self._originals.keep(document.tenant, document.uri, document.digest, file)
                self._originals.forget(tenant=job.tenant, uri=job.uri, but=document)
            except Unavailable as error:
                # The document is in the index, with its file: compaction sweeps what is left of older ones.
                _log.warning("What was kept of job %d could not be looked through: %s", job.id, error)

    def _ended(self, job: Job) -> None:
        """Count a job that is done, and drop the file that was kept for it."""
        if self._at_hand.pop(job.id, None) is None:
            return
        self.tally.done += 1
        self._drop(job)

    def _drop(self, job: Job) -> None:
        if job.file and self._desk.board.let_go(job.id):
            self._desk.incoming.drop(job.file)

    def _failed(self, job: Job, failure: Failure, *, final: bool | None = None) -> None:
        is_final = failure.reason not in _MAY_PASS if final is None else final
        self._desk.queue.fail(
            job, worker=self.name, reason=failure.reason, error=failure.message, final=is_final
        )
        if failure.reason != "skipped":
            tell(_log, "document failed", level=logging.WARNING, job=job.id, reason=failure.reason)
        if self._at_hand.pop(job.id, None) is not None:
            self.tally.failed += 1
        if failure.reason == "skipped":
            self._drop(job)  # no document, which nobody tries again

    def _blame(self, error: Exception) -> None:
        """Have a document that breaks the worker tried again; of several, each is tried alone."""
        _log.warning("A batch of %d documents failed.", len(self._at_hand), exc_info=error)
        if len(self._at_hand) > 1:
            self._give_back(alone=True)
            return
        told = (
            str(error)
            if isinstance(error, FootnoteError)
            else f"Something unexpected went wrong ({type(error).__name__})."
        )
        for job in list(self._at_hand.values()):
            self._failed(job, Failure(job.uri, "unexpected", told), final=False)

    def _give_back(self, *, alone: bool = False, why: str = "") -> None:
        left, self._at_hand = list(self._at_hand.values()), {}
        try:
            self._desk.queue.give_back(left, worker=self.name, alone=alone, why=why)
            self.tally.given_back += len(left)
        except _NOT_ITS_FAULT as error:
            # Without the database nobody can be told: the lease runs out.
            _log.warning("%s", error)

    @contextmanager
    def _renewing(self) -> Iterator[None]:
        """Prolong the leases of what is at hand, from a thread of its own."""
        ended = threading.Event()

        def renew() -> None:
            while not ended.wait(self._queue_settings.queue_lease_seconds / 4):
                if self._at_hand:
                    try:
                        self._desk.queue.renew(self.name)
                    except FootnoteError as error:
                        _log.warning("The leases could not be prolonged: %s", error)

        thread = threading.Thread(target=renew, name="leases", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(1.0)
            self._twins.save()

    def _tidy(self) -> bool:
        """Drop what is kept of jobs that were replaced, or whose worker died, and forget old ones; say whether all is."""
        settled = self._desk.board.settled(most=_AT_A_TIME)
        for job in settled:
            self._settle(job)
        if len(settled) == _AT_A_TIME:
            return False
        if left := self._desk.incoming.old(seconds=_LEFT_BEHIND):
            for name in self._desk.board.unknown(left):
                self._desk.incoming.drop(name)
        self._desk.board.prune(days=self._queue_settings.queue_keep_days)
        return True

    def _settle(self, job: Job) -> None:
        if job.state == "done" and job.uri.startswith(f"{UPLOAD}/") and job.action != "remove":
            with tempfile.TemporaryDirectory(prefix="footnote-jobs-") as folder:
                path = Path(folder) / file_name(job)
                try:
                    self._desk.incoming.fetch(job.file, path)
                    self._keep_original(job, path)
                except NotFound:
                    pass  # dropped already, and not noted
        self._drop(job)


def _by_groups(job: Job) -> tuple[bool, tuple[str, ...]]:
    return job.groups is not None, job.groups or ()
