"""A page as it looks, and where words stand on it; and how both cross from the worker, checked on arrival.

A worker that a hostile file has taken over can send anything. What arrives is plain numbers and raw pixels, as
many as they say they are: the image file that a browser opens is written here, from those.
"""

import json
import math
import struct
import zlib
from dataclasses import dataclass
from typing import Any, Final

from ingest.extract import ParseFailure
from ingest.parcel import BadParcel, framed, read

MAX_PIXELS: Final = 4_000_000
OCR_DPI: Final = 300
OCR_PIXELS: Final = 9_000_000
"""An A4 page at 300 dots per inch has 8.7 million."""
MAX_LAYOUT_BYTES: Final = 2 << 20
MAX_PICTURE_BYTES: Final = 3 * MAX_PIXELS + 1_000
MAX_OCR_BYTES: Final = 3 * OCR_PIXELS + 1_000
_MAX_POINTS: Final = 20_000.0
_MAX_BOXES: Final = 500
_SIZE: Final = struct.Struct(">II")


@dataclass(frozen=True, slots=True)
class Place:
    """Words on a page: the `nth` time (from 0) that `text` stands on page `page` (from 1)."""

    page: int
    text: str
    nth: int = 0


@dataclass(frozen=True, slots=True)
class Box:
    """A piece of a line on page `page`, in points from the page's upper left corner."""

    page: int
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Layout:
    """The size of every page, (width, height) in points, and the boxes of the places that were asked for."""

    sizes: tuple[tuple[float, float], ...]
    boxes: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawn page: red, green and blue, a byte each, row by row from the top."""

    width: int
    height: int
    pixels: bytes

    def png(self) -> bytes:
        """Return it as a PNG file, in shades of grey where it has no colour."""
        red, green, blue = self.pixels[0::3], self.pixels[1::3], self.pixels[2::3]
        is_grey = red == green == blue
        kind, step, content = (0, self.width, red) if is_grey else (2, 3 * self.width, self.pixels)
        # each row begins with its filter: none suits text on white
        rows = b"".join(b"\0" + content[at : at + step] for at in range(0, len(content), step))
        header = struct.pack(">IIBBBBB", self.width, self.height, 8, kind, 0, 0, 0)
        parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 6)), (b"IEND", b""))
        return b"\x89PNG\r\n\x1a\n" + b"".join(_part(name, body) for name, body in parts)

    def ppm(self) -> bytes:
        """Return it as a portable pixmap, which any program reads with the least of code."""
        return b"P6 %d %d 255\n" % (self.width, self.height) + self.pixels


def pack_layout(layout: Layout) -> bytes:
    """Return the layout as bytes, its length in front."""
    boxes = [[box.page, box.left, box.top, box.right, box.bottom] for box in layout.boxes]
    return framed(json.dumps({"sizes": layout.sizes, "boxes": boxes[:_MAX_BOXES]}).encode())


def unpack_layout(body: bytes) -> Layout | ParseFailure:
    """Return the layout that `body` (without its length) holds, or why there is none; raises BadParcel."""
    return read(body, _read_layout)


def pack_picture(picture: Picture) -> bytes:
    """Return the picture as bytes, its length in front."""
    return framed(_SIZE.pack(picture.width, picture.height), picture.pixels)


def unpack_picture(body: bytes, *, most: int = MAX_PIXELS) -> Picture | ParseFailure:
    """Return the picture that `body` (without its length) holds, or why there is none; raises BadParcel."""
    if len(body) < _SIZE.size:
        raise BadParcel("no picture")
    if body.startswith(b"{"):
        return read(body, _read_nothing)
    width, height = _SIZE.unpack_from(body)
    if not 0 < width * height <= most or len(body) != _SIZE.size + 3 * width * height:
        raise BadParcel("not as large as it says")
    return Picture(width, height, body[_SIZE.size :])


def _read_layout(content: dict[str, Any]) -> Layout:
    sizes = tuple((_points(width), _points(height)) for width, height in content["sizes"])
    return Layout(sizes, tuple(_box(values, sizes) for values in content["boxes"][:_MAX_BOXES]))


def _read_nothing(_: dict[str, Any]) -> Picture:
    raise BadParcel("no picture")


def _part(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _points(value: object) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value) or not 0 < value <= _MAX_POINTS:
        raise ValueError("not a length")
    return float(value)


def _box(values: list[object], sizes: tuple[tuple[float, float], ...]) -> Box:
    page, *edges = values
    if not isinstance(page, int) or not 1 <= page <= len(sizes) or len(edges) != 4:
        raise ValueError("not a box")
    width, height = sizes[page - 1]
    left, top, right, bottom = (
        min(max(float(edge), 0.0), most)  # type: ignore[arg-type]  # anything else raises, as it should
        for edge, most in zip(edges, (width, height, width, height), strict=True)
    )
    if not (left < right and top < bottom):  # also where one is no number
        raise ValueError("an empty box")
    return Box(page, left, top, right, bottom)
