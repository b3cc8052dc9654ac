"""Fit passages into the tokens that a model may read."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from app.events import Passage

_OVERHEAD = 40
"""Tokens that a passage's number, title and date cost around its text."""


def pack(
    passages: Sequence[Passage], *, budget: int, most: int, count: Callable[[str], int]
) -> tuple[Passage, ...]:
    """Keep the best passages that fit, at most `most`, renumbered from 1. The first is always kept."""
    kept: list[Passage] = []
    for passage in passages:
        cost = count(passage.text) + _OVERHEAD
        if kept and cost > budget:
            continue
        budget -= cost
        if len(kept) == most:
            break
        kept.append(replace(passage, number=len(kept) + 1))
    return tuple(kept)
