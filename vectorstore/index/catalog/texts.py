"""Many texts in order, packed: a string object for each would take several times as much memory."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import overload

import numpy as np
import numpy.typing as npt

_ENCODING = "utf-8", "surrogatepass"


class Texts(Sequence[str]):
    """Texts in ascending order by code point, none twice. Immutable."""

    def __init__(self, content: bytes, ends: npt.NDArray[np.int64]) -> None:
        self._content = content
        # The first one begins where none has ended.
        self._bounds = np.concatenate([np.zeros(1, np.int64), ends])

    def __len__(self) -> int:
        return len(self._bounds) - 1

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> "Texts": ...
    def __getitem__(self, place: int | slice) -> "str | Texts":
        if isinstance(place, slice):
            return packed(self[number] for number in range(*place.indices(len(self))))
        if not 0 <= place < len(self):
            raise IndexError(place)
        return self._content[self._bounds[place] : self._bounds[place + 1]].decode(*_ENCODING)

    @property
    def size(self) -> int:
        """Bytes in memory."""
        return len(self._content) + self._bounds.nbytes

    def merged(self, more: Sequence[str]) -> tuple["Texts", npt.NDArray[np.int64]]:
        """Return these with more, which ascend and are not among them, and before which of these each of them goes."""
        before = np.array([bisect_left(self, text) for text in more], np.int64)
        fresh = [text.encode(*_ENCODING) for text in more]
        cuts = [0, *self._bounds[before].tolist(), len(self._content)]
        pieces = [self._content[cuts[0] : cuts[1]]]
        for text, start, end in zip(fresh, cuts[1:], cuts[2:], strict=False):
            pieces += text, self._content[start:end]
        lengths = np.insert(np.diff(self._bounds), before, [len(text) for text in fresh])
        return Texts(b"".join(pieces), np.cumsum(lengths)), before


def packed(texts: Iterable[str]) -> Texts:
    """Pack texts that come in ascending order, none twice."""
    encoded = [text.encode(*_ENCODING) for text in texts]
    return Texts(b"".join(encoded), np.cumsum([len(each) for each in encoded], dtype=np.int64))
