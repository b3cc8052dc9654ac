"""Every engine that must pass the store's contract. A new engine adds its opener here."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.vectorstore.sample import SPACE, Space
from vectorstore.open import open_store
from vectorstore.settings import StoreSettings
from vectorstore.store import Store

Open = Callable[[], Store]


def _embedded(folder: Path, space: Space) -> Store:
    return open_store(StoreSettings(data_dir=folder), space)


ENGINES: dict[str, Callable[[Path, Space], Store]] = {"embedded": _embedded}


@pytest.fixture(params=ENGINES)
def open_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Open the same index as often as a test likes, as several processes would."""
    opened: list[Store] = []

    def reopen() -> Store:
        opened.append(ENGINES[request.param](tmp_path / "data", SPACE))
        return opened[-1]

    yield reopen
    for store in opened:
        store.close()


@pytest.fixture
def store(open_engine: Open) -> Store:
    return open_engine()
