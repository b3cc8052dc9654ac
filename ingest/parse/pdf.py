"""PDF: pages in reading order, headings, lists, tables; running heads out, cut words whole."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from ingest.extract import Extract
from ingest.limits import Limits
from ingest.parse.failure import Unparsable
from ingest.parse.metadata import parse_date
from ingest.parse.pdf_columns import reading_order
from ingest.parse.pdf_grid import with_grids
from ingest.parse.pdf_headings import Headings
from ingest.parse.pdf_lines import Piece, is_bulleted, item_text, joined_text, pieces_of, vocabulary
from ingest.parse.pdf_ocr import take_ocr
from ingest.parse.pdf_page import OutlineEntry, PdfPage, Row
from ingest.parse.pdf_running import remove_running
from ingest.parse.pdf_table import find_tables
from ingest.parse.pdfium import PdfiumDocument
from ingest.parse.plain import write_plain
from ingest.parse.pypdf import PypdfDocument
from ingest.parse.source import Source
from ingest.parse.writer import ExtractWriter
from vectorstore.types import MetadataValue

_FILE_NAME = re.compile(
    r"^(?:microsoft (?:word|powerpoint|excel) - )|\.(?:docx?|pptx?|xlsx?|pdf|html?|indd|tex|dvi)$", re.I
)
_UNTITLED = re.compile(r"^(?:untitled|unspecified|document\d*|print|about:blank|slide \d+|layout \d+)$", re.I)
_WORD = re.compile(r"[^\W\d_]{3}")
_MAX_LISTED = 12


class _Content(NamedTuple):
    pages: list[PdfPage]
    outline: list[OutlineEntry]
    metadata: dict[str, str]


def parse(source: Source, limits: Limits) -> Extract:
    """Read a PDF."""
    writer = ExtractWriter(limits)
    try:
        pages, outline, metadata = _read(PdfiumDocument(source.data, max_chars=limits.max_text_chars), limits)
    except Unparsable as failure:
        if failure.reason != "corrupt":
            raise
        pages, outline, metadata = _read(PypdfDocument(source.data), limits)
        writer.finding("The PDF is damaged; its text was recovered without its layout.")
    _report_damaged(pages, writer)
    by_ocr = take_ocr(pages, source.ocr, writer)
    unread = tuple(page.number for page in pages if page.is_unread)
    remove_running(pages)
    _Pages(pages, outline, writer).write()
    labels = [page.label for page in pages]
    finished = writer.finish(
        source.media_type,
        title=_title(metadata.get("Title", "")) or _title(metadata.get("Subject", "")),
        modified=parse_date(metadata.get("ModDate")) or parse_date(metadata.get("CreationDate")),
        metadata=_kept(metadata),
        page_labels=labels if any(labels) and labels != [str(page.number) for page in pages] else (),
    )
    return replace(finished, by_ocr=by_ocr, unread=unread)


def _read(document: PdfiumDocument | PypdfDocument, limits: Limits) -> _Content:
    with document:
        if len(document) > limits.max_pages:
            raise Unparsable("too_large", f"The PDF has more than {limits.max_pages} pages; split it.")
        pages: list[PdfPage] = []
        length = 0
        for page in document.pages():
            length += len(page.plain) + sum(len(run.text) for run in page.words)
            if length > limits.max_text_chars:
                raise Unparsable(
                    "too_large", f"The PDF has more than {limits.max_text_chars:,} characters; split it."
                )
            pages.append(page)
        return _Content(pages, document.outline(), document.metadata)


def _report_damaged(pages: list[PdfPage], writer: ExtractWriter) -> None:
    damaged = [page for page in pages if page.is_damaged]
    if pages and len(damaged) == len(pages):
        raise Unparsable("corrupt", "No page of the PDF can be read; open it and save it again.")
    for page in damaged[:_MAX_LISTED]:
        writer.finding(f"Page {page.number} is damaged; it was left out.")


def _title(title: str) -> str:
    title = " ".join(title.split())
    is_name = _FILE_NAME.search(title) or _UNTITLED.match(title) or not _WORD.search(title)
    return "" if is_name else title


def _kept(metadata: dict[str, str]) -> dict[str, MetadataValue]:
    names = {"Author": "author", "Subject": "subject", "Keywords": "keywords"}
    return {name: metadata[key][:1_000] for key, name in names.items() if metadata.get(key, "").strip()}


class _Pages:
    """Writes the pages' content, knowing the whole document: its text size, outline and vocabulary."""

    def __init__(self, pages: list[PdfPage], outline: list[OutlineEntry], writer: ExtractWriter) -> None:
        self._pages = pages
        self._writer = writer
        self._headings = Headings(pages, outline)
        self._words = vocabulary(run.text for page in pages for run in page.words)
        self._items: list[str] = []

    def write(self) -> None:
        """Write every page."""
        for page in self._pages:
            self._writer.start_page()
            if page.plain:
                write_plain(page.plain, self._writer)
                continue
            for stretch in reading_order(with_grids(page)):
                self._stretch(stretch, page)
            self._end_list()

    def _stretch(self, rows: list[Row], page: PdfPage) -> None:
        for part in _parts(rows):
            if part[0].runs[0].cells is not None:
                self._end_list()
                self._writer.table(part[0].runs[0].cells)
                continue
            at = 0
            for table in find_tables(part, width=page.width):
                self._text(part[at : table.start], page)
                self._end_list()
                self._writer.table(table.cells)
                at = table.end
            self._text(part[at:], page)

    def _text(self, rows: list[Row], page: PdfPage) -> None:
        for piece in pieces_of(rows) if rows else ():
            self._piece(piece, page)

    def _piece(self, piece: Piece, page: PdfPage) -> None:
        text = joined_text(piece.lines, self._words)
        level = 0 if is_bulleted(text) else self._headings.level(piece, text, page=page.number)
        if level:
            self._end_list()
            self._writer.heading(text, level)
        elif piece.kind == "item":
            self._items.append(item_text(text))
        else:
            self._end_list()
            self._writer.paragraph(text)

    def _end_list(self) -> None:
        self._writer.block("list", "\n".join(self._items))
        self._items = []


def _parts(rows: list[Row]) -> Iterator[list[Row]]:
    """Part rows so that a drawn table stands alone."""
    part: list[Row] = []
    for row in rows:
        if row.runs[0].cells is None:
            part.append(row)
            continue
        if part:
            yield part
        yield [row]
        part = []
    if part:
        yield part
