"""Files that are small to store and ruinous to read, made here so that none lies in the repository."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

MIB = 1 << 20
CONTENT_TYPES = b"<Types xmlns='http://schemas.openxmlformats.org/package/2006/content-types'/>"


@dataclass(frozen=True)
class Bomb:
    name: str
    make: Callable[[], bytes]


def few() -> list[Bomb]:
    """One of each kind, at sizes that a quick run can bear."""
    return list(_bombs(scales=(1,)))


def many() -> list[Bomb]:
    """Every kind at several sizes: 60 and more."""
    return list(_bombs(scales=(1, 2, 4)))


def _bombs(scales: tuple[int, ...]) -> Iterator[Bomb]:
    kinds: dict[str, Callable[[int], bytes]] = {
        "flate.pdf": lambda scale: pdf_with_stream(_deflated(256 * MIB * scale, b" "), b"/FlateDecode"),
        "nested-flate.pdf": lambda scale: pdf_with_stream(
            zlib.compress(zlib.compress(_deflated(128 * MIB * scale, b" "))), b"[/FlateDecode /FlateDecode /FlateDecode]"
        ),
        "operators.pdf": lambda scale: pdf_with_stream(zlib.compress(b"BT /F 1 Tf " + b"(x) Tj " * (4 * MIB * scale)), b"/FlateDecode"),
        "pages.pdf": lambda scale: pdf_with_kids(50_000 * scale),
        "fan-out.pdf": lambda scale: pdf_fan_out(levels=7 + scale),
        "cycle.pdf": lambda _: pdf_of([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 9>>"]),
        "deep-array.pdf": lambda scale: pdf_of(
            [b"<</Type/Catalog/Pages 2 0 R/X " + b"[" * (100_000 * scale) + b"]" * (100_000 * scale) + b">>"]
        ),
        "document.docx": lambda scale: zip_of({"word/document.xml": _deflatable(220 * MIB * scale)}),
        "laughs.docx": lambda scale: zip_of({"word/document.xml": laughs(8 + scale)}, ooxml=True),
        "sheet.xlsx": lambda scale: zip_of({"xl/workbook.xml": b"<a/>", "xl/worksheets/sheet1.xml": _deflatable(220 * MIB * scale)}),
        "entries.docx": lambda scale: zip_of({"word/document.xml": b"<a/>"} | {f"x{at}": b"" for at in range(10_000 + scale)}),
        "lying-sizes.docx": lambda scale: lying(zip_of({"word/document.xml": _deflatable(220 * MIB * scale)})),
        "nested.docx": lambda scale: nested_zip(4 + scale),
        "chapter.epub": lambda scale: zip_of({"mimetype": b"application/epub+zip", "a.xhtml": _deflatable(220 * MIB * scale)}),
        "slide.pptx": lambda scale: zip_of({"ppt/presentation.xml": b"<a/>", "ppt/slides/slide1.xml": _deflatable(220 * MIB * scale)}),
        "deep.json": lambda scale: b"[" * (500_000 * scale) + b"]" * (500_000 * scale),
        "deep.html": lambda scale: b"<html><body>" + b"<div>" * (200_000 * scale) + b"x",
        "wide.html": lambda scale: b"<html><body><table>" + b"<td colspan=50 rowspan=50>x" * (20_000 * scale),
        "brackets.md": lambda scale: b"[" * (20_000 * scale) + b"\n\n" + b"![[a](" * (5_000 * scale),
        "quotes.md": lambda scale: b"> " * (2_000 * scale) + b"x",
        "emphasis.md": lambda scale: b"*a **b " * (10_000 * scale) + b"`" * (20_000 * scale) + b"``a`" * (10_000 * scale),
        "aliases.md": lambda _: yaml_aliases(),
        "indent.rst": lambda scale: b"".join(b" " * at + b"- x\n\n" for at in range(1_000 * scale)),
        "marks.rst": lambda scale: b"`a <b `c_ |d :e:`f " * (10_000 * scale),
        "parts.eml": lambda scale: nested_mail(2_000 * scale),
        "quote.csv": lambda scale: b'a,b\n"' + b"x" * (10 * MIB * scale),
        "long.txt": lambda scale: b"word " * (3 * MIB * scale),
    }  # fmt: skip
    for name, make in kinds.items():
        for scale in scales:
            yield Bomb(f"{scale}-{name}", lambda make=make, scale=scale: make(scale))  # type: ignore[misc]


def pdf_of(objects: list[bytes]) -> bytes:
    """Return a PDF of these objects, numbered from 1, the first its catalogue."""
    out = bytearray(b"%PDF-1.7\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, start)
    return bytes(out)


def stream_of(data: bytes, extra: bytes = b"") -> bytes:
    return b"<</Length %d%s>>stream\n%s\nendstream" % (len(data), extra, data)


_FONT = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"


def pdf_with_stream(data: bytes, filters: bytes) -> bytes:
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>"
    return pdf_of(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            page,
            stream_of(data, b"/Filter " + filters),
            _FONT,
        ]
    )


def pdf_with_kids(count: int) -> bytes:
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]>>"
    kids = b"<</Type/Pages/Kids[%s]/Count %d>>" % (b"3 0 R " * count, count)
    return pdf_of([b"<</Type/Catalog/Pages 2 0 R>>", kids, page])


def pdf_fan_out(levels: int) -> bytes:
    """Forms that each draw the next one ten times."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</XObject<</X 5 0 R>>>>>>",
        stream_of(b"/X Do " * 10),
    ]
    for level in range(levels):
        extra = (
            b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</Font<</F 4 0 R>>/XObject<</X %d 0 R>>>>"
        )
        objects.append(stream_of(b"/X Do " * 10, extra % (6 + level)))
    objects.append(stream_of(b"0 0 9 9 re f", b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]"))
    return pdf_of(objects)


def zip_of(parts: Mapping[str, bytes | Iterator[bytes]], *, ooxml: bool = False) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        if ooxml:
            archive.writestr("[Content_Types].xml", CONTENT_TYPES)
        for name, content in parts.items():
            with archive.open(name, "w", force_zip64=True) as part:
                for piece in [content] if isinstance(content, bytes) else content:
                    part.write(piece)
    return buffer.getvalue()


def lying(data: bytes) -> bytes:
    """Return the archive with its central directory claiming that every part is tiny."""
    out = bytearray(data)
    at = out.find(b"PK\x01\x02")
    while at >= 0:
        out[at + 24 : at + 28] = struct.pack("<I", 100)
        at = out.find(b"PK\x01\x02", at + 4)
    return bytes(out)


def nested_zip(depth: int) -> bytes:
    data = zip_of({"x": b" " * MIB})
    for _ in range(depth):
        data = zip_of({f"{at}.zip": data for at in range(10)})
    return data


def laughs(levels: int) -> bytes:
    entities = ['<!ENTITY l0 "ha">']
    entities += [f'<!ENTITY l{at} "{f"&l{at - 1};" * 10}">' for at in range(1, levels + 1)]
    return f"<!DOCTYPE d [{''.join(entities)}]><d>&l{levels};</d>".encode()


def yaml_aliases() -> bytes:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{at}: &a{at} [{', '.join([f'*a{at - 1}'] * 9)}]" for at in range(1, 12)]
    return f"---\n{chr(10).join(lines)}\n---\n# Title\n\nText.\n".encode()


def nested_mail(depth: int) -> bytes:
    head = b"From: a@example.org\nTo: b@example.org\nSubject: x\nMIME-Version: 1.0\n"
    parts = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (at, at) for at in range(depth)
    )
    return head + parts + b"Content-Type: text/plain\n\nhello\n"


def _deflated(size: int, filler: bytes) -> bytes:
    packer = zlib.compressobj(1)
    piece = filler * MIB
    return b"".join(packer.compress(piece) for _ in range(size // MIB)) + packer.flush()


def _deflatable(size: int) -> Iterator[bytes]:
    yield b"<a>"
    for _ in range(size // MIB):
        yield b"x" * MIB
    yield b"</a>"
