"""EPUB: the chapters in their reading order, read as HTML."""

import posixpath
import zipfile
from io import BytesIO
from typing import Final
from urllib.parse import unquote

from ingest.extract import Extract, Limits, RawFile, Unparsable
from ingest.parse.html.html import decode_html, with_ends
from ingest.parse.html.markup import Element, read_html, read_xml
from ingest.parse.html.walk import HtmlWalk
from ingest.parse.metadata import parse_date, plain_metadata
from ingest.parse.writer import ExtractWriter

_CONTAINER: Final = "META-INF/container.xml"
_DAMAGED: Final = "The e-book is damaged; convert or download it again."


def parse(source: RawFile, limits: Limits) -> Extract:
    """Read an e-book."""
    writer = ExtractWriter(limits)
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
