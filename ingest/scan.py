"""Pages that a document only shows: drawn by the worker, read by OCR, and parsed again with the text."""

from functools import partial
from pathlib import Path
from typing import Final

from ingest.extract import Extract, ParseFailure
from ingest.ocr import OcrFailed, Tesseract
from ingest.parse.source import OcrPages
from ingest.picture import MAX_OCR_BYTES, OCR_PIXELS, unpack_picture
from ingest.worker_process import WorkerProcess

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
