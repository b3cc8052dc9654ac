"""What is only known when it is asked for: index, queue, disk, and how this process fares.

What lies in files or in a database is looked at in a thread of its own, every few seconds at most, and a reading of
the metrics waits for that a moment only: it gets what was known before.
"""

import asyncio
import json
import shutil
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.runs.runs import Runs
from app.service import Service
from ingest.jobs.enqueue import Desk
from ingest.sources.ledger import load_ledger
from vectorstore.errors import FootnoteError
from vectorstore.state.cell import State
from vectorstore.store import Store
from vectorstore.telemetry import names
from vectorstore.telemetry.metrics import show, start

_OLD: Final = 5.0
"""Seconds after which files and database are looked at anew."""
_PATIENCE: Final = 1.0
"""Seconds that a reading waits for that."""
_BEAT: Final = 0.5
_BEATS: Final = 30
"""Beats of which the latest one is told."""
_SKIPPED: Final = "skipped"
"""Why a file is no document at all."""


@dataclass(frozen=True, slots=True)
class Stock:
    """What is kept: index, queue, and the small things beside them."""

    store: Store
    state: State
    desk: Desk | None = None

    def tell(self, version: str) -> None:
        """Have this told whenever the metrics of this process are read."""
        start().gather = NowAndThen(self.look)
        show(names.BUILD, 1, version=version)

    def look(self) -> None:
        """Set what it tells; what cannot be read keeps its last value, and `KNOWN` says how old that is."""
        with suppress(FootnoteError, OSError):
            self._index()
            self._queue()
            self._cells()
            show(names.KNOWN, time.time())
        with suppress(OSError):
            self._disk()

    def _index(self) -> None:
        with self.store.snapshot() as snapshot:
            info = snapshot.info()
        show(names.GENERATION, info.number)
        show(names.DOCUMENTS, info.documents)
        show(names.CHUNKS, info.chunks)
        show(names.CHANGED, info.created.timestamp() if info.number else 0.0)
        show(names.BEHIND, self.store.lag().behind or 0)

    def _queue(self) -> None:
        failures = load_ledger(self.state).failures.values()
        failed = sum(each.reason != _SKIPPED for each in failures)
        counts = self.desk.board.counts() if self.desk else None
        for state in names.VALUES["state"]:
            show(names.JOBS, counts.states.get(state, 0) if counts else 0, state=state)
        show(names.JOB_AGE, counts.oldest_seconds if counts else 0.0)
        show(names.INGEST_FAILURES, failed + (counts.states.get("failed", 0) if counts else 0))

    def _cells(self) -> None:
        backup, monitor = self._cell("backup.json"), self._cell("monitor.json")
        show(names.BACKUP, float(backup.get("completed", 0)))
        show(names.MONITORED, float(monitor.get("completed", 0)))
        # None: there was nothing to hold the questions against.
        drift = monitor.get("p")
        show(names.DRIFT, 1.0 if drift is None else float(drift))
        for kind, number in dict(monitor.get("alarms", {})).items():
            show(names.DRIFTED, float(number), kind=str(kind))

    def _cell(self, name: str) -> dict[str, Any]:  # Any: JSON of our own
        content = self.state.cell(name).read()
        try:
            found = json.loads(content or b"{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def _disk(self) -> None:
        usage = shutil.disk_usage(_existing(self.state.folder))
        show(names.DISK_FREE, usage.free)
        show(names.DISK_SIZE, usage.total)


def _existing(folder: Path) -> Path:
    """Return a folder, or what it will lie in."""
    folder = folder.absolute()
    return next((each for each in (folder, *folder.parents) if each.is_dir()), folder)


class NowAndThen:
    """Does something in a thread of its own when it is asked for, once in a while, and waits for it a moment only."""

    def __init__(self, look: Callable[[], None]) -> None:
        self._look = look
        self._ended = threading.Event()
        self._ended.set()
        self._lock = threading.Lock()
        self._at = float("-inf")

    def __call__(self) -> None:
        """See that it is done, or is being done."""
        with self._lock:
            if self._ended.is_set() and time.monotonic() - self._at >= _OLD:
                self._at = time.monotonic()
                self._ended.clear()
                threading.Thread(target=self._done, name="gauges", daemon=True).start()
        self._ended.wait(_PATIENCE)

    def _done(self) -> None:
        try:
            self._look()
        finally:
            self._ended.set()


class Gauges:
    """What a service tells of itself when its metrics are read."""

    def __init__(self, service: Service, runs: Runs) -> None:
        self._service = service
        self._runs = runs
        self._pulse = Pulse()
        self._kept = NowAndThen(self._look)

    @asynccontextmanager
    async def kept(self) -> AsyncGenerator[None]:
        """Count, and tell when asked, while the block runs."""
        registry = start()
        registry.gather = self.gather
        show(names.BUILD, 1, version=self._service.version)
        show(names.RUNS_LIMIT, self._service.settings.runs.max_concurrent_runs)
        try:
            async with self._pulse.beating():
                yield
        finally:
            registry.gather = lambda: None

    def gather(self) -> None:
        """Set all gauges."""
        self._kept()
        show(names.RUNS_ACTIVE, self._runs.active)
        show(names.RUNS_WAITING, self._runs.places.waiting)
        audit = self._service.audit
        show(names.AUDIT_TROUBLE, bool(audit and audit.trouble))
        show(names.LOOP_LAG, self._pulse.lag)

    def _look(self) -> None:
        try:
            is_ready = self._service.health().ready and not self._runs.draining
        except FootnoteError:
            is_ready = False
        audit = self._service.audit
        show(names.READY, is_ready and not (audit and audit.trouble))
        if self._service.stock is not None:
            self._service.stock()


class Pulse:
    """How late the event loop is: what is to be done twice a second, and how long after that it is."""

    def __init__(self) -> None:
        self._late: deque[float] = deque([0.0], maxlen=_BEATS)

    @property
    def lag(self) -> float:
        """By how many seconds it was late at most, of late."""
        return max(self._late)

    @asynccontextmanager
    async def beating(self) -> AsyncGenerator[None]:
        """Beat while the block runs."""
        task = asyncio.create_task(self._beat(), name="pulse")
        try:
            yield
        finally:
            task.cancel()

    async def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _BEAT
            await asyncio.sleep(_BEAT)
            self._late.append(loop.time() - due)
