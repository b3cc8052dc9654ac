"""A job: one document that is to be read and written, or removed, and how far that is."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args

from pydantic import TypeAdapter

from ingest.plan import Step
from ingest.sources.discover import Source
from ingest.sources.roots import printable
from ingest.sources.rules import Readers
from vectorstore.index.truth.database import Value
from vectorstore.telemetry import traces

State: TypeAlias = Literal["todo", "doing", "done", "failed", "cancelled", "replaced"]
"""`replaced`: a newer version of the document came before this one's turn."""
STATES: Final[tuple[State, ...]] = get_args(State)
Action: TypeAlias = Literal["add", "update", "move", "remove"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be queued. `file` is where the bytes are kept meanwhile, `size` how many; a removal has none.

    `groups` are those that the document's own text may name as its readers; None when it may name any.
    """

    uri: str
    action: Action
    digest: str = ""
    moved_from: str = ""
    step: str = ""
    groups: tuple[str, ...] | None = None
    file: str = ""
    size: int = 0

    def as_row(self) -> dict[str, object]:
        """Return what the table holds of it."""
        return {
            "uri": self.uri,
            "action": self.action,
            "digest": self.digest,
            "moved_from": self.moved_from,
            "step": self.step,
            "groups": None if self.groups is None else list(self.groups),
            "file": self.file,
            "size": self.size,
        }


@dataclass(frozen=True, slots=True)
class Job:
    """A row of the queue. Moments are seconds since 1970; `error` is a sentence, `reason` what to count it by."""

    id: int
    tenant: str
    uri: str
    action: Action
    digest: str
    state: State
    priority: int
    attempts: int
    created: float
    not_before: float
    ended: float | None
    worker: str
    reason: str
    error: str
    moved_from: str
    step: str
    groups: tuple[str, ...] | None
    file: str
    size: int
    alone: bool


COLUMNS: Final = (
    "id, tenant, uri, action, digest, state, priority, attempts, extract(epoch FROM created)::float8,"
    " extract(epoch FROM not_before)::float8, extract(epoch FROM ended)::float8, coalesce(worker, ''), reason, error,"
    " moved_from, step, groups, file, size, alone"
)


def job_of(row: Sequence[Value | list[str]]) -> Job:
    """Read a row of `COLUMNS`."""
    job = Job(*row)  # type: ignore[arg-type] # the statement names the columns in their order
    return replace(job, groups=None if job.groups is None else tuple(job.groups))


_STEP: Final = TypeAdapter(Step)
_LONGEST_NAME: Final = 60
"""Letters at the end of a file's name, which no system finds too long."""


def step_as_json(step: Step) -> str:
    """Write a step down without what is true on one machine only: where its file lies. Raises OSError."""
    source = replace(_anywhere(step.source), modified=step.source.path.stat().st_mtime)
    return _STEP.dump_json(replace(step, source=source, trace=traces.traceparent())).decode()


def trace_of(job: Job) -> dict[str, str]:
    """Return the trace that a job is a part of; a removal tells none."""
    trace = _STEP.validate_json(job.step).trace if job.step else ""
    return {"traceparent": trace} if trace else {}


def trace(job: Job, seconds: float, failed: str = "") -> None:
    """Trace a job that has ended as a part of what queued it; the others of its batch took the same time."""
    traces.done(
        f"process {job.action}",
        seconds,
        kind="consumer",
        parent=trace_of(job),
        failed=failed,
        messaging__system="footnote",
        messaging__operation__type="process",
        messaging__operation__name=job.action,
        messaging__destination__name="jobs",
        messaging__message__id=str(job.id),
    )


def step_of(job: Job, path: Path) -> Step:
    """Return the step that a job stands for, with its file where it lies here, as old as it was there."""
    step = _STEP.validate_json(job.step)
    if step.source.modified is not None:
        os.utime(path, (step.source.modified, step.source.modified))
    return replace(step, source=replace(step.source, path=path))


def step_after(step: str, before: str) -> str:
    """Return a step that also says who was to read the version whose job it replaces: silence must not open it.

    Of a version that has been read the index tells that; this one never comes there.
    """
    if not step or not before:
        return step
    earlier = _STEP.validate_json(before)
    operator = earlier.rules.under(earlier.flags).readers
    kept = earlier.kept if operator is None else Readers(operator, by_operator=True)
    if kept is None and earlier.source.readers is not None:
        kept = Readers(earlier.source.readers)
    if kept is None:
        return step
    return _STEP.dump_json(replace(_STEP.validate_json(step), kept=kept)).decode()


def file_name(job: Job) -> str:
    """Return the name that a job's file had: it helps to read it."""
    return _STEP.validate_json(job.step).source.path.name


def _anywhere(source: Source) -> Source:
    return replace(
        source,
        path=Path(printable(source.path.name)[-_LONGEST_NAME:]),
        relative=printable(source.relative),
        within=_anywhere(source.within) if source.within else None,
    )


def counted(states: Mapping[str, int]) -> str:
    """Say how many jobs are in which state: `12 waiting, 3 being done, 1 failed`."""
    words = {"todo": "waiting", "doing": "being done"}
    told = [f"{states[state]:,} {words.get(state, state)}" for state in STATES if states.get(state)]
    return ", ".join(told) or "no jobs"
