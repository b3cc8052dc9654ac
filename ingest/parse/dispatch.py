"""From a file's bytes to its Extract: find the type by content, load that type's parser, run it."""

from collections.abc import Callable
from importlib import import_module
from typing import Final, TypeAlias, cast

from ingest.extract import Extract, Limits, OcrPages, Source, Unparsable
from ingest.parse.sniff import sniff

Parser: TypeAlias = Callable[[Source, Limits], Extract]

PARSERS: Final = {
    "text/markdown": "ingest.parse.marked.markdown",
    "text/x-rst": "ingest.parse.marked.rst",
    "text/html": "ingest.parse.html.html",
    "text/plain": "ingest.parse.plain",
    "text/x-source": "ingest.parse.sniff",
    "application/xml": "ingest.parse.xml",
    "text/csv": "ingest.parse.delimited",
    "text/tab-separated-values": "ingest.parse.delimited",
    "application/json": "ingest.parse.data",
    "application/jsonl": "ingest.parse.data",
    "message/rfc822": "ingest.parse.mail",
    "application/pdf": "ingest.parse.pdf.pdf",
    "application/rtf": "ingest.parse.office.rtf",
    "application/epub+zip": "ingest.parse.html.epub",
    "application/vnd.oasis.opendocument.text": "ingest.parse.office.odt",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "ingest.parse.office.docx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "ingest.parse.office.pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "ingest.parse.office.xlsx",
}
"""Media type → the module whose `parse` reads it; loaded only when such a file comes."""


def parse(data: bytes, *, name: str, limits: Limits, ocr: OcrPages | None = None) -> Extract:
    """Read a document of any supported type.

    Raises:
        Unparsable: with a typed reason and a sentence for a person.

    """
    if len(data) > limits.max_file_bytes:
        raise Unparsable(
            "too_large", f"The file is larger than {limits.max_file_bytes // 1_000_000} MB; split it."
        )
    media_type = sniff(data, name)
    if media_type not in PARSERS:
        raise Unparsable(
            "unsupported", f"Files of type {media_type} are not read; save it as PDF, DOCX, HTML or text."
        )
    parser = cast(Parser, import_module(PARSERS[media_type]).parse)
    return parser(Source(data, name, media_type, ocr), limits)
