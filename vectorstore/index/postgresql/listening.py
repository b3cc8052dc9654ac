"""Hearing of commits: one connection of a process listens, and looks by itself now and then."""

import time
from collections.abc import Iterator
from contextlib import suppress
from threading import Event
from typing import TYPE_CHECKING

from vectorstore.errors import FootnoteError
from vectorstore.index.postgresql.database import PostgreSQL, channel
from vectorstore.index.postgresql.driver import psycopg_module

if TYPE_CHECKING:
    import psycopg

POLL = 2.0
"""Seconds after which to look without having been told."""
_TICK = 0.25
"""Seconds after which it is seen that it is to stop."""


def commits(server: PostgreSQL, stop: Event) -> Iterator[None]:
    """Yield at once, at every notification and each POLL seconds, whatever becomes of the connection."""
    raw: psycopg.Connection | None = None
    try:
        while not stop.is_set():
            # Listen first: what is committed after the look is told.
            raw = raw if raw is not None and not raw.closed else _listening(server)
            yield
            until = time.monotonic() + POLL
            while not stop.is_set() and time.monotonic() < until and not _told(raw, stop):
                pass
    finally:
        if raw is not None:
            raw.close()


def _listening(server: PostgreSQL) -> "psycopg.Connection | None":
    with suppress(FootnoteError, psycopg_module().Error):
        raw = server.connect()
        try:
            raw.execute(f"LISTEN {channel(server.address)}".encode())
        except BaseException:
            raw.close()
            raise
        return raw
    return None


def _told(raw: "psycopg.Connection | None", stop: Event) -> bool:
    """Wait a little; say whether there was a notification, or the connection is gone."""
    if raw is None:
        stop.wait(_TICK)
        return False
    try:
        return bool(list(raw.notifies(timeout=_TICK, stop_after=1)))
    except psycopg_module().Error:
        raw.close()
        return True
