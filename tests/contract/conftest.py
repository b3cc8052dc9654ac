"""Every engine that must pass the store's contract. A new engine adds its opener here."""

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.postgresql import Server, needs_postgresql
from tests.vectorstore.sample import SPACE, Space
from vectorstore.open import open_store
from vectorstore.settings import StoreSettings
from vectorstore.store import Store

Open: TypeAlias = Callable[[], Store]
Make: TypeAlias = Callable[[Path], StoreSettings]
"""Give the settings of a new, empty index that keeps its files in a folder."""
Engine: TypeAlias = Callable[[Path, Space], Store]


def _embedded(request: pytest.FixtureRequest) -> Make:
    del request
    return lambda folder: StoreSettings(data_dir=folder)


def _postgresql(request: pytest.FixtureRequest) -> Make:
    server: Server = request.getfixturevalue("postgresql_server")
    return lambda folder: StoreSettings(data_dir=folder, store=server.schema())


def _searched_within(request: pytest.FixtureRequest) -> Make:
    server: Server = request.getfixturevalue("postgresql_server")
    return lambda folder: StoreSettings(data_dir=folder, store=server.schema(), search="database")


def _vectors_in_milvus(request: pytest.FixtureRequest) -> Make:
    del request
    return lambda folder: StoreSettings(
        data_dir=folder, search="milvus", milvus=str(folder.with_name(f"{folder.name}-milvus.db"))
    )


ENGINES: dict[str, Callable[[pytest.FixtureRequest], Make]] = {
    "embedded": _embedded,
    "postgresql": _postgresql,
    "postgresql with search in the database": _searched_within,
    "vectors in milvus": _vectors_in_milvus,
}
NEEDS = {
    "embedded": (),
    "vectors in milvus": (
        pytest.mark.slow,
        pytest.mark.skipif(find_spec("milvus_lite") is None, reason="needs milvus-lite"),
    ),
}
"""What an engine needs but PostgreSQL, which all others do."""


@pytest.fixture(params=[pytest.param(name, marks=NEEDS.get(name, needs_postgresql)) for name in ENGINES])
def make_settings(request: pytest.FixtureRequest) -> Make:
    """Return what makes a new index, in each engine."""
    return ENGINES[request.param](request)


@pytest.fixture
def engine(make_settings: Make) -> Engine:
    """Return what opens a new, empty index."""
    return lambda folder, space: open_store(make_settings(folder), space)


@pytest.fixture
def open_engine(make_settings: Make, tmp_path: Path) -> Iterator[Open]:
    """Open the same index as often as a test likes, as several processes would."""
    settings = make_settings(tmp_path / "data")
    opened: list[Store] = []

    def reopen() -> Store:
        opened.append(open_store(settings, SPACE))
        return opened[-1]

    yield reopen
    for store in opened:
        store.close()


@pytest.fixture
def store(open_engine: Open) -> Store:
    return open_engine()
