"""How a PDF's page looks and where words stand on it, for the viewer."""

from collections.abc import Sequence

from ingest.extract import Limits, Unparsable
from ingest.parse.pdf.pdfium import PdfiumDocument
from ingest.parse.pdf.place import Letter, edges_of
from ingest.picture import MAX_PIXELS, OCR_DPI, OCR_PIXELS, Box, Layout, Picture, Place


def layout_of(data: bytes, places: Sequence[Place], limits: Limits) -> Layout:
    """Return the pages' sizes and the boxes of the places; a place that is not found has none.

    Raises:
        Unparsable: no PDF, or one that PDFium cannot read.

    """
    with PdfiumDocument(data, max_chars=limits.max_text_chars) as document:
        _check(len(document), limits)
        letters: dict[int, list[Letter]] = {}
        boxes: list[Box] = []
        for place in places:
            if not 1 <= place.page <= len(document):
                continue
            if place.page not in letters:
                letters[place.page] = document.letters(place.page)
            found = edges_of(place.text, letters[place.page], nth=place.nth)
            boxes += (Box(place.page, *edges) for edges in found)
        return Layout(tuple(document.sizes()), tuple(boxes))


def picture_of(data: bytes, page: int, limits: Limits, *, width: int | None) -> Picture:
    """Draw a page (from 1), `width` pixels wide or as wide as the limit on pixels allows; for OCR if None.

    Raises:
        Unparsable: no PDF, one that PDFium cannot read, or no such page.

    """
    with PdfiumDocument(data, max_chars=limits.max_text_chars) as document:
        _check(len(document), limits)
        if not 1 <= page <= len(document):
            raise Unparsable("unreadable", f"The document has no page {page}.")
        if width is None:
            width = round(document.width(page) * OCR_DPI / 72)
            return Picture(*document.draw(page, width=width, most=OCR_PIXELS))
        return Picture(*document.draw(page, width=width, most=MAX_PIXELS))


def _check(pages: int, limits: Limits) -> None:
    if pages > limits.max_pages:
        raise Unparsable("too_large", f"The PDF has more than {limits.max_pages} pages; split it.")
