"""Open what must last beside the index, where the settings say: in the data folder, or in the database of the index."""

import atexit
from functools import lru_cache

from vectorstore.index.postgresql.address import read_address
from vectorstore.index.postgresql.database import PostgreSQL
from vectorstore.settings import StoreSettings
from vectorstore.state.cell import State
from vectorstore.state.files import FolderState
from vectorstore.state.rows import DatabaseState
from vectorstore.state.tables import prepare


def open_state(settings: StoreSettings) -> State:
    """Open it; raises Unavailable where a database is away, BadInput where the setting is none's address."""
    address = settings.store.get_secret_value()
    return DatabaseState(_database(address), settings.data_dir) if address else FolderState(settings.data_dir)


@lru_cache(maxsize=8)
def _database(address: str) -> PostgreSQL:
    """Return the one pool of this process for an address, with its tables made."""
    database = PostgreSQL(read_address(address))
    prepare(database)
    atexit.register(database.close)
    return database
