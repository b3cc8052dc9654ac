"""The process that parses: it gives up what it does not need, then answers one file at a time.

Started by `ingest.confined.worker_process` with a socket as its standard input. For each file it receives a JSON line
with the file's name and an open descriptor (a second one where OCR has read its pages), and sends back a parcel: what the file says or, where the line asks
for `places` or a `page`, where words stand or how a page looks. It ends when the socket closes.
"""

import array
import json
import os
import socket
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, NamedTuple

from ingest.confined.confine import confine, cpu_allowance
from ingest.extract import Extract, Limits, OcrPages, ParseFailure, Unparsable, own_error
from ingest.parcel import READY, pack, pack_members
from ingest.parse.dispatch import Members, members_of, parse
from ingest.parse.image import drawn, image_type
from ingest.parse.pdf.place import layout_of, picture_of
from ingest.picture import Layout, Picture, Place, pack_layout, pack_picture
from vectorstore.plugins import PlugIn

_MAX_REQUEST: Final = 16_384
OUT_OF_MEMORY: Final = ParseFailure(
    "out_of_memory", "Reading the file takes more memory than one file may use; split it."
)


class _Request(NamedTuple):
    asked: dict[str, Any]  # Any: JSON from the parent
    descriptors: list[int]


def main() -> None:
    """Serve until the parent closes the socket. The arguments are JSON: the limits, the parsers of plug-ins."""
    limits = Limits(**json.loads(sys.argv[1]))
    plugged = {each["name"]: PlugIn(**each) for each in json.loads(sys.argv[2])}
    with socket.socket(fileno=0) as parent:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        confine(limits.memory_bytes, also=_code_of(plugged.values()))
        parent.sendall(READY)
        # libraries write warnings about damaged files; nobody reads them, and a full pipe would block
        os.dup2(nowhere, 2)
        while (request := _receive(parent)) is not None:
            cpu_allowance(limits.cpu_seconds)
            outcome = _outcome(request, limits, plugged)
            parent.sendall(_parcel(outcome))
            del outcome


def _code_of(plug_ins: Iterable[PlugIn]) -> Iterator[Path]:
    """Return where plug-ins lie that are not among the installed packages: their own files, not what is beside them.

    Looking for them now is also what lets them be found later, in folders that can then no longer be listed.
    """
    for plug_in in plug_ins:
        with suppress(ImportError, ValueError):
            spec = find_spec(plug_in.value.partition(":")[0].partition(".")[0].strip())
            if spec is not None:
                places = spec.submodule_search_locations or filter(None, [spec.origin])
                yield from map(Path, places)


def _receive(parent: socket.socket) -> _Request | None:
    message, ancillary, _, _ = parent.recvmsg(_MAX_REQUEST, socket.CMSG_SPACE(2 * array.array("i").itemsize))
    if not message:
        return None
    descriptors = array.array("i")
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(content)
    return _Request(json.loads(message), list(descriptors))


def _outcome(
    request: _Request, limits: Limits, plugged: Mapping[str, PlugIn]
) -> Extract | Layout | Picture | Members | ParseFailure:
    try:
        data, *beside = [_content(each, limits.max_file_bytes + 1) for each in request.descriptors]
        ocr = _ocr_pages(beside[0]) if beside else None
        return _answer(request.asked, data, limits, ocr=ocr, plugged=plugged)
    except Unparsable as failure:
        return ParseFailure(failure.reason, failure.message, failure.unread)
    except MemoryError:
        return OUT_OF_MEMORY
    except RecursionError:
        return ParseFailure("corrupt", "The file is nested too deeply to be read.")
    # the edge: a parser may raise anything on a damaged file, and it must cost this file only
    except Exception as error:  # noqa: BLE001
        if place := own_error(error):
            return ParseFailure(
                "crashed", f"Footnote broke on the file, for an error of its own ({place}); report it."
            )
        return ParseFailure(
            "corrupt",
            f"The file is damaged or not what its type says ({type(error).__name__}); open it and save it again.",
        )


def _content(descriptor: int, most: int) -> bytes:
    with open(descriptor, "rb") as file:
        return file.read(most)


def _ocr_pages(body: bytes) -> OcrPages:
    texts, failed = ({int(page): said for page, said in each.items()} for each in json.loads(body))
    return OcrPages(texts, failed)


def _answer(
    asked: dict[str, Any],
    data: bytes,
    limits: Limits,
    *,
    ocr: OcrPages | None,
    plugged: Mapping[str, PlugIn],
) -> Extract | Layout | Picture | Members:
    if "members" in asked:
        return members_of(data, name=asked["name"], limits=limits, plugged=plugged)
    if "page" in asked and image_type(data):
        return drawn(data, asked["page"])
    if "page" in asked:
        return picture_of(data, asked["page"], limits, width=asked["width"])
    if "places" in asked:
        return layout_of(data, [Place(*place) for place in asked["places"]], limits)
    return parse(data, name=asked["name"], limits=limits, ocr=ocr, plugged=plugged)


# after the failure's own frames are gone: where memory ran out, they hold what is left of it
def _parcel(outcome: Extract | Layout | Picture | Members | ParseFailure) -> bytes:
    match outcome:
        case Layout():
            return pack_layout(outcome)
        case Picture():
            return pack_picture(outcome)
        case Members():
            return pack_members(outcome.files, is_document=outcome.is_document)
        case _:
            return pack(outcome)
