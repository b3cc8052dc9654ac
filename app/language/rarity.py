"""How rare a word is in general English, from a table of stems in order of frequency."""

import math
from bisect import bisect_left
from functools import lru_cache
from pathlib import Path

_TABLE = Path(__file__).with_name("common_words.txt")
_RANKS = (0.0, 10.0, 100.0, 500.0, 1_000.0, 2_000.0, 5_000.0)
_WEIGHTS = (1.4, 1.9, 2.7, 3.8, 4.5, 5.5, 7.0)
UNKNOWN = 8.5
"""The weight of a word that the table lacks: a name, a code, a number, a term of the trade."""


def rarity(stem: str) -> float:
    """Return -ln of the share of passages that hold the stem, from 1.4 (everywhere) to 8.5 (not known)."""
    return _weights().get(stem, UNKNOWN)


def total(stems: set[str] | frozenset[str]) -> float:
    """Return the stems' summed rarity."""
    table = _weights()
    return math.fsum([table.get(stem, UNKNOWN) for stem in stems])


@lru_cache(maxsize=1)
def _weights() -> dict[str, float]:
    stems = _TABLE.read_text(encoding="utf-8").split()
    return {stem: _weight(rank) for rank, stem in enumerate(stems)}


def _weight(rank: int) -> float:
    upper = max(1, bisect_left(_RANKS, rank))
    if upper == len(_RANKS):
        return _WEIGHTS[-1]
    low, high = _RANKS[upper - 1], _RANKS[upper]
    share = (rank - low) / (high - low)
    return _WEIGHTS[upper - 1] + share * (_WEIGHTS[upper] - _WEIGHTS[upper - 1])
