"""Passages that say the same in the same words: copies, and copies with a changed header or a typing error."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from vectorstore.language.words import EXCEPTIONS, negates, words
from vectorstore.types import Hit

_ALIKE = 0.9
"""Least share of common word triples (Jaccard) of two passages that say the same."""
_SPELLED = 0.9
"""Least likeness of a word and its misspelling; `employee` and `employer` have 0.875."""
_SHORTEST = 12
"""Passages of fewer words must be the same word for word."""
_TURNS_MEANING = EXCEPTIONS | {"only"}
_BITS = 512


class Distinct:
    """The passages kept so far; says of each further one whether it says what one of them says.

    They may differ in the spelling of a word, or in words around the whole (a header, a footer), but not in a
    number, a name with digits, a negation or a word of the question (in title and headings neither): that is
    where copies of a template differ in fact.
    """

    def __init__(self, question: str) -> None:
        self._asked = frozenset(words(question))
        self._kept: list[_Passage] = []

    def take(self, hit: Hit, *, keep: bool = True) -> Hit | None:
        """Return the kept hit that says the same; without one, return None and `keep` this one."""
        spoken = words(hit.chunk.text) or [hit.chunk.text]
        passage = _Passage(hit, spoken, _mask(spoken))
        twin = next((each.hit for each in self._kept if self._same(each, passage)), None)
        if twin is None and keep:
            self._kept.append(passage)
        return twin

    def _same(self, first: "_Passage", second: "_Passage") -> bool:
        # A word that one side lacks takes its triples from what is common, and a triple holds three words.
        lacking = 3 * (1 - _ALIKE) * (len(first.words) + len(second.words))
        if (first.mask ^ second.mask).bit_count() > lacking:
            return False
        if self._asked & (first.context ^ second.context):
            return False
        if first.words == second.words:
            return True
        if min(len(first.words), len(second.words)) < _SHORTEST:
            return False
        ours, theirs = first.triples, second.triples
        if len(ours & theirs) < _ALIKE * len(ours | theirs):
            return False
        once, again = Counter(first.words), Counter(second.words)
        here, there = list(once - again), list(again - once)
        if any(self._matters(word) for word in here + there):
            return False
        return _holds(first.words, second.words) or _spelled_alike(here, there)

    def _matters(self, word: str) -> bool:
        return (
            word in self._asked
            or negates(word)
            or word in _TURNS_MEANING
            or any(letter.isdigit() for letter in word)
        )


def _holds(first: Sequence[str], second: Sequence[str]) -> bool:
    short, long = sorted((f" {' '.join(spoken)} " for spoken in (first, second)), key=len)
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
    mask: int
    """A bit for each word: two masks differ in no more bits than the passages in words."""

    @property
    def context(self) -> frozenset[str]:
        return frozenset(words(" ".join((self.hit.document.title, *self.hit.chunk.headings))))

    @property
    def triples(self) -> frozenset[tuple[str, ...]]:
        return frozenset(zip(self.words, self.words[1:], self.words[2:], strict=False))


def _mask(spoken: Sequence[str]) -> int:
    bits = bytearray(_BITS)
    for word in spoken:
        bits[hash(word) % _BITS] = 1
    return int.from_bytes(bits, "little")
