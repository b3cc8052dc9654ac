"""The process that parses: it gives up what it does not need, then answers one file at a time.

Started by `ingest.sandbox` with a socket as its standard input. For each file it receives a JSON line with the
file's name and an open descriptor, and sends back a parcel. It ends when the socket closes.
"""

import array
import json
import os
import socket
import sys
from typing import Final, NamedTuple

from ingest.confine import confine, cpu_allowance
from ingest.extract import Extract, ParseFailure
from ingest.limits import Limits
from ingest.parcel import READY, pack
from ingest.parse.dispatch import parse
from ingest.parse.failure import Unparsable

_MAX_REQUEST: Final = 16_384
OUT_OF_MEMORY: Final = ParseFailure(
    "out_of_memory", "Reading the file takes more memory than one file may use; split it."
)


class _Request(NamedTuple):
    name: str
    descriptor: int


def main() -> None:
    """Serve until the parent closes the socket. The limits come as JSON in the first argument."""
    limits = Limits(**json.loads(sys.argv[1]))
    with socket.socket(fileno=0) as parent:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        confine(limits)
        parent.sendall(READY)
        # libraries write warnings about damaged files; nobody reads them, and a full pipe would block
        os.dup2(nowhere, 2)
        while (request := _receive(parent)) is not None:
            cpu_allowance(limits.cpu_seconds)
            outcome = _outcome(request, limits)
            parent.sendall(pack(outcome))
            del outcome


def _receive(parent: socket.socket) -> _Request | None:
    message, ancillary, _, _ = parent.recvmsg(_MAX_REQUEST, socket.CMSG_SPACE(array.array("i").itemsize))
    if not message:
        return None
    descriptors = array.array("i")
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(content)
    return _Request(json.loads(message)["name"], descriptors[0])


def _outcome(request: _Request, limits: Limits) -> Extract | ParseFailure:
    try:
        with open(request.descriptor, "rb") as file:  # noqa: PTH123 - a descriptor, not a path
            data = file.read(limits.max_file_bytes + 1)
        return parse(data, name=request.name, limits=limits)
    except Unparsable as failure:
        return ParseFailure(failure.reason, failure.message)
    except MemoryError:
        return OUT_OF_MEMORY
    except RecursionError:
        return ParseFailure("corrupt", "The file is nested too deeply to be read.")
    # the edge: a parser may raise anything on a damaged file, and it must cost this file only
    except Exception as error:  # noqa: BLE001
        return ParseFailure(
            "corrupt",
            f"The file is damaged or not what its type says ({type(error).__name__}); open it and save it again.",
        )
