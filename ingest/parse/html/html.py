"""HTML and EPUB: a page, or a book's chapters, in reading order, without navigation, banners and hidden parts."""

import posixpath
import re
import zipfile
from io import BytesIO
from typing import Final
from urllib.parse import unquote

from ingest.extract import Extract, Limits, RawFile, Unparsable
from ingest.parse.front_matter import refuse_lost_readers
from ingest.parse.html.markup import Element, read_html, read_xml
from ingest.parse.html.walk import HtmlWalk
from ingest.parse.metadata import parse_date, plain_metadata
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
    """Read a web page, or an e-book."""
    writer = ExtractWriter(limits)
    if source.media_type == "application/epub+zip":
        return _book(source, writer)
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


_CONTAINER: Final = "META-INF/container.xml"
_DAMAGED: Final = "The e-book is damaged; convert or download it again."


def _book(source: RawFile, writer: ExtractWriter) -> Extract:
    try:
        with zipfile.ZipFile(BytesIO(source.data)) as archive:
            if (
                "META-INF/encryption.xml" in archive.namelist()
                and "META-INF/rights.xml" in archive.namelist()
            ):
                raise Unparsable("encrypted", "The e-book is protected (DRM); it cannot be read.")
            package_name = _package_name(archive)
            package = read_xml(archive.read(package_name))
            _write_chapters(archive, package, package_name, writer)
    except (zipfile.BadZipFile, KeyError) as error:
        raise Unparsable("corrupt", _DAMAGED) from error
    facts = _facts(package)
    return writer.finish(
        source.media_type,
        title=facts.get("title", ""),
        modified=parse_date(facts.get("modified") or facts.get("date")),
        metadata=plain_metadata({"author": facts.get("creator", ""), "language": facts.get("language", "")}),
    )


def _write_chapters(
    archive: zipfile.ZipFile, package: Element, package_name: str, writer: ExtractWriter
) -> None:
    names = set(archive.namelist())
    notes: dict[str, str] = {}
    for chapter in _chapters(package, package_name):
        if chapter not in names:
            writer.finding(
                f"A chapter that the e-book lists is missing: {posixpath.basename(chapter)[:100]}."
            )
            continue
        text = decode_html(archive.read(chapter), writer)
        try:
            HtmlWalk(writer, notes=notes).fragment(read_html(with_ends(text)))
        except Unparsable as error:
            if error.reason != "no_text":  # a chapter may be empty
                raise


def _package_name(archive: zipfile.ZipFile) -> str:
    for element in read_xml(archive.read(_CONTAINER)).iter("{*}rootfile"):
        if name := element.get("full-path"):
            return str(name)
    raise Unparsable("corrupt", _DAMAGED)


def _chapters(package: Element, package_name: str) -> list[str]:
    """Return the chapters in their order, those beside it (`linear="no"`: notes, answers) last; no table of contents.

    One that stands for no file keeps the name by which it is called.
    """
    folder = posixpath.dirname(package_name)
    items = {item.get("id"): item for item in package.iter("{*}item")}
    found: list[str] = []
    for ref in sorted(package.iter("{*}itemref"), key=lambda ref: ref.get("linear") == "no"):
        item = items.get(ref.get("idref"))
        if item is None or not item.get("href"):
            found.append(ref.get("idref") or "without a name")
        elif "nav" not in (item.get("properties") or "").split():
            found.append(posixpath.normpath(posixpath.join(folder, unquote(item.get("href")))))
    return found


def _facts(package: Element) -> dict[str, str]:
    facts: dict[str, str] = {}
    for element in package.iter("{http://purl.org/dc/elements/1.1/}*"):
        facts.setdefault(element.tag.rpartition("}")[2], (element.text or "").strip())
    for meta in package.iter("{*}meta"):
        if meta.get("property") == "dcterms:modified":
            facts["modified"] = (meta.text or "").strip()
    return facts
