"""What lies over a PDF's page: values of form fields, put beside their labels; comments, links, attached files."""

import ctypes
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from ingest.parse.pdf.page import Notes, Stroke, Word

_MOST: Final = 5_000
_LONGEST: Final = 200_000
_NEAR: Final = 25.0
_HIDDEN: Final = 2 | 32  # hidden, not to be viewed
_PASSWORD: Final = 1 << 13

Turn: TypeAlias = Callable[[float, float, float, float], tuple[float, float, float, float]]
"""From left, right, bottom, top in the file to left, right, top, bottom as the page is shown."""


class Value(NamedTuple):
    """What is filled in at a place: a text, or whether a box is ticked (`is_box`). `name` is the field's own."""

    text: str
    name: str
    is_box: bool
    left: float
    right: float
    top: float
    bottom: float

    @property
    def said(self) -> str:
        """The value with its field's name, where no label is found."""
        return (
            f"{self.text} {self.name}"
            if self.is_box
            else f"{self.name}: {self.text}"
            if self.name
            else self.text
        )


class Annotations:
    """The annotations of one page. `raw`, `document`, `page` and `form` (None without fields) are PDFium's."""

    def __init__(self, raw: Any, document: Any, page: Any, form: Any, turn: Turn) -> None:
        self._raw, self._document, self._page, self._form, self._turn = raw, document, page, form, turn
        self.values: list[Value] = []
        self.notes = Notes()

    def read(self) -> tuple[list[Value], Notes]:
        """Return what is filled in or typed over the page, and what else lies on it."""
        raw = self._raw
        for at in range(min(raw.FPDFPage_GetAnnotCount(self._page), _MOST)):
            item = raw.FPDFPage_GetAnnot(self._page, at)
            if item:
                try:
                    self._one(item, raw.FPDFAnnot_GetSubtype(item))
                finally:
                    raw.FPDFPage_CloseAnnot(item)
        return self.values, self.notes

    def _one(self, item: Any, kind: int) -> None:
        raw, notes = self._raw, self.notes
        hidden = bool(raw.FPDFAnnot_GetFlags(item) & _HIDDEN)
        if kind == raw.FPDF_ANNOT_WIDGET:
            for value in self._field(item) if self._form else ():
                if not hidden:
                    self.values.append(value)
                elif not value.is_box:
                    notes.hidden.append(value.text)
        elif kind == raw.FPDF_ANNOT_LINK:
            link = raw.FPDFAnnot_GetLink(item)
            action = raw.FPDFLink_GetAction(link) if link else None
            if action and raw.FPDFAction_GetType(action) == raw.PDFACTION_URI:
                notes.links.append(self._address(action))
        elif kind != raw.FPDF_ANNOT_POPUP:
            if kind == raw.FPDF_ANNOT_FILEATTACHMENT:
                attached = raw.FPDFAnnot_GetFileAttachment(item)
                notes.files.append(_string(raw.FPDFAttachment_GetName, attached) if attached else "")
            self._comment(item, kind, hidden=hidden)

    def _comment(self, item: Any, kind: int, *, hidden: bool) -> None:
        text = _string(self._raw.FPDFAnnot_GetStringValue, item, b"Contents").strip()
        if not text:
            return
        if hidden:
            self.notes.hidden.append(text)
        elif kind == self._raw.FPDF_ANNOT_FREETEXT:  # stands on the page for all to see
            self.values.append(Value(text, "", False, *self._edges(item)))
        else:
            author = _string(self._raw.FPDFAnnot_GetStringValue, item, b"T").strip()
            self.notes.comments.append(f"Comment by {author}: {text}" if author else f"Comment: {text}")

    def _field(self, item: Any) -> Iterator[Value]:
        raw, form = self._raw, self._form
        kind = raw.FPDFAnnot_GetFormFieldType(form, item)
        is_box = kind in (raw.FPDF_FORMFIELD_CHECKBOX, raw.FPDF_FORMFIELD_RADIOBUTTON)
        is_choice = kind in (raw.FPDF_FORMFIELD_COMBOBOX, raw.FPDF_FORMFIELD_LISTBOX)
        is_secret = bool(raw.FPDFAnnot_GetFormFieldFlags(form, item) & _PASSWORD)
        if not (is_box or is_choice or (kind == raw.FPDF_FORMFIELD_TEXTFIELD and not is_secret)):
            return
        text = _string(raw.FPDFAnnot_GetFormFieldValue, form, item)
        if is_box:
            text = "[x]" if raw.FPDFAnnot_IsChecked(form, item) else "[ ]"
        elif is_choice:
            chosen = [
                _string(raw.FPDFAnnot_GetOptionLabel, form, item, at)
                for at in range(min(raw.FPDFAnnot_GetOptionCount(form, item), _MOST))
                if raw.FPDFAnnot_IsOptionSelected(form, item, at)
            ]
            text = ", ".join(chosen) or text
        name = _string(raw.FPDFAnnot_GetFormFieldAlternateName, form, item)
        name = name or _string(raw.FPDFAnnot_GetFormFieldName, form, item)
        if text.strip():
            yield Value(text.strip(), " ".join(name.split()), is_box, *self._edges(item))

    def _edges(self, item: Any) -> tuple[float, float, float, float]:
        box = self._raw.FS_RECTF()
        self._raw.FPDFAnnot_GetRect(item, box)
        (left, right), (bottom, top) = sorted((box.left, box.right)), sorted((box.bottom, box.top))
        return self._turn(left, right, bottom, top)

    def _address(self, action: Any) -> str:
        length = min(self._raw.FPDFAction_GetURIPath(self._document, action, None, 0), _LONGEST)
        buffer = ctypes.create_string_buffer(length + 1)
        self._raw.FPDFAction_GetURIPath(self._document, action, buffer, length)
        return buffer.value.decode("utf-8", "replace")


def _string(function: Callable[..., int], *arguments: Any) -> str:
    """Return what one of PDFium's functions writes into a buffer as UTF-16."""
    length = min(function(*arguments, None, 0), _LONGEST)
    if length <= 2:
        return ""
    buffer = (ctypes.c_ushort * (length // 2 + 1))()
    function(*arguments, buffer, length)
    text = bytes(buffer)[: length - 2].decode("utf-16-le", "replace").partition("\0")[0]
    return text.replace("\r\n", "\n").replace("\r", "\n")


def with_values(words: list[Word], values: Iterable[Value], rules: Sequence[Stroke]) -> list[Word]:
    """Return the page's runs with each value joined to its label: beside it, else where the field stands."""
    values = sorted(values, key=lambda value: (round(value.top / 4), value.left))
    if not values:
        return words
    size = sorted(word.size for word in words)[len(words) // 2] if words else 10.0
    words = list(words)
    for value in values:
        label = _label(value, words, rules)
        text = " ".join(value.text.split()) if label else value.text
        if label is not None and label.left >= value.right - 3:
            label.text, label.left = f"{text} {label.text}", value.left
        elif label is not None:
            label.text, label.right = f"{label.text} {text}", max(label.right, value.right)
        else:
            text = value.text if _is_headed(value, words) else value.said
            middle = (value.top + value.bottom) / 2
            lines = text.split("\n")
            top = middle - size / 2 if len(lines) == 1 else value.top
            for at, line in enumerate(lines):
                if line.strip():
                    upper = top + 1.1 * size * at
                    words.append(Word(line.strip(), value.left, value.right, upper, upper + size))
    return words


def _label(value: Value, words: Sequence[Word], rules: Sequence[Stroke]) -> Word | None:
    """Return the run that names a value: left of it, or right of a box; none where a line is drawn between."""
    if not value.name and not value.is_box:
        return None
    middle = (value.top + value.bottom) / 2
    beside = [word for word in words if word.top - 2 <= middle <= word.bottom + 2]
    after = [word for word in beside if value.is_box and -3 <= word.left - value.right <= _NEAR]
    before = [word for word in beside if word.right <= value.left + 5]
    found = min(after, key=lambda word: word.left, default=None) or max(
        before, key=lambda word: word.right, default=None
    )
    if found is None:
        return None
    low, high = (found.right, value.left) if found.left < value.left else (value.right, found.left)
    parted = any(
        rule.left == rule.right and low - 1 <= rule.left <= high + 1 and rule.top < middle < rule.bottom
        for rule in rules
    )
    return None if parted else found


def _is_headed(value: Value, words: Sequence[Word]) -> bool:
    """Say whether a label stands close above the field, or on its line."""
    middle = (value.top + value.bottom) / 2
    return any(
        (-3 <= value.top - word.bottom < _NEAR / 2 and word.left < value.right and word.right > value.left)
        or (word.top <= middle <= word.bottom and word.right <= value.left + 5)
        for word in words
    )
