"""Texts that were read lately, for while the database that holds them is away.

Never asked while the database answers: what an erasure has taken away is shown by nobody who can know it.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from threading import Lock
from typing import TypeVar

from vectorstore.errors import Unavailable
from vectorstore.types import Chunk

Read = TypeVar("Read")

_log = logging.getLogger(__name__)
_CHARACTERS = 16_000_000
"""How much text is kept: about 20 MB."""


class Recent:
    """What was read lately, the oldest dropped first. Safe to use from several threads."""

    def __init__(self, most: int = _CHARACTERS) -> None:
        self._most = most
        self._kept: OrderedDict[Hashable, tuple[int, object]] = OrderedDict()
        self._characters = 0
        self._lock = Lock()

    def chunks_at(
        self, rows: Sequence[int], read: Callable[[Sequence[int]], dict[int, tuple[int, Chunk]]]
    ) -> dict[int, tuple[int, Chunk]]:
        """Read chunks by row; while the database is away, those that were read lately.

        Raises Unavailable when none of them was.
        """
        try:
            found = read(rows)
        except Unavailable:
            known = {row: each for row in rows if (each := self._get(("chunk", row))) is not None}
            if rows and not known:
                raise
            if len(known) < len(set(rows)):
                _log.warning(
                    "The database is away: %d of %d passages were not read lately and are left out.",
                    len(rows) - len(known),
                    len(rows),
                )
            return known  # type: ignore[return-value]  # only chunks are kept under such a key
        for row, each in found.items():
            self._keep(("chunk", row), len(each[1].text), each)
        return found

    def of(self, key: Hashable, read: Callable[[], Read], size: Callable[[Read], int]) -> Read:
        """Read something whole; while the database is away, as it was read lately, else raises Unavailable."""
        try:
            found = read()
        except Unavailable:
            known = self._get(key)
            if known is None:
                raise
            return known  # type: ignore[return-value]  # whoever kept it under this key read the same
        self._keep(key, size(found), found)
        return found

    def _get(self, key: Hashable) -> object | None:
        with self._lock:
            found = self._kept.get(key)
            return found[1] if found else None

    def _keep(self, key: Hashable, characters: int, value: object) -> None:
        with self._lock:
            before = self._kept.pop(key, None)
            self._characters += characters - (before[0] if before else 0)
            self._kept[key] = characters, value
            while self._characters > self._most and self._kept:
                _, (dropped, _) = self._kept.popitem(last=False)
                self._characters -= dropped
