"""Pictures (PNG, JPEG, TIFF, WebP): each a page, or in a TIFF several, whose text OCR reads where it is on."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING, Final

from ingest.extract import Extract, Limits, RawFile, Unparsable
from ingest.parse.plain import write_plain
from ingest.parse.writer import ExtractWriter
from ingest.picture import OCR_DPI, OCR_PIXELS, Picture

if TYPE_CHECKING:
    from PIL.Image import Image

MAGIC: Final = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"II*\x00": "image/tiff",
    b"MM\x00*": "image/tiff",
}
_FORMATS: Final = ("PNG", "JPEG", "TIFF", "WEBP")
_MOST_PIXELS: Final = 100_000_000
_LEAST_SIDE: Final = 24
_SHARP_DPI: Final = 150


def image_type(data: bytes) -> str:
    """Return the media type of a picture; empty for what is none."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((found for magic, found in MAGIC.items() if data.startswith(magic)), "")


def parse(source: RawFile, limits: Limits) -> Extract:
    """Read the text that OCR found on a picture."""
    try:
        with _opened(source.data) as image:
            count = min(int(getattr(image, "n_frames", 1)), limits.max_pages)
            if min(image.size) < _LEAST_SIDE:
                raise Unparsable("unsupported", "The file is a picture too small to hold text.")
    except Unparsable as error:
        if source.ocr is None:  # in a folder a picture is passed over, whatever is the matter with it
            raise Unparsable("unsupported", error.message) from error
        raise
    pages = tuple(range(1, count + 1))
    if source.ocr is None:
        raise Unparsable(
            "unsupported", "The file is a picture; OCR is off (FOOTNOTE_OCR=true reads it).", unread=pages
        )
    writer = ExtractWriter(limits)
    read = tuple(page for page in pages if source.ocr.texts.get(page, "").strip())
    for page in pages:
        writer.start_page()
        write_plain(source.ocr.texts.get(page, "").replace("\f", "\n"), writer)
    failed = dict.fromkeys(source.ocr.failed.values())
    if not read:
        why = "; ".join(failed) or "OCR found no words"
        raise Unparsable("unsupported", f"The file is a picture; {why}.", unread=pages)
    writer.finding(
        "It is a picture, and was read by OCR." if count == 1 else f"{len(read)} pictures were read by OCR."
    )
    for why in failed:
        writer.finding(f"A page has no text; {why}.")
    return replace(writer.finish(source.media_type, headed=False), by_ocr=read)


def drawn(data: bytes, page: int) -> Picture:
    """Return a page (from 1) of a picture as OCR reads it: upright, in colours, no larger than it may be."""
    from PIL import Image, ImageOps

    with _opened(data) as image:
        image.seek(page - 1)
        shown = (ImageOps.exif_transpose(image) or image).convert("RGBA")
        plain = Image.new("RGB", shown.size, "white")
        plain.paste(shown, mask=shown.getchannel("A"))
        width, height = plain.size
        # a picture of a screen has small letters
        larger = (
            OCR_DPI / _SHARP_DPI if width * height * (OCR_DPI / _SHARP_DPI) ** 2 < OCR_PIXELS / 2 else 1.0
        )
        scale = min(larger, (OCR_PIXELS / (width * height)) ** 0.5)
        if scale != 1.0:
            size = (max(int(width * scale), 1), max(int(height * scale), 1))
            plain = plain.resize(size, Image.Resampling.LANCZOS)
        return Picture(*plain.size, plain.tobytes())


@contextmanager
def _opened(data: bytes) -> "Iterator[Image]":
    from PIL import Image, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = _MOST_PIXELS
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(BytesIO(data), formats=_FORMATS) as image:
                yield image
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Unparsable("too_large", f"The picture has more than {_MOST_PIXELS:,} pixels.") from error
    except (UnidentifiedImageError, OSError, EOFError, SyntaxError, ValueError) as error:
        raise Unparsable("corrupt", "The picture is damaged; open it and save it again.") from error
