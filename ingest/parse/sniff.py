"""A file's type by its content; the name only decides between dialects of text."""

import json
import re
from typing import Final

from ingest.parse.archive import office_type
from ingest.parse.characters import decode
from ingest.parse.failure import Unparsable
from ingest.parse.program import SUFFIXES
from ingest.parse.source import suffix_of

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
}
_TEXT_MARKS: Final = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
_HEAD: Final = 65_536
_HTML = re.compile(
    r"\A\s*+(?:<\?xml[^>]*+>\s*+)?(?:(?><!--.*?-->)\s*+)*+<(?:!doctype\s++html|html|head|body)\b", re.I | re.S
)
_XML = re.compile(r"\A\s*+<\?xml\s")
_MAIL_HEADER = re.compile(
    r"^(?:from|to|cc|subject|date|received|mime-version|message-id|return-path|delivered-to|reply-to|"
    r"content-type|x-[\w-]+|dkim-signature):",
    re.I,
)
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
    if data.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        raise _old_office(data)
    if data.startswith(b"{\\rtf"):
        return "application/rtf"
    if _is_binary(data):
        raise Unparsable("unsupported", f"The file is {_kind_of(data)}, which holds no text to read.")
    return _text_type(decode(data[:_HEAD]).text, data, suffix=suffix_of(name))


def _old_office(data: bytes) -> Unparsable:
    if "EncryptedPackage".encode("utf-16-le") in data:
        return Unparsable("encrypted", "The document is protected by a password; save it without one.")
    return Unparsable(
        "unsupported", "This is an Office file of before 2007; save it as DOCX, XLSX or PPTX, or as PDF."
    )


def _is_binary(data: bytes) -> bool:
    if data.startswith(_TEXT_MARKS):
        return False
    head = data[:_HEAD]
    controls = sum(head.count(byte) for byte in (*range(9), 11, *range(14, 27), *range(28, 32)))
    return b"\x00" in head or controls > len(head) / 100


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
    if suffix in _TEXT_NAMES:
        return _TEXT_NAMES[suffix]
    if _XML.match(head):
        return "application/xml"
    if suffix in SUFFIXES:
        return "text/x-source"
    if suffix not in ("txt", "text", "log") and _is_mail(head):
        return "message/rfc822"
    if head.lstrip()[:1] in ("{", "["):
        found = _json_type(data)
        if found:
            return found
    if suffix:
        return "text/plain"
    return _dialect(head)


def _is_mail(head: str) -> bool:
    lines = head.split("\n\n", 1)[0].replace("\r", "").split("\n")
    starts = [line for line in lines if line and line[0] not in " \t"]
    known = sum(bool(_MAIL_HEADER.match(line)) for line in starts)
    return known >= 3 and known >= len(starts) / 2


def _json_type(data: bytes) -> str:
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        pass
    else:
        return "application/json"
    try:
        json.loads(data.lstrip().split(b"\n", 1)[0])
    except (ValueError, RecursionError):
        return ""
    return "application/jsonl"


def _dialect(head: str) -> str:
    rst, markdown = len(_RST.findall(head)), len(_MARKDOWN.findall(head))
    if strong := len(_STRONG_MARKDOWN.findall(head)):
        markdown += 3 * strong
    else:
        rst *= 3  # a title with its underline says more than the lists that both dialects have
    if max(rst, markdown) < 2:
        return "text/plain"
    return "text/x-rst" if rst > markdown else "text/markdown"
