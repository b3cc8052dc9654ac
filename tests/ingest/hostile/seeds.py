"""A healthy file of every type that is read, to be damaged: those of `healthy`, and the types that hold no handbook."""

import json
import re
import zipfile
from collections.abc import Callable
from io import BytesIO
from typing import Final

from ingest.extract import Unparsable
from ingest.parse.dispatch import PARSERS
from ingest.parse.sniff import sniff
from tests.ingest.hostile import healthy
from tests.ingest.hostile.healthy import HEADINGS, ITEMS, PARAGRAPHS, TABLE, TITLE, zipped
from tests.ingest.ole import message, ole

_SPACES: Final = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{space}:1.0"'
    for name, space in (
        *((name, name) for name in ("office", "text", "table", "style", "presentation")),
        ("draw", "drawing"),
    )
)


def rtf() -> bytes:
    def plain(text: str) -> str:
        return "".join(each if each.isascii() else f"\\u{ord(each)}?" for each in text)

    rows = "".join(
        r"\trowd\cellx2000\cellx4000\cellx6000 "
        + "".join(rf"\intbl {plain(cell)}\cell " for cell in row)
        + "\\row\n"
        for row in TABLE
    )
    items = "".join(rf"{{\pntext\bullet\tab}}{item}\par " for item in ITEMS)
    body = (
        rf"\pard\b {heading}\b0\par {plain(text)}\par "
        for heading, text in zip(HEADINGS, PARAGRAPHS, strict=True)
    )
    head = rf"{{\rtf1\ansi\ansicpg1252\deff0{{\fonttbl{{\f0 Arial;}}}}{{\info{{\title {TITLE}}}}}"
    return f"{head}{items}{''.join(body)}{rows}\\pard Caf\\'e9\\par}}".encode("ascii")


def source() -> bytes:
    lines = "\n\n\n".join(
        f'def step_{at}():\n    """{text}"""\n    return {at}' for at, text in enumerate(PARAGRAPHS)
    )
    return f'"""{TITLE}"""\n\n{lines}\n'.encode()


def xml() -> bytes:
    rows = "".join(f"<row>{''.join(f'<c>{cell}</c>' for cell in row)}</row>" for row in TABLE)
    parts = "".join(
        f"<part><name>{name}</name><p>{text}</p></part>"
        for name, text in zip(HEADINGS, PARAGRAPHS, strict=True)
    )
    return f"<?xml version='1.0' encoding='utf-8'?><handbook title='{TITLE}'>{parts}<table>{rows}</table></handbook>".encode()


def table_tsv() -> bytes:
    return "".join("\t".join(row) + "\n" for row in TABLE).encode()


def lines_json() -> bytes:
    return "".join(json.dumps(dict(zip(TABLE[0], row, strict=True))) + "\n" for row in TABLE[1:]).encode()


def notebook() -> bytes:
    def cell(kind: str, text: str, **more: object) -> dict[str, object]:
        return {"cell_type": kind, "metadata": {}, "source": text.splitlines(keepends=True), **more}

    outputs = [
        {"output_type": "stream", "name": "stdout", "text": ["paid\n", "twice\n"]},
        {
            "output_type": "execute_result",
            "data": {"text/html": ["<table><tr><td>1</td></tr></table>"]},
            "metadata": {},
        },
        {
            "output_type": "error",
            "ename": "ValueError",
            "evalue": "no",
            "traceback": ["\u001b[31mno\u001b[0m"],
        },
    ]
    cells = [
        cell("markdown", f"# {TITLE}\n\n{PARAGRAPHS[0]}"),
        cell("code", "print('paid')\nprint('twice')", execution_count=1, outputs=outputs),
        cell("raw", PARAGRAPHS[1]),
    ]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def vtt() -> bytes:
    cues = "".join(
        f"{at}\n00:00:{at:02}.000 --> 00:00:{at + 1:02}.000 align:start\n<v Ana>{text}</v>\n\n"
        for at, text in enumerate((*PARAGRAPHS, *ITEMS))
    )
    return f"WEBVTT - {TITLE}\n\nNOTE made by hand\n\nSTYLE\n::cue {{ color: red }}\n\n{cues}".encode()


def srt() -> bytes:
    return "".join(
        f"{at + 1}\n00:00:{at:02},000 --> 00:00:{at + 1:02},000\n<i>{text}</i>\n\n"
        for at, text in enumerate((*PARAGRAPHS, *ITEMS))
    ).encode()


def calendar() -> bytes:
    events = "".join(
        f"BEGIN:VEVENT\r\nUID:{at}\r\nDTSTART;TZID=Europe/Berlin:20250303T100000\r\nDURATION:PT1H\r\nRRULE:FREQ=WEEKLY;COUNT=3\r\n"
        f"SUMMARY:{heading}\r\nDESCRIPTION:{text[:60]}\r\n {text[60:]}\r\nATTENDEE;CN=Ana:mailto:ana@example.org\r\nEND:VEVENT\r\n"
        for at, (heading, text) in enumerate(zip(HEADINGS, PARAGRAPHS, strict=True))
    )
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\n{events}END:VCALENDAR\r\n".encode()


def card() -> bytes:
    return (
        "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Lima;Ana;;;\r\nFN:Ana Lima\r\nORG:Travel desk;Europe\r\nTEL;TYPE=work:+49 30 1\r\n"
        f"EMAIL:ana@example.org\r\nADR:;;Street 1;Berlin;;10115;Germany\r\nNOTE:{PARAGRAPHS[0]}\r\nEND:VCARD\r\n"
    ).encode()


def mailbox() -> bytes:
    first = healthy.mail().replace(b"\nFrom ", b"\n>From ")
    second = f"From: ben@example.org\nSubject: Re: {TITLE}\nDate: Tue, 04 Mar 2025 09:00:00 +0100\n\n{PARAGRAPHS[0]}\n"
    return (
        b"From ana@example.org Mon Mar  3 10:00:00 2025\n" + first
        + b"\nFrom ben@example.org Tue Mar  4 09:00:00 2025\n" + second.encode()
    )  # fmt: skip


def archive() -> bytes:
    return zipped(
        {
            "handbook/travel.md": healthy.markdown(),
            "handbook/table.csv": healthy.table_csv(),
            "travel.docx": healthy.docx(),
            "inner.zip": zipped({"page.html": healthy.html()}),
        }
    )


def _open_document(kind: str, body: str) -> bytes:
    content = (
        f"<office:document-content {_SPACES}><office:body>{body}</office:body></office:document-content>"
    )
    return zipped(
        {
            "mimetype": f"application/vnd.oasis.opendocument.{kind}".encode(),
            "content.xml": content.encode(),
            "meta.xml": f"<office:document-meta {_SPACES}/>".encode(),
        }
    )


def ods() -> bytes:
    def cell(text: str) -> str:
        return f'<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>'

    number = '<table:table-cell office:value-type="float" office:value="28.5"><text:p>28.50</text:p></table:table-cell>'
    blank = '<table:table-cell table:number-columns-repeated="3"/>'
    rows = "".join(
        f"<table:table-row>{''.join(map(cell, row))}{number}{blank}</table:table-row>" for row in TABLE
    )
    rows += '<table:table-row table:number-rows-repeated="1000"><table:table-cell/></table:table-row>'
    sheets = "".join(f'<table:table table:name="{name}">{rows}</table:table>' for name in HEADINGS)
    return _open_document("spreadsheet", f"<office:spreadsheet>{sheets}</office:spreadsheet>")


def odp() -> bytes:
    def frame(kind: str, inner: str) -> str:
        return f'<draw:frame presentation:class="{kind}"><draw:text-box>{inner}</draw:text-box></draw:frame>'

    items = "".join(f"<text:list-item><text:p>{item}</text:p></text:list-item>" for item in ITEMS)
    pages = "".join(
        f'<draw:page draw:name="{heading}">{frame("title", f"<text:p>{heading}</text:p>")}'
        f"{frame('outline', f'<text:p>{text}</text:p><text:list>{items}</text:list>')}"
        f"<presentation:notes>{frame('notes', f'<text:p>{TITLE}</text:p>')}</presentation:notes></draw:page>"
        for heading, text in zip(HEADINGS, PARAGRAPHS, strict=True)
    )
    return _open_document("presentation", f"<office:presentation>{pages}</office:presentation>")


def outlook() -> bytes:
    inside = message({0x0037: HEADINGS[1], 0x1000: PARAGRAPHS[1]}, inside=True)
    properties: dict[int, str | bytes] = {
        0x0037: TITLE,
        0x0C1A: "Ana Lima",
        0x0C1F: "ana@example.org",
        0x007D: "Date: Mon, 03 Mar 2025 10:00:00 +0100\r\nFrom: Ana Lima <ana@example.org>\r\n",
        0x1000: "\r\n\r\n".join(PARAGRAPHS),
        0x1013: f"<p>{PARAGRAPHS[0]}</p>".encode(),
    }
    attachments: list[dict[int, object]] = [{0x3707: "travel.csv", 0x3701: healthy.table_csv()}, {0: inside}]
    return ole(message(properties, attachments=attachments))


def picture(kind: str) -> bytes:
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (320, 120), "white")
    ImageDraw.Draw(image).text((10, 40), TITLE, fill="black")
    file = BytesIO()
    image.save(file, kind)
    return file.getvalue()


def parts_of(data: bytes) -> dict[str, bytes]:
    """Return the parts of a zip."""
    with zipfile.ZipFile(BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _of_kind(data: bytes, old: bytes, new: bytes) -> bytes:
    """Return an Office file as one of another kind: with macros, or a template."""
    parts = parts_of(data)
    types = "[Content_Types].xml"
    assert old in parts[types]
    return zipped(parts | {types: parts[types].replace(old, new)})


def docm() -> bytes:
    old = b"vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    return _of_kind(healthy.docx(), old, b"vnd.ms-word.document.macroEnabled.main+xml")


def dotx() -> bytes:
    return _of_kind(healthy.docx(), b"wordprocessingml.document.main", b"wordprocessingml.template.main")


def shared_xlsx() -> bytes:
    """Return a workbook whose texts stand in a part of their own, as Excel writes them."""
    parts = parts_of(healthy.xlsx())
    texts: list[bytes] = []

    def moved(found: re.Match[bytes]) -> bytes:
        texts.append(found[1])
        return b't="s"><v>%d</v>' % (len(texts) - 1)

    for name in [each for each in parts if each.startswith("xl/worksheets/sheet")]:
        parts[name] = re.sub(rb't="inlineStr"><is>(.*?)</is>', moved, parts[name])
    rels = "xl/_rels/workbook.xml.rels"
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"
    relation = f'<Relationship Id="texts" Type="{kind}" Target="sharedStrings.xml"/></Relationships>'
    parts[rels] = parts[rels].replace(b"</Relationships>", relation.encode())
    items = b"".join(b"<si>%b</si>" % text for text in texts)
    space = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    parts["xl/sharedStrings.xml"] = b'<sst xmlns="%b">%b</sst>' % (space, items)
    return zipped(parts)


SEEDS: Final[dict[str, Callable[[], bytes]]] = {
    **healthy.FILES,
    "a.rtf": rtf,
    "a.py": source,
    "a.xml": xml,
    "a.tsv": table_tsv,
    "a.jsonl": lines_json,
    "a.ipynb": notebook,
    "a.vtt": vtt,
    "a.srt": srt,
    "a.ics": calendar,
    "a.vcf": card,
    "a.mbox": mailbox,
    "a.zip": archive,
    "a.ods": ods,
    "a.odp": odp,
    "a.msg": outlook,
    "a.docm": docm,
    "a.dotx": dotx,
    "b.xlsx": shared_xlsx,
    "a.png": lambda: picture("PNG"),
    "a.jpg": lambda: picture("JPEG"),
    "a.tiff": lambda: picture("TIFF"),
    "a.webp": lambda: picture("WEBP"),
}


def types() -> dict[str, str]:
    """Return the type that each seed is read as, by its name; those of no type that is read are left out."""
    found = {}
    for name, make in SEEDS.items():
        try:
            found[name] = sniff(make(), name)
        except Unparsable:
            continue
    return {name: kind for name, kind in found.items() if kind in PARSERS}
