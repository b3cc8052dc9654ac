"""Fit passages into the tokens that a model may read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from app.events import Passage

_OVERHEAD = 40
"""Tokens that a passage's number, title and date cost around its text."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A passage that did not go in, and why."""

    passage: Passage
    reason: str


@dataclass(frozen=True, slots=True)
class Packed:
    """The passages that an answer may be written from, numbered from 1, and those left out."""

    passages: tuple[Passage, ...]
    left_out: tuple[LeftOut, ...] = ()


def pack(passages: Sequence[Passage], *, budget: int, most: int, count: Callable[[str], int]) -> Packed:
    """Keep the best passages that fit, at most `most`, without those that say the same. The first is always kept."""
    kept: list[Passage] = []
    left_out: list[LeftOut] = []
    seen: dict[str, int] = {}
    for passage in passages:
        text = " ".join(passage.text.split())
        cost = count(passage.text) + _OVERHEAD
        reason = ""
        if text in seen:
            reason = f"says the same as passage {seen[text]}"
        elif len(kept) == most:
            reason = f"more than {most} passages"
        elif kept and cost > budget:
            reason = "does not fit the token budget"
        if reason:
            left_out.append(LeftOut(passage, reason))
            continue
        budget -= cost
        kept.append(replace(passage, number=len(kept) + 1))
        seen[text] = len(kept)
    return Packed(tuple(kept), tuple(left_out))
