"""Whether any service runs that holds answers in its memory, and so has to do the erasing itself."""

import fcntl
import os
import secrets
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Final

from vectorstore.errors import FootnoteError
from vectorstore.index.postgresql.database import PostgreSQL
from vectorstore.state.cell import State
from vectorstore.state.files import private

_LOCK: Final = "serving.lock"
_BEAT: Final = 3.0
_GONE: Final = 15.0
"""Seconds without a beat after which a service counts as killed."""


@contextmanager
def serving(state: State) -> Generator[None]:
    """Say while the block runs that a service holds answers in its memory."""
    if state.database is not None:
        with _beating(state.database):
            yield
        return
    private(state.folder)
    lock = os.open(state.folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield
    finally:
        os.close(lock)


def is_served(state: State) -> bool:
    """Say whether a service runs with this data folder, or any replica with this database."""
    if state.database is not None:
        with state.database.connection() as connection:
            return bool(connection.rows(_SEEN, [_GONE]))
    try:
        lock = os.open(state.folder / _LOCK, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(lock)


# The database's clock: those of the replicas differ.
_SEEN: Final = "SELECT 1 FROM services WHERE seen > extract(epoch FROM clock_timestamp()) - ? LIMIT 1"
_NOTE: Final = (
    "INSERT INTO services (id, seen) VALUES (?, extract(epoch FROM clock_timestamp()))"
    " ON CONFLICT (id) DO UPDATE SET seen = excluded.seen RETURNING id"
)
_FORGET: Final = "DELETE FROM services WHERE id = ? OR seen < extract(epoch FROM clock_timestamp()) - 86400"


@contextmanager
def _beating(database: PostgreSQL) -> Generator[None]:
    """Note every few seconds that this service is there, and at the end that it is not: a lock would not outlive a pooler."""
    name, ended = secrets.token_hex(8), threading.Event()

    def beat() -> None:
        with suppress(FootnoteError), database.connection() as connection:  # the next beat says so
            connection.rows(_NOTE, [name])

    def beats() -> None:
        while not ended.wait(_BEAT):
            beat()

    beat()
    thread = threading.Thread(target=beats, name="footnote-serving", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        with suppress(FootnoteError), database.connection() as connection:
            connection.run(_FORGET, [name])
