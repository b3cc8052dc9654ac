"""Gathers what a claim rests on from a passage: its telling sentences in their order, cut to a budget."""

from collections.abc import Sequence
from functools import lru_cache

from app.language.rarity import rarity, total
from app.language.reading import Line, Reading, lines, read

BUDGET = 480
"""Characters of evidence that the trained checker reads: about 110 tokens."""
_FRAME = 120


def gather(claim: Reading, text: str, context: str = "", *, budget: int = BUDGET) -> str:
    """Return the sentences that hold the claim's words, rarest words first, and the one before the best.

    Sentences stand in the passage's order with a `…` where some are left out, each new heading, table header or
    lead-in in front of the first that it frames. Empty if the passage holds none of the claim's words.
    """
    found = [line for line in lines(text, context) if line.kind != "rule"]
    stems = [_stems(line.text) for line in found]
    chosen: list[int] = []
    missing = set(claim.stems)
    used = 0
    while len(chosen) < len(found):
        best = max(
            (place for place in range(len(found)) if place not in chosen),
            key=lambda place: _worth(claim.stems, missing, stems[place], len(found[place].text)),
        )
        if _worth(claim.stems, missing, stems[best], len(found[best].text)) <= 0:
            break
        if chosen and used + len(found[best].text) > budget:
            break
        chosen.append(best)
        used += len(found[best].text)
        missing -= stems[best]
        before = best - 1
        if len(chosen) == 1 and before >= 0 and used + len(found[before].text) <= budget * 0.7:
            chosen.append(before)
            used += len(found[before].text)
            missing -= stems[before]
    return _joined(found, sorted(chosen))[: budget + 2 * _FRAME]


def _worth(wanted: frozenset[str], missing: set[str], held: frozenset[str], length: int) -> float:
    """Return the rarity of what a sentence adds, a little of what it repeats, long ones held back."""
    if held.isdisjoint(wanted):
        return 0.0
    new = sum(rarity(stem) for stem in missing & held)
    return (new + 0.25 * total(wanted & held)) / (1 + length / 600)


def _joined(found: Sequence[Line], places: Sequence[int]) -> str:
    parts: list[str] = []
    shown: set[str] = set()
    last = -1
    for place in places:
        if parts and place != last + 1:
            parts.append("…")
        new = [part for part in found[place].frame.split("\n") if part and part not in shown]
        shown.update(new)
        if new:
            parts.append(": ".join(new)[:_FRAME] + ":")
        parts.append(found[place].text)
        last = place
    return " ".join(parts)


@lru_cache(maxsize=8_192)
def _stems(text: str) -> frozenset[str]:
    return read(text).stems
