"""Searching files for many byte patterns in one pass, whatever lies in the files."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_WINDOW = 8
_PIECE = 1 << 20
_MIXED = np.uint64(0x9E3779B97F4A7C15)
_SLOTS = 20
"""Bits of a slot in the table that sorts out at once what begins like no pattern."""


@dataclass(frozen=True)
class _Patterns:
    """Patterns by their first eight bytes, and which slots these fall into."""

    heads: dict[int, list[bytes]]
    slots: "np.ndarray[tuple[int], np.dtype[np.bool_]]"
    longest: int


def files_holding(files: Iterable[Path], needles: Sequence[bytes]) -> dict[Path, set[bytes]]:
    """Return which files hold which needles (each of 8 bytes or more) anywhere in them.

    A file that vanishes meanwhile holds nothing.
    """
    heads: dict[int, list[bytes]] = {}
    for needle in needles:
        heads.setdefault(int.from_bytes(needle[:_WINDOW], "little"), []).append(needle)
    slots = np.zeros(1 << _SLOTS, dtype=np.bool_)
    slots[_slots(np.array(list(heads), dtype=np.uint64))] = True
    patterns = _Patterns(heads, slots, max(map(len, needles), default=0))
    found = {path: _in_file(path, patterns) for path in files}
    return {path: which for path, which in found.items() if which}


def _in_file(path: Path, patterns: _Patterns) -> set[bytes]:
    found: set[bytes] = set()
    try:
        with path.open("rb") as file:
            content = file.read(_PIECE)
            while len(content) >= _WINDOW:
                found |= _in_piece(content, patterns)
                more = file.read(_PIECE)
                if not more:
                    break
                # The end of one piece goes before the next, so that nothing hides on the border.
                content = content[-patterns.longest :] + more
    except FileNotFoundError:
        return set()
    return found


def _in_piece(content: bytes, patterns: _Patterns) -> set[bytes]:
    found: set[bytes] = set()
    # Databases keep files that are mostly still empty.
    if content.count(0) == len(content):
        return found
    for shift in range(_WINDOW):
        count = (len(content) - shift) // _WINDOW
        words = np.frombuffer(content, dtype="<u8", count=count, offset=shift)
        for place in np.flatnonzero(patterns.slots[_slots(words)]).tolist():
            start = shift + place * _WINDOW
            for needle in patterns.heads.get(int(words[place]), ()):
                if content.startswith(needle, start):
                    found.add(needle)
    return found


def _slots(
    words: "np.ndarray[tuple[int], np.dtype[np.uint64]]",
) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    return ((words * _MIXED) >> np.uint64(64 - _SLOTS)).astype(np.int64)
