from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.vectorstore.sample import SPACE
from vectorstore.index.store import IndexStore
from vectorstore.open import open_store
from vectorstore.settings import StoreSettings

OpenStore = Callable[[], IndexStore]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def open_index(folder: Path) -> Iterator[OpenStore]:
    """Open the same folder anew, as another process would."""
    opened: list[IndexStore] = []

    def reopen() -> IndexStore:
        opened.append(open_store(StoreSettings(data_dir=folder), SPACE))
        return opened[-1]

    yield reopen
    for store in opened:
        store.close()


@pytest.fixture(params=["vectors", "codes"])
def dense_kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a test on a small index as it is, and once as if it were large enough to be coded."""
    if request.param == "codes":
        monkeypatch.setattr("vectorstore.index.projection.codes.CODED_FROM", 10)
        monkeypatch.setattr("vectorstore.index.projection.dense.EXACT_BELOW", 0)
    return str(request.param)
