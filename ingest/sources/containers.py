"""Files that hold documents: a zip folder, a mailbox, a message with attachments. What they hold become sources.

They are opened before anything is planned, in the confined worker that also parses. Each document has the address of
what holds it and its own name behind it (`docs/letters.mbox/0003 Rent for May.eml`), and lies in a temporary folder
while it is ingested.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Final

from ingest.confined.worker_process import WorkerProcess
from ingest.extract import Limits, ParseFailure, suffix_of
from ingest.parcel import unpack_members
from ingest.sources.discover import ORPHAN, Discovery, Filters, Source
from ingest.sources.roots import printable, safe_path
from vectorstore.errors import BadInput

_DEEPEST: Final = 3
"""A zip folder with a mailbox whose messages have attachments."""
_MOST_FILES: Final = 10_000
_MOST_BYTES: Final = 200 << 20
_MOST_ANSWER: Final = _MOST_BYTES + (8 << 20)
_HEAD: Final = 2_048
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLE_ATTACHMENT: Final = "__attach_version1.0_".encode("utf-16-le")
_MAIL = re.compile(
    rb"\A\s*+(?:from|received|subject|message-id|mime-version|return-path|delivered-to|date|to|x-[\w-]++):",
    re.I,
)
_CARRIES = re.compile(rb"name[*\d]*+=|attachment|^content-type:\s*+application/", re.I | re.M)


@dataclass(slots=True)
class _Left:
    """What the file that was found may still give, however deep it lies in it."""

    files: int = _MOST_FILES
    bytes: int = _MOST_BYTES


def open_containers(found: Discovery, *, folder: Path, limits: Limits, filters: Filters) -> None:
    """Add to what was found the documents that files hold; they are kept below `folder`.

    One that cannot be opened stays a source, and its parser says why; what the index has of it stays.
    """
    # what once held documents and no longer does must not keep them
    found.folders += [f"{source.uri}/" for source in found.sources.values() if source.named]
    candidates = [source for source in found.sources.values() if _may_hold(source.path)]
    if not candidates:
        return
    process = WorkerProcess(limits, folder)
    try:
        for number, source in enumerate(candidates):
            _open(source, found, process, folder / str(number), filters=filters)
    finally:
        process.stop()


def _open(
    source: Source, found: Discovery, process: WorkerProcess, folder: Path, *, filters: Filters
) -> None:
    left, numbers = _Left(), count()
    waiting = [(source, 1)]
    while waiting:
        container, depth = waiting.pop()
        outcome = process.ask(container.path, {"members": True}, most=_MOST_ANSWER, read=unpack_members)
        if isinstance(outcome, ParseFailure):
            found.excluded.add(container.uri)
            continue
        files, is_document = outcome
        left.files -= len(files)
        left.bytes -= sum(len(data) for _, data in files)
        if left.files < 0 or left.bytes < 0:
            found.excluded.add(container.uri)
            found.unreadable[container.uri] = (
                f"It holds more than {_MOST_FILES:,} files or {_MOST_BYTES >> 20} MiB; split it."
            )
            continue
        own = folder / str(next(numbers))
        members = list(_members(files, container, own, found, filters))
        if is_document:
            found.sources[container.uri] = replace(container, opened=bool(members))
        elif files:
            del found.sources[container.uri]
        for member in members:
            found.add(member)
            if depth < _DEEPEST and _may_hold(member.path):
                waiting.append((member, depth + 1))


def _members(
    files: list[tuple[str, bytes]], container: Source, folder: Path, found: Discovery, filters: Filters
) -> Iterator[Source]:
    """Write what a file holds below a folder, and yield it as sources."""
    when = container.path.stat().st_mtime
    written: list[tuple[str, Path]] = []
    folder.mkdir(parents=True)
    for given, data in files:
        try:
            name, path = _free(folder, given)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        except (BadInput, OSError) as error:
            found.unreadable[f"{container.uri}/{printable(given[:200])}"] = f"It is not taken out ({error})."
            continue
        os.utime(path, (when, when))
        written.append((name, path))
    for name, path in written:
        uri = f"{container.uri}/{'/'.join(map(printable, name.split('/')))}"
        relative = f"{container.relative}/{name}"
        if path.name in found.side_cars.are(path.parent):
            if path.name in found.side_cars.orphans(path.parent):
                found.orphans[uri] = ORPHAN
        elif not container.named and container.within is None and not filters.admit(relative):
            found.excluded.add(uri)
        else:
            yield Source(uri, path, relative, readers=container.readers, within=container)


def _free(folder: Path, given: str) -> tuple[str, Path]:
    """Return a name below a folder that no file has yet, and its path; raises BadInput for an unsafe one."""
    name = given.replace("\\", "/")
    path = safe_path(folder, given)
    stem, dot, suffix = name.rpartition(".")
    number = 2
    while path.exists():
        name = f"{stem} ({number}){dot}{suffix}" if stem else f"{suffix} ({number})"
        path, number = safe_path(folder, name), number + 1
    return path.relative_to(folder.resolve()).as_posix(), path


def _may_hold(path: Path) -> bool:
    """Say, by a look at its bytes, whether a file may hold documents."""
    suffix = suffix_of(path.name)
    try:
        if not path.is_file() or path.is_symlink():
            return False
        with path.open("rb") as file:
            head = file.read(_HEAD)
            if head.startswith(b"PK\x03\x04"):
                return suffix in ("zip", "")
            if head.startswith(_OLE):
                return _OLE_ATTACHMENT in file.read()
            if suffix == "mbox" or (head.startswith(b"From ") and suffix not in ("txt", "text", "log")):
                return True
            if suffix != "eml" and (suffix in ("txt", "text", "log") or not _MAIL.match(head)):
                return False
            return _CARRIES.search(head + file.read()) is not None
    except OSError:
        return False
