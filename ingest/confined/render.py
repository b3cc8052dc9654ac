"""Draws pages of original files in a confined process: documents are untrusted here as they are in parsing."""

import tempfile
import threading
from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Final

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
from vectorstore.types import Span

_MAX_PLACES: Final = 8
_MAX_CHARS: Final = 2_500  # of all places together: a request is one small message


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
