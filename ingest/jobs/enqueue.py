"""A plan handed to the queue: the files kept for the workers, a job for each document, and news of how far they are."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeAlias

from ingest.jobs.board import Board
from ingest.jobs.incoming import Incoming, no_room
from ingest.jobs.job import Wanted, step_as_json
from ingest.jobs.queue import Queue, Queued
from ingest.plan import Plan, Recipe, Step
from ingest.progress import Listener, Progress, unheard
from ingest.report import Failure, Report
from ingest.sources.shared import PastFailure
from vectorstore.errors import QueueFull, Unavailable

UPLOADED: Final = 10
"""The priority of what somebody waits for."""
_PIECE: Final = 500
"""Documents whose files are kept before their jobs are queued."""
_FIRST_LOOK, _LAST_LOOK = 0.1, 2.0
"""Seconds between two looks at a job: it may be done at once, or wait behind many."""
_ENDED: Final = frozenset({"done", "failed", "cancelled", "replaced"})

Heard: TypeAlias = Callable[[Queued], object]


@dataclass(frozen=True, slots=True)
class Desk:
    """Where documents are handed in when there is a queue."""

    queue: Queue
    board: Board
    incoming: Incoming

    def close(self) -> None:
        """Close the connections."""
        self.queue.database.close()

    def indexed(self, tenant: str, digests: Mapping[str, str]) -> Mapping[str, str]:
        """Return uri → digest as it will be when all that waits is done: what a plan is made against."""
        return self.board.pending(tenant, digests)

    def failures(self, tenant: str) -> dict[str, PastFailure]:
        """Return uri → why documents of a tenant could not be read by workers."""
        return self.board.failures(tenant)

    def hand_in(
        self,
        plan: Plan,
        recipe: Recipe,
        *,
        priority: int = 0,
        again: bool = False,
        wait: bool = False,
        handed: Heard = unheard,
    ) -> list[Queued]:
        """Queue what a plan says, in pieces; `handed` hears of each document.

        With `wait`, waits where the queue is full; else raises QueueFull, with the pieces before it queued. Every
        file is kept before its job can be seen, and dropped where none came of it. One that is gone meanwhile, or
        cannot be read any more, is a failure of the plan.
        """
        wishes: Iterator[Step | Wanted] = iter(
            [*plan.steps, *(Wanted(uri, "remove") for uri in plan.removals)]
        )
        queued: list[Queued] = []
        while piece := list(islice(wishes, min(_PIECE, self.queue.settings.queue_limit))):
            # Before any is kept: what lies there for long without a job is taken for nobody's.
            self._find_room(sum(isinstance(each, Step) for each in piece), recipe.tenant, wait=wait)
            wanted = self._all_kept(piece, recipe, failed=plan.failed)
            try:
                new = self.queue.add(wanted, tenant=recipe.tenant, priority=priority, again=again)
            except Unavailable:
                raise  # the jobs may be there all the same, and need their files
            except BaseException:
                self._drop(wanted)
                raise
            self._drop([each for each, got in zip(wanted, new, strict=True) if not got.is_new])
            for one in new:
                handed(one)
            queued += new
        return queued

    def _all_kept(
        self, piece: Sequence[Step | Wanted], recipe: Recipe, *, failed: list[Failure]
    ) -> list[Wanted]:
        """Keep the files of steps, all or none but for those that cannot be read; raises Unavailable without room."""
        wanted: list[Wanted] = []
        try:
            for each in piece:
                try:
                    wanted.append(each if isinstance(each, Wanted) else self._kept(each, recipe))
                except OSError as error:
                    if full := no_room(error):
                        self._drop(wanted)
                        raise full from error
                    uri = each.source.uri if isinstance(each, Step) else each.uri
                    failed.append(Failure(uri, "unreadable", f"It cannot be read ({error.strerror})."))
            self.incoming.secure([each.file for each in wanted if each.file])
        except Unavailable:
            raise  # where they are kept nothing can be dropped either, until somebody tidies
        except BaseException:
            self._drop(wanted)
            raise
        return wanted

    def _kept(self, step: Step, recipe: Recipe) -> Wanted:
        source = step.source
        return Wanted(
            source.uri,
            step.action,
            digest=step.digest,
            moved_from=step.moved_from,
            step=step_as_json(step),
            groups=None if recipe.groups is None else tuple(sorted(recipe.groups)),
            file=self.incoming.keep(source.path),
            size=source.path.stat().st_size,
        )

    def _find_room(self, more: int, tenant: str, *, wait: bool) -> None:
        while True:
            try:
                return self.queue.check_room(more, tenant)
            except QueueFull:
                if not wait:
                    raise
            time.sleep(_LAST_LOOK)

    def _drop(self, wanted: Sequence[Wanted]) -> None:
        for each in wanted:
            if each.file:
                self.incoming.drop(each.file)

    def remove(self, tenant: str, uris: Sequence[str], *, wait: bool = False) -> list[Queued]:
        """Queue the removal of documents, before what nobody waits for; with `wait`, wait until it is done."""
        queued = self.queue.add(
            [Wanted(uri, "remove") for uri in uris], tenant=tenant, priority=UPLOADED, again=True
        )
        return self.follow(queued) if wait else queued

    def forget(self, tenant: str, uris: Sequence[str]) -> None:
        """Delete all that is kept of documents that are erased; raises BadInput while a worker is at one of them."""
        self.board.forget(tenant, uris, drop=self.incoming.drop)

    def follow(
        self, queued: Sequence[Queued], *, seconds: float | None = None, heard: Heard = unheard
    ) -> list[Queued]:
        """Wait until jobs have ended, or so many seconds; return them in their order as they are then.

        `heard` is told whenever one is in another state than before. A job that is not kept any more has been done.
        """
        until = None if seconds is None else time.monotonic() + seconds
        last = {each.id: each for each in queued}
        pause = _FIRST_LOOK
        while open_ones := [number for number, each in last.items() if each.state not in _ENDED]:
            now = self.board.states(open_ones)
            for number in open_ones:
                found = now.get(number) or Queued(last[number].uri, number, "done")
                if found.state != last[number].state:
                    last[number], pause = found, _FIRST_LOOK
                    heard(found)
            if until is not None and time.monotonic() >= until:
                break
            if any(each.state not in _ENDED for each in last.values()):
                time.sleep(pause)
                pause = min(pause * 1.5, _LAST_LOOK)
        return [last[each.id] for each in queued]

    def take_in(
        self,
        plan: Plan,
        recipe: Recipe,
        *,
        again: bool = False,
        wait: bool = False,
        progress: Listener = unheard,
    ) -> Report:
        """Hand a plan in and report what was queued; with `wait`, what became of it, and `progress` hears of that.

        What was queued before counts as well: a document stands only when it is in the index.
        Raises QueueFull, which says how many documents are queued all the same.
        """
        started = time.monotonic()
        interrupted = False
        before = self.board.under_way(recipe.tenant)
        known = before.keys() & set(plan.standing)
        plan.standing = [uri for uri in plan.standing if uri not in known]
        handed = [before[uri] for uri in sorted(known)]
        try:
            self.hand_in(plan, recipe, again=again, wait=wait, handed=handed.append)
        except QueueFull as error:
            raise QueueFull(
                error.what, f"{len(handed):,} of these documents are queued. {error.hint}"
            ) from error
        except KeyboardInterrupt:
            interrupted = True
        if wait and not interrupted:
            try:
                handed = self.follow(handed, heard=_counting(len(handed), progress))
            except KeyboardInterrupt:
                interrupted = True
        report = plan.report()
        report.interrupted = interrupted
        steps = {step.source.uri: step for step in plan.steps}
        for each in handed:
            if each.state == "done" and each.uri in known:
                report.unchanged += 1
            else:
                _note(report, each, steps.get(each.uri))
        report.seconds = round(time.monotonic() - started, 3)
        return report


def _counting(total: int, progress: Listener) -> Heard:
    """Return what hears of jobs and tells how many of them have ended."""
    ended = 0

    def heard(queued: Queued) -> None:
        nonlocal ended
        ended += queued.state in _ENDED
        progress(Progress(ended, ended, total, 0))

    return heard


def _note(report: Report, queued: Queued, step: Step | None) -> None:
    if queued.state in ("failed", "cancelled", "replaced"):
        report.note_failure(failure_of(queued))
    elif queued.state != "done":
        report.queued.append(queued.uri)
    elif step is None:
        report.removed.append(queued.uri)
    else:
        report.note_written(queued.uri, step.action, moved_from=step.moved_from)


def failure_of(queued: Queued) -> Failure:
    """Return why a document was not taken in by its job."""
    if queued.state == "replaced":
        return Failure(queued.uri, "replaced", "A newer version of this document came before it was read.")
    if queued.state == "cancelled":
        return Failure(queued.uri, "cancelled", "It was taken out of the queue before it was read.")
    return Failure(queued.uri, queued.reason, queued.error)
