"""How an ingest tells how far it is: a bar on a terminal, a line for each hundred files elsewhere, or nothing."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Lock
from typing import Literal, TypeAlias

import typer

from ingest.commit import Batch, Prepared
from ingest.plan import Plan
from ingest.report import Failure, Report, beyond, gone_said
from vectorstore.printable import printable, printable_json

_LISTED = 20


class Output:
    """Prints plans and reports as the user wants them."""

    def __init__(self, *, as_json: bool, quiet: bool, verbose: bool) -> None:
        self.quiet = quiet
        self._as_json = as_json
        self._verbose = verbose

    def report(self, report: Report, *, embedder: str) -> None:
        """Print what an ingest did, and what the embedder of this name does not read of it."""
        if self._as_json:
            typer.echo(printable_json({"summary": report.summary(), **report.as_json()}))
        else:
            if not self.quiet:
                self._details(report)
            typer.echo(report.summary())
            if report.queued and not self.quiet:
                typer.echo(
                    "`footnote worker` reads what is queued; `footnote jobs ls` shows how far it is.",
                    err=True,
                )
        for line in filter(None, beyond(report.languages, embedder)):
            typer.echo(printable(line), err=True)

    def mixed(self, count: int, address: str, data_dir: Path) -> None:
        """Say that answers will be made from the sample handbook too."""
        typer.echo(f"{data_dir} also holds {count:,} documents of Footnote's sample handbook.", err=True)
        typer.echo(f"  To keep them out of your answers: footnote docs rm {address}", err=True)

    def plan(self, plan: Plan) -> None:
        """Print what an ingest would do, one line per document."""
        moves = {step.source.uri: step.moved_from for step in plan.steps if step.moved_from}
        lines: list[tuple[str, str]] = [(step.action, step.source.uri) for step in plan.steps]
        lines += [("remove", uri) for uri in plan.removals]
        if self._as_json:
            content = {
                "plan": [{"action": action, "uri": uri} for action, uri in lines],
                "unchanged": plan.unchanged,
                "gone": plan.gone,
                "failed": [asdict(failure) for failure in plan.failed],
            }
            typer.echo(printable_json(content))
            return
        for action, uri in lines:
            typer.echo(printable(f"{action:7}{uri}" + (f"  (from {moves[uri]})" if uri in moves else "")))
        for uri in plan.gone:
            typer.echo(printable(f"gone   {uri}"), err=True)
        for failure in plan.failed:
            word = "no text" if failure.reason == "no_text" else "failed"
            typer.echo(printable(f"{word} {failure.uri}: {failure.message}"), err=True)
        said = (f"{len(lines):,} to do, {plan.unchanged:,} unchanged", gone_said(len(plan.gone)))
        typer.echo(f"{'; '.join(filter(None, said))}; nothing was changed.", err=True)

    def _details(self, report: Report) -> None:
        most = None if self._verbose else _LISTED
        # Who may read is at stake in these: each is named, however many there are.
        access = [failure for failure in report.failed if failure.reason == "metadata"]
        others = [failure for failure in report.failed if failure.reason != "metadata"]
        failed = [f"failed {each.uri} [{each.reason}]: {each.message}" for each in others]
        empty = [f"no text {each.uri}: {each.message}" for each in report.without_text]
        gone = [f"gone   {uri}" for uri in report.gone]
        for failure in access:
            typer.echo(printable(f"failed {failure.uri} [{failure.reason}]: {failure.message}"), err=True)
        for lines, what in ((failed, "failures"), (empty, "without text"), (gone, "gone")):
            for line in lines[:most]:
                typer.echo(printable(line), err=True)
            if hidden := len(lines) - len(lines[:most]):
                typer.echo(f"… and {hidden:,} more {what}; --verbose lists all.", err=True)
        for finding in report.findings:
            if self._verbose or finding.urgent:
                typer.echo(printable(f"note   {finding.uri}: {finding.message}"), err=True)
        if self._verbose:
            for uri, why in report.skipped.items():
                typer.echo(printable(f"skipped {uri}: {why}"), err=True)
        elif report.findings:
            typer.echo(f"Findings: {len(report.findings):,}; --verbose lists them.", err=True)


@dataclass(frozen=True, slots=True)
class Progress:
    """Documents embedded or failed out of all that are to be read, and passages embedded so far.

    `committed` of the documents are safe: an interruption keeps them.
    """

    documents: int
    committed: int
    total: int
    chunks: int


Listener: TypeAlias = Callable[[Progress], None]
FileListener: TypeAlias = Callable[[str, "Failure | Literal['read', 'written']"], None]
"""Hears of single files, by uri: read and cut, written, or why not. Called from the threads that do it."""


@dataclass(slots=True)
class Teller:
    """Counts documents for the listener; those of the batch that is being embedded by the share that is done.

    One batch is embedded in one thread while the one before is written in another.
    """

    report: Report
    total: int
    listener: Listener
    files: FileListener
    before: int = 0
    in_batch: int = 0
    documents: int = 0
    committed: int = 0
    lock: Lock = field(default_factory=Lock)

    def read(self, outcome: Prepared | Failure) -> Prepared | Failure:
        """Tell of a file that was read, or was not, and pass it on."""
        if isinstance(outcome, Failure):
            self.files(outcome.uri, outcome)
        else:
            self.files(outcome.document.uri, "read")
        return outcome

    def embedded(self, chunks: int, *, batch: Batch) -> None:
        """Count passages of this batch that have their vectors."""
        self.report.embedded += chunks
        self.in_batch += chunks
        self.documents = self.before + len(batch.documents) * self.in_batch // batch.chunks
        self._tell()

    def ready(self, batch: Batch) -> None:
        """Count a batch that has all its vectors."""
        self.before += batch.files
        self.documents, self.in_batch = self.before, 0

    def written(self, batch: Batch) -> None:
        """Count a batch that is committed."""
        self.committed += batch.files
        for ready in batch.documents:
            self.files(ready.document.uri, "written")
        self._tell()

    def _tell(self) -> None:
        with self.lock:
            self.listener(Progress(self.documents, self.committed, self.total, self.report.embedded))


def unheard(*_: object) -> None:
    """Listen to nothing."""


def display(*, quiet: bool) -> AbstractContextManager[Listener]:
    """Show progress on standard error, as fits what it is connected to."""
    if quiet:
        return nullcontext(unheard)
    return bar() if sys.stderr.isatty() else lines()


@contextmanager
def bar() -> Iterator[Listener]:
    """Draw bars: documents, passages per second, time left."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("ingesting"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[chunks]:,} passages, {task.fields[speed]:,.0f}/s"),
        TimeRemainingColumn(),
    )
    started = time.monotonic()
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("", total=None, chunks=0, speed=0.0)

        def show(progress: Progress) -> None:
            speed = progress.chunks / max(time.monotonic() - started, 0.001)
            bars.update(
                task,
                completed=progress.documents,
                total=progress.total,
                chunks=progress.chunks,
                speed=speed,
            )

        yield show


@contextmanager
def lines(
    *,
    every: int = 100,
    at_least: float = 60.0,
    clock: Callable[[], float] = time.monotonic,
    write: Callable[[str], object] = sys.stderr.write,
) -> Iterator[Listener]:
    """Write a plain line for each hundred files, as a log wants it, and one a minute where files are long."""
    started = last = clock()
    told = 0

    def show(progress: Progress) -> None:
        nonlocal last, told
        now = clock()
        if progress.documents // every > told // every or now - last >= at_least:
            last, told = now, progress.documents
            speed = progress.chunks / max(now - started, 0.001)
            write(
                f"ingesting: {progress.documents:,} of {progress.total:,} documents, "
                f"{progress.chunks:,} passages, {speed:,.0f}/s\n"
            )

    yield show
