"""A file's type by its content; the name only decides between dialects of text."""

import json
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from typing import Final

from ingest.extract import Extract, Limits, RawFile, Unparsable, suffix_of
from ingest.parse.characters import decode, has_stray_zeros, wide_encoding, without_escapes
from ingest.parse.image import image_type
from ingest.parse.writer import ExtractWriter

SUFFIXES: Final = frozenset(
    {
        *("py", "pyi", "js", "mjs", "ts", "tsx", "jsx", "java", "kt", "go", "rs", "c", "h", "cc", "cpp", "hpp", "cs"),
        *("rb", "php", "swift", "scala", "sh", "bash", "zsh", "ps1", "bat", "sql", "r", "lua", "pl", "css", "scss"),
        *("yaml", "yml", "toml", "ini", "cfg", "conf", "env", "properties", "tf", "proto", "graphql", "diff", "patch"),
    }
)  # fmt: skip
_MAX_LINES: Final = 60


def parse(source: RawFile, limits: Limits) -> Extract:
    """Read program text."""
    writer = ExtractWriter(limits)
    text = writer.clean(writer.decode(source.data)).expandtabs(4)
    piece: list[str] = []
    for line in text.split("\n"):
        starts = bool(line) and not line[0].isspace() and bool(piece) and not piece[-1].strip()
        if (starts and len(piece) > _MAX_LINES / 4) or len(piece) >= _MAX_LINES:
            writer.block("code", "\n".join(piece))
            piece = []
        piece.append(line)
    writer.block("code", "\n".join(piece))
    return writer.finish(source.media_type, headed=False)


_MAX_ENTRIES: Final = 10_000
_MAX_INFLATED: Final = 200 << 20
_MAX_RATIO: Final = 100
_RATIO_FREE: Final = 16 << 20  # small parts of blanks compress far better than text, and cost nothing
_STEP: Final = 1 << 20
_BY_PART: Final = {
    "word/document.xml": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "ppt/presentation.xml": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "xl/workbook.xml": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_OWN_PARTS: Final = frozenset(("mimetype", "[Content_Types].xml"))
"""What says that a zip is one document, of whatever kind."""
_IN_UTF8: Final = 0x800
_BY_MIMETYPE: Final = {
    "application/epub+zip": "application/epub+zip",
    "application/vnd.oasis.opendocument.text": "application/vnd.oasis.opendocument.text",
    "application/vnd.oasis.opendocument.spreadsheet": "application/vnd.oasis.opendocument.spreadsheet",
    "application/vnd.oasis.opendocument.spreadsheet-template": "application/vnd.oasis.opendocument.spreadsheet",
    "application/vnd.oasis.opendocument.text-template": "application/vnd.oasis.opendocument.text",
    "application/vnd.oasis.opendocument.presentation": "application/vnd.oasis.opendocument.presentation",
    "application/vnd.oasis.opendocument.presentation-template": "application/vnd.oasis.opendocument.presentation",
}


def office_type(data: bytes) -> str:
    """Return the media type of a zip-based document, after checking that it is safe to unpack.

    Raises:
        Unparsable: damaged, encrypted, a bomb, or a zip of another kind.

    """
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            _check(archive, len(data))
            return _kind(archive)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        ValueError,
        IndexError,
        NotImplementedError,
    ) as error:
        raise Unparsable(
            "corrupt",
            "The file is damaged and cannot be unpacked; get it anew, or open it and save it again.",
        ) from error
    except RuntimeError as error:
        raise Unparsable("encrypted", "The file is protected by a password; save it without one.") from error


def _kind(archive: zipfile.ZipFile) -> str:
    names = set(archive.namelist())
    for part, media_type in _BY_PART.items():
        if part in names:
            return media_type
    if "xl/workbook.bin" in names:
        raise Unparsable("unsupported", "The file is a binary Excel workbook (XLSB); save it as XLSX.")
    if "mimetype" in names:
        declared = archive.read("mimetype").decode("ascii", "replace").strip()
        if declared in _BY_MIMETYPE:
            return _BY_MIMETYPE[declared]
    raise Unparsable(
        "unsupported",
        "The file is a zip archive: send the files in it, or name it .zip and have `footnote ingest` read it.",
    )


def is_archive(data: bytes) -> bool:
    """Say whether bytes are a zip of files, and no document that is kept in one; raises Unparsable as `office_type`."""
    if not data.startswith(b"PK\x03\x04"):
        return False
    try:
        office_type(data)
    except Unparsable as error:
        if error.reason != "unsupported":
            raise
        with zipfile.ZipFile(BytesIO(data)) as archive:
            return _OWN_PARTS.isdisjoint(archive.namelist())
    return False


def archived(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a zip that has been found safe, but hidden ones, links and what macOS adds."""
    with zipfile.ZipFile(BytesIO(data)) as archive:
        for entry in archive.infolist():
            name = entry.filename
            if not entry.flag_bits & _IN_UTF8:
                with suppress(UnicodeEncodeError):
                    name = decode(name.encode("cp437")).text
            parts = name.replace("\\", "/").split("/")
            hidden = any(part.startswith((".", "~$")) and part not in (".", "..") for part in parts)
            if (
                parts[-1]
                and not hidden
                and parts[0] != "__MACOSX"
                and not stat.S_ISLNK(entry.external_attr >> 16)
            ):
                yield name, archive.read(entry)


def _check(archive: zipfile.ZipFile, packed: int) -> None:
    entries = archive.infolist()
    if len(entries) > _MAX_ENTRIES:
        raise Unparsable("too_large", f"The file unpacks to more than {_MAX_ENTRIES:,} parts.")
    allowed = min(_MAX_INFLATED, max(_RATIO_FREE, packed * _MAX_RATIO))
    inflated = 0
    for entry in entries:
        if entry.is_dir():
            continue
        inflated += _inflated_size(archive, entry, allowed=allowed - inflated)
        if inflated > allowed:
            raise Unparsable(
                "too_large", f"The file unpacks to more than {allowed >> 20} MiB: it may be a zip bomb."
            )


def _inflated_size(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, *, allowed: int) -> int:
    # The size that the header states may lie: only what really comes out counts.
    size = 0
    with archive.open(entry) as part:
        while size <= allowed and (piece := part.read(_STEP)):
            size += len(piece)
    return size


_TEXT_NAMES: Final = {
    "md": "text/markdown",
    "markdown": "text/markdown",
    "mdx": "text/markdown",
    "mkd": "text/markdown",
    "rst": "text/x-rst",
    "rest": "text/x-rst",
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "tab": "text/tab-separated-values",
    "jsonl": "application/jsonl",
    "ndjson": "application/jsonl",
    "json": "application/json",
    "htm": "text/html",
    "html": "text/html",
    "xhtml": "text/html",
    "eml": "message/rfc822",
    "mht": "message/rfc822",
    "mhtml": "message/rfc822",
    "mbox": "application/mbox",
    "ipynb": "application/x-ipynb+json",
    "vtt": "text/vtt",
    "srt": "application/x-subrip",
    "ics": "text/calendar",
    "vcf": "text/vcard",
}
_BY_BEGINNING: Final = {
    "WEBVTT": "text/vtt",
    "BEGIN:VCALENDAR": "text/calendar",
    "BEGIN:VCARD": "text/vcard",
}
ENDINGS: Final = frozenset(
    {
        *_TEXT_NAMES,
        *SUFFIXES,
        *(
            "txt",
            "text",
            "log",
            "xml",
            "pdf",
            "rtf",
            "epub",
            "odt",
            "odp",
            "ods",
            "ots",
            "docx",
            "pptx",
            "xlsx",
            "xlsm",
        ),
        *(
            "xltx",
            "xltm",
            "docm",
            "dotx",
            "dotm",
            "pptm",
            "potx",
            "ppsx",
            "ott",
            "otp",
            "msg",
            "png",
            "jpg",
            "jpeg",
        ),
        *("tif", "tiff", "webp", "fodt", "fods", "fodp"),
    }
)
"""The endings of names that are read here; a plug-in gets none of them."""
_TEXT_MARKS: Final = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
OLD_OFFICE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""How Office files of before 2007 begin; `ingest/confined/legacy.py` has them converted where it can."""
_HEAD: Final = 65_536
_HTML = re.compile(
    r"\A\s*+(?:<\?xml[^>]*+>\s*+)?(?:(?><!--.*?-->)\s*+)*+<(?:!doctype\s++html|html|head|body)\b", re.I | re.S
)
_XML = re.compile(r"\A\s*+<\?xml\s")
_FLAT = re.compile(r"<office:document\s[^<>]*?\soffice:mimetype=\"([^\"]{1,200}+)\"")
_ROOT: Final = 8_000
"""Characters within which the root of an XML file ends."""
_MAIL_HEADER = re.compile(
    r"^(?:from|to|cc|subject|date|received|mime-version|message-id|return-path|delivered-to|reply-to|"
    r"content-type|x-[\w-]+|dkim-signature):",
    re.I,
)
_MAILBOX = re.compile(r"\A\s*+From \S[^\n]{0,300}\d\d:\d\d[^\n]{0,60}\r?\n>?[\w-]++:")
_RST = re.compile(r"^(?:\.\. [\w:-]+::|.+\n([=~^\"#*+-])\1{3,}+[^\S\n]*+$)|:\w+:`|``\w", re.M)
_STRONG_MARKDOWN = re.compile(r"^(?:#{1,6} \S|```|~~~)", re.M)
_MARKDOWN = re.compile(
    r"^(?:#{1,6} \S|```|~~~|- \S|\* \S|\|.*\|[^\S\n]*+$|> \S)|\[[^\[\]\n]++\]\([^)\n]{1,1000}+\)|\*\*\S", re.M
)


def sniff(data: bytes, name: str) -> str:
    """Return the media type.

    Raises:
        Unparsable: empty ("no_text"), encrypted, or binary of a kind that is not read ("unsupported").

    """
    if not data.strip(b"\x00\t\n\r "):
        raise Unparsable("no_text", "The file is empty; there is nothing to read.")
    if b"%PDF-" in data[:1024]:
        return "application/pdf"
    if data.startswith(b"PK\x03\x04"):
        return office_type(data)
    if data.startswith(OLD_OFFICE):
        if "__substg1.0_".encode("utf-16-le") in data:
            return "application/vnd.ms-outlook"
        raise _old_office(data)
    if data.startswith(b"{\\rtf"):
        return "application/rtf"
    if image := image_type(data):
        return image
    if _is_binary(data):
        raise Unparsable("unsupported", f"The file is {_kind_of(data)}, which holds no text to read.")
    return _text_type(decode(data[:_HEAD]).text, data, suffix=suffix_of(name))


def _old_office(data: bytes) -> Unparsable:
    if "EncryptedPackage".encode("utf-16-le") in data:
        return Unparsable("encrypted", "The document is protected by a password; save it without one.")
    return Unparsable(
        "unsupported",
        "This is an Office file of before 2007; save it as DOCX, XLSX or PPTX, or as PDF, "
        "or install LibreOffice, which then converts it.",
    )


def _is_binary(data: bytes) -> bool:
    if data.startswith(_TEXT_MARKS) or wide_encoding(data):
        return False
    head = data[:_HEAD]
    if b"\x1b" in head:
        head = without_escapes(head.decode("latin-1")).encode("latin-1")
    controls = sum(head.count(byte) for byte in (*range(1, 8), *range(14, 27), *range(28, 32)))
    return (b"\x00" in head and not has_stray_zeros(head)) or controls > len(head) / 100


def _kind_of(data: bytes) -> str:
    import puremagic

    try:
        matches = puremagic.magic_string(data[:4096])
    except (puremagic.PureError, ValueError, IndexError):
        return "binary data"
    best = matches[0] if matches else None
    if best is None or best.confidence < 0.4 or not best.name:
        return "binary data"
    return f"binary data ({best.name})"


def _text_type(head: str, data: bytes, *, suffix: str) -> str:
    if _HTML.match(head):
        return "text/html"
    if begins := _by_beginning(head, suffix):
        return begins
    if suffix in _TEXT_NAMES:
        return _TEXT_NAMES[suffix]
    if _XML.match(head):
        flat = _FLAT.search(head[:_ROOT])
        return _BY_MIMETYPE.get(flat[1], "application/xml") if flat else "application/xml"
    if suffix in SUFFIXES:
        return "text/x-source"
    if suffix not in ("txt", "text", "log") and _is_mail(head):
        return "message/rfc822"
    if head.lstrip()[:1] in ("{", "[") and (found := _json_type(decode(data).text.lstrip())):
        return found
    if suffix:
        return "text/plain"
    return _dialect(head)


def _by_beginning(head: str, suffix: str) -> str:
    if suffix in SUFFIXES:
        return ""
    if _MAILBOX.match(head):
        return "application/mbox"
    start = head[:100].lstrip("\ufeff \r\n")
    return next((found for beginning, found in _BY_BEGINNING.items() if start.startswith(beginning)), "")


def _is_mail(head: str) -> bool:
    lines = head.replace("\r", "").split("\n\n", 1)[0].split("\n")
    starts = [line for line in lines if line and line[0] not in " \t"]
    known = sum(bool(_MAIL_HEADER.match(line)) for line in starts)
    return known >= 3 and known >= len(starts) / 2


def _json_type(text: str) -> str:
    """Say whether a text that begins like JSON is JSON, values line by line, or neither."""
    decoder = json.JSONDecoder(parse_int=str)
    try:
        _, end = decoder.raw_decode(text)
    except RecursionError:
        return "application/json"
    except ValueError:
        return ""
    return "application/jsonl" if text[end:].strip() else "application/json"


def _dialect(head: str) -> str:
    rst, markdown = len(_RST.findall(head)), len(_MARKDOWN.findall(head))
    if strong := len(_STRONG_MARKDOWN.findall(head)):
        markdown += 3 * strong
    else:
        rst *= 3  # a title with its underline says more than the lists that both dialects have
    if max(rst, markdown) < 2:
        return "text/plain"
    return "text/x-rst" if rst > markdown else "text/markdown"
