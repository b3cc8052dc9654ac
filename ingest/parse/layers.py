"""A file's own text, found apart from the parsers: what an account of a document is held against.

Pages as PDFium reads them, the text nodes of XML and HTML, decoded text without the marks of its markup. Each piece
comes with its place, worded to follow "most of them".
"""

import html
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from email import policy
from email.message import Message
from email.parser import BytesParser
from io import BytesIO
from typing import Any, Final, NamedTuple, TypeAlias

from ingest.extract import Extract, RawFile
from ingest.parse.characters import decode
from ingest.parse.html.markup import read_xml
from ingest.parse.timed import unquoted

_LINES: Final = 50
PARAGRAPHS: Final = 50


class Piece(NamedTuple):
    """Text of a file and where it stands; `numbers` counts cells that hold a number, which may be shown in any form."""

    place: str
    text: str
    numbers: int = 0


Pieces: TypeAlias = Iterator[Piece]


_COLOURS = re.compile(r"\x1b\[[0-?]*+[ -/]*+[@-~]")


def plain(source: RawFile, _: Extract) -> Pieces:
    """Return decoded text, by lines, without the colours of a terminal."""
    return _in_lines(_COLOURS.sub("", decode(source.data).text))


def _in_lines(text: str, noun: str = "lines") -> Pieces:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for start in range(0, len(lines), _LINES):
        end = min(start + _LINES, len(lines))
        yield Piece(f"in {noun} {start + 1}–{end}", "\n".join(lines[start:end]))


_FRONT = re.compile(r"\A\s*+(---|\+\+\+)[ \t]*+\n[\"'#\w].*?\n(?:\1|\.\.\.)[ \t]*+$", re.S | re.M)
_MARKDOWN = (
    re.compile(r"<!--.*?(?:-->|\Z)|<(script|style)\b.*?(?:</\1\s*+>|\Z)", re.S | re.I),
    re.compile(r"^[ \t>]*+(?:`{3,}|~{3,}).*+$", re.M),  # what stands behind a fence
    re.compile(r"\](?:\([^()\n]*+(?:\([^()\n]*+\)[^()\n]*+)*+\)|\[[^\[\]\n]*+\])"),  # where a link leads
    re.compile(r"^ {0,3}\[[^\[\]\n]++\]:[ \t]*+\S++.*+$", re.M),
    re.compile(r"</?[a-zA-Z][^<>]*+>"),
    # commands of site builders, names of headings
    re.compile(r"\{%[^%{}]*+%\}|\{[*{][^{}\n]*+\}++|\{[ \t]*+[:#.][^{}\n]*+\}"),
)


def markdown(source: RawFile, _: Extract) -> Pieces:
    """Return Markdown without its marks and the addresses of its links."""
    return _in_lines(_unmarked(decode(source.data).text))


def _unmarked(text: str) -> str:
    text = _FRONT.sub(_blank, text.replace("\r\n", "\n"))
    for pattern in _MARKDOWN:
        text = pattern.sub(_blank, text)
    return html.unescape(text)


def _blank(match: re.Match[str]) -> str:
    """Keep the line ends, so that lines keep their numbers."""
    return " " + "\n" * match[0].count("\n")


_DIRECTIVE = re.compile(r"\.\.\s++(?:\|[^|\n]++\|\s++)?([\w+.:-]+?)\s*+::")
_RST = (
    re.compile(r"(?<![\w:+.-]):[\w+.-]++(?::[\w+.-]++)*+:(?=`)"),  # a role's name
    re.compile(r"<[^<>`\n]++>(?=`)"),  # where a link leads
)
_FIELDS = re.compile(r"\A\s*+(?:(?::[\w-]++:|[A-Z][\w-]*+:|[ \t]).*+\n)++")
_FIELD = re.compile(r"^:?[\w-]++:", re.M)
_OPTION = re.compile(r"\A\s++:[\w -]++:(?:\s.*)?\Z")
_NO_CONTENT: Final = frozenset(
    "contents toctree index include raw sectnum highlight meta class image figure date role default-role".split()  # noqa: SIM905
)


def rst(source: RawFile, _: Extract) -> Pieces:
    """Return reStructuredText without comments, targets and the names of directives and roles."""
    lines: list[str] = []
    hidden = -1  # how deep the comment stands whose lines are passed over
    options = False
    for line in decode(source.data).text.replace("\r\n", "\n").expandtabs(8).split("\n"):
        bare = line.lstrip()
        depth = len(line) - len(bare)
        if bare and depth <= hidden:
            hidden = -1
        shown = line
        if hidden >= 0 or bare.startswith("__ "):
            shown = ""
        elif bare.startswith(".. ") or bare == "..":
            directive = _DIRECTIVE.match(bare)
            shown = bare[directive.end() :] if directive else bare if bare.startswith(".. [") else ""
            options = directive is not None
            if (not shown and not directive) or (directive and directive[1] in _NO_CONTENT):
                hidden, shown = depth, ""
        elif options and _OPTION.match(line):
            shown = ""
        else:
            options = False
        lines.append(shown)
    text = _FIELDS.sub(lambda fields: _FIELD.sub(" ", fields[0]), "\n".join(lines))
    for pattern in _RST:
        text = pattern.sub(" ", text)
    return _in_lines(text)


_JSON = re.compile(
    r'("(?:[^"\\\n]++|\\.)*+")(\s*+:)?+|(//[^\n]*+|/\*(?:[^*]++|\*(?!/))*+)|([^\s"\[\]{},:]++)'
)
_NO_WORDS: Final = frozenset(("true", "false", "null"))


def json_text(source: RawFile, _: Extract) -> Pieces:
    """Return what JSON says, also that of several values and with comments."""
    keys: dict[str, None] = {}
    lines = decode(source.data).text.split("\n")
    yield from _in_lines("\n".join(" ".join(_said(line, keys)) for line in lines))
    yield Piece("in the names of its fields", " ".join(keys))


def _said(line: str, keys: dict[str, None]) -> Iterator[str]:
    """Yield the values of a line; its keys are kept for later, each once: a table names them in its header only."""
    for string, is_key, comment, bare in _JSON.findall(line):
        if not string:
            yield comment or ("" if bare in _NO_WORDS else bare)
            continue
        try:
            text = str(json.loads(string, strict=False)) if "\\" in string else string[1:-1]
        except ValueError:
            text = string
        if is_key:
            keys[text] = None
        else:
            yield text


def notebook(source: RawFile, _: Extract) -> Pieces:
    """Return a notebook by its cells: what is written in them, and the shortest form of what they gave."""
    book = json.loads(decode(source.data).text)
    cells = [cell for sheet in (book, *book.get("worksheets", ())) for cell in sheet.get("cells", ())]
    for number, cell in enumerate(cells, start=1):
        text = _joined(cell.get("source", cell.get("input", "")))
        shown = [_unmarked(text) if cell.get("cell_type") == "markdown" else text]
        shown += map(_given, cell.get("outputs", ()))
        yield Piece(f"in cell {number}", "\n".join(shown))


def _given(output: dict[str, Any]) -> str:
    if "ename" in output:
        return _COLOURS.sub("", "\n".join(output.get("traceback", ())))
    data = output.get("data") or output
    forms = [_joined(data.get(kind, "")) for kind in ("text", "text/plain", "text/markdown")]
    forms.append(html_text(_joined(data.get("text/html", data.get("html", "")))))
    return _COLOURS.sub("", min(filter(str.strip, forms), key=len, default=""))


def _joined(text: object) -> str:
    return "".join(map(str, text)) if isinstance(text, list) else str(text)


_BLANK_LINES = re.compile(r"\n(?:[ \t]*+\n)++")
_BESIDE_CUE = re.compile(r"<[^<>\n]*+>|\{\\[^{}\n]*+\}")


def captions(source: RawFile, _: Extract) -> Pieces:
    """Return what subtitles show, and the notes among them, without times."""
    blocks = _BLANK_LINES.split(decode(source.data).text.replace("\r\n", "\n").replace("\r", "\n"))
    shown = (_BESIDE_CUE.sub("", _after_times(block)).removeprefix("WEBVTT") for block in blocks)
    return _in_lines("\n".join(html.unescape(each).replace("\n", " ") for each in shown), "captions")


def _after_times(block: str) -> str:
    head, arrow, rest = block.partition("-->")
    return rest.partition("\n")[2] if arrow else head


_FIELD_LINE = re.compile(r'\A([\w.-]++)(?:;(?:[^:"]++|"[^"]*+")*+)?+:(?:mailto:|tel:)?+(.*)\Z', re.S | re.I)
_FOLD = re.compile(r"\n[ \t]")
_ESCAPED = re.compile(r"\\[nN]|\\")
_MOMENT = re.compile(r"\b\d{8}(?:T\d{6}Z?)?\b")
_NO_TEXT: Final = frozenset(("BEGIN", "END", "PHOTO", "LOGO", "SOUND", "KEY", "ATTACH"))


def items(source: RawFile, _: Extract) -> Pieces:
    """Return the values of a calendar's or a card's fields; dates are counted as numbers."""
    text = _FOLD.sub("", unquoted(decode(source.data).text.replace("\r\n", "\n")))
    for number, line in enumerate(text.splitlines(), start=1):
        found = _FIELD_LINE.match(line)
        if found is None or found[1].rpartition(".")[2].upper() not in _NO_TEXT:
            words, numbers = _MOMENT.subn(" ", _ESCAPED.sub(" ", found[2] if found else line))
            yield Piece(f"in field {number}", words, numbers)


def rtf(source: RawFile, _: Extract) -> Pieces:
    """Return what the library makes of RTF, before it is parted into blocks."""
    from striprtf.striprtf import rtf_to_text

    text = str(rtf_to_text(source.data.decode("latin-1"), errors="replace"))  # type: ignore[no-untyped-call]
    return _in_lines(text, "paragraphs")


def mail(source: RawFile, _: Extract) -> Pieces:
    """Return a message's subject and the text of its parts."""
    message = BytesParser(policy=policy.default).parsebytes(source.data)
    yield Piece("in its header", str(message.get("Subject") or ""))
    for part in _bodies(message):
        payload = part.get_payload(decode=True)
        data = payload if isinstance(payload, bytes) else b""
        text = _by_first(data, "utf-8", part.get_content_charset() or "utf-8")
        yield Piece("in a text part", text if part.get_content_subtype() == "plain" else html_text(text))


def _by_first(data: bytes, *encodings: str) -> str:
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except (LookupError, UnicodeDecodeError):
            continue
    return decode(data).text


_NEXT_MESSAGE = re.compile(rb"(?:\A|(?<=\n\n)|(?<=\n\r\n))From [^\n]*+\n")


def mailbox(source: RawFile, extract: Extract) -> Pieces:
    """Return the messages of a mailbox."""
    for number, message in enumerate(filter(None, _NEXT_MESSAGE.split(source.data)), start=1):
        for piece in mail(replace(source, data=message), extract):
            yield Piece(f"in message {number}", piece.text)


_WIDE, _NARROW, _BYTES = "001F", "001E", "0102"


def outlook(source: RawFile, _: Extract) -> Pieces:
    """Return the subjects and texts of an Outlook message and of those in it; what only a code page tells is not counted."""
    import olefile

    with olefile.OleFileIO(BytesIO(source.data)) as file:
        streams = {tuple(path) for path in file.listdir()}
        for folder in dict.fromkeys(path[:-1] for path in sorted(streams)):
            for number in ("0037", "1000", "1013"):
                names = [(*folder, f"__substg1.0_{number}{kind}") for kind in (_WIDE, _NARROW, _BYTES)]
                name = next(filter(streams.__contains__, names), None)
                if name is None:
                    continue
                data = file.openstream(name).read()
                is_wide = name[-1].endswith(_WIDE)
                text = data.decode("utf-16-le" if is_wide else "ascii", "replace")
                if is_wide or data.isascii():
                    yield Piece("in a message", html_text(text) if number == "1013" else text)
                if number == "1000" and text.strip("\0 \r\n"):
                    break  # the HTML says the same


def image(source: RawFile, _: Extract) -> Pieces:
    """Return what OCR found on pictures."""
    return (Piece(f"on page {page}", text) for page, text in (source.ocr.texts if source.ocr else {}).items())


def _bodies(part: Message) -> Iterator[Message]:
    """Yield the text parts; of those that say the same in several forms, the longest."""
    if part.get_content_disposition() == "attachment":
        return
    if part.get_content_type() == "multipart/alternative":
        forms = [list(_bodies(form)) for form in part.get_payload() if isinstance(form, Message)]
        yield from max(forms, key=lambda form: sum(len(str(each.get_payload())) for each in form), default=[])
    elif part.is_multipart():
        for inner in part.get_payload():
            if isinstance(inner, Message):
                yield from _bodies(inner)
    elif part.get_content_type() in ("text/plain", "text/html"):
        yield part


def pdf(_: RawFile, extract: Extract) -> Pieces:
    """Return the pages as PDFium gave them."""
    return (Piece(f"on page {number}", text) for number, text in enumerate(extract.layer, start=1))


_UNSHOWN: Final = (
    "script",
    "style",
    "noscript",
    "template",
    "head",
    "annotation",
    "annotation-xml",
    "datalist",
)
_HEADINGS: Final = ("h1", "h2", "h3", "h4", "h5", "h6")
_BLOCKS: Final = (
    "p",
    "br",
    "td",
    "th",
    "li",
    "dt",
    "dd",
    "div",
    "pre",
    "option",
    "button",
    "label",
    *_HEADINGS,
)
_END: Final = "\n"
TOP: Final = "\ue000"
"""Begins a piece: of no language, and allowed in XML."""


def web_page(source: RawFile, _: Extract) -> Pieces:
    """Return a page by its headings."""
    return _under_headings(html_text(_page(source.data)))


_CHARSET = re.compile(rb"<meta[^<>]+charset\s*+=\s*+[\"']?([\w-]+)", re.I)


def _page(data: bytes) -> str:
    declared = _CHARSET.search(data[:4_096])
    return _by_first(data, "utf-8", declared[1].decode("ascii") if declared else "utf-8")


def html_text(page: str) -> str:
    """Return the text nodes of a page, a mark before each heading's."""
    from lxml import etree

    if not page.strip():
        return ""
    parser = etree.HTMLParser(
        no_network=True, huge_tree=True, remove_comments=True, remove_pis=True, encoding="utf-8"
    )
    root = etree.fromstring(page.encode("utf-8", "replace"), parser)
    etree.strip_elements(root, *_UNSHOWN, with_tail=False)
    for element in root.iter(*_BLOCKS):
        element.tail = " " + (element.tail or "")
    for heading in root.iter(*_HEADINGS):
        heading.text, heading.tail = TOP + (heading.text or ""), f"\n{heading.tail}"
    return str(etree.tostring(root, method="text", encoding="unicode"))


_UNSHOWN_TAGS = re.compile(
    r"<!--.*?(?:-->|\Z)|<(head|script|style|noscript|template)\b.*?(?:</\1\s*+>|\Z)|<[^<>]*+>", re.S | re.I
)


def bare_html(page: str) -> str:
    """Return a page without its tags, in less time than it takes to read it."""
    return html.unescape(_UNSHOWN_TAGS.sub("", page))


def bare_page(source: RawFile) -> str:
    """Return a page's text by its tags alone."""
    return bare_html(_page(source.data))


def bare_text(source: RawFile) -> str:
    """Return decoded text, marks and all."""
    return decode(source.data).text


def _under_headings(text: str) -> Pieces:
    first, *parts = text.split(TOP)
    yield Piece("before its first heading", first)
    for part in parts:
        yield Piece(f"under the heading {part.lstrip().partition(_END)[0][:60]}", part)


def xml(source: RawFile, _: Extract) -> Pieces:
    """Return the text nodes."""
    return iter([Piece("", " ".join(read_xml(source.data).itertext()))])
