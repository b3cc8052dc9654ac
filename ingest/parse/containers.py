"""The own text of documents that are zip containers: Office, OpenDocument, e-books, read from the XML of their parts.

`sniff.py` has checked the container before it was parsed: what it unpacks to is bounded.
"""

import html
import posixpath
import re
import zipfile
from collections.abc import Iterable
from io import BytesIO
from typing import Final

from ingest.extract import Extract, RawFile
from ingest.parse.html.markup import Element, read_xml
from ingest.parse.layers import PARAGRAPHS, TOP, Piece, Pieces, bare_html, html_text


def epub(source: RawFile, _: Extract) -> Pieces:
    """Return the chapters of an e-book."""
    with zipfile.ZipFile(BytesIO(source.data)) as archive:
        container = read_xml(archive.read("META-INF/container.xml"))
        package_name = next(str(each.get("full-path")) for each in container.iter("{*}rootfile"))
        package = read_xml(archive.read(package_name))
        files = {each.get("id"): each for each in package.iter("{*}item")}
        for chapter in package.iter("{*}itemref"):
            item = files.get(chapter.get("idref"))
            if item is None or "nav" in (item.get("properties") or "").split():
                continue
            name = posixpath.normpath(posixpath.join(posixpath.dirname(package_name), item.get("href")))
            if name in archive.namelist():
                text = html_text(archive.read(name).decode("utf-8", "replace")).replace(TOP, " ")
                yield Piece(f"in {posixpath.basename(name)}", text)


def open_document(source: RawFile, _: Extract) -> Pieces:
    """Return an OpenDocument file by its paragraphs."""
    from lxml import etree

    with zipfile.ZipFile(BytesIO(source.data)) as archive:
        root = read_xml(archive.read("content.xml"))
    etree.strip_elements(
        root, "{*}tracked-changes", "{*}sequence-decls", "{*}creator", "{*}date", with_tail=False
    )
    paragraphs = 0
    for element in root.iter(
        *("{*}p", "{*}h", "{*}s", "{*}tab", "{*}line-break", "{*}note-citation"),
        *("{*}header-decl", "{*}footer-decl", "{*}date-time-decl"),
    ):
        if element.tag.endswith(("}p", "}h")):
            paragraphs += 1
            mark = TOP if paragraphs % PARAGRAPHS == 0 else " "
        else:
            mark = " "
        element.tail = mark + (element.tail or "")
    text = str(etree.tostring(root, method="text", encoding="unicode"))
    return iter(list(_numbered(text.split(TOP))))


def _numbered(groups: Iterable[str]) -> Pieces:
    for number, group in enumerate(groups):
        first = number * PARAGRAPHS + 1
        yield Piece(f"in paragraphs {first}–{first + PARAGRAPHS - 1}", group)


_BARE_RUN = re.compile(rb"<(?:\w++:)?t(?: [^<>]*+)?>([^<]++)<")
_BARE_PARTS = re.compile(
    r"word/(?:document|header\d*|footer\d*|footnotes|endnotes|comments)\.xml"
    r"|ppt/(?:slides/slide|notesSlides/notesSlide)\d++\.xml|content\.xml"
)


def bare(source: RawFile) -> str:
    """Return the text of a container in no order, by its tags alone: far cheaper, and enough where all is kept."""
    texts: dict[str, None] = {}  # the first, the even and the odd pages often have the same header
    with zipfile.ZipFile(BytesIO(source.data)) as archive:
        for name in archive.namelist():
            is_chapter = name.endswith((".xhtml", ".html", ".htm")) and "nav" not in name
            if not is_chapter and not _BARE_PARTS.fullmatch(name):
                continue
            data = archive.read(name)
            if name.startswith(("word/", "ppt/")):
                text = html.unescape(b" ".join(_BARE_RUN.findall(data)).decode("utf-8", "replace"))
            else:
                start = max(data.find(b"<office:body"), 0)
                text = bare_html(data[start:].decode("utf-8", "replace"))
            texts[text] = None
    return "\n".join(texts)


_WORD_PARTS: Final = (
    (re.compile(r"word/header\d*\.xml"), "in its page headers"),
    (re.compile(r"word/footer\d*\.xml"), "in its page footers"),
    (re.compile(r"word/footnotes\.xml"), "in its footnotes"),
    (re.compile(r"word/endnotes\.xml"), "in its endnotes"),
    (re.compile(r"word/comments\.xml"), "in its comments"),
    (re.compile(r"word/(?:diagrams/data|charts/chart)\d*\.xml"), "in its diagrams"),
)


def docx(source: RawFile, _: Extract) -> Pieces:
    """Return a Word document by its paragraphs, then what stands beside them."""
    with zipfile.ZipFile(BytesIO(source.data)) as archive:
        names = archive.namelist()
        main = _runs(archive.read("word/document.xml"))
        yield from _numbered("\n".join(main[at : at + PARAGRAPHS]) for at in range(0, len(main), PARAGRAPHS))
        seen: set[str] = set()  # the first, the even and the odd pages often have the same header
        for pattern, place in _WORD_PARTS:
            for name in filter(pattern.fullmatch, names):
                text = "\n".join(_runs(archive.read(name)))
                if text not in seen:
                    seen.add(text)
                    yield Piece(place, text)


_APART: Final = ("{*}tab", "{*}br", "{*}cr", "{*}ptab")


def _runs(data: bytes) -> list[str]:
    """Return the text of an Office part, a string for each paragraph; what is kept for older programs is not counted."""
    from lxml import etree

    root = read_xml(data)
    etree.strip_elements(root, "{*}Fallback", with_tail=False)
    paragraphs: list[list[str]] = [[]]
    for element in root.iter("{*}p", "{*}t", "{*}fld", *_APART):
        match element.tag.rpartition("}")[2]:
            case "t":
                paragraphs[-1].append(element.text or "")
            case "p":
                paragraphs.append([])
            case "fld":  # a slide's number, today's date
                for shown in element.iter("{*}t"):
                    shown.text = ""
            case _:
                paragraphs[-1].append(" ")
    return ["".join(parts) for parts in paragraphs if parts]


def _targets(archive: zipfile.ZipFile, part: str) -> dict[str, str]:
    """Return the parts that an Office part points to, by the ids that it calls them."""
    folder, name = posixpath.split(part)
    rels = f"{folder}/_rels/{name}.rels"
    if rels not in archive.namelist():
        return {}
    return {
        each.get("Id"): posixpath.normpath(posixpath.join("/", folder, each.get("Target"))).lstrip("/")
        for each in read_xml(archive.read(rels)).iter("{*}Relationship")
        if each.get("TargetMode") != "External"
    }


_RELATION: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_BESIDE_SLIDE = re.compile(
    r"ppt/(?:notesSlides|charts|diagrams/data|comments)\b.*\.xml|ppt/diagrams/data\d*\.xml"
)


def pptx(source: RawFile, _: Extract) -> Pieces:
    """Return the slides in their order, each with its notes and diagrams."""
    with zipfile.ZipFile(BytesIO(source.data)) as archive:
        parts = _targets(archive, "ppt/presentation.xml")
        shown = read_xml(archive.read("ppt/presentation.xml")).iter("{*}sldId")
        names = [parts[each.get(_RELATION)] for each in shown if each.get(_RELATION) in parts]
        held = set(archive.namelist())
        for number, name in enumerate(names, start=1):
            beside = [each for each in _targets(archive, name).values() if _BESIDE_SLIDE.fullmatch(each)]
            for part in filter(held.__contains__, (name, *beside)):
                yield Piece(f"on slide {number}", "\n".join(_runs(archive.read(part))))


_BESIDE_SHEET = re.compile(r"xl/(?:[\w/]*/)?(?:comments|drawing)[\w-]*\.xml")


def xlsx(source: RawFile, _: Extract) -> Pieces:
    """Return the sheets: their texts, and how many numbers."""
    with zipfile.ZipFile(BytesIO(source.data)) as archive:
        held = set(archive.namelist())
        parts = _targets(archive, "xl/workbook.xml")
        strings = next((name for name in parts.values() if name.lower().endswith("sharedstrings.xml")), "")
        shared = (
            [_string(each) for each in read_xml(archive.read(strings)).iter("{*}si")]
            if strings in held
            else []
        )
        for sheet in read_xml(archive.read("xl/workbook.xml")).iter("{*}sheet"):
            name = parts.get(sheet.get(_RELATION), "")
            if "worksheets/" not in name or name not in held:
                continue
            place = f"in the sheet {sheet.get('name')!r}"
            texts, numbers = _cells(read_xml(archive.read(name)), shared)
            yield Piece(place, "\n".join(texts), numbers)
            for beside in _targets(archive, name).values():
                if beside in held and _BESIDE_SHEET.fullmatch(beside):
                    yield Piece(place, "\n".join(_runs(archive.read(beside))))


def _cells(sheet: Element, shared: list[str]) -> tuple[list[str], int]:
    texts: list[str] = []
    numbers = 0
    for cell in sheet.iter("{*}c"):
        kind = cell.get("t", "n")
        value = cell.findtext("{*}v") or ""
        if kind == "inlineStr":
            texts += map(_string, cell.iter("{*}is"))
        elif kind == "s" and value.isdecimal() and int(value) < len(shared):
            texts.append(shared[int(value)])
        elif kind == "str":
            texts.append(value)
        elif kind == "n" and value:
            numbers += 1
    return texts, numbers


def _string(item: Element) -> str:
    return "".join(each.text or "" for each in item.iter("{*}t") if not each.getparent().tag.endswith("}rPh"))
