"""How an ingest tells how far it is: a bar on a terminal, a line every few seconds elsewhere, or nothing."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TypeAlias


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


def unheard(_: Progress) -> None:
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
    every: float = 5.0,
    clock: Callable[[], float] = time.monotonic,
    write: Callable[[str], object] = sys.stderr.write,
) -> Iterator[Listener]:
    """Write a plain line every few seconds, as a log wants it."""
    started = last = clock()

    def show(progress: Progress) -> None:
        nonlocal last
        now = clock()
        if now - last >= every:
            last = now
            speed = progress.chunks / max(now - started, 0.001)
            write(
                f"ingesting: {progress.documents:,} of {progress.total:,} documents, "
                f"{progress.chunks:,} passages, {speed:,.0f}/s\n"
            )

    yield show
