from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.vectorstore.sample import SPACE
from vectorstore.index.store import IndexStore
from vectorstore.open import open_store
from vectorstore.settings import StoreSettings

Replica: TypeAlias = Callable[[str, str], IndexStore]
"""Open a store with a folder of its own, by the folder's name, on the truth at an address."""


@pytest.fixture
def replica(tmp_path: Path) -> Iterator[Replica]:
    opened: list[IndexStore] = []

    def open_one(name: str, url: str) -> IndexStore:
        opened.append(open_store(StoreSettings(data_dir=tmp_path / name, store=url), SPACE))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()
