"""What ingestion remembers between runs beside the index: folders by name, flags that stick, failures."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from ingest.parse.dispatch import formats
from ingest.sources.roots import Root
from ingest.sources.shared import (
    Flags,
    PastFailure,
    failures_in,
    flags_in,
    write_failures,
    write_flags,
)
from vectorstore.errors import BadInput
from vectorstore.index.postgresql.database import PostgreSQL
from vectorstore.state.cell import State
from vectorstore.state.files import FolderState, state_of
from vectorstore.state.rows import hold

FILE_NAME = "ingest.json"


@dataclass(slots=True)
class Ledger:
    """The memory of earlier runs. Losing it costs a retry of the failures and the flags that stuck."""

    roots: list[Root] = field(default_factory=list)
    # Its name in files of earlier releases, whose access lists must not be lost.
    flags: Annotated[dict[str, Flags], Field(alias="grants")] = field(default_factory=dict)
    failures: dict[str, PastFailure] = field(default_factory=dict)
    formats: list[str] = field(default_factory=list)
    """What could be read when the failures were noted."""

    def flags_of(self, uri: str) -> Flags:
        """Return the flags of the nearest folder or file that holds a uri."""
        prefixes = [
            prefix
            for prefix in self.flags
            if uri == prefix or (prefix.endswith("/") and uri.startswith(prefix))
        ]
        return self.flags[max(prefixes, key=len)] if prefixes else Flags()

    def forget(self, uris: frozenset[str]) -> None:
        """Drop what is noted of single documents."""
        for uri in uris:
            self.flags.pop(uri, None)
            self.failures.pop(uri, None)


_LEDGER = TypeAdapter(Ledger)


def load_ledger(place: State | Path) -> Ledger:
    """Read the ledger of a data folder, or of a database; an empty one when there is none.

    Where folders lie is known to their own machine alone; a database holds the flags and failures of all. Raises
    BadInput when the file is no ledger: it holds access lists, so it is not silently replaced.
    """
    state = state_of(place)
    cell = FolderState(state.folder).cell(FILE_NAME)
    ledger = _parsed(cell.read(), state.folder)
    if state.database is not None:
        ledger = _shared(state.database, ledger)
    return ledger


def update_ledger(place: State | Path, change: Callable[[Ledger], None]) -> Ledger:
    """Change the ledger as it is kept now and write it, whole or not at all; return it.

    Another ingest may have added to it meanwhile, and an access list must not be lost.
    """
    state = state_of(place)
    with FolderState(state.folder).cell(FILE_NAME).changing() as file:
        ledger = _parsed(file.content, state.folder)
        if state.database is None:
            change(ledger)
            kept = ledger
        else:
            ledger = _change_shared(state.database, ledger, change)
            kept = replace(ledger, flags={}, failures={})
        file.content = _LEDGER.dump_json(kept, indent=1, by_alias=True)
    return ledger


def ledger_file(place: State | Path) -> bytes:
    """Return the ledger as a file: that of this machine, with the flags and failures that a database holds."""
    return _LEDGER.dump_json(load_ledger(place), indent=1, by_alias=True)


def _parsed(content: bytes | None, folder: Path) -> Ledger:
    try:
        ledger = Ledger() if content is None else _LEDGER.validate_json(content)
    except ValidationError as error:
        raise BadInput(
            f"{str(folder / FILE_NAME)!r} is damaged.", "Restore it, or delete it and give --acl again."
        ) from error
    if ledger.formats != (readable := formats()):
        # a release or plug-in that reads more may read what failed before
        ledger.failures, ledger.formats = {}, readable
    return ledger


def _shared(database: PostgreSQL, local: Ledger) -> Ledger:
    """Return a machine's ledger with what the database holds; flags from before it was used count until they are there."""
    with database.connection() as connection:
        return replace(
            local,
            flags=local.flags | flags_in(connection),
            failures=local.failures | failures_in(connection, _readable(local)),
        )


def _change_shared(database: PostgreSQL, local: Ledger, change: Callable[[Ledger], None]) -> Ledger:
    with database.connection() as connection, connection.transaction("UNLOCKED"):
        hold(connection, FILE_NAME)
        flags, failures = flags_in(connection), failures_in(connection, _readable(local))
        ledger = replace(local, flags=local.flags | flags, failures=local.failures | failures)
        change(ledger)
        write_flags(connection, flags, ledger.flags)
        write_failures(connection, failures, ledger.failures, _readable(ledger))
    return ledger


def _readable(ledger: Ledger) -> str:
    return hashlib.sha256("\n".join(ledger.formats).encode()).hexdigest()[:16]
