"""Open the log of a place: in files of a folder, or in rows of a database."""

from collections.abc import Callable, Iterator
from pathlib import Path

from app.audit.entry import Entry, Journal
from app.audit.heads import HEADS
from app.audit.log import Log
from app.audit.row_log import RowLog
from vectorstore.errors import NotFound
from vectorstore.state.cell import State
from vectorstore.state.files import state_of


def open_journal(
    place: State | Path, *, on_seal: Callable[[int, str], None] = lambda n, end: None
) -> Journal:
    """Open the log of a place for reading and writing; `on_seal` is told the end of each file that is finished."""
    state = state_of(place)
    if state.database is None:
        return Log(state.folder, on_seal=on_seal)
    return RowLog(state.database)


def entries_of(place: State | Path) -> Iterator[Entry]:
    """Yield all entries of a log that are as they were written; `verify` says what the others are."""
    return open_journal(place).entries()


def is_missing(state: State) -> bool:
    """Say whether there is no log at a place. One whose rows or whose end somebody took is damaged, and not missing."""
    if state.database is None:
        return not state.folder.is_dir()
    journal = open_journal(state)
    return journal.end()[0] == 0 and not journal.pages() and state.cell(HEADS).read() is None


def missing_log(state: State) -> NotFound:
    """Return the error for a place without a log."""
    where = state.folder.parent if state.database is None else "the database"
    return NotFound(
        f"There is no audit log in {where}.",
        "The service and the commands write one, unless FOOTNOTE_AUDIT=off.",
    )
