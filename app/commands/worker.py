"""`footnote worker` reads the documents that wait in the queue, `footnote events` queues what other systems tell of."""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from itertools import takewhile
from queue import SimpleQueue
from types import FrameType
from typing import Annotated

import typer

from vectorstore.errors import BadInput

_log = logging.getLogger(__name__)


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

    from app import __version__
    from app.commands.serve import show_metrics
    from app.telemetry.gauges import Stock
    from ingest.jobs.open import required_desk
    from ingest.jobs.settings import QueueSettings
    from ingest.jobs.worker import Worker
    from ingest.settings import IngestSettings
    from vectorstore.open import open_configured_embedder, open_store
    from vectorstore.settings import StoreSettings
    from vectorstore.state.open import open_state
    from vectorstore.telemetry import traces
    from vectorstore.telemetry.logs import set_up
    from vectorstore.telemetry.settings import TelemetrySettings

    stored, queue_settings, telemetry = StoreSettings(), QueueSettings(), TelemetrySettings()
    set_up(telemetry)
    traces.start(telemetry, __version__)
    desk = required_desk(stored)
    show_metrics(telemetry)
    embedder = open_configured_embedder(stored)

    def say(line: str) -> None:
        if not quiet:
            _log.info("%s", line)

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
        if telemetry.counts:
            Stock(store, open_state(stored), desk).tell(__version__)
        stop_on_signals(working.stop, seconds=queue_settings.queue_drain_seconds)
        say(working.health())
        try:
            working.run(once=once, most=most)
        finally:
            traces.stop()
        say(working.health())


def stop_on_signals(stop: Callable[[], object], *, seconds: float) -> None:
    """Call `stop` on the first SIGTERM or SIGINT; interrupt after so many seconds, or on the second.

    `stop` is called in a thread of its own: a signal may come while this one holds the very lock that it takes.
    """
    told: SimpleQueue[int] = SimpleQueue()  # the one queue that may be put into by a handler of signals

    def hear(number: int, _: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
        told.put(number)

    def obey() -> None:
        told.get()
        stop()
        time.sleep(seconds)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=obey, daemon=True).start()
    signal.signal(signal.SIGTERM, hear)
    signal.signal(signal.SIGINT, hear)


def events(
    url: Annotated[
        str,
        typer.Argument(
            metavar="[URL]", help="redis://host:6379/0 (FOOTNOTE_EVENTS_URL, where a password belongs)."
        ),
    ] = "",
    stream: Annotated[str | None, typer.Option(help="The stream's key (FOOTNOTE_EVENTS_STREAM).")] = None,
    group: Annotated[str | None, typer.Option(help="The consumer group (FOOTNOTE_EVENTS_GROUP).")] = None,
    once: Annotated[bool, typer.Option(help="End when no event has come for a second.")] = False,
) -> None:
    """Read events of changed documents from a Redis stream and queue them for the workers, until it is stopped.

    An event is a JSON object: {"uri": "https://…", "action": "put"}, or "remove"; tenant, readers (a list of groups;
    without it the document keeps those it has, a new one is everyone's) and text may stand in it. Without text the uri is fetched, from FOOTNOTE_URL_HOSTS only. Each is acknowledged when its job is there.
    """
    from contextlib import closing

    from ingest.jobs.events import Intake, lasting
    from ingest.jobs.open import required_desk
    from ingest.jobs.redis_stream import RedisStream
    from ingest.jobs.settings import QueueSettings
    from ingest.settings import IngestSettings
    from ingest.sources.fetch import Fetcher
    from vectorstore.open import open_store
    from vectorstore.settings import StoreSettings
    from vectorstore.telemetry.logs import set_up
    from vectorstore.telemetry.settings import TelemetrySettings

    set_up(TelemetrySettings())
    stored, settings, set_here = StoreSettings(), IngestSettings(), QueueSettings()
    address = url or set_here.events_url.get_secret_value()
    if not address.startswith(("redis://", "rediss://")):
        raise BadInput(
            "There is no stream to read events from.", "Set FOOTNOTE_EVENTS_URL to redis://host:6379/0."
        )
    fetcher = Fetcher(settings.fetch_hosts(), max_bytes=settings.limits().max_file_bytes)
    ended = threading.Event()
    with (
        closing(required_desk(stored)) as desk,
        closing(open_store(stored, None)) as store,
        closing(
            RedisStream(
                address, stream=stream or set_here.events_stream, group=group or set_here.events_group
            )
        ) as source,
    ):
        stop_on_signals(ended.set, seconds=set_here.queue_drain_seconds)
        intake = Intake(desk, store, settings, fetcher)
        batches = takewhile(bool, source.batches()) if once else lasting(source.batches, stop=ended.wait)
        taken = intake.run(batches, stop=ended.wait)
    typer.echo(f"{taken.queued:,} queued, {taken.unchanged:,} unchanged, {taken.refused:,} refused", err=True)
