"""From a file's bytes to its Extract: find the type by content, load that type's parser, run it.

A plug-in's parser reads the files of one ending, whatever they hold; endings that Footnote reads stay Footnote's.
"""

from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from shutil import which
from typing import Final, NamedTuple, TypeAlias, cast

from ingest.extract import Extract, Limits, OcrPages, RawFile, Unparsable, suffix_of
from ingest.parse.access import readers_of
from ingest.parse.account import with_account
from ingest.parse.sniff import ENDINGS, archived, is_archive, sniff
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
    "application/x-ipynb+json": "ingest.parse.notebook",
    "text/vtt": "ingest.parse.timed",
    "application/x-subrip": "ingest.parse.timed",
    "text/calendar": "ingest.parse.timed",
    "text/vcard": "ingest.parse.timed",
    "message/rfc822": "ingest.parse.mail",
    "application/vnd.ms-outlook": "ingest.parse.mail",
    "application/mbox": "ingest.parse.mail",
    "application/pdf": "ingest.parse.pdf.pdf",
    **dict.fromkeys(("image/png", "image/jpeg", "image/tiff", "image/webp"), "ingest.parse.image"),
    "application/rtf": "ingest.parse.office.rtf",
    "application/epub+zip": "ingest.parse.html.html",
    "application/vnd.oasis.opendocument.text": "ingest.parse.office.odt",
    "application/vnd.oasis.opendocument.spreadsheet": "ingest.parse.office.ods",
    "application/vnd.oasis.opendocument.presentation": "ingest.parse.office.odt",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "ingest.parse.office.docx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "ingest.parse.office.pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "ingest.parse.office.xlsx",
}
"""Media type → the module whose `parse` reads it; loaded only when such a file comes."""
CONVERTERS: Final = ("soffice",)
"""Programs that turn what no parser reads into what one does, where they are installed."""
_NOT_IN_NAMES: Final = frozenset('/\\:*?"<>|')
_LONGEST_NAME: Final = 60


class Members(NamedTuple):
    """The documents that a file holds, by their names inside it; whether it is a document beside them itself."""

    files: list[tuple[str, bytes]]
    is_document: bool = False


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
    if "opendocument" in media_type and not data.startswith(b"PK"):
        data = import_module("ingest.parse.office.ods").in_parts(data)
    source = RawFile(data, name, media_type, ocr)
    return with_account(source, parser(source, limits))


def members_of(data: bytes, *, name: str, limits: Limits, plugged: Collection[str] = ()) -> Members:
    """Return the documents that a file holds: those of a zip folder, the messages of a mailbox, what came with a message.

    Raises:
        Unparsable: it is such a file and cannot be opened.

    """
    if is_archive(data):
        return Members(list(archived(data)))
    try:
        media_type = sniff(data, name)
    except Unparsable:
        return Members([], is_document=True)
    if media_type not in ("application/mbox", "message/rfc822", "application/vnd.ms-outlook"):
        return Members([], is_document=True)
    from ingest.parse.mail import attachments_of, message_of, messages_of, subject_of

    if media_type == "application/mbox":
        messages = enumerate(messages_of(data), start=1)
        return Members(
            [(f"{number:04} {_file_name(subject_of(each))}.eml", each) for number, each in messages]
        )
    came = attachments_of(message_of(data, media_type), limits)
    found = [
        (_file_name(each.name), each.data)
        for each in came
        if not each.inline and _is_read(each.name, each.data, plugged)
    ]
    return Members(found, is_document=True)


def _file_name(words: str) -> str:
    """Return words as the name of a file that is not hidden."""
    plain = "".join(" " if each in _NOT_IN_NAMES or not each.isprintable() else each for each in words)
    plain = " ".join(plain.split()).lstrip(".~$ ")
    stem, dot, suffix = plain.rpartition(".")
    return f"{stem[:_LONGEST_NAME]}{dot}{suffix[:_LONGEST_NAME]}".strip() or "without a name"


def _is_read(name: str, data: bytes, plugged: Collection[str]) -> bool:
    if suffix_of(name) in plugged:
        return True
    try:
        return sniff(data, name) in PARSERS
    except Unparsable as error:
        return error.reason not in ("unsupported", "no_text") or suffix_of(name) == "zip"


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
