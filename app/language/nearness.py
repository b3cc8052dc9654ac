"""Words of near meaning, from a table of our own: `leave` and `holiday`, `spouse` and `wife`."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

_TABLE = Path(__file__).with_name("near_words.txt")
_NOTHING, _EVERYTHING = 0.4, 1.0
"""Cosines between which nearness counts from nothing to as much as the word itself."""


@lru_cache(maxsize=4_096)
def near(stem: str) -> Mapping[str, float]:
    """Return the stems that can stand for this one, itself with 1, others with what they count for."""
    return {**_near().get(stem, {}), stem: 1.0}


@lru_cache(maxsize=1)
def _near() -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for line in _TABLE.read_text(encoding="utf-8").splitlines():
        stem, *others = line.split()
        for other in others:
            name = other.rstrip("0123456789")
            value = (int(other[len(name) :]) / 100 - _NOTHING) / (_EVERYTHING - _NOTHING)
            found.setdefault(stem, {})[name] = value
            found.setdefault(name, {})[stem] = value
    return found
