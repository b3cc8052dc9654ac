"""Pages of original files as pictures for the viewer: drawn when first asked for, kept while there is room.

They are drawn in a confined process: documents are untrusted here as they are in parsing.
"""

import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from typing import Final, TypeAlias

from ingest.confined.worker_process import WorkerProcess
from ingest.extract import Limits, ParseFailure
from ingest.parse.pdf.place import squeezed
from ingest.picture import (
    MAX_LAYOUT_BYTES,
    MAX_PICTURE_BYTES,
    Layout,
    Picture,
    Place,
    unpack_layout,
    unpack_picture,
)
from vectorstore.errors import Busy, NotFound, Unavailable
from vectorstore.types import Document, DocumentId, Span

OriginalOf: TypeAlias = Callable[[Document], Path | None]
"""Finds the file that a document was read from, or None where it is gone or has changed since."""

WIDTH: Final = 1_400
"""Pixels: a column of 700 on a screen of double density."""
_CPU_SECONDS: Final = 10
_WALL_SECONDS: Final = 20.0
"""Less than a document may take: somebody waits for one page."""
_ROOM: Final = 64 << 20
_MAX_PLACES: Final = 8
_MAX_CHARS: Final = 2_500  # of all places together: a request is one small message
_WAITING: Final = 16  # of the threads that serve all synchronous routes


class Renderer:
    """One worker process that is started with the first page and replaced when a file breaks it.

    Safe in threaded programs: one page at a time. `close` ends the process.
    """

    def __init__(self, limits: Limits) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="footnote-render-")
        self._process = WorkerProcess(limits, Path(self._folder.name))
        self._turn = threading.Lock()

    def layout(self, path: Path, places: Sequence[Place] = ()) -> Layout | ParseFailure:
        """Return the sizes of a PDF's pages, and where the places stand on them."""
        with self._turn:
            asked: dict[str, object] = {
                "places": [list(asdict(place).values()) for place in _bounded(places)]
            }
            return self._process.ask(path, asked, most=MAX_LAYOUT_BYTES, read=unpack_layout)

    def picture(self, path: Path, page: int, *, width: int) -> Picture | ParseFailure:
        """Draw page `page` (from 1) of a PDF, at most `width` pixels wide."""
        with self._turn:
            asked: dict[str, object] = {"page": page, "width": width}
            return self._process.ask(path, asked, most=MAX_PICTURE_BYTES, read=unpack_picture)

    def close(self) -> None:
        """End the process, in the middle of a page if need be."""
        self._process.close()
        with self._turn:
            self._process.stop()
        self._folder.cleanup()


def places_of(text: str, starts: Sequence[int], span: Span) -> list[Place]:
    """Return what a span of a document's text is on its pages; `starts` is where each page begins in the text.

    A quote that stands on a page several times is told apart by how often it stands there before.
    """
    places: list[Place] = []
    for number, (first, after) in enumerate(pairwise([*starts, len(text)]), start=1):
        start, end = max(first, span.start), min(after, span.end)
        if start < end and len(places) < _MAX_PLACES:
            words = squeezed(text[start:end])
            nth = squeezed(text[first:start]).count(words) if words else 0
            places.append(Place(number, text[start:end], nth))
    return places


def _bounded(places: Sequence[Place]) -> list[Place]:
    kept: list[Place] = []
    left = _MAX_CHARS
    for place in places:
        if left <= 0:
            break
        kept.append(Place(place.page, place.text[:left], place.nth))
        left -= len(place.text)
    return kept


class PagePictures:
    """Draws pages of PDFs in a confined process of its own; safe in threaded programs. `close` ends the process."""

    def __init__(self, original_of: OriginalOf, limits: Limits, *, room: int = _ROOM) -> None:
        self._original_of = original_of
        self._limits = replace(limits, cpu_seconds=_CPU_SECONDS, wall_seconds=_WALL_SECONDS)
        self._room = room
        self._kept: OrderedDict[tuple[DocumentId, int], bytes] = OrderedDict()
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(_WAITING)
        self._renderer: Renderer | None = None

    def layout(self, document: Document, text: str, span: Span | None) -> Layout | None:
        """Return the pages' sizes and where the span stands on them; None where they cannot be shown."""
        try:
            path = self._file(document)
            if path is None:
                return None
            with self._drawing() as renderer:
                found = renderer.layout(path, places_of(text, document.pages, span) if span else ())
        except (Busy, Unavailable):
            return None
        is_same = isinstance(found, Layout) and len(found.sizes) == len(document.pages)
        return found if is_same and isinstance(found, Layout) else None

    def png(self, document: Document, page: int) -> bytes:
        """Return a page (from 1) as a PNG file; raises NotFound, Busy when too many are being drawn, Unavailable."""
        key = (document.id, page)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        path = self._file(document)
        if path is None or not 1 <= page <= len(document.pages):
            raise NotFound(f"There is no picture of page {page}.", "Read the document's text instead.")
        with self._drawing() as renderer:
            drawn = renderer.picture(path, page, width=WIDTH)
        if isinstance(drawn, ParseFailure):
            raise NotFound(f"Page {page} cannot be drawn.", drawn.message)
        return self._keep(key, drawn.png())

    def close(self) -> None:
        """End the process; it is started anew if it is needed again."""
        with self._lock:
            renderer, self._renderer = self._renderer, None
            self._kept.clear()
        if renderer is not None:
            renderer.close()

    def _file(self, document: Document) -> Path | None:
        return self._original_of(document) if document.media_type == "application/pdf" else None

    @contextmanager
    def _drawing(self) -> Iterator[Renderer]:
        if not self._places.acquire(blocking=False):
            raise Busy("Too many pages are being drawn.", "Load the page again in a moment.")
        try:
            with self._lock:
                self._renderer = self._renderer or Renderer(self._limits)
                renderer = self._renderer
            yield renderer
        finally:
            self._places.release()

    def _keep(self, key: tuple[DocumentId, int], png: bytes) -> bytes:
        with self._lock:
            self._kept[key] = png
            while len(self._kept) > 1 and sum(map(len, self._kept.values())) > self._room:
                self._kept.popitem(last=False)
        return png
