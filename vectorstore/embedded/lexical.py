"""Word search, an index per tenant: how rare a word is, and how long a text, no tenant learns of another's."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final, TypeAlias

from vectorstore.embedded.arrays import Found, Rows, found_nothing
from vectorstore.embedded.tantivy_index import TantivyIndex

FolderOf: TypeAlias = Callable[[str], Path | None]
"""Says where a tenant's index lies; None for a tenant that has none."""

_OPEN: Final = 128
"""How many tenants' indexes are open at once: each takes some dozens of the process's memory maps."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some of a tenant's documents, ascending, and how many chunks they hold."""

    documents: Rows
    chunks: int


class Lexical:
    """The tenants' word indexes in one state, opened as they are searched. Safe to use from several threads."""

    def __init__(self, folder_of: FolderOf, count: int) -> None:
        self._folder_of = folder_of
        self.count = count
        self._open: OrderedDict[str, TantivyIndex] = OrderedDict()
        self._lock = Lock()

    def index(self, tenant: str) -> TantivyIndex | None:
        """Return a tenant's index, None where it has none; raises Unavailable when its files cannot be read."""
        with self._lock:
            found = self._open.get(tenant)
            if found is None:
                folder = self._folder_of(tenant)
                if folder is None:
                    return None
                found = self._open[tenant] = TantivyIndex(folder)
                while len(self._open) > _OPEN:
                    self._open.popitem(last=False)
            self._open.move_to_end(tenant)
            return found


def search(index: TantivyIndex | None, text: str, limit: int, *, within: Part, readable: Part) -> Found:
    """Return the `limit` best chunks of some documents, among those that the caller may read.

    A word that none of the readable ones holds counts as unknown, whoever else's documents hold it.
    """
    if index is None or not index.count:
        return found_nothing()
    return index.search(
        text,
        limit,
        documents=None if within.chunks == index.count else within.documents,
        share=within.chunks / index.count,
        readable=None if readable.chunks == index.count else readable.documents,
    )
