"""pypdfium2 behind our own words: pages with words and boxes, outline, metadata, pictures of pages."""

import ctypes
import math
import re
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Final, Self

from ingest.extract import Unparsable, own_error
from ingest.parse.pdf.forms import Annotations, with_values
from ingest.parse.pdf.lines import in_one_direction
from ingest.parse.pdf.page import (
    CHARACTERS,
    GAP,
    Letter,
    OutlineEntry,
    PdfPage,
    Stroke,
    Word,
    character_of,
    goes_on,
    with_scripts,
)

_ENCRYPTED: Final = 4  # FPDF_ERR_PASSWORD
_BOLD = re.compile(r"bold|black|heavy|semibold|demi(?!ght)", re.I)
_MAX_THICKNESS: Final = 3.0
_MAX_RULES: Final = 4_000
_MAX_NESTING: Final = 3


class PdfiumDocument:
    """An open PDF. A context manager.

    Raises:
        Unparsable: protected by a password, or damaged beyond what PDFium repairs.

    """

    def __init__(self, data: bytes, *, max_chars: int) -> None:
        import pypdfium2
        from pypdfium2 import raw

        self._raw: Any = raw
        self._error = pypdfium2.PdfiumError
        self._max_chars = max_chars
        try:
            self._pdf: Any = pypdfium2.PdfDocument(data)
        except pypdfium2.PdfiumError as error:
            if getattr(error, "err_code", None) == _ENCRYPTED or "password" in str(error).lower():
                raise Unparsable(
                    "encrypted", "The PDF is protected by a password; save it without one."
                ) from error
            raise Unparsable("corrupt", "The PDF is damaged; open it and save it again.") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pdf.close()

    def __len__(self) -> int:
        return len(self._pdf)

    @property
    def metadata(self) -> dict[str, str]:
        """What the document says about itself: Title, Author, ModDate and so on, where given."""
        return {key: value for key, value in self._pdf.get_metadata_dict().items() if value}

    def outline(self) -> list[OutlineEntry]:
        """Return the bookmarks that lead to a page."""
        entries: list[OutlineEntry] = []
        for bookmark in self._pdf.get_toc(max_depth=6):
            target = bookmark.get_dest()
            index = target.get_index() if target else None
            if index is not None:
                entries.append(
                    OutlineEntry(bookmark.level + 1, " ".join(bookmark.get_title().split()), index + 1)
                )
        return entries

    def pages(self) -> Iterator[PdfPage]:
        """Read the pages one after the other."""
        form = self._form()
        for index in range(len(self._pdf)):
            try:
                yield self._page(index, form)
            except self._error:
                yield PdfPage(index + 1, 0.0, 0.0, words=[], rules=[], is_damaged=True)
            except (Unparsable, MemoryError):
                raise
            # the edge of a page: a mistake of ours costs its layout, not the document
            except Exception as error:  # noqa: BLE001
                place = own_error(error) or type(error).__name__
                yield PdfPage(index + 1, 0.0, 0.0, [], [], plain=self._plain(index), error=place)

    @property
    def files(self) -> list[str]:
        """The names of the files that lie in it."""
        names: list[str] = []
        for at in range(self._pdf.count_attachments()):
            try:
                names.append(self._pdf.get_attachment(at).get_name())
            except self._error:
                names.append("")
        return names

    @property
    def is_dynamic_form(self) -> bool:
        """Whether its pages are drawn by a program (XFA) that PDFium does not run."""
        return bool(self._pdf.get_formtype() == self._raw.FORMTYPE_XFA_FULL)

    def _form(self) -> Any:  # Any: PDFium's handle, None without fields
        try:
            self._pdf.init_forms()
        except self._error:
            return None
        return self._pdf.formenv.raw if self._pdf.formenv else None

    def _plain(self, index: int) -> str:
        page = self._pdf[index]
        try:
            return _plain(page.get_textpage())
        except self._error:
            return ""
        finally:
            page.close()

    def sizes(self) -> list[tuple[float, float]]:
        """Return each page's width and height as it is shown, in points."""
        return [self._pdf.get_page_size(index) for index in range(len(self._pdf))]

    def width(self, number: int) -> float:
        """Return the width of page `number` (from 1) as it is shown, in points."""
        return float(self._pdf.get_page_size(number - 1)[0])

    def letters(self, number: int) -> list[Letter]:
        """Return the characters of page `number` (from 1) with their boxes, in the file's order."""
        page = self._pdf[number - 1]
        text = page.get_textpage()
        try:
            return list(_PageReader(self._raw, page, text).letters(self._max_chars))
        finally:
            text.close()
            page.close()

    def draw(self, number: int, *, width: int, most: int) -> tuple[int, int, bytes]:
        """Draw page `number` (from 1), `width` pixels wide unless it then had more than `most` pixels.

        Returns width, height, and the pixels: red, green and blue, a byte each, row by row.
        """
        page = self._pdf[number - 1]
        try:
            across, down = page.get_size()
            scale = min(width / across, math.sqrt(0.95 * most / (across * down)))
            drawn = page.render(scale=scale, rev_byteorder=True, may_draw_forms=False)
            row, step = 3 * drawn.width, drawn.stride
            content = bytes(drawn.buffer)
            pixels = b"".join(content[at : at + row] for at in range(0, step * drawn.height, step))
            return drawn.width, drawn.height, pixels
        finally:
            page.close()

    def _page(self, index: int, form: Any) -> PdfPage:
        page = self._pdf[index]
        text = page.get_textpage()
        try:
            if text.count_chars() > self._max_chars:
                raise Unparsable(
                    "too_large", f"The PDF has more than {self._max_chars:,} characters; split it."
                )
            width, height = page.get_size()
            reader = _PageReader(self._raw, page, text)
            words, turned = reader.words()
            raw = _plain(text)
            rules = [] if turned else reader.rules()
            values, notes = reader.annotations(self._pdf.raw, form).read()
            is_empty = not (values or self._raw.FPDFPage_CountObjects(page.raw))
            return PdfPage(
                number=index + 1,
                width=width,
                height=height,
                words=[] if turned else with_values(words, values, rules),
                rules=rules,
                label=self._pdf.get_page_label(index) or "",
                plain="\n".join([raw, *(value.said for value in values)]) if turned else "",
                is_empty=is_empty,
                raw=raw,
                outside=" ".join(reader.outside),
                unnamed=reader.unnamed,
                notes=notes,
            )
        finally:
            text.close()
            page.close()


class _PageReader:
    def __init__(self, raw: Any, page: Any, text: Any) -> None:
        self._raw = raw
        # the bare handles: the wrappers would be unwrapped again in each of some thousand calls a page
        self._page = page.raw
        self._text = text.raw
        box: tuple[float, float, float, float] = page.get_bbox()
        self._left, self._bottom, self._right, self._top = box
        self._rotation: int = page.get_rotation()
        self._font_name = ctypes.create_string_buffer(128)
        self._flags = ctypes.c_int()
        self.outside: list[str] = []
        self.unnamed = 0

    def words(self) -> tuple[list[Word], bool]:
        """Return the page's runs of words, and whether most of its text is turned."""
        raw, text = self._raw, self._text
        unicode_of, box_of = raw.FPDFText_GetUnicode, raw.FPDFText_GetLooseCharBox
        box = raw.FS_RECTF()
        runs: list[Word] = []
        run: Word | None = None
        spaced, turned, before = False, 0, 0
        upright, x0, y1 = self._rotation == 0, self._left, self._top
        for at in range(raw.FPDFText_CountChars(text)):
            code = unicode_of(text, at)
            if code == 0:
                self.unnamed += 1
                continue
            character = chr(code) if 32 <= code < 0x80 else character_of(code)
            if character == " ":
                spaced = True
                continue
            box_of(text, at, box)
            if upright:
                left, right, top, bottom = box.left - x0, box.right - x0, y1 - box.top, y1 - box.bottom
            else:
                left, right, top, bottom = self._turn(box.left, box.right, box.bottom, box.top)
            # a mark over a letter takes no room of its own, nor does a letter of a broken font
            if right <= left or bottom <= top:
                right, bottom = max(right, left + 0.01), max(bottom, top + 0.01)
            if (
                run is not None
                and top == run.top
                and bottom == run.bottom
                and 0 <= left - run.right <= GAP * (bottom - top)
            ):
                run.text += " " + character if spaced else character
                run.right = right
            elif run is None or not goes_on(run, character, left, right, top, bottom, spaced=spaced):
                if run is not None and run.bold:  # bold is what begins and ends so
                    run.bold = self._is_bold(before)
                run = Word(character, left, right, top, bottom, self._is_bold(at))
                runs.append(run)
                turned += abs(math.sin(raw.FPDFText_GetCharAngle(text, at))) > 0.2 and upright
            spaced, before = False, at
        return list(self._kept(in_one_direction(runs))), turned > len(runs) / 2

    def _kept(self, runs: list[Word]) -> Iterator[Word]:
        """Yield what stands on the page; what stands beside it is noted."""
        for run in runs:
            run.text = with_scripts(run.text)
            if self._is_on_page(run.left, run.top):
                yield run
            else:
                self.outside.append(run.text)

    def annotations(self, document: Any, form: Any) -> Annotations:
        """Return what lies over the page, not yet read."""
        return Annotations(self._raw, document, self._page, form, self._turn)

    def letters(self, most: int) -> Iterator[Letter]:
        """Yield the characters that are more than space."""
        raw, text, box = self._raw, self._text, self._raw.FS_RECTF()
        for at in range(min(raw.FPDFText_CountChars(text), most)):
            code = raw.FPDFText_GetUnicode(text, at)
            if code > 32 and raw.FPDFText_GetLooseCharBox(text, at, box):
                edges = self._turn(box.left, box.right, box.bottom, box.top)
                yield Letter(character_of(code), *edges)

    def rules(self) -> list[Stroke]:
        """Return the level and upright lines: strokes, and boxes so thin that they are lines."""
        raw, rules = self._raw, list[Stroke]()
        left, bottom, right, top = (ctypes.c_float() for _ in range(4))
        for item in self._paths(self._page, depth=0):
            raw.FPDFPageObj_GetBounds(item, left, bottom, right, top)
            x0, x1, y0, y1 = self._turn(left.value, right.value, bottom.value, top.value)
            if x1 - x0 <= _MAX_THICKNESS or y1 - y0 <= _MAX_THICKNESS:
                rules.append(_thin(x0, x1, y0, y1))
            elif self._is_stroked(item):
                rules += self._segments(item)
            if len(rules) > _MAX_RULES:
                return []
        return rules

    def _paths(self, holder: Any, *, depth: int) -> Iterator[Any]:
        # PDFium's objects directly: pypdfium2 would wrap every piece of text only to pass over it
        raw = self._raw
        count, get = (
            (raw.FPDFPage_CountObjects, raw.FPDFPage_GetObject)
            if depth == 0
            else (raw.FPDFFormObj_CountObjects, raw.FPDFFormObj_GetObject)
        )
        for at in range(count(holder)):
            item = get(holder, at)
            kind = raw.FPDFPageObj_GetType(item)
            if kind == raw.FPDF_PAGEOBJ_PATH:
                yield item
            elif kind == raw.FPDF_PAGEOBJ_FORM and depth < _MAX_NESTING:
                yield from self._paths(item, depth=depth + 1)

    def _is_stroked(self, item: Any) -> bool:
        fill, stroke = ctypes.c_int(), ctypes.c_int()
        self._raw.FPDFPath_GetDrawMode(item, fill, stroke)
        return bool(stroke.value)

    def _segments(self, item: Any) -> list[Stroke]:
        """Return the level and upright pieces of a path."""
        raw, rules = self._raw, list[Stroke]()
        matrix = raw.FS_MATRIX()
        raw.FPDFPageObj_GetMatrix(item, matrix)
        x, y = ctypes.c_float(), ctypes.c_float()
        start = before = (0.0, 0.0)
        for at in range(min(raw.FPDFPath_CountSegments(item), _MAX_RULES)):
            segment = raw.FPDFPath_GetPathSegment(item, at)
            raw.FPDFPathSegment_GetPoint(segment, x, y)
            here = (
                matrix.a * x.value + matrix.c * y.value + matrix.e,
                matrix.b * x.value + matrix.d * y.value + matrix.f,
            )
            if raw.FPDFPathSegment_GetType(segment) == raw.FPDF_SEGMENT_MOVETO:
                start = here
            else:
                rules += self._line(before, here)
            if raw.FPDFPathSegment_GetClose(segment):
                rules += self._line(here, start)
            before = here
        return rules

    def _line(self, one: tuple[float, float], other: tuple[float, float]) -> list[Stroke]:
        (x0, x1), (y0, y1) = sorted((one[0], other[0])), sorted((one[1], other[1]))
        if min(x1 - x0, y1 - y0) > 1 or max(x1 - x0, y1 - y0) < 1:
            return []
        left, right, top, bottom = self._turn(x0, x1, y0, y1)
        return [_thin(left, right, top, bottom)]

    def _is_bold(self, at: int) -> bool:
        length = self._raw.FPDFText_GetFontInfo(
            self._text, at, self._font_name, len(self._font_name), ctypes.byref(self._flags)
        )
        name = self._font_name.raw[: max(min(length, 128) - 1, 0)].decode("utf-8", "replace")
        weight: int = self._raw.FPDFText_GetFontWeight(self._text, at)
        return bool(_BOLD.search(name)) or weight >= 600

    def _is_on_page(self, left: float, top: float) -> bool:
        width, height = self._right - self._left, self._top - self._bottom
        if self._rotation in (90, 270):
            width, height = height, width
        return -2 <= left <= width + 2 and -2 <= top <= height + 2

    def _turn(
        self, left: float, right: float, bottom: float, top: float
    ) -> tuple[float, float, float, float]:
        """Return left, right, top, bottom from the upper left corner of the page as it is shown."""
        match self._rotation:
            case 90:
                return bottom - self._bottom, top - self._bottom, left - self._left, right - self._left
            case 180:
                return self._right - right, self._right - left, bottom - self._bottom, top - self._bottom
            case 270:
                return self._top - top, self._top - bottom, self._right - right, self._right - left
            case _:
                return left - self._left, right - self._left, self._top - top, self._top - bottom


def _plain(text: Any) -> str:
    said: str = text.get_text_range()
    return said.replace("\r\n", "\n").translate(CHARACTERS)


def _thin(left: float, right: float, top: float, bottom: float) -> Stroke:
    if bottom - top <= right - left:
        middle = (top + bottom) / 2
        return Stroke(left, right, middle, middle)
    middle = (left + right) / 2
    return Stroke(middle, middle, top, bottom)
