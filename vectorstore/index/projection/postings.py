"""Which chunks hold a word and how often, in files that are written once: an inverted index that can be counted.

A segment holds some chunks, ascending by row, and for each key of a word the chunks that hold it. New chunks make a
segment; it is merged with the one before it until that is more than twice as large, so that there are few. Files are
mapped, not read, and never written to again: links to them stay what they were.
"""

import math
import os
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from vectorstore.index.projection.entry import Entry
from vectorstore.index.truth.arrays import Positions, Rows

Keys: TypeAlias = npt.NDArray[np.uint64]
Places: TypeAlias = npt.NDArray[np.uint32]
"""Where chunks stand in a segment, from 0."""
Counts: TypeAlias = npt.NDArray[np.uint8]
Lengths: TypeAlias = npt.NDArray[np.uint32]
"""Shape (chunks, fields): how many words each field of a chunk has."""

_FORM: Final = 0x31_53_44_52_4F_57
_HEADER: Final = 4 * 8
_HELD: Final = 1 << 21
"""Postings that are held in memory before they become a segment."""
_AT_ONCE: Final = 1 << 20
"""Postings that are merged at once."""
_MOST: Final = 255
"""Times that a word is counted in a chunk: more weigh next to nothing more."""
_SUFFIX: Final = ".words"


@dataclass(frozen=True, slots=True)
class Segment:
    """Some chunks: `places[starts[k]:starts[k + 1]]` hold `keys[k]`, ascending, `counts` often."""

    rows: Rows
    documents: Rows
    lengths: Lengths
    keys: Keys
    starts: Keys
    places: Places
    counts: Counts


class Held:
    """The chunks that hold a word."""

    def __init__(self) -> None:
        self._parts: list[tuple[int, Places, Counts]] = []
        self._count = 0

    def append(self, first: int, places: Places, counts: Counts) -> None:
        """Add those of a segment, whose first chunk stands at `first`."""
        self._parts.append((first, places, counts))
        self._count += len(places)

    def __len__(self) -> int:
        return self._count

    @cached_property
    def places(self) -> Positions:
        """Where the chunks stand in the index, ascending."""
        parts = [places + np.int64(first) for first, places, _ in self._parts]
        return parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, np.int64), *parts])

    @property
    def counts(self) -> Counts:
        """How often each holds the word."""
        parts = [counts for _, _, counts in self._parts]
        return parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, np.uint8), *parts])

    def among(self, chunks: Positions) -> tuple[Positions, Counts]:
        """Return which of these chunks, ascending, hold the word, by number, and how often; not all that do are read."""
        found, often = [np.empty(0, np.int64)], [np.empty(0, np.uint8)]
        for first, places, counts in self._parts:
            low, high = np.searchsorted(
                chunks, (first + int(places[0]), first + int(places[-1]) + 1)
            ).tolist()
            # Of the same kind: numpy would make an array of another kind of all places.
            asked = (chunks[low:high] - first).astype(np.uint32)
            few, many = (asked, places) if len(asked) < len(places) else (places, asked)
            at = np.minimum(np.searchsorted(many, few), len(many) - 1)
            both = np.flatnonzero(many[at] == few) if len(many) else at
            here, there = (both, at[both]) if many is places else (at[both], both)
            found.append(here + low)
            often.append(counts[there])
        return np.concatenate(found), np.concatenate(often)


_NOTHING: Final = Held()


class Postings:
    """The segments in a folder that nobody else writes to. Safe to read from several threads.

    `rows` and `documents` have an entry for each chunk, in order, and so has each row of `lengths`, one a field.
    """

    rows: Rows
    documents: Rows
    lengths: Lengths

    def __init__(self, folder: Path, *, fields: int) -> None:
        """Open what is there; raises OSError or ValueError for files that are gone or not whole."""
        self._folder = folder
        self._fields = fields
        self._paths = sorted(folder.glob(f"*{_SUFFIX}"))
        self._segments = [_read(path, fields) for path in self._paths]
        self._renew()

    def _renew(self) -> None:
        each = self._segments
        self._firsts = np.cumsum([0, *(len(segment.rows) for segment in each)]).tolist()
        self.rows = np.concatenate([np.empty(0, np.int64), *(segment.rows for segment in each)])
        self.documents = np.concatenate([np.empty(0, np.int64), *(segment.documents for segment in each)])
        none = np.empty((0, self._fields), np.uint32)
        # A field's lengths side by side: they are read all over the place, and then lie in fewer lines of memory.
        self.lengths = np.ascontiguousarray(np.concatenate([none, *(segment.lengths for segment in each)]).T)

    def find(self, keys: Sequence[int]) -> list[Held]:
        """Return for each key the chunks that hold it."""
        wanted, found = np.array(keys, np.uint64), [_NOTHING] * len(keys)
        for first, segment in zip(self._firsts, self._segments, strict=False):
            at = np.minimum(np.searchsorted(segment.keys, wanted), len(segment.keys) - 1)
            for number in np.flatnonzero(segment.keys[at] == wanted).tolist() if len(segment.keys) else ():
                start, end = segment.starts[at[number] : at[number] + 2].tolist()
                if found[number] is _NOTHING:
                    found[number] = Held()
                found[number].append(first, segment.places[start:end], segment.counts[start:end])
        return found

    def add(self, entries: Iterable[Entry]) -> None:
        """Add chunks with greater rows than all before; they are durable when this returns."""
        written = set()
        for segment in segments_of(entries, self._fields):
            path = self._path(segment)
            with path.open("xb") as file:
                file.write(_header(len(segment.rows), len(segment.keys), len(segment.places)))
                for each in astuple(segment):
                    file.write(each.tobytes())
            self._paths.append(path)
            self._segments.append(_read(path, self._fields))
            while self._may_merge():
                self._merge()
            written.add(self._paths[-1])
        # Of those that were merged on the way, the last holds all.
        for path in written & set(self._paths):
            with path.open("rb+") as file:
                os.fsync(file.fileno())
        self._renew()

    def _may_merge(self) -> bool:
        sizes = [len(each.rows) for each in self._segments[-2:]]
        return len(sizes) == 2 and sizes[0] <= 2 * sizes[1]

    def _merge(self) -> None:
        parts = self._segments[-2:]
        path = self._path(*parts)
        _write_merged(path, parts)
        for gone in self._paths[-2:]:
            gone.unlink()
        self._paths[-2:], self._segments[-2:] = [path], [_read(path, self._fields)]

    def _path(self, *parts: Segment) -> Path:
        # A row never changes: files of one name hold the same.
        return self._folder / f"{int(parts[0].rows[0]):012d}-{int(parts[-1].rows[-1]):012d}{_SUFFIX}"


def segments_of(entries: Iterable[Entry], fields: int) -> Iterator[Segment]:
    """Yield segments of as many chunks as are held in memory at once."""
    held = _Gathered()
    for each in entries:
        held.add(each)
        if len(held.keys) >= _HELD:
            yield held.inverted(fields)
            held = _Gathered()
    if held.rows:
        yield held.inverted(fields)


class _Gathered:
    """Chunks before they are a segment."""

    def __init__(self) -> None:
        self.rows, self.documents, self.lengths = array("q"), array("q"), array("q")
        self.keys, self.places, self.counts = array("Q"), array("I"), array("B")

    def add(self, entry: Entry) -> None:
        self.keys.extend(entry.words)
        self.places.extend([len(self.rows)] * len(entry.words))
        self.counts.extend([min(count, _MOST) for count in entry.words.values()])
        self.lengths.extend(entry.lengths)
        self.rows.append(entry.row)
        self.documents.append(entry.document)

    def inverted(self, fields: int) -> Segment:
        held = np.array(self.keys, np.uint64)
        order = np.argsort(held, kind="stable")
        keys, starts = np.unique(held[order], return_index=True)
        return Segment(
            np.array(self.rows, np.int64),
            np.array(self.documents, np.int64),
            np.array(self.lengths, np.uint32).reshape(-1, fields),
            keys,
            np.append(starts, len(held)).astype(np.uint64),
            np.array(self.places, np.uint32)[order],
            np.array(self.counts, np.uint8)[order],
        )


def _header(*sizes: int) -> bytes:
    return np.array([_FORM, *sizes], "<u8").tobytes()


def _read(path: Path, fields: int) -> Segment:
    """Map a segment; raises OSError, or ValueError for a file of another form or size."""
    whole = np.memmap(path, np.uint8, mode="r").view(np.ndarray)
    form, chunks, keys, postings = np.frombuffer(whole[:_HEADER], "<u8").tolist()
    if form != _FORM:
        raise ValueError("it has another form")
    arrays: list[npt.NDArray[Any]] = []
    start = _HEADER
    for kind, shape in (
        ("<i8", (chunks,)),
        ("<i8", (chunks,)),
        ("<u4", (chunks, fields)),
        ("<u8", (keys,)),
        ("<u8", (keys + 1,)),
        ("<u4", (postings,)),
        ("<u1", (postings,)),
    ):
        end = start + np.dtype(kind).itemsize * math.prod(shape)
        arrays.append(whole[start:end].view(kind).reshape(shape))
        start = end
    return Segment(*arrays)


def _write_merged(path: Path, segments: Sequence[Segment]) -> None:
    """Write the chunks of segments one behind the other, postings a part at a time."""
    keys = np.unique(np.concatenate([each.keys for each in segments]))
    counted = np.zeros((len(segments), len(keys) + 1), np.int64)
    for number, each in enumerate(segments):
        counted[number, np.searchsorted(keys, each.keys) + 1] = np.diff(each.starts.astype(np.int64))
    starts = counted.sum(axis=0).cumsum()
    own = counted.cumsum(axis=1)
    firsts = np.cumsum([0, *(len(each.rows) for each in segments)]).tolist()
    ends = [*np.searchsorted(starts, np.arange(0, starts[-1], _AT_ONCE)).tolist(), len(keys)]

    def parts(of: Sequence[npt.NDArray[Any]]) -> Iterator[bytes]:
        for low, high in pairwise(ends):
            merged = np.empty(starts[high] - starts[low], of[0].dtype)
            filled = starts[low:high] - starts[low]
            for number, values in enumerate(of):
                count, begin = counted[number, low + 1 : high + 1], own[number, low:high]
                shift = np.repeat(filled - (begin - own[number, low]), count)
                merged[shift + np.arange(len(shift))] = values[own[number, low] : own[number, high]]
                filled = filled + count
            yield merged.tobytes()

    with path.open("xb") as file:
        file.write(_header(firsts[-1], len(keys), int(starts[-1])))
        for name in ("rows", "documents", "lengths"):
            file.writelines(getattr(each, name).tobytes() for each in segments)
        file.write(keys.tobytes())
        file.write(starts.astype(np.uint64).tobytes())
        file.writelines(
            parts([each.places + np.uint32(first) for each, first in zip(segments, firsts, strict=False)])
        )
        file.writelines(parts([each.counts for each in segments]))
