"""What is kept beside the index, in a folder and in a real database: what tests of keys, people and logs run over."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgresql import needs_postgresql
from vectorstore.index.postgresql.address import read_address
from vectorstore.index.postgresql.database import PostgreSQL
from vectorstore.state.cell import State
from vectorstore.state.files import FolderState
from vectorstore.state.rows import DatabaseState
from vectorstore.state.tables import prepare


def database_state(url: str, folder: Path) -> DatabaseState:
    """Open a replica of its own on a database."""
    database = PostgreSQL(read_address(url))
    prepare(database)
    return DatabaseState(database, folder)


@pytest.fixture(params=["folder", pytest.param("postgresql", marks=needs_postgresql)])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[State]:
    """Return an empty place of each kind."""
    if request.param == "folder":
        yield FolderState(tmp_path / "data")
        return
    opened = database_state(request.getfixturevalue("postgresql_url"), tmp_path / "data")
    yield opened
    opened.database.close()
