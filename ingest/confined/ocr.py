"""Tesseract: reads the words off a picture of a page, in a confined process, for no longer than allowed."""

import os
import re
import shutil
import signal
import subprocess
import threading
from functools import cached_property, partial
from pathlib import Path
from typing import Final

from ingest.confined.confine import confined, worker_environment
from ingest.confined.worker_process import WorkerProcess
from ingest.extract import Extract, OcrPages, ParseFailure
from ingest.picture import MAX_OCR_BYTES, OCR_DPI, OCR_PIXELS, Picture, unpack_picture

PROGRAM: Final = "tesseract"
_MOST_CHARS: Final = 100_000
_DATA_FOLDER = re.compile(r'"(.+)"')


class OcrFailed(Exception):
    """Why a page could not be read: part of a sentence."""


class Tesseract:
    """Reads pages, one call a page; safe in threaded programs. `close` ends what runs, and everything after fails.

    `problem` says why nothing can be read, empty when all is there. `most_pages` are read of one document.
    """

    def __init__(
        self, languages: str, *, seconds: float, most_pages: int, memory_bytes: int, program: str = PROGRAM
    ) -> None:
        self.most_pages = most_pages
        self._languages = languages
        self._seconds = seconds
        self._memory_bytes = memory_bytes
        self._program = shutil.which(program)
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._closed = False
        self._data: Path | None = None

    @cached_property
    def problem(self) -> str:
        """Say in half a sentence why no page can be read; empty when they can."""
        if self._program is None:
            return f"OCR needs the program `{PROGRAM}`, which is not installed"
        try:
            listed = subprocess.run(
                [self._program, "--list-langs"], capture_output=True, text=True, timeout=30, check=True
            )
        except (OSError, subprocess.SubprocessError) as error:
            return f"`{PROGRAM}` does not start ({type(error).__name__})"
        first, *known = (listed.stdout or listed.stderr).splitlines()
        missing = sorted(set(self._languages.split("+")) - set(known))
        if missing:
            return f"Tesseract has no data for {', '.join(missing)}; it has {', '.join(known)}"
        folder = _DATA_FOLDER.search(first)
        self._data = Path(folder[1]) if folder else None
        return ""

    def read(self, picture: Picture) -> str:
        """Return the text on a page, lines as they stand and paragraphs parted by empty lines; raises OcrFailed."""
        if self.problem:
            raise OcrFailed(self.problem)
        with self._started() as process:
            try:
                text, errors = process.communicate(picture.ppm(), timeout=self._seconds)
            except subprocess.TimeoutExpired:
                raise OcrFailed(self._too_long) from None
            finally:
                process.kill()
                with self._lock:
                    self._running.discard(process)
        if process.returncode == -signal.SIGXCPU:
            raise OcrFailed(self._too_long)
        if process.returncode:
            said = errors.decode("utf-8", "replace").strip().rpartition("\n")[2][:200]
            raise OcrFailed(f"OCR ended with {process.returncode}" + (f" ({said})" if said else ""))
        return text.decode("utf-8", "replace")[:_MOST_CHARS]

    def close(self) -> None:
        """End what runs. Called from another thread."""
        with self._lock:
            self._closed = True
            for process in self._running:
                process.kill()

    @property
    def _too_long(self) -> str:
        return f"OCR took longer than {self._seconds:g} s"

    def _started(self) -> "subprocess.Popen[bytes]":
        limits = (self._memory_bytes, max(int(self._seconds), 1))
        program = str(Path(self._program or PROGRAM).resolve())
        # one thread: pages are read side by side already. 1: find out which way the page is turned.
        command = [program, "stdin", "stdout", "-l", self._languages, "--psm", "1", "--dpi", str(OCR_DPI)]
        readable = [program, *([str(self._data)] if self._data else [])]
        kept = {name: os.environ[name] for name in ("TESSDATA_PREFIX",) if name in os.environ}
        with self._lock:
            if self._closed:
                raise OcrFailed("OCR was interrupted")
            process = subprocess.Popen(
                confined(command, limits, readable=readable),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=worker_environment() | kept | {"OMP_THREAD_LIMIT": "1"},
                start_new_session=True,
            )
            self._running.add(process)
        return process


_read_picture: Final = partial(unpack_picture, most=OCR_PIXELS)


def parse_with_ocr(process: WorkerProcess, path: Path, *, ocr: Tesseract | None) -> Extract | ParseFailure:
    """Parse a file; where pages have no text layer, once more with what OCR reads on them.

    A page that cannot be read costs itself: the document says so and keeps the others.
    """
    first = process.parse(path)
    if ocr is None or not first.unread:
        return first
    second = process.parse(path, ocr=_read(process, path, first.unread, ocr))
    if isinstance(first, Extract) and isinstance(second, ParseFailure):
        # Once more without what is of no use: `first` says of these pages that OCR is off.
        why = f"what OCR read is of no use ({second.message.rstrip('.')})"
        third = process.parse(path, ocr=OcrPages(failed=dict.fromkeys(first.unread, why)))
        return third if isinstance(third, Extract) else first
    return second


def _read(process: WorkerProcess, path: Path, pages: tuple[int, ...], ocr: Tesseract) -> OcrPages:
    if ocr.problem:
        return OcrPages(failed=dict.fromkeys(pages, ocr.problem))
    texts: dict[int, str] = {}
    beyond = f"OCR reads at most {ocr.most_pages} pages of a document"
    failed = dict.fromkeys(pages[ocr.most_pages :], beyond)
    for page in pages[: ocr.most_pages]:
        asked: dict[str, object] = {"page": page, "width": None}
        picture = process.ask(path, asked, most=MAX_OCR_BYTES, read=_read_picture)
        if isinstance(picture, ParseFailure):
            failed[page] = "it could not be drawn for OCR"
            continue
        try:
            texts[page] = ocr.read(picture)
        except OcrFailed as error:
            failed[page] = str(error)
    return OcrPages(texts, failed)
