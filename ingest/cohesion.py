"""Where the subject changes: cuts cost less between sentences that share few words, more inside one thought.

Hearst's TextTiling, as a cost: on both sides of every possible cut the words of the next few sentences are
compared (cosine, weighted by how rare a word is in the section).
"""

import math
import re
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean, pstdev
from typing import TypeAlias

from ingest.atoms import Atom

_WEIGHT = 0.4
_LEAST, _MOST = -2.0, 1.5
"""Standard deviations from the section's mean that count at most."""

_WORD = re.compile(r"\w{3,}")
_STEM = 6
"""Letters that stand for a word, so that its inflected forms count as one."""

_Bag: TypeAlias = Counter[str]


def with_cohesion(atoms: Sequence[Atom], text: str, *, reach: int) -> list[Atom]:
    """Raise or lower what a cut before each sentence or list item costs; `reach` is in tokens on either side.

    Rows and lines of code keep their cost: they follow one another by other rules than prose.
    """
    words = [Counter(_words(text[atom.start : atom.end])) for atom in atoms]
    rarity = _rarity(words)
    before = _gathered(atoms, words, reach=reach)
    after = _gathered(atoms[::-1], words[::-1], reach=reach)[::-1]
    similar = [_cosine(before[at - 1], after[at], rarity) for at in range(1, len(atoms))]
    if not similar:
        return list(atoms)
    middle, spread = fmean(similar), max(pstdev(similar), 1e-6)
    changes = [0.0, *(_WEIGHT * max(_LEAST, min((value - middle) / spread, _MOST)) for value in similar)]
    return [
        atom if atom.kind in ("code", "table") else replace(atom, cost=atom.cost + change)
        for atom, change in zip(atoms, changes, strict=True)
    ]


def _words(text: str) -> list[str]:
    return [word[:_STEM] for word in _WORD.findall(text.lower())]


def _rarity(words: Sequence[_Bag]) -> dict[str, float]:
    """Weigh words by how few of the atoms hold them; one that stands in a single atom connects nothing."""
    holding = Counter(word for bag in words for word in bag)
    return {word: math.log(len(words) / count) for word, count in holding.items() if count > 1}


def _gathered(atoms: Sequence[Atom], words: Sequence[_Bag], *, reach: int) -> list[_Bag]:
    """Return for each atom the words of it and of those before it, up to `reach` tokens."""
    window: deque[int] = deque()
    weight = 0
    gathered = []
    for at, atom in enumerate(atoms):
        window.append(at)
        weight += atom.weight
        while len(window) > 1 and weight - atoms[window[0]].weight >= reach:
            weight -= atoms[window.popleft()].weight
        gathered.append(sum((words[each] for each in window), Counter()))
    return gathered


def _cosine(one: _Bag, other: _Bag, rarity: Mapping[str, float]) -> float:
    first, second = _weighted(one, rarity), _weighted(other, rarity)
    common = sum(weight * second.get(word, 0.0) for word, weight in first.items())
    return common / (_length(first) * _length(second) or 1.0)


def _weighted(words: _Bag, rarity: Mapping[str, float]) -> dict[str, float]:
    return {word: (1 + math.log(count)) * rarity[word] for word, count in words.items() if word in rarity}


def _length(vector: Mapping[str, float]) -> float:
    return math.sqrt(sum(weight * weight for weight in vector.values()))
