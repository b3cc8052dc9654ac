"""PDF: pages in reading order, headings, lists, tables; running heads out, cut words whole."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from io import BytesIO
from itertools import groupby
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from ingest.extract import Extract, Limits, OcrPages, RawFile, Unparsable
from ingest.parse.metadata import parse_date
from ingest.parse.pdf.columns import reading_order
from ingest.parse.pdf.grid import with_grids
from ingest.parse.pdf.lines import Piece, is_bulleted, item_text, joined_text, pieces_of, vocabulary
from ingest.parse.pdf.page import OutlineEntry, PdfPage, Row
from ingest.parse.pdf.pdfium import PdfiumDocument
from ingest.parse.pdf.running import remove_running
from ingest.parse.pdf.table import find_tables
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
            for run in page.words:
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


_DAMAGED: Final = "The PDF is damaged; open it and save it again."


class PypdfDocument:
    """An open PDF. A context manager.

    Raises:
        Unparsable: protected by a password, or damaged beyond what pypdf repairs.

    """

    def __init__(self, data: bytes) -> None:
        from pypdf import PdfReader
        from pypdf.errors import PyPdfError

        try:
            self._reader: Any = PdfReader(BytesIO(data), strict=False)
            if self._reader.is_encrypted and not self._reader.decrypt(""):
                raise Unparsable("encrypted", "The PDF is protected by a password; save it without one.")
            self._count = len(self._reader.pages)
        # pypdf meets damage with many kinds of error; 51 of 2,000 mutated files raised one that is not its own
        except (
            PyPdfError,
            ArithmeticError,
            AttributeError,
            LookupError,
            TypeError,
            ValueError,
            NotImplementedError,
        ) as error:
            raise Unparsable("corrupt", _DAMAGED) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reader.close()

    def __len__(self) -> int:
        return self._count

    @property
    def metadata(self) -> dict[str, str]:
        """What the document says about itself, where given."""
        return {str(key).lstrip("/"): str(value) for key, value in (self._reader.metadata or {}).items()}

    def outline(self) -> list[OutlineEntry]:
        """Return no bookmarks: in a damaged file they lead anywhere."""
        return []

    def pages(self) -> Iterator[PdfPage]:
        """Read the pages one after the other."""
        for number in range(1, self._count + 1):
            page = self._reader.pages[number - 1]
            yield PdfPage(number, 0.0, 0.0, words=[], rules=[], plain=page.extract_text())


_OFF = "OCR is off (FOOTNOTE_OCR=true reads them)"
_NO_WORDS = "OCR found no words"


def take_ocr(pages: list[PdfPage], ocr: OcrPages | None, writer: ExtractWriter) -> tuple[int, ...]:
    """Put the texts on their pages, note what is still unread, and return the numbers of the pages read.

    Raises:
        Unparsable: no page has any text ("no_text").

    """
    unread = [page for page in pages if page.is_unread]
    for page in unread:
        page.plain = ocr.texts.get(page.number, "").replace("\f", "\n") if ocr else ""
    read = tuple(page.number for page in unread if not page.is_unread)
    why = {page.number: _reason(page.number, ocr) for page in unread if page.is_unread}
    if pages and not any(page.words or page.plain.strip() for page in pages):
        reasons = "; ".join(dict.fromkeys(why.values()))
        raise Unparsable(
            "no_text",
            f"No page of the PDF has a text layer (a scan?); {reasons}."
            if why
            else "The pages of the PDF are empty; there is nothing to read.",
            unread=tuple(why),
        )
    if read:
        writer.finding(f"{_named(read)} {'was' if len(read) == 1 else 'were'} read by OCR.")
    for reason, numbers in groupby(
        sorted(why, key=lambda number: (why[number], number)), key=why.__getitem__
    ):
        named = list(numbers)
        writer.finding(f"{_named(named)} {'has' if len(named) == 1 else 'have'} no text layer; {reason}.")
    return read


def _reason(page: int, ocr: OcrPages | None) -> str:
    return _OFF if ocr is None else ocr.failed.get(page, _NO_WORDS)


def _named(numbers: Iterable[int]) -> str:
    """Return `Page 3`, or `Pages 1–3, 7`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    said = ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs)
    return f"Page {said}" if sum(map(len, runs)) == 1 else f"Pages {said}"


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


def parse(source: RawFile, limits: Limits) -> Extract:
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
    layer = tuple(page.layer for page in pages) if any(page.layer for page in pages) else ()
    return replace(finished, by_ocr=by_ocr, unread=unread, layer=layer)


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
