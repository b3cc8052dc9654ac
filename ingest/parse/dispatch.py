"""From a file's bytes to its Extract: find the type by content, load that type's parser, run it.

A plug-in's parser reads the files of one ending, whatever they hold; endings that Footnote reads stay Footnote's.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from shutil import which
from typing import Final, TypeAlias, cast

from ingest.extract import Extract, Limits, OcrPages, RawFile, Unparsable, suffix_of
from ingest.parse.access import readers_of
from ingest.parse.sniff import ENDINGS, sniff
from vectorstore.errors import Unavailable
from vectorstore.plugins import PlugIn, plug_ins

Parser: TypeAlias = Callable[[RawFile, Limits], Extract]

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
    "application/vnd.oasis.opendocument.presentation": "ingest.parse.office.odt",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "ingest.parse.office.docx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "ingest.parse.office.pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "ingest.parse.office.xlsx",
}
"""Media type → the module whose `parse` reads it; loaded only when such a file comes."""
CONVERTERS: Final = ("soffice",)
"""Programs that turn what no parser reads into what one does, where they are installed."""


def plugged_parsers() -> dict[str, PlugIn]:
    """Return the parsers that plug-ins bring, by the ending of the names of their files."""
    return plug_ins("parser", own=ENDINGS)


def formats() -> list[str]:
    """Return all that can be read: what failed before may succeed when this changes."""
    converters = [name for name in CONVERTERS if which(name)]
    return sorted([*PARSERS, *converters, *map(str, plugged_parsers().values())])


def parse(
    data: bytes,
    *,
    name: str,
    limits: Limits,
    ocr: OcrPages | None = None,
    plugged: Mapping[str, PlugIn] | None = None,
) -> Extract:
    """Read a document of any supported type, or of an ending that a plug-in reads.

    Raises:
        Unparsable: with a typed reason and a sentence for a person.

    """
    if len(data) > limits.max_file_bytes:
        raise Unparsable(
            "too_large", f"The file is larger than {limits.max_file_bytes // 1_000_000} MB; split it."
        )
    if plugged and (plug_in := plugged.get(suffix_of(name))):
        return _by_plug_in(plug_in, RawFile(data, name, f"application/x-{plug_in.name}", ocr), limits)
    media_type = sniff(data, name)
    if media_type not in PARSERS:
        raise Unparsable(
            "unsupported", f"Files of type {media_type} are not read; save it as PDF, DOCX, HTML or text."
        )
    parser = cast(Parser, import_module(PARSERS[media_type]).parse)
    return parser(RawFile(data, name, media_type, ocr), limits)


def _by_plug_in(plug_in: PlugIn, source: RawFile, limits: Limits) -> Extract:
    try:
        extract = plug_in.load()(source, limits)
        if not isinstance(extract, Extract):
            raise TypeError(f"it gave {type(extract).__name__} and no Extract")
    except (Unparsable, MemoryError, RecursionError):
        raise
    except Unavailable as error:
        # not the file's fault: it is read when the plug-in is mended
        raise Unparsable("unreadable", str(error)) from error
    except Exception as error:
        raise Unparsable("corrupt", plug_in.broken("broke on this file", error, told=False).what) from error
    if extract.readers is None:
        readers_of(extract.metadata, text="", where="The metadata")
    return extract
