"""`footnote jobs`: the documents that wait for a worker, are being read, or were put aside."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, cast

import typer

from app.commands.exit_codes import FINDINGS
from ingest.jobs.board import Board
from ingest.jobs.job import STATES, Job, State, counted
from ingest.jobs.open import required_desk
from vectorstore.errors import BadInput, FootnoteError, NotFound
from vectorstore.printable import printable, printable_json
from vectorstore.settings import StoreSettings

app = typer.Typer(no_args_is_help=True)

Number = Annotated[int, typer.Argument(help="The job's number, as `ls` shows it.")]
Numbers = Annotated[list[int] | None, typer.Argument(help="Numbers of jobs, as `ls` shows them.")]
Tenant = Annotated[str | None, typer.Option(help="Whose; all tenants' without it.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_OPEN: tuple[State, ...] = ("todo", "doing", "failed")


@app.command()
def ls(
    state: Annotated[
        list[str] | None,
        typer.Option(help=f"Only these: {', '.join(STATES)}; may be repeated. Default: todo, doing, failed."),
    ] = None,
    tenant: Tenant = None,
    most: Annotated[int, typer.Option("--most", min=1, help="The newest so many.")] = 100,
    as_json: Json = False,
) -> None:
    """List jobs, the newest first: todo (it waits), doing, done, failed (it was put aside), cancelled, replaced."""
    with _board() as board:
        found = board.jobs(states=_states(state) or _OPEN, tenant=tenant, most=most)
        counts = board.counts()
    if as_json:
        shown = {"jobs": [_shown(job) for job in found], **asdict(counts)}
        typer.echo(printable_json(shown))
        return
    for job in found:
        why = f"  [{job.reason}] {job.error}" if job.reason else ""
        typer.echo(printable(f"{job.id}  {job.state}  {job.tenant}  {job.action}  {job.uri}{why}"))
    oldest = f", the oldest for {counts.oldest_seconds:,.0f} s" if counts.oldest_seconds else ""
    typer.echo(f"{counted(counts.states)}{oldest}", err=True)


@app.command()
def show(number: Number, as_json: Json = False) -> None:
    """Show one job: what is to be done, how often it was tried, and why it failed."""
    with _board() as board:
        job = board.job(number)
    shown = _shown(job)
    if as_json:
        typer.echo(printable_json(shown))
        return
    for name, value in shown.items():
        if value not in ("", None):
            typer.echo(printable(f"{name:<12} {value}"))


@app.command()
def retry(
    numbers: Numbers = None,
    failed: Annotated[bool, typer.Option("--failed", help="All that were put aside.")] = False,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """Let jobs that were put aside or cancelled wait again, each to be tried alone."""
    with _board() as board:
        chosen = list(numbers or ())
        if failed:
            chosen += [job.id for job in board.jobs(states=["failed"], tenant=tenant, most=100_000)]
        elif not chosen:
            raise BadInput("There is nothing to try again.", "Name jobs by number, or give --failed.")
        _each(board.retry, chosen, as_json=as_json)


@app.command()
def cancel(
    numbers: Numbers = None,
    waiting: Annotated[bool, typer.Option("--waiting", help="All that wait.")] = False,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """Have jobs change nothing: those that wait, are being read, or were put aside."""
    with _board() as board:
        chosen = list(numbers or ())
        if waiting:
            chosen += [job.id for job in board.jobs(states=["todo"], tenant=tenant, most=100_000)]
        elif not chosen:
            raise BadInput("There is nothing to cancel.", "Name jobs by number, or give --waiting.")
        _each(board.cancel, chosen, as_json=as_json)


def _each(change: Callable[[int], Job], numbers: list[int], *, as_json: bool) -> None:
    """Change jobs and tell of each at once, for there may be many; one that cannot be changed, or not any more, keeps none of the others from it."""
    changed: list[Job] = []
    refused: dict[int, FootnoteError] = {}
    for number in dict.fromkeys(numbers):
        try:
            changed.append(job := change(number))
        except (BadInput, NotFound) as error:
            refused[number] = error
        else:
            if not as_json:
                typer.echo(printable(f"{job.id}  {job.state}  {job.uri}"))
    if len(numbers) == len(refused) == 1:
        raise refused[numbers[0]]
    if as_json:
        typer.echo(printable_json([_shown(job) for job in changed]))
    for number, why in refused.items():
        typer.echo(printable(f"{number}  {why}"), err=True)
    if refused:
        raise typer.Exit(FINDINGS)


@contextmanager
def _board() -> Iterator[Board]:
    with closing(required_desk(StoreSettings())) as desk:
        yield desk.board


def _states(named: list[str] | None) -> list[State]:
    for name in named or ():
        if name not in STATES:
            raise BadInput(f"There is no state {name!r}.", f"They are {', '.join(STATES)}.")
    return cast("list[State]", named or [])


def _shown(job: Job) -> dict[str, object]:
    return {
        "id": job.id,
        "state": job.state,
        "tenant": job.tenant,
        "action": job.action,
        "uri": job.uri,
        "moved_from": job.moved_from,
        "priority": job.priority,
        "attempts": job.attempts,
        "worker": job.worker,
        "reason": job.reason,
        "error": job.error,
        "created": _moment(job.created),
        "not_before": _moment(job.not_before) if job.state == "todo" else None,
        "ended": _moment(job.ended),
        "size": job.size,
    }


def _moment(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
