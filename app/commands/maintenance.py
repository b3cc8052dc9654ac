"""What the commands on documents and on the index share."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vectorstore.settings import StoreSettings

if TYPE_CHECKING:
    from vectorstore.embedded.upkeep import Upkeep


@contextmanager
def maintenance() -> "Iterator[Upkeep]":
    """Open the configured index for upkeep, which needs no embedder."""
    from vectorstore.open import open_upkeep

    upkeep = open_upkeep(StoreSettings().data_dir)
    try:
        yield upkeep
    finally:
        upkeep.close()


def documents(count: int) -> str:
    """Return `1 document`, or `2,000 documents`."""
    return f"{count:,} document{'' if count == 1 else 's'}"
