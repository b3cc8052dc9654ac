"""Pages that PDFium cannot give text for: a damaged file's text by pypdf, a picture's by OCR."""

from collections.abc import Iterable, Iterator
from io import BytesIO
from itertools import groupby
from types import TracebackType
from typing import Any, Final, Self

from ingest.extract import OcrPages, Unparsable
from ingest.parse.pdf.page import OutlineEntry, PdfPage
from ingest.parse.writer import ExtractWriter

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

    @property
    def files(self) -> list[str]:
        """Return no attached files: those of a damaged file are not looked for."""
        return []

    @property
    def is_dynamic_form(self) -> bool:
        """Return that it is none; see `files`."""
        return False

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
        writer.finding(f"{named(read)} {'was' if len(read) == 1 else 'were'} read by OCR.")
    for reason, numbers in groupby(
        sorted(why, key=lambda number: (why[number], number)), key=why.__getitem__
    ):
        pages_so = list(numbers)
        writer.finding(
            f"{named(pages_so)} {'has' if len(pages_so) == 1 else 'have'} no text layer; {reason}."
        )
    return read


def _reason(page: int, ocr: OcrPages | None) -> str:
    return _OFF if ocr is None else ocr.failed.get(page, _NO_WORDS)


def named(numbers: Iterable[int]) -> str:
    """Return `Page 3`, or `Pages 1–3, 7`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    said = ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs)
    return f"Page {said}" if sum(map(len, runs)) == 1 else f"Pages {said}"
