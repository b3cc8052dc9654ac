"""HTML: the content of a page in reading order, without its navigation, banners and hidden parts."""

import re
from typing import TYPE_CHECKING

from ingest.extract import Extract
from ingest.limits import Limits
from ingest.parse.characters import decode
from ingest.parse.failure import Unparsable
from ingest.parse.html_walk import HtmlWalk
from ingest.parse.metadata import parse_date
from ingest.parse.source import Source
from ingest.parse.writer import ExtractWriter
from vectorstore.types import MetadataValue

if TYPE_CHECKING:
    from lxml.html import HtmlElement

_CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?([\w-]+)", re.I)
_XML_HEAD = re.compile(r"^\s*<\?xml[^>]*\?>")
_MODIFIED = ("article:modified_time", "last-modified", "dcterms.modified", "date", "article:published_time")
_KEPT = ("author", "description", "keywords")


def parse(source: Source, limits: Limits) -> Extract:
    """Read a web page."""
    root = read_tree(_decode(source.data))
    writer = ExtractWriter(limits)
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
        HtmlWalk(writer).fragment(read_tree(f"<html><body>{fragment}</body></html>"))


def read_tree(text: str) -> "HtmlElement":
    """Parse HTML without entities, network or unlimited depth.

    Raises:
        Unparsable: nothing in it can be read ("corrupt").

    """
    from lxml import etree
    from lxml.html import HTMLParser, document_fromstring

    parser = HTMLParser(
        no_network=True, huge_tree=False, remove_comments=True, remove_pis=True, encoding="utf-8"
    )
    data = _XML_HEAD.sub("", text).encode("utf-8", "replace")
    try:
        return document_fromstring(data, parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        raise Unparsable(
            "corrupt", "The HTML cannot be read; open it in a browser and save it again."
        ) from error


def _decode(data: bytes) -> str:
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
    return decode(data)


def _properties(root: "HtmlElement") -> dict[str, str]:
    found: dict[str, str] = {}
    for meta in root.iter("meta"):
        key = meta.get("name") or meta.get("property") or meta.get("http-equiv") or ""
        if meta.get("content"):
            found.setdefault(key.lower(), meta.get("content")[:1_000])
    return found


def _title(root: "HtmlElement", properties: dict[str, str], heading: str) -> str:
    title = " ".join((root.findtext(".//title") or properties.get("og:title") or "").split())
    # "Leave – Handbook – Acme" under the heading "Leave": the rest names the site
    return heading if heading and heading.lower() in title.lower() else title
