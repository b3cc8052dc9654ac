"""What lies beside the index (keys, holds, flags, the audit log and its people), as rows that a folder and a database share.

cells           name, content
uses            cell, item, when it was used last (seconds since 1970)
audit           page, number, line: an entry each, as it was written
audit_people    place, what is kept of the person (JSON), when it was used last
audit_contents  hash, place, when, salt, text
"""

import json
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeAlias

from app.audit.entry import START, entry_of
from app.audit.heads import HEADS
from app.audit.journal import open_journal
from vectorstore.errors import StoreDamaged
from vectorstore.index.truth.database import Connection
from vectorstore.state.cell import State
from vectorstore.state.files import private
from vectorstore.state.rows import DatabaseState

Rows: TypeAlias = Iterator[tuple[object, Sequence[Any]]]  # Any: values of columns
"""Rows with what the border between two blobs goes by."""
_SUFFIXES: Final = frozenset({".json", ".links", ".pem", ".txt"})
"""Of the files that are cells."""
_NO_CELLS: Final = frozenset({"dense.json", "lexical.json", "backup.json", "ingest.json"})
"""Projections say so of themselves, and a backup of when it was made; the ledger goes its own way."""
_LINES: Final = 2_000
_HEADS: Final = f"audit/{HEADS}"
_PLAIN: Final = re.compile(r"(audit/)?\w[\w.-]*", re.ASCII)


def heads(state: State) -> bytes | None:
    """Return the signed heads: to be read before the log, which then has reached what they say."""
    return state.cell(_HEADS).read()


def cells(state: State, signed: bytes | None) -> Rows:
    """Yield all cells; of the heads those that were read before the log."""
    if isinstance(state, DatabaseState):
        with state.database.connection() as connection:
            found = connection.rows("SELECT name, content FROM cells ORDER BY name")
        kept = {str(name): bytes(content) for name, content in found if name not in _NO_CELLS}
    else:
        paths = (*state.folder.glob("*"), *(state.folder / "audit").glob("*"))
        names = (str(path.relative_to(state.folder)) for path in paths if path.suffix in _SUFFIXES)
        told = ((name, state.cell(name).read()) for name in names if name not in _NO_CELLS)
        kept = {name: content for name, content in told if content is not None}
    kept.pop(_HEADS, None)
    if signed is not None:
        kept[_HEADS] = signed
    for name in sorted(kept):
        yield name, (name, kept[name])


def uses(state: State) -> Rows:
    """Yield when each key was used last."""
    if isinstance(state, DatabaseState):
        with state.database.connection() as connection:
            for row in connection.rows("SELECT cell, item, at FROM uses ORDER BY cell, item"):
                yield "", row
        return
    for path in sorted(state.folder.glob("*.used/*")):
        with suppress(FileNotFoundError):  # gone since they were listed
            yield "", (f"{path.parent.stem}.json", path.name, path.stat().st_mtime)


def audit(state: State) -> Rows:
    """Yield the log as it is at one moment."""
    for page in open_journal(state.below("audit")).pages():
        for number, line in page.read()[0]:
            yield (
                (page.name if page.is_file else "", number // _LINES),
                (page.name, number, line.decode("utf-8", "surrogateescape")),
            )


def audit_people(state: State) -> Rows:
    """Yield who stands behind pseudonyms; read after the log, which names nobody who is not there."""
    if isinstance(state, DatabaseState):
        with state.database.connection() as connection:
            for row in connection.rows("SELECT place, kept, used FROM audit_people ORDER BY place"):
                yield row[0][:2], row
        return
    for path in sorted((state.folder / "audit" / "people").glob("*/*/key.json")):
        with suppress(FileNotFoundError):  # erased since they were listed
            yield path.parent.name[:2], (path.parent.name, path.read_text("ascii"), path.stat().st_mtime)


def audit_contents(state: State) -> Rows:
    """Yield the contents that are kept beside the log."""
    if isinstance(state, DatabaseState):
        with state.database.connection() as connection, connection.transaction("DEFERRED"):
            ordered = "SELECT hash, place, at, salt, content FROM audit_contents ORDER BY place, at, hash"
            for hashed, place, at, salt, content in connection.each(ordered):
                yield place, (hashed, place, at, salt, bytes(content).decode("utf-8", "surrogatepass"))
        return
    for path in sorted((state.folder / "audit" / "people").glob("*/*/contents-*.jsonl")):
        try:
            at, lines = path.stat().st_mtime, path.read_bytes().splitlines()
        except FileNotFoundError:  # erased since they were listed
            continue
        for line in lines:
            try:
                kept = json.loads(line)
                row = (kept["hash"], path.parent.name, at, kept["salt"], kept["text"])
            except (ValueError, KeyError, TypeError):
                continue  # half a line, after a kill: no entry of the chain holds it
            yield path.parent.name, row


TABLES: Final = {"uses": uses, "audit": audit, "audit_people": audit_people, "audit_contents": audit_contents}


def put_back(state: State, table: str, rows: Sequence[Sequence[Any]]) -> None:  # Any: values of columns
    """Put rows of a table into an empty place."""
    if isinstance(state, DatabaseState):
        with state.database.connection() as connection, connection.transaction("UNLOCKED"):
            _into_tables(connection, table, rows)
    else:
        _INTO_FILES[table](state, rows)


def _into_tables(connection: Connection, table: str, rows: Sequence[Sequence[Any]]) -> None:
    match table:
        case "cells":
            made = [(name, 1, content) for name, content in rows]
            connection.run_many("INSERT INTO cells (name, version, content) VALUES (?, ?, ?)", made)
        case "uses":
            connection.run_many("INSERT INTO uses (cell, item, at) VALUES (?, ?, ?)", rows)
        case "audit_people":
            connection.run_many("INSERT INTO audit_people (place, kept, used) VALUES (?, ?, ?)", rows)
        case "audit_contents":
            encoded = [(*row, text.encode("utf-8", "surrogatepass")) for *row, text in rows]
            connection.run_many(
                "INSERT INTO audit_contents (hash, place, at, salt, content) VALUES (?, ?, ?, ?, ?)", encoded
            )
        case "audit":
            last = connection.rows("SELECT n, hash FROM audit_end")[0]
            n, end = int(last[0]), str(last[1])
            numbered = []
            for _, _, line in rows:
                # Bytes of a damaged line that no database takes.
                taken = (
                    line.encode("utf-8", "surrogateescape").decode("utf-8", "replace").replace("\0", "\ufffd")
                )
                entry = entry_of(line.encode("utf-8", "surrogateescape"))
                # One that is not as it was written keeps its place, for `verify` to name.
                n, end = (entry.n, entry.hash) if entry else (n + 1, START)
                numbered.append((n, taken))
            connection.run_many(
                "INSERT INTO audit (n, line) VALUES (?, ?) ON CONFLICT (n) DO NOTHING", numbered
            )
            connection.run("UPDATE audit_end SET n = ?, hash = ?", [n, end])


def _cells_into_files(state: State, rows: Sequence[Sequence[Any]]) -> None:
    for name, content in rows:
        with state.cell(_plain(name)).changing() as change:
            change.content = content


def _uses_into_files(state: State, rows: Sequence[Sequence[Any]]) -> None:
    for name, item, at in rows:
        state.cell(_plain(name)).note_use(_plain(item))
        os.utime((state.folder / name).with_suffix(".used") / item, (at, at))


def _audit_into_files(state: State, rows: Sequence[Sequence[Any]]) -> None:
    folder = state.folder / "audit"
    private(folder)
    for page, _, line in rows:
        path = folder / _plain(page if page.endswith(".jsonl") else _begun(folder, line))
        with _private(path) as file:
            file.write(line.encode("utf-8", "surrogateescape") + b"\n")


def _begun(folder: Path, line: str) -> str:
    """Return the one file that rows of a database go to; it is finished when the next entry is written."""
    there = next(iter(folder.glob("*.jsonl")), None)
    if there is not None:
        return there.name
    entry = entry_of(line.encode())
    return f"{entry.n if entry else 1:012d}-{(str(entry.facts['at']) if entry else '')[:10] or time.strftime('%Y-%m-%d')}.jsonl"


def _people_into_files(state: State, rows: Sequence[Sequence[Any]]) -> None:
    for place, kept, used in rows:
        path = _person(state, place) / "key.json"
        with _private(path) as file:
            file.write(kept.encode("ascii"))
        os.utime(path, (used, used))


def _contents_into_files(state: State, rows: Sequence[Sequence[Any]]) -> None:
    for hashed, place, at, salt, text in rows:
        path = _person(state, place) / f"contents-{time.strftime('%Y-%m-%d', time.gmtime(at))}.jsonl"
        with _private(path) as file:
            file.write(json.dumps({"hash": hashed, "salt": salt, "text": text}).encode() + b"\n")
        os.utime(path, (at, at))


def _person(state: State, place: str) -> Path:
    folder = state.folder / "audit" / "people" / place[:2] / _plain(place)
    private(folder)
    return folder


def _plain(name: str) -> str:
    """Return what is to be a file's name; raises StoreDamaged where somebody made it lead out of the data folder."""
    if not _PLAIN.fullmatch(name):
        raise StoreDamaged(
            f"The backup names a file {name!r}, and no version of Footnote ever did.",
            "Somebody has changed it: use another backup, and see who can write where they are kept.",
        )
    return name


def _private(path: Path) -> Any:  # Any: a file open for appending bytes
    return os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600), "ab")


_INTO_FILES: Final[Mapping[str, Any]] = {  # Any: functions of one kind
    "cells": _cells_into_files,
    "uses": _uses_into_files,
    "audit": _audit_into_files,
    "audit_people": _people_into_files,
    "audit_contents": _contents_into_files,
}
