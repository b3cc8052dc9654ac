"""What scorers measure with: the support that counts, and how much each word weighs in this corpus."""

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from app.support.ground import SUPPORTED
from vectorstore.language.words import rarity, stem, words

_FEW = 50
"""Chunks; of fewer, how often a word occurs tells little."""


@dataclass(frozen=True, slots=True)
class Ruler:
    """`tau` is the support from which on a sentence counts; `weight` the rarity of a stem, and `words` where it is of."""

    tau: float = SUPPORTED
    weight: Callable[[str], float] = rarity
    words: str = "general English"


PLAIN = Ruler()


def corpus_ruler(chunks: Iterable[str], *, tau: float = SUPPORTED) -> Ruler:
    """Weigh stems by how few of the index's chunks hold them; by general English where those are under fifty."""
    held: Counter[str] = Counter()
    count = 0
    for text in chunks:
        held.update({stem(word) for word in words(text)})
        count += 1
    if count < _FEW:
        return Ruler(tau)

    def weight(item: str) -> float:
        return math.log((count + 1) / (held[item] + 0.5))

    return Ruler(tau, weight, "corpus")
