"""Open what must last beside the index, where the settings say: in the data folder, or in the database of the index."""

import atexit
import json
from functools import lru_cache
from typing import Final

from vectorstore.errors import StoreDamaged
from vectorstore.index.postgresql.address import read_address
from vectorstore.index.postgresql.database import PostgreSQL
from vectorstore.settings import StoreSettings
from vectorstore.state.cell import State
from vectorstore.state.files import FolderState
from vectorstore.state.placing import settle
from vectorstore.state.rows import DatabaseState
from vectorstore.state.tables import prepare

FORMAT: Final = 1
"""Of all that lies beside the index (keys, holds, flags, the audit log, conversations), as this version writes it.

A version that raises it writes `{"format": 2, "serves": N}` into the cell `format.json` before it writes anything in the
new way; `serves` is the oldest format whose versions may still use it. Without the cell it is 1.
"""


def open_state(settings: StoreSettings) -> State:
    """Open it; raises Unavailable where a database is away, BadInput where the setting is none's address.

    Raises StoreDamaged where a newer version has written what this one does not know.
    """
    settle(settings.data_dir)
    address = settings.store.get_secret_value()
    state: State = (
        DatabaseState(_database(address), settings.data_dir) if address else FolderState(settings.data_dir)
    )
    check_format(state)
    return state


def check_format(state: State) -> None:
    """Raise StoreDamaged where a newer version has written what this one does not know."""
    told = state.cell("format.json").read()
    try:
        serves = int(json.loads(told)["serves"]) if told else FORMAT
    except (ValueError, KeyError, TypeError):
        serves = FORMAT + 1
    if serves > FORMAT:
        raise StoreDamaged(
            "What lies beside the index was written by a newer version of Footnote, in a format that this one does not know.",
            "Install that version again, or put back a backup from before the upgrade.",
        )


@lru_cache(maxsize=8)
def _database(address: str) -> PostgreSQL:
    """Return the one pool of this process for an address, with its tables made."""
    database = PostgreSQL(read_address(address))
    prepare(database)
    atexit.register(database.close)
    return database
