"""Searching files for many byte patterns in one pass, whatever lies in the files."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

_WINDOW = 8
_PIECE = 8 << 20


def files_holding(files: Iterable[Path], needles: Sequence[bytes]) -> dict[Path, set[bytes]]:
    """Return which files hold which needles (each of 8 bytes or more) anywhere in them."""
    heads: dict[int, list[bytes]] = {}
    for needle in needles:
        heads.setdefault(int.from_bytes(needle[:_WINDOW], "little"), []).append(needle)
    wanted = np.array(sorted(heads), dtype=np.uint64)
    found = {path: _in_file(path, heads, wanted) for path in files}
    return {path: which for path, which in found.items() if which}


def _in_file(
    path: Path, heads: dict[int, list[bytes]], wanted: "np.ndarray[tuple[int], np.dtype[np.uint64]]"
) -> set[bytes]:
    longest = max((len(needle) for each in heads.values() for needle in each), default=0)
    found: set[bytes] = set()
    try:
        with path.open("rb") as file:
            content = file.read(_PIECE)
            while len(content) >= _WINDOW:
                found |= _in_piece(content, heads, wanted)
                more = file.read(_PIECE)
                if not more:
                    break
                # The end of one piece goes before the next, so that nothing hides on the border.
                content = content[-longest:] + more
    except FileNotFoundError:
        return set()
    return found


def _in_piece(
    content: bytes, heads: dict[int, list[bytes]], wanted: "np.ndarray[tuple[int], np.dtype[np.uint64]]"
) -> set[bytes]:
    found = set()
    for shift in range(_WINDOW):
        count = (len(content) - shift) // _WINDOW
        words = np.frombuffer(content, dtype="<u8", count=count, offset=shift)
        for place in np.flatnonzero(np.isin(words, wanted)).tolist():
            start = shift + place * _WINDOW
            for needle in heads[int(words[place])]:
                if content.startswith(needle, start):
                    found.add(needle)
    return found
