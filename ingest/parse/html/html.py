"""HTML: the content of a page in reading order, without its navigation, banners and hidden parts."""

import re

from ingest.extract import Extract, Limits, RawFile
from ingest.parse.front_matter import refuse_lost_readers
from ingest.parse.html.markup import Element, read_html
from ingest.parse.html.walk import HtmlWalk
from ingest.parse.metadata import parse_date
from ingest.parse.writer import ExtractWriter
from vectorstore.types import MetadataValue

_CHARSET = re.compile(rb"<meta[^<>]+charset\s*+=\s*+[\"']?([\w-]+)", re.I)
_MODIFIED = ("article:modified_time", "last-modified", "dcterms.modified", "date", "article:published_time")
_XHTML = re.compile(r"<html[^<>]{0,500}xmlns")
_EMPTY = re.compile(
    r"<(?!(?:area|base|br|col|embed|hr|img|input|link|meta|param|source|track|wbr)\b)([a-z][\w:-]*+)((?:\s[^<>]*)?)/>",
    re.I,
)
_HEAD = 64_000
_KEPT = ("author", "description", "keywords")


def parse(source: RawFile, limits: Limits) -> Extract:
    """Read a web page."""
    writer = ExtractWriter(limits)
    text = decode_html(source.data, writer)
    refuse_lost_readers(text[:_HEAD])
    if _XHTML.search(text[:1_000]) and source.name.lower().endswith((".xhtml", ".xht")):
        text = with_ends(text)
    root = read_html(text)
    HtmlWalk(writer).page(root)
    properties = _properties(root)
    metadata: dict[str, MetadataValue] = {key: properties[key] for key in _KEPT if key in properties}
    if language := (root.get("lang") or "").strip():
        metadata["language"] = language
    return writer.finish(
        source.media_type,
        title=_title(root, properties, writer.first_heading),
        modified=next((parse_date(properties[key]) for key in _MODIFIED if key in properties), None),
        metadata=metadata,
    )


def write_html(fragment: str, writer: ExtractWriter) -> None:
    """Add a piece of HTML to the document that `writer` builds."""
    if fragment.strip():
        HtmlWalk(writer).fragment(read_html(f"<html><body>{fragment}</body></html>"))


def decode_html(data: bytes, writer: ExtractWriter) -> str:
    """Return the page's text: UTF-8, else as the page declares, else by the likeliest encoding. Raises `Unparsable`."""
    declared = _CHARSET.search(data[:4096])
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    if declared and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return data.decode(declared[1].decode("ascii"))
        except (LookupError, UnicodeDecodeError):
            pass
    return writer.decode(data)


def _properties(root: Element) -> dict[str, str]:
    found: dict[str, str] = {}
    for meta in root.iter("meta"):
        key = meta.get("name") or meta.get("property") or meta.get("http-equiv") or ""
        if meta.get("content"):
            found.setdefault(key.lower(), meta.get("content")[:1_000])
    return found


def _title(root: Element, properties: dict[str, str], heading: str) -> str:
    title = " ".join((root.findtext(".//title") or properties.get("og:title") or "").split())
    # "Leave – Handbook – Acme" under the heading "Leave": the rest names the site
    return heading if heading and heading.lower() in title.lower() else title


def with_ends(text: str) -> str:
    """Return XHTML as HTML: `<title/>` gets its end, which HTML would look for behind all that follows."""
    return _EMPTY.sub(r"<\1\2></\1>", text)
