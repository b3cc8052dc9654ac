"""Pages without a text layer: given the text that OCR read, or named with the reason why they have none."""

from collections.abc import Iterable
from itertools import groupby

from ingest.parse.failure import Unparsable
from ingest.parse.pdf_page import PdfPage
from ingest.parse.source import OcrPages
from ingest.parse.writer import ExtractWriter

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
