"""Where the subject changes: cuts cost less between sentences that share few words, more inside one thought.

Hearst's TextTiling, as a cost: on both sides of every possible cut the words of the next few sentences are
compared (cosine, weighted by how rare a word is in the section).
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean, pstdev
from typing import TypeAlias

from ingest.cut.atoms import Atom
from vectorstore.language.words import rarity_among, terms

_WEIGHT = 0.4
_LEAST, _MOST = -2.0, 1.5
"""Standard deviations from the section's mean that count at most."""

_Weighed: TypeAlias = tuple[dict[str, float], float]
"""Words by weight, and the length of that vector."""


def with_cohesion(atoms: Sequence[Atom], text: str, *, reach: int) -> list[Atom]:
    """Raise or lower what a cut before each sentence or list item costs; `reach` is in tokens on either side.

    Rows and lines of code keep their cost: they follow one another by other rules than prose.
    """
    bags = [Counter(terms(text[atom.start : atom.end])) for atom in atoms]
    rarity = _rarity(bags)
    words = [{word: count for word, count in bag.items() if word in rarity} for bag in bags]
    before = _gathered(atoms, words, rarity, reach=reach)
    after = _gathered(atoms[::-1], words[::-1], rarity, reach=reach)[::-1]
    similar = [_cosine(before[at - 1], after[at]) for at in range(1, len(atoms))]
    if not similar:
        return list(atoms)
    middle, spread = fmean(similar), max(pstdev(similar), 1e-6)
    changes = [0.0, *(_WEIGHT * max(_LEAST, min((value - middle) / spread, _MOST)) for value in similar)]
    return [
        atom if atom.kind in ("code", "table") else replace(atom, cost=atom.cost + change)
        for atom, change in zip(atoms, changes, strict=True)
    ]


def _rarity(words: Sequence[Mapping[str, int]]) -> dict[str, float]:
    """Weigh words by how few of the atoms hold them; one that stands in a single atom connects nothing."""
    holding = Counter(word for bag in words for word in bag)
    weight = rarity_among(len(words), holding)
    return {word: weight(word) for word, count in holding.items() if count > 1}


def _gathered(
    atoms: Sequence[Atom], words: Sequence[Mapping[str, int]], rarity: Mapping[str, float], *, reach: int
) -> list[_Weighed]:
    """Weigh for each atom the words of it and of those before it, up to `reach` tokens."""
    first = weight = 0
    gathered = []
    for at, atom in enumerate(atoms):
        weight += atom.weight
        while first < at and weight - atoms[first].weight >= reach:
            weight -= atoms[first].weight
            first += 1
        counts: dict[str, int] = {}
        for bag in words[first : at + 1]:
            for word, count in bag.items():
                counts[word] = counts.get(word, 0) + count
        gathered.append(_weighed(counts, rarity))
    return gathered


def _weighed(counts: Mapping[str, int], rarity: Mapping[str, float]) -> _Weighed:
    weights = {word: (1 + math.log(count)) * rarity[word] for word, count in counts.items()}
    return weights, math.sqrt(sum(weight * weight for weight in weights.values()))


def _cosine(one: _Weighed, other: _Weighed) -> float:
    (first, its_length), (second, other_length) = one, other
    common = sum(weight * second.get(word, 0.0) for word, weight in first.items())
    return common / (its_length * other_length or 1.0)
