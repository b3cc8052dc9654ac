"""Passages that say the same in the same words: copies, and copies with a changed header or a typing error."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from math import ceil

from vectorstore.types import Hit

_ALIKE = 0.9
"""Least share of common word triples (Jaccard) of two passages that say the same."""
_SPELLED = 0.9
"""Least likeness of a word and its misspelling; `employee` and `employer` have 0.875."""
_SHORTEST = 12
"""Passages of fewer words must be the same word for word."""
_TURNS_MEANING = frozenset(
    ("not", "no", "never", "none", "nor", "neither", "without", "except", "unless", "only", "cannot")
)
_WORD = re.compile(r"\w+", re.UNICODE)
_Triples = frozenset[int]


class Distinct:
    """The passages kept so far; says of each further one whether it says what one of them says.

    They may differ in the spelling of a word, or in words around the whole (a header, a footer), but not in a
    number, a name with digits, a negation or a word of the question (in title and headings neither): that is
    where copies of a template differ in fact.
    """

    def __init__(self, question: str) -> None:
        self._asked = frozenset(_words(question))
        self._by_triple: dict[int, list[_Passage]] = {}

    def take(self, hit: Hit, *, keep: bool = True) -> Hit | None:
        """Return the kept hit that says the same; without one, return None and `keep` this one."""
        passage = _passage(hit)
        # Sets with a Jaccard index of at least t share one of their first (1-t)·n+1 members in any fixed
        # order (prefix filtering: Chaudhuri, Ganti and Kaushik 2006).
        near = {id(each): each for key in passage.prefix for each in self._by_triple.get(key, ())}
        twin = next((each.hit for each in near.values() if self._same(each, passage)), None)
        if twin is None and keep:
            for key in passage.prefix:
                self._by_triple.setdefault(key, []).append(passage)
        return twin

    def _same(self, first: "_Passage", second: "_Passage") -> bool:
        if self._asked & (first.context ^ second.context):
            return False
        if first.words == second.words:
            return True
        if min(len(first.words), len(second.words)) < _SHORTEST:
            return False
        if len(first.triples & second.triples) < _ALIKE * len(first.triples | second.triples):
            return False
        once, again = Counter(first.words), Counter(second.words)
        here, there = list(once - again), list(again - once)
        if any(self._matters(word) for word in here + there):
            return False
        return _holds(first.words, second.words) or _spelled_alike(here, there)

    def _matters(self, word: str) -> bool:
        return word in self._asked or word in _TURNS_MEANING or any(letter.isdigit() for letter in word)


def _holds(first: Sequence[str], second: Sequence[str]) -> bool:
    short, long = sorted((f" {' '.join(words)} " for words in (first, second)), key=len)
    return short in long


def _spelled_alike(here: Sequence[str], there: Sequence[str]) -> bool:
    """Say whether each word has one on the other side that is it, misspelt or inflected."""
    return all(_near(word, there) for word in here) and all(_near(word, here) for word in there)


def _near(word: str, others: Sequence[str]) -> bool:
    return any(
        word[0] == other[0] and SequenceMatcher(None, word, other).ratio() >= _SPELLED for other in others
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Passage:
    hit: Hit
    words: list[str]
    context: frozenset[str]
    triples: _Triples
    prefix: Sequence[int]


def _passage(hit: Hit) -> _Passage:
    words = _words(hit.chunk.text) or [hit.chunk.text]
    context = frozenset(_words(" ".join((hit.document.title, *hit.chunk.headings))))
    triples = frozenset(
        map(hash, zip(words, words[1:], words[2:], strict=False) if len(words) > 2 else [tuple(words)])
    )
    prefix = sorted(triples)[: len(triples) - ceil(_ALIKE * len(triples)) + 1]
    return _Passage(hit, words, context, triples, prefix)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())
