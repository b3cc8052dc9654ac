"""pypdf behind the same words, for PDFs that PDFium cannot open: text in the file's own order, page by page."""

from collections.abc import Iterator
from io import BytesIO
from types import TracebackType
from typing import Any, Final, Self

from ingest.parse.failure import Unparsable
from ingest.parse.pdf_page import OutlineEntry, PdfPage

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
