"""Parses files in worker processes, so that a hostile file costs itself and nothing else."""

import queue
import tempfile
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from ingest.confined.legacy import LibreOffice
from ingest.confined.ocr import Tesseract, parse_with_ocr
from ingest.confined.worker_process import WorkerProcess
from ingest.extract import Extract, Limits, ParseFailure

__all__ = ["Limits", "ParseFailure", "ParserPool"]


class _Job(NamedTuple):
    key: str
    path: Path
    batch: "_Batch"


class _Result(NamedTuple):
    key: str
    outcome: Extract | ParseFailure


class _Batch:
    """One call of `parse_all`: where its results go, and whether anybody still waits for them."""

    def __init__(self) -> None:
        self.results: queue.SimpleQueue[_Result | BaseException] = queue.SimpleQueue()
        self.abandoned = threading.Event()


class ParserPool:
    """A few worker processes, each fed by a thread of its own. A context manager; safe in threaded programs.

    A worker starts with the first file it gets. One that dies, hangs or runs out of memory is replaced, and its
    file is reported; the others go on. With `ocr`, which it closes, pages without a text layer are read too.
    """

    def __init__(self, workers: int, limits: Limits, *, ocr: Tesseract | None = None) -> None:
        self._limits = limits
        self._ocr = ocr
        self._office = LibreOffice(limits)
        self._workers = max(workers, 1)
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._processes: list[WorkerProcess] = []
        self._threads: list[threading.Thread] = []
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="footnote-parse-")
        folder = Path(self._folder.name)
        self._processes = [WorkerProcess(self._limits, folder) for _ in range(self._workers)]
        self._threads = [
            threading.Thread(target=self._feed, args=(process,), name=f"parser-{number}", daemon=True)
            for number, process in enumerate(self._processes)
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        if self._ocr is not None:
            self._ocr.close()
        self._office.close()
        for process in self._processes:
            process.close()
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()
        for process in self._processes:
            process.stop()
        if self._folder is not None:
            self._folder.cleanup()

    def parse_all(self, items: Iterable[tuple[str, Path]]) -> Iterator[tuple[str, Extract | ParseFailure]]:
        """Parse every (key, path); yield each key with its outcome as soon as there is one, in any order.

        `items` is read in the caller's thread and only a few files ahead, so that memory stays bounded.
        """
        batch = _Batch()
        waiting = iter(items)
        in_flight = 0
        exhausted = False
        try:
            while True:
                while not exhausted and in_flight < 2 * self._workers + 2:
                    if (item := next(waiting, None)) is None:
                        exhausted = True
                    else:
                        self._jobs.put(_Job(item[0], item[1], batch))
                        in_flight += 1
                if not in_flight:
                    return
                result = batch.results.get()
                in_flight -= 1
                if isinstance(result, BaseException):
                    raise result
                yield result.key, result.outcome
        finally:
            batch.abandoned.set()

    def _feed(self, process: WorkerProcess) -> None:
        while (job := self._jobs.get()) is not None:
            if job.batch.abandoned.is_set() or self._closing.is_set():
                continue
            try:
                outcome = self._office.parse(process, job.path)
                outcome = outcome or parse_with_ocr(process, job.path, ocr=self._ocr)
                job.batch.results.put(_Result(job.key, outcome))
            # a fault of ours must reach the caller, not die with this thread and leave it waiting
            except Exception as error:  # noqa: BLE001
                job.batch.results.put(error)
        process.stop()
