"""`footnote worker`: reads the documents that wait in the queue, beside others on any number of machines."""

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Annotated

import typer


def worker(
    once: Annotated[bool, typer.Option(help="End when nothing waits that may begin.")] = False,
    most: Annotated[int | None, typer.Option(min=1, help="End after so many documents.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No line on how it fares.")] = False,
) -> None:
    """Take documents from the queue, read them, and write them into the index, until it is stopped.

    SIGTERM and Ctrl-C let it finish what it began, for FOOTNOTE_QUEUE_DRAIN_SECONDS at most; what is left is given
    back for others. Killed at any moment it loses nothing: its documents are given to others after
    FOOTNOTE_QUEUE_LEASE_SECONDS.
    """
    from contextlib import closing

    from ingest.jobs.open import required_desk
    from ingest.jobs.settings import QueueSettings
    from ingest.jobs.worker import Worker
    from ingest.settings import IngestSettings
    from vectorstore.open import open_configured_embedder, open_store
    from vectorstore.settings import StoreSettings

    stored, queue_settings = StoreSettings(), QueueSettings()
    desk = required_desk(stored)
    embedder = open_configured_embedder(stored)

    def say(line: str) -> None:
        if not quiet:
            typer.echo(line, err=True)

    with closing(desk), closing(open_store(stored, embedder)) as store:
        working = Worker(
            desk,
            store,
            embedder,
            settings=IngestSettings(),
            queue_settings=queue_settings,
            data_dir=stored.data_dir,
            say=say,
        )
        stop_on_signals(working.stop, seconds=queue_settings.queue_drain_seconds)
        say(working.health())
        working.run(once=once, most=most)
        say(working.health())


def stop_on_signals(stop: Callable[[], object], *, seconds: float) -> None:
    """Call `stop` on the first SIGTERM or SIGINT; interrupt after so many seconds, or on the second."""

    def told(number: int, _: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
        stop()
        late = threading.Timer(seconds, os.kill, [os.getpid(), signal.SIGINT])
        late.daemon = True
        late.start()

    signal.signal(signal.SIGTERM, told)
    signal.signal(signal.SIGINT, told)
