"""EPUB: the chapters in their reading order, read as HTML."""

import posixpath
import zipfile
from io import BytesIO
from typing import Final
from urllib.parse import unquote

from ingest.extract import Extract, Limits, RawFile, Unparsable
from ingest.parse.html.html import write_html
from ingest.parse.html.markup import Element, read_xml
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
            for chapter in _chapters(package, package_name):
                if chapter in archive.namelist():
                    write_html(archive.read(chapter).decode("utf-8", "replace"), writer)
                else:
                    writer.finding("A chapter that the e-book lists is missing.")
    except (zipfile.BadZipFile, KeyError) as error:
        raise Unparsable("corrupt", _DAMAGED) from error
    facts = _facts(package)
    return writer.finish(
        source.media_type,
        title=facts.get("title", ""),
        modified=parse_date(facts.get("modified") or facts.get("date")),
        metadata=plain_metadata({"author": facts.get("creator", ""), "language": facts.get("language", "")}),
    )


def _package_name(archive: zipfile.ZipFile) -> str:
    for element in read_xml(archive.read(_CONTAINER)).iter("{*}rootfile"):
        if name := element.get("full-path"):
            return str(name)
    raise Unparsable("corrupt", _DAMAGED)


def _chapters(package: Element, package_name: str) -> list[str]:
    folder = posixpath.dirname(package_name)
    files = {item.get("id"): item.get("href") or "" for item in package.iter("{*}item")}
    order = [item.get("idref") for item in package.iter("{*}itemref") if item.get("linear") != "no"]
    return [
        posixpath.normpath(posixpath.join(folder, unquote(files[key]))) for key in order if files.get(key)
    ]


def _facts(package: Element) -> dict[str, str]:
    facts: dict[str, str] = {}
    for element in package.iter("{http://purl.org/dc/elements/1.1/}*"):
        facts.setdefault(element.tag.rpartition("}")[2], (element.text or "").strip())
    for meta in package.iter("{*}meta"):
        if meta.get("property") == "dcterms:modified":
            facts["modified"] = (meta.text or "").strip()
    return facts
