"""PDF: pages in reading order, headings, lists, tables; running heads once, cut words whole."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Final, NamedTuple, TypeAlias

from ingest.extract import Extract, Limits, RawFile, Unparsable, own_error
from ingest.parse.metadata import parse_date
from ingest.parse.pdf.lines import (
    Piece,
    Vocabulary,
    is_bulleted,
    item_text,
    joined_text,
    pieces_of,
    reading_order,
    unbroken,
    usual_gap,
)
from ingest.parse.pdf.page import CUT, OutlineEntry, PdfPage, Row
from ingest.parse.pdf.pdfium import PdfiumDocument
from ingest.parse.pdf.ruled import RuledTables
from ingest.parse.pdf.running import PageTable, gone_on, is_between, keep_once
from ingest.parse.pdf.table import find_tables, with_grids
from ingest.parse.pdf.unread import PypdfDocument, named, take_ocr
from ingest.parse.plain import write_plain
from ingest.parse.writer import ExtractWriter
from vectorstore.types import MetadataValue

_MAX_LENGTH: Final = 160
_MAX_LINES: Final = 3
_LARGER: Final = 1.12
_NUMBERED = re.compile(r"\A(\d{1,2}(?:\.\d{1,2})*+)\.?\s++\S")
_PART = re.compile(r"(?:part|chapter|teil|kapitel)\s+(?:\d+|[ivx]+)\b", re.I)
_ITEM = re.compile(r"(?:item|section|article|§)\s*\d+[a-z]?\b", re.I)
_SPACE = re.compile(r"\W+")


class Headings:
    """Knows a document's text size and outline; says how deep a paragraph is as a heading."""

    def __init__(self, pages: Sequence[PdfPage], outline: Sequence[OutlineEntry]) -> None:
        sizes: Counter[float] = Counter()
        for page in pages:
            for run in (run for run in page.words if not run.cells):
                sizes[_rounded(run.size)] += len(run.text)
        self._body = sizes.most_common(1)[0][0] if sizes else 10.0
        larger = sorted((size for size in sizes if size >= self._body * _LARGER), reverse=True)
        self._sizes = _distinct(larger)
        self._outline: dict[tuple[int, str], int] = {
            (page, _plain(entry.title)): entry.level
            for entry in outline
            for page in (entry.page, entry.page + 1)
        }

    def level(self, piece: Piece, text: str, *, page: int) -> int:
        """Return the heading's depth from 1, or 0 when the paragraph is none."""
        if len(text) > _MAX_LENGTH or len(piece.lines) > _MAX_LINES or not any(map(str.isalpha, text)):
            return 0
        if text.startswith("(") and text.endswith(
            ")"
        ):  # "(in millions)" under a heading, which stays the heading
            return 0
        if level := self._outline.get((page, _plain(text))):
            return min(level, 6)
        size = _rounded(piece.size)
        is_larger = size >= self._body * _LARGER
        if not is_larger and not piece.bold:
            return 0
        if text.endswith((",", ";")) or (text.endswith(".") and len(text) > 60) or text[0].islower():
            return 0
        return self._styled_level(text, size, is_larger=is_larger)

    def _styled_level(self, text: str, size: float, *, is_larger: bool) -> int:
        if _PART.match(text):
            return 1
        if _ITEM.match(text):
            return 2
        if match := _NUMBERED.match(text):
            return min(match[1].count(".") + 2, 6)
        if is_larger:
            return min(next((at for at, known in enumerate(self._sizes) if size >= known - 0.3), 4) + 1, 5)
        return min(max(len(self._sizes), 2) + 1, 6)


def _rounded(size: float) -> float:
    return round(size * 2) / 2


def _distinct(sizes: list[float]) -> list[float]:
    kept: list[float] = []
    for size in sizes:
        if not kept or kept[-1] - size >= 1:
            kept.append(size)
    return kept[:4]


def _plain(text: str) -> str:
    return _SPACE.sub(" ", text.lower()).strip()


_FILE_NAME = re.compile(
    r"^(?:microsoft (?:word|powerpoint|excel) - )|\.(?:docx?|pptx?|xlsx?|pdf|html?|indd|tex|dvi)$", re.I
)
_UNTITLED = re.compile(r"^(?:untitled|unspecified|document\d*|print|about:blank|slide \d+|layout \d+)$", re.I)
_WORD = re.compile(r"[^\W\d_]{3}")
_MAX_LISTED = 12
_LEAST_MISSING, _MOST_MISSING = 200, 0.15
_ENDS = (".", "!", "?", ":", ";", "…", "。")


class _Content(NamedTuple):
    pages: list[PdfPage]
    outline: list[OutlineEntry]
    metadata: dict[str, str]


def parse(source: RawFile, limits: Limits) -> Extract:
    """Read a PDF."""
    writer = ExtractWriter(limits)
    try:
        document = PdfiumDocument(source.data, max_chars=limits.max_text_chars)
        pages, outline, metadata = _read(document, limits, writer)
    except Unparsable as failure:
        if failure.reason != "corrupt":
            raise
        pages, outline, metadata = _read(PypdfDocument(source.data), limits, writer)
        writer.finding("The PDF is damaged; its text was recovered without its layout.")
    _report_damaged(pages, writer)
    by_ocr = take_ocr(pages, source.ocr, writer)
    unread = tuple(page.number for page in pages if page.is_unread)
    words = Vocabulary(page.raw for page in pages)
    try:
        ruled = RuledTables(pages, words)
        for page in pages:
            ruled.take(page)
        keep_once(pages, writer)
    # the edge of a step that only tidies up
    except Exception as error:  # noqa: BLE001
        place = own_error(error) or type(error).__name__
        writer.finding(
            f"Running heads and some tables were left as they stand for an error in Footnote ({place}); report it."
        )
    _Pages(pages, outline, words, writer).write()
    _report(pages, writer)
    labels = [page.label for page in pages]
    finished = writer.finish(
        source.media_type,
        title=_title(metadata.get("Title", "")) or _title(metadata.get("Subject", "")),
        modified=parse_date(metadata.get("ModDate")) or parse_date(metadata.get("CreationDate")),
        metadata=_kept(metadata),
        page_labels=labels if any(labels) and labels != [str(page.number) for page in pages] else (),
    )
    layer = tuple(page.raw.replace(f"{CUT}\n", "").replace(CUT, "") for page in pages)
    return replace(finished, by_ocr=by_ocr, unread=unread, layer=layer if any(layer) else ())


def _read(document: PdfiumDocument | PypdfDocument, limits: Limits, writer: ExtractWriter) -> _Content:
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
        if document.is_dynamic_form:
            writer.finding(
                "The form is drawn by a program (XFA) that is not run; print it to a PDF to have it read."
            )
        files = [*document.files, *(name for page in pages if page.notes for name in page.notes.files)]
        if files:
            shown = ", ".join(name or "one without a name" for name in files[:_MAX_LISTED])
            writer.finding(
                f"The PDF holds {len(files)} attached file{'s' * (len(files) > 1)}, not read: {shown}."
            )
        return _Content(pages, document.outline(), document.metadata)


def _report_damaged(pages: list[PdfPage], writer: ExtractWriter) -> None:
    damaged = [page for page in pages if page.is_damaged]
    if pages and len(damaged) == len(pages):
        raise Unparsable("corrupt", "No page of the PDF can be read; open it and save it again.")
    for page in damaged[:_MAX_LISTED]:
        writer.finding(f"Page {page.number} is damaged; it was left out.")


def _report(pages: list[PdfPage], writer: ExtractWriter) -> None:
    """Say what of the pages is not in the text, and why."""
    unnamed = [page for page in pages if page.unnamed]
    if unnamed:
        count = sum(page.unnamed for page in unnamed)
        writer.finding(
            f"{named(page.number for page in unnamed)}: the file does not say which letters {count} of its signs are; "
            "words may lack them."
        )
    for page in pages:
        place = f"page {page.number}"
        writer.leave_out("beyond the page's edge", page.outside, place)
        for text in page.notes.hidden if page.notes else ():
            writer.leave_out("hidden notes", text, place)
    for page in [page for page in pages if page.error][:_MAX_LISTED]:
        writer.finding(
            f"Page {page.number} could not be read for an error in Footnote ({page.error}); its plain text was taken. Report it."
        )


def _title(title: str) -> str:
    title = " ".join(title.split())
    is_name = _FILE_NAME.search(title) or _UNTITLED.match(title) or not _WORD.search(title)
    return "" if is_name else title


def _kept(metadata: dict[str, str]) -> dict[str, MetadataValue]:
    names = {"Author": "author", "Subject": "subject", "Keywords": "keywords"}
    return {name: metadata[key][:1_000] for key, name in names.items() if metadata.get(key, "").strip()}


_PARAGRAPH, _ITEM_OF_LIST = 0, -1


class _Text(NamedTuple):
    """A heading with its level, a paragraph or a list's item."""

    level: int
    text: str


_Part: TypeAlias = _Text | PageTable


class _Pages:
    """Writes the pages' content, knowing the whole document: its text size, outline and vocabulary."""

    def __init__(
        self, pages: list[PdfPage], outline: list[OutlineEntry], words: Vocabulary, writer: ExtractWriter
    ) -> None:
        self._pages = pages
        self._writer = writer
        self._headings = Headings(pages, outline)
        self._words = words
        self._gap = 0.0
        """Between two lines of the page that is being read."""
        self._last: PageTable | None = None
        """The table that the page before ended with."""

    def write(self) -> None:
        """Write every page."""
        for page in self._pages:
            self._writer.start_page()
            try:
                parts = [] if page.plain else self._read(page)
                if not page.plain and not _agrees(parts, page):
                    page.plain = page.raw
                    self._writer.finding(
                        f"Page {page.number} was read without its layout, which tore words apart."
                    )
            except (Unparsable, MemoryError):
                raise
            # the edge of a page: a mistake of ours costs its layout, not the document
            except Exception as error:  # noqa: BLE001
                page.error, page.plain = own_error(error) or type(error).__name__, page.raw
            if page.plain:
                self._last = None
                write_plain(unbroken(page.plain, self._words), self._writer)
            else:
                self._write(parts)
            for text in page.notes.comments if page.notes else ():
                self._writer.paragraph(text)
            for address in page.notes.links if page.notes else ():
                self._writer.link(address)

    def _read(self, page: PdfPage) -> list[_Part]:
        stretches = reading_order(with_grids(page, self._words))
        self._gap = usual_gap(stretches)
        parts: list[_Part] = [part for stretch in stretches for part in self._stretch(stretch, page)]
        tables = [at for at, part in enumerate(parts) if isinstance(part, PageTable)][:1]
        for at in tables:
            table = parts[at]
            if self._last and isinstance(table, PageTable) and all(map(_is_between, parts[:at])):
                parts[at] = gone_on(self._last, table)
        last = parts[-1] if parts else None
        self._last = last if isinstance(last, PageTable) else None
        foot = [_Text(_PARAGRAPH, joined_text([row], self._words)) for row in page.foot]
        is_open = isinstance(last, _Text) and last.text[-1:] not in _ENDS
        return [*foot, *parts] if is_open else [*parts, *foot]

    def _stretch(self, rows: list[Row], page: PdfPage) -> Iterator[_Part]:
        for part in _parts(rows):
            drawn = part[0].runs[0]
            if drawn.cells is not None:
                yield PageTable(drawn.cells, drawn.columns, is_drawn=True, is_headed=drawn.bold)
                continue
            at = 0
            for table in find_tables(part, width=page.width):
                yield from self._text(part[at : table.start], page)
                columns = [(column.left, column.right) for column in table.columns]
                yield PageTable(table.cells, columns, is_drawn=False, is_headed=any(table.cells[0]))
                at = table.end
            yield from self._text(part[at:], page)

    def _text(self, rows: list[Row], page: PdfPage) -> Iterator[_Part]:
        for piece in pieces_of(rows, usual=self._gap) if rows else ():
            text = joined_text(piece.lines, self._words)
            level = 0 if is_bulleted(text) else self._headings.level(piece, text, page=page.number)
            if not level and piece.kind == "item":
                yield _Text(_ITEM_OF_LIST, item_text(text))
            elif text:
                yield _Text(level, text)

    def _write(self, parts: list[_Part]) -> None:
        for is_list, group in groupby(parts, key=_is_item):
            if is_list:
                self._writer.block("list", "\n".join(part.text for part in group if isinstance(part, _Text)))
                continue
            for part in group:
                if isinstance(part, PageTable):
                    self._writer.table(part.cells)
                elif part.level:
                    self._writer.heading(part.text, part.level)
                else:
                    self._writer.paragraph(part.text)


def _is_item(part: _Part) -> bool:
    return isinstance(part, _Text) and part.level == _ITEM_OF_LIST


def _is_between(part: _Part) -> bool:
    return isinstance(part, _Text) and is_between(part.text)


def _agrees(parts: list[_Part], page: PdfPage) -> bool:
    """Say whether the words that PDFium finds on a page are in its parts, but for few."""
    wanted = Counter(_SPACE.split(page.raw.replace(CUT, "")))
    texts = (
        part.text if isinstance(part, _Text) else " ".join(cell for row in part.cells for cell in row)
        for part in parts
    )
    wanted.subtract(_SPACE.split(" ".join([*texts, page.lent])))
    missing = sum(len(token) * count for token, count in wanted.items() if count > 0)
    return missing <= max(_LEAST_MISSING, _MOST_MISSING * len(page.raw))


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
