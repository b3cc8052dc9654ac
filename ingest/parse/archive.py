"""What zip-based documents are, and whether unpacking one is safe: checked on the bytes that come out."""

import zipfile
import zlib
from io import BytesIO
from typing import Final

from ingest.parse.failure import Unparsable

_MAX_ENTRIES: Final = 10_000
_MAX_INFLATED: Final = 200 << 20
_MAX_RATIO: Final = 100
_RATIO_FREE: Final = 16 << 20  # small parts of blanks compress far better than text, and cost nothing
_STEP: Final = 1 << 20
_BY_PART: Final = {
    "word/document.xml": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "ppt/presentation.xml": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "xl/workbook.xml": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_BY_MIMETYPE: Final = {
    "application/epub+zip": "application/epub+zip",
    "application/vnd.oasis.opendocument.text": "application/vnd.oasis.opendocument.text",
}


def office_type(data: bytes) -> str:
    """Return the media type of a zip-based document, after checking that it is safe to unpack.

    Raises:
        Unparsable: damaged, encrypted, a bomb, or a zip of another kind.

    """
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            _check(archive, len(data))
            return _kind(archive)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError) as error:
        raise Unparsable("corrupt", "The file is damaged: its zip container cannot be unpacked.") from error
    except RuntimeError as error:
        raise Unparsable("encrypted", "The file is protected by a password; save it without one.") from error


def _kind(archive: zipfile.ZipFile) -> str:
    names = set(archive.namelist())
    for part, media_type in _BY_PART.items():
        if part in names:
            return media_type
    if "mimetype" in names:
        declared = archive.read("mimetype").decode("ascii", "replace").strip()
        if declared in _BY_MIMETYPE:
            return _BY_MIMETYPE[declared]
    raise Unparsable("unsupported", "The file is a zip archive; unpack it and ingest what it holds.")


def _check(archive: zipfile.ZipFile, packed: int) -> None:
    entries = archive.infolist()
    if len(entries) > _MAX_ENTRIES:
        raise Unparsable("too_large", f"The file unpacks to more than {_MAX_ENTRIES:,} parts.")
    allowed = min(_MAX_INFLATED, max(_RATIO_FREE, packed * _MAX_RATIO))
    inflated = 0
    for entry in entries:
        if entry.is_dir():
            continue
        inflated += _inflated_size(archive, entry, allowed=allowed - inflated)
        if inflated > allowed:
            raise Unparsable(
                "too_large", f"The file unpacks to more than {allowed >> 20} MiB: it may be a zip bomb."
            )


def _inflated_size(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, *, allowed: int) -> int:
    # The size that the header states may lie: only what really comes out counts.
    size = 0
    with archive.open(entry) as part:
        while size <= allowed and (piece := part.read(_STEP)):
            size += len(piece)
    return size
