"""RTF: its groups read in one pass: text, lists with their marks, tables, notes, headers and footers once."""

import codecs
import re
from collections.abc import Callable
from typing import Final

from ingest.extract import Extract, Limits, RawFile, Unparsable
from ingest.parse.metadata import plain_metadata
from ingest.parse.office.ooxml import symbols, unread_pictures
from ingest.parse.office.rtf_flow import CHARACTERS, CODE_PAGES, NUMBERED, Flow, State, list_mark
from ingest.parse.office.word_styles import HEADING, RAISED, RAISED_END, figure
from ingest.parse.writer import ExtractWriter
from vectorstore.language.words import word_set

_TOKEN = re.compile(
    r"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\(.)|([{}])|([^\\{}\r\n]+)|[\r\n]+|\\", re.S
)
_SKIPPED: Final = word_set(
    "colortbl info pict fldtype objdata objclass nonshppict nonesttables shprslt sp xe tc rxe txe "
    "upr private pn bkmkstart bkmkend template filetbl atnid mmathPr mmathPict moMath moMathPara "
    "formfield"
)
_STARRED: Final = word_set(
    "fldinst shppict shpinst nesttableprops ud footnote annotation objclass shptxt listtext pntext "
    "moMath formfield"
)
_RUNNING: Final = frozenset(
    f"{place}{page}" for place in ("header", "footer") for page in ("", "l", "r", "f")
)
_FACTS: Final = frozenset(["title", "author", "subject"])
_ASIDE: Final = _RUNNING | {"footnote", "annotation", "shptxt"}
_PAGE_FIELDS: Final = ("PAGE", "NUMPAGES", "SECTIONPAGES", "PAGEREF")
_ADDRESS = re.compile(r'HYPERLINK\s+"([^"]*)"', re.I)
_MAX_DEPTH: Final = 20_000
_DAMAGED: Final = "The document is damaged; open it and save it again."
_LARGE: Final = 2_800
"""Twentieths of a point, about five centimetres: how wide a picture is that may show text."""
_UNREAD: Final = {"object": "An embedded object", "moMath": "An equation", "formfield": "A field of a form"}


def parse(source: RawFile, limits: Limits) -> Extract:
    """Read a Rich Text document."""
    writer = ExtractWriter(limits)
    # RTF itself is ASCII; what is escaped is decoded in the code page that the head or the font names
    reader = _Reader(source.data.decode("latin-1"), writer)
    try:
        body = reader.read()
    except (ValueError, LookupError, OverflowError) as error:
        raise Unparsable("corrupt", _DAMAGED) from error
    said = {line: None for line in reader.running if line}
    for line in said:
        writer.paragraph(line)
    body.write(writer)
    for note in reader.notes:
        writer.paragraph(note)
    reader.tell()
    facts = {name: " ".join(text.split()) for name, text in reader.facts.items()}
    return writer.finish(
        source.media_type,
        title=facts.get("title", ""),
        metadata=plain_metadata({name: facts.get(name, "") for name in ("author", "subject")}),
    )


class _Reader:
    """One pass over the tokens, with a stack of what the open groups inherit."""

    def __init__(self, raw: str, writer: ExtractWriter) -> None:
        self._raw, self._writer = raw, writer
        self._state = State()
        self._stack: list[tuple[State, Flow | None]] = []
        self._flow = Flow()
        self._page, self._pages = "cp1252", dict[int, str]()
        self._fonts: dict[int, str] = {}
        self._styles: dict[int, str] = {}
        self._style = -1
        self._bytes = bytearray()
        self._skip = 0
        self._counts = {"footnote": 0, "endnote": 0, "comment": 0, "picture": 0}
        self._is_endnote = False
        self.running: list[str] = []
        self.notes: list[str] = []
        self.facts: dict[str, str] = {}

    def read(self) -> Flow:
        """Return the body."""
        at = 0
        while match := _TOKEN.match(self._raw, at):
            at = match.end()
            word, number, code, sign, brace, text = match.groups()
            if word:
                at += max(int(number or 0), 0) if word == "bin" else 0
                if word in _KNOWN or self._skip or self._state.starred:  # most words only shape what is shown
                    self._word(word, number)
            elif code:
                self._byte(int(code, 16))
            elif brace:
                self._flush()
                (self._open if brace == "{" else self._close)()
            elif text:
                skipped = min(self._skip, len(text))
                self._skip -= skipped
                self._bytes += text[skipped:].encode("latin-1")
            elif sign:
                self._sign(sign)
        self._flush()
        while self._stack:
            self._close()
        return self._flow

    def tell(self) -> None:
        """Say in findings what was left out."""
        if count := self._counts["comment"]:
            self._writer.finding(f"Comments are no part of the document; {count} were left out.")
        if count := self._counts["picture"]:
            self._writer.finding(unread_pictures(count))

    def _open(self) -> None:
        self._stack.append((self._state, None))
        if len(self._stack) > _MAX_DEPTH:
            raise ValueError(_DAMAGED)
        self._state = self._state.inner()
        self._skip = 0

    def _close(self) -> None:
        self._skip = 0
        if not self._stack:
            return
        ended = self._state
        self._state, outer = self._stack.pop()
        if outer is not None:
            inner, self._flow = self._flow, outer
            inner.in_table = False
            inner.end_paragraph()
            self._end_aside(ended.place, inner)

    def _end_aside(self, place: str, flow: Flow) -> None:
        text = "\n".join(flow.lines()).strip()
        if place in _RUNNING:
            self.running += flow.running_lines()
        elif place == "shptxt":
            self._flow.blocks += flow.blocks
        elif place == "annotation":
            self._counts["comment"] += 1
            self._writer.leave_out("comment", text)
        else:
            kind = "endnote" if self._is_endnote else "footnote"
            self._counts[kind] += 1
            mark = figure(self._counts[kind], "lowerRoman" if self._is_endnote else "decimal")
            self._flow.pieces.append(f"{RAISED}[{mark}]{RAISED_END}")
            self.notes.append(f"[{mark}] {text}")

    def _word(self, word: str, number: str | None) -> None:
        self._flush()
        value = int(number) if number else None
        if word == "u" and value is not None:
            self._unicode(value)
            return
        if self._skip:
            self._skip -= 1
            return
        state = self._state
        if word in _ASIDE and state.place != "skip":
            self._stack[-1:] = [(self._stack[-1][0], self._flow)] if self._stack else []
            if self._stack:
                self._flow, self._is_endnote = Flow(), False
                state.place, state.starred = word, False
        elif state.starred and word not in _STARRED:
            state.place, state.starred = "skip", False
        elif word in _DESTINATIONS:
            state.starred = False
            self._destination(word)
        elif state.place == "skip":
            self._picture(word, value)
        else:
            self._format(word, value)

    def _destination(self, word: str) -> None:
        state = self._state
        if word == "ud" or (word == "result" and state.place == "skip"):
            state.place = ""
        elif state.place == "skip" and not (word in _FACTS and self._stack):
            return
        elif word in _SKIPPED:
            state.place = "skip"
        elif word == "field":
            state.field_code = []
        elif word == "fldrslt":
            code = "".join(state.field_code)
            if address := _ADDRESS.search(code):
                self._writer.link(address[1])
            if code.split() and code.split()[0].upper() in _PAGE_FIELDS and state.place in _RUNNING:
                state.place = "page"
        else:
            state.place = word
        if word in _UNREAD:
            state.place = "" if word == "object" else "skip"
            self._writer.finding(f"{_UNREAD[word]} was not read.")

    def _picture(self, word: str, value: int | None) -> None:
        if word == "picwgoal" and (value or 0) >= _LARGE and self._state.place == "skip":
            self._counts["picture"] += 1

    def _format(self, word: str, value: int | None) -> None:
        if word in CHARACTERS:
            self._say(CHARACTERS[word])
        elif word in _LOOKS:
            setattr(self._state, _LOOKS[word], value != 0 and (word != "up" or (value or 6) >= 4))
        elif word == "chpgn":
            self._flow.pieces.append(NUMBERED)
        elif word == "plain":
            self._state.hidden = self._state.struck = self._state.deleted = self._state.raised = False
        elif word in _WORDS:
            _WORDS[word](self, value or 0)
        elif word in _PARAGRAPHS and self._state.place not in ("listtext", "pntext"):
            _PARAGRAPHS[word](self._flow, value or 0)

    def style(self, number: int) -> None:
        """Name the style of a paragraph, or the one that the head defines here."""
        self._style = number
        heading = HEADING.match(self._styles.get(number, ""))
        if self._state.place == "":
            self._flow.level = int(heading[1]) if heading else 0

    def code_page(self, number: int) -> None:
        """Take the code page that the head names."""
        try:
            self._page = codecs.lookup("utf-8" if number == 65_001 else f"cp{number}").name
        except LookupError:
            self._page = "cp1252"

    def font(self, number: int) -> None:
        """Go on in a font of the head's list."""
        self._state.font = number

    def charset(self, number: int) -> None:
        """Take the code page of the font that the head lists."""
        self._pages[self._state.font] = CODE_PAGES.get(number, "")

    def unicode_skip(self, number: int) -> None:
        """Take how many characters stand in for one that old programs do not know."""
        self._state.unicode_skip = min(max(number, 0), 10)

    def lower(self) -> None:
        """End what is raised."""
        self._state.raised = False

    def endnote(self, _: int) -> None:
        """Count the note that is open among those at the end of the document."""
        self._is_endnote = True

    def _sign(self, sign: str) -> None:
        self._flush()
        if sign == "*":
            self._state.starred = True
        elif sign in "{}\\":
            self._byte(ord(sign))
        elif sign in CHARACTERS:
            self._say(CHARACTERS[sign])
        elif sign in "\r\n":
            self._flow.end_paragraph()

    def _byte(self, byte: int) -> None:
        if self._skip:
            self._skip -= 1
        else:
            self._bytes.append(byte)

    def _unicode(self, value: int) -> None:
        code = value + 65_536 if value < 0 else value
        if not 0 <= code < 0x110000:
            self._writer.finding("A letter has a number that no letter has; � stands in its place.")
        text = chr(code if 0 <= code < 0x110000 else 0xFFFD)
        before = self._flow.pieces[-1:] if 0xDC00 <= code < 0xE000 else []
        if before and before[0] and 0xD800 <= ord(before[0][-1]) < 0xDC00:  # the second half of a character
            text = (before[0][-1] + text).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            self._flow.pieces[-1] = before[0][:-1]
        self._say(text)
        self._skip = self._state.unicode_skip

    def _flush(self) -> None:
        if self._bytes:
            page = self._pages.get(self._state.font) or self._page
            text = self._bytes.decode(page, "replace")
            self._bytes.clear()
            self._say(text)

    def _say(self, text: str) -> None:
        state = self._state
        if self._fonts.get(state.font):
            text = symbols(text, self._fonts[state.font], self._writer)
        match state.place:
            case "fonttbl":
                self._fonts[state.font] = self._fonts.get(state.font, "") + text.rstrip(";")
            case "stylesheet":
                self._styles[max(self._style, 0)] = text.rstrip(";")
            case "fldinst":
                state.field_code.append(text)
            case "listtext" | "pntext":
                self._flow.mark = list_mark(self._flow.mark + text)
            case "page":
                self._flow.pieces.append(NUMBERED)
                self._writer.leave_out("page number", text)
            case place if place in _FACTS:
                self.facts[place] = self.facts.get(place, "") + text
            case "" | "shptxt" | "footnote" | "annotation":
                self._say_in_flow(text)
            case place if place in _RUNNING:
                self._say_in_flow(text)

    def _say_in_flow(self, text: str) -> None:
        state = self._state
        if state.hidden or state.deleted:
            self._writer.leave_out("hidden text" if state.hidden else "deleted text", text)
        elif state.struck:
            self._writer.leave_out("struck-through text", text)
            self._writer.finding("Text that is struck through was left out.")
        else:
            self._flow.pieces.append(f"{RAISED}{text}{RAISED_END}" if state.raised and text.strip() else text)


_DESTINATIONS: Final = _SKIPPED | _FACTS | frozenset(
    ["fonttbl", "stylesheet", "field", "fldinst", "fldrslt", "listtext", "pntext", "ud", "object", "result"]
)  # fmt: skip


_LOOKS: Final = {
    "v": "hidden",
    "deleted": "deleted",
    "strike": "struck",
    "striked": "struck",
    "super": "raised",
    "up": "raised",
}
_WORDS: Final[dict[str, Callable[[_Reader, int], None]]] = {
    "ansicpg": _Reader.code_page, "f": _Reader.font, "fcharset": _Reader.charset, "uc": _Reader.unicode_skip,
    "ftnalt": _Reader.endnote, "s": _Reader.style, "mac": lambda reader, _: reader.code_page(10_000),
    "pc": lambda reader, _: reader.code_page(437), "pca": lambda reader, _: reader.code_page(850),
    "nosupersub": lambda reader, _: reader.lower(), "sub": lambda reader, _: reader.lower(),
}  # fmt: skip
_PARAGRAPHS: Final[dict[str, Callable[[Flow, int], None]]] = {
    **dict.fromkeys(("par", "sect", "page", "column"), lambda flow, _: flow.end_paragraph()),
    "pard": Flow.begin_paragraph, "intbl": Flow.enter_table, "outlinelevel": Flow.outline, "trowd": Flow.begin_row,
    "cellx": Flow.cell_edge, "trhdr": Flow.mark_header, "row": lambda flow, _: flow.end_row(),
    "cell": lambda flow, _: flow.end_cell(nested=False), "nestcell": lambda flow, _: flow.end_cell(nested=True),
    "nestrow": lambda flow, _: flow.nested.append([]),
    "clmrg": lambda flow, _: flow.merge_cell("across"), "clvmrg": lambda flow, _: flow.merge_cell("down"),
}  # fmt: skip
_KNOWN: Final = frozenset(
    {
        *_DESTINATIONS,
        *_ASIDE,
        *_STARRED,
        *CHARACTERS,
        *_LOOKS,
        *_WORDS,
        *_PARAGRAPHS,
        "u",
        "plain",
        "picwgoal",
    }
)
