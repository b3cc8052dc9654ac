"""The word search of a tenant: which chunks hold a question's words, weighed by what the caller may read and nothing else.

How rare a word is, how long a text is beside others, which words there are at all and which languages they are in:
all of it is counted over the chunks that may be read. What may not be is no part of any sum, so that it tells nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import log
from pathlib import Path
from typing import Final, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from vectorstore.errors import Unavailable
from vectorstore.index.projection.analysis import (
    ANALYSED,
    ANALYSIS,
    compounding,
    identifiers,
    may_be_misspelt,
    parted,
    slips,
)
from vectorstore.index.projection.entry import FIELDS, entry_of, key_of
from vectorstore.index.projection.postings import Held, Lengths, Postings
from vectorstore.index.truth.arrays import Found, Positions, Rows, Scores, found_nothing
from vectorstore.index.truth.read import IndexedChunk

_MOST_WORDS = 64
_MOST_GRAMS = 128


def first_words(words: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Keep each word once, and no more than a query can use."""
    return list(dict.fromkeys(words))[:_MOST_WORDS]


def first_grams(grams: list[str]) -> list[str]:
    """Keep each pair of letters once, and no more than a query can use."""
    return list(dict.fromkeys(grams))[:_MOST_GRAMS]


BOOSTS: Final = {"body": 1.0, "heads": 0.5}
"""The body holds title and headings too: a word in them counts for more than one in the text alone."""
_INNER_BOOST: Final = 0.2
"""Of a word that is part of another, as `Antrag` of `Urlaubsantrag`."""
_PART_BOOST: Final = 0.5
"""Of the two words that a word of the question is made of."""
_IDENTIFIER_BOOST: Final = 2.0
_MORE_FORMS: Final = 0.1
"""What a word's other forms count beside the one that scores best: a word as it was typed comes before one like it."""
_SATURATION: Final = 1.2
_LENGTH: Final = 0.75
"""BM25's k1 and b."""
_SOME, _MUCH = 200_000, 500_000
"""With more occurrences than the first, those of frequent words are read only if they must be; with more than the second
they are not all read in any case."""
_SPARE = 10
"""How many times as many chunks as are wanted must then hold one of the rarer words."""
_SEEK = 12
"""What it costs to look one chunk up among a word's occurrences, in occurrences scored one after another."""
_MISSPELT_BOOST: Final = 3.0
"""What a chunk gets for a word that is not known and that one of its own is one slip away from: less than a rare one."""
_MOST_MISSPELT = 8
"""Each is looked for with every slip; of a question more are of another language, or of none."""
_KEPT: Final = 32
"""How many choices of documents are remembered."""
_COUNTED: Final = 20_000
"""How many words' frequencies are remembered for each."""

_Mask: TypeAlias = npt.NDArray[np.bool_]
"""A flag for each chunk of the index."""


@dataclass(slots=True)
class _Sight:
    """What a caller may read: a flag for each chunk (None: all), how many, how long their fields are on average."""

    mask: _Mask | None
    chunks: int
    averages: tuple[float, ...]
    languages: list[str] = field(default_factory=list)
    counted: dict[int, int] = field(default_factory=dict)

    def count(self, key: int, held: Held) -> int:
        """Return how many of the chunks hold a word."""
        if self.mask is None:
            return len(held)
        known = self.counted.get(key)
        if known is None:
            if len(self.counted) >= _COUNTED:
                self.counted.clear()
            known = self.counted[key] = int(np.count_nonzero(self.mask[held.places]))
        return known


@dataclass(frozen=True, slots=True)
class _Part:
    """Forms of a word in one field, each with its weight, of which the best counts most; or `alike`: one weight for all."""

    field: int
    forms: list[tuple[float, Held]]
    alike: bool = False


@dataclass(frozen=True, slots=True)
class _Term:
    """A word of the question: how many chunks hold it, and what to look for in each field that does."""

    chunks: int
    parts: list[_Part]


class Words(Protocol):
    """Which chunks of a tenant hold a word: `rows` and `documents` name each chunk, each row of `lengths` is a field."""

    rows: Rows
    documents: Rows
    lengths: Lengths

    def find(self, keys: Sequence[int]) -> list[Held]:
        """Return for each key the chunks that hold it, by their place in `rows`."""


class WordSearch:
    """Ranks a tenant's chunks by the words that they hold, wherever those lie. Safe to use from several threads."""

    def __init__(self, postings: Words) -> None:
        self._postings = postings
        self._sights: dict[int, tuple[Rows | None, _Sight]] = {}

    @property
    def count(self) -> int:
        """How many chunks are in."""
        return len(self._postings.rows)

    def search(
        self, text: str, limit: int, *, readable: Rows | None = None, within: Rows | None = None
    ) -> Found:
        """Return the `limit` best chunks by BM25 among those of the `readable` documents, ties by row.

        `within` narrows what is found to some of these documents, and weighs in nothing. None: all.
        """
        sight = self._sight(readable)
        if limit <= 0 or not sight.chunks:
            return found_nothing()
        terms = _Question(self._postings, sight).terms(text)
        allowed = sight.mask if within is None else self._mask(within)
        places, scores = self._best(terms, limit, sight, allowed)
        least = np.partition(scores, -limit)[-limit] if len(scores) > limit else 0.0
        best = np.flatnonzero(scores >= least)
        rows, scores = self._postings.rows[places[best]], scores[best]
        order = np.lexsort((rows, -scores))[:limit]
        return Found(rows[order], scores[order])

    def _sight(self, documents: Rows | None) -> _Sight:
        """Count what may be read. The catalog hands out the same array for the same caller, so it is kept."""
        known = self._sights.get(id(documents))
        if known is not None:
            return known[1]
        mask = None if documents is None else self._mask(documents)
        mask = None if mask is None or mask.all() else mask
        lengths = self._postings.lengths if mask is None else self._postings.lengths[:, mask]
        # No field is empty on average: nothing is divided by zero.
        sums = np.maximum(lengths.sum(axis=1, dtype=np.int64), 1).tolist()
        chunks = lengths.shape[1]
        sight = _Sight(mask, chunks, tuple(total / max(chunks, 1) for total in sums))
        keys = [key_of("language", code) for code in ANALYSED]
        held = {
            code: sight.count(key, held)
            for code, key, held in zip(ANALYSED, keys, self._postings.find(keys), strict=True)
        }
        sight.languages = sorted((code for code in held if held[code]), key=lambda code: -held[code])
        if len(self._sights) >= _KEPT:
            self._sights.clear()
        # With the array itself: as long as it is held, nothing else can have its id.
        self._sights[id(documents)] = documents, sight
        return sight

    def _mask(self, documents: Rows) -> _Mask:
        owners = self._postings.documents
        chosen = np.zeros(max(owners.max(initial=0), documents.max(initial=0)) + 1, bool)
        chosen[documents] = True
        return np.asarray(chosen[owners])

    def _best(
        self, terms: Sequence[_Term], limit: int, sight: _Sight, allowed: _Mask | None
    ) -> tuple[Positions, Scores]:
        """Return where the best of the allowed chunks stand, with others, and their scores.

        First only those that hold one of the rarest words, with the score that they have by all; then those with one of
        some more. Where enough of them score as much as no chunk without can, they are the best. Of very frequent words
        the chunks without any rarer one are left out all the same: they would be far behind.
        """
        frequent = sum(term.chunks for term in terms) > _MUCH
        for finding in _rarest(terms, limit):
            places, scores = self._scored(terms, sight, allowed, finding)
            if len(places) >= limit:
                least = np.partition(scores, -limit)[-limit]
                many = sum(term.chunks for term in finding) >= _SPARE * limit
                if least >= _at_most(terms, but=finding) or (frequent and many):
                    return places, scores
        return self._scored(terms, sight, allowed, None)

    def _scored(
        self, terms: Sequence[_Term], sight: _Sight, allowed: _Mask | None, finding: Sequence[_Term] | None
    ) -> tuple[Positions, Scores]:
        """Return where the allowed chunks stand that hold one of the `finding` terms (None: any), and their scores."""
        among = None if finding is None else self._holding(finding, allowed)
        total = np.zeros(self.count if among is None else len(among), np.float32)
        # Always added up in the same order: float32 would tell one order from another.
        for part in (part for term in terms for part in term.parts):
            numbers, gained = self._gained(part, sight, among)
            total[numbers] += gained
        if among is not None:
            return among, total
        found = total > 0
        among = np.flatnonzero(found if allowed is None else found & allowed)
        return among, total[among]

    def _holding(self, terms: Sequence[_Term], allowed: _Mask | None) -> Positions:
        forms = (held for term in terms for part in term.parts for _, held in part.forms)
        # Sorted, since numpy's own way to drop what is there twice takes several times as long.
        places = np.sort(np.concatenate([held.places for held in forms]))
        first = np.diff(places, prepend=-1) > 0
        return places[first if allowed is None else first & allowed[places]]

    def _gained(self, part: _Part, sight: _Sight, among: Positions | None) -> tuple[Positions, Scores]:
        """Return the chunks that a part adds to, by their number `among` some (None: all), and how much."""
        gains = [self._gain(part, weight, held, sight, among) for weight, held in part.forms]
        if len(gains) == 1:
            return gains[0]
        every = np.unique(np.concatenate([numbers for numbers, _ in gains]))
        best, others = np.zeros(len(every), np.float32), np.zeros(len(every), np.float32)
        for numbers, gained in gains:
            at = np.searchsorted(every, numbers)
            others[at] += gained
            best[at] = np.maximum(best[at], gained)
        return every, best if part.alike else best + np.float32(_MORE_FORMS) * (others - best)

    def _gain(
        self, part: _Part, weight: float, held: Held, sight: _Sight, among: Positions | None
    ) -> tuple[Positions, Scores]:
        numbers, counts = (held.places, held.counts) if among is None else held.among(among)
        if part.alike:
            return numbers, np.full(len(numbers), weight, np.float32)
        places = numbers if among is None else among[numbers]
        lengths = self._postings.lengths[part.field][places].astype(np.float32)
        room = _SATURATION * _LENGTH / sight.averages[part.field] * lengths
        room += _SATURATION * (1 - _LENGTH)
        often = counts.astype(np.float32)
        room += often
        often *= weight
        return numbers, np.divide(often, room, out=often)


class WordIndex(WordSearch):
    """The words of a tenant's chunks in a folder that nobody else writes to."""

    def __init__(self, folder: Path) -> None:
        """Open the index, or begin one; raises Unavailable for files that cannot be read."""
        try:
            self._files = Postings(folder, fields=len(FIELDS))
        except (OSError, ValueError) as error:
            raise Unavailable(
                f"The word index in {folder.name!r} cannot be opened: {error}.",
                "Run `footnote index rebuild`.",
            ) from error
        super().__init__(self._files)

    def add(self, chunks: Iterable[IndexedChunk]) -> None:
        """Add chunks with greater rows than all before, and wait until they are written."""
        try:
            self._files.add(map(entry_of, chunks))
        except OSError as error:
            raise Unavailable(
                f"The word index could not be written: {error}.",
                "Check that the disk under FOOTNOTE_DATA_DIR has space and works.",
            ) from error
        self._sights.clear()


def _rarest(terms: Sequence[_Term], limit: int) -> Iterator[Sequence[_Term]]:
    """Yield the rarest terms that so many chunks hold, and with more and more others, as long as that costs less than all."""
    total, within = sum(term.chunks for term in terms), 0
    rarest = sorted(terms, key=lambda term: term.chunks) if total > _SOME else []
    for count, term in enumerate(rarest, start=1):
        within += term.chunks
        if within * (1 + _SEEK * (len(terms) - count)) >= total:
            return
        if within >= limit:
            yield rarest[:count]


def _at_most(terms: Sequence[_Term], *, but: Sequence[_Term]) -> float:
    """Return what the score of a chunk that holds none of some terms stays below."""
    left = {id(term) for term in but}
    parts = [part for term in terms if id(term) not in left for part in term.parts]
    return sum(weight for part in parts for weight, _ in part.forms)


class _Question:
    """Makes terms of a question's words, as far as the chunks in sight hold them."""

    def __init__(self, postings: Words, sight: _Sight) -> None:
        self._postings = postings
        self._sight = sight
        self._known: dict[tuple[str, str], tuple[int, Held]] = {}

    def terms(self, text: str) -> list[_Term]:
        """Return the terms that are held, from analysed words: nothing typed is read as query syntax."""
        text, grams = parted(text)
        languages = self._sight.languages
        words = first_words(ANALYSIS.forms(text, languages))
        inner = {"inner": _INNER_BOOST} if compounding(languages) else {}
        fields = {**BOOSTS, **inner}
        grams, names = first_grams(grams), identifiers(text)
        every = [*(form for forms in words for form in forms), *grams]
        self._look_up(
            [*((field, word) for field in fields for word in every), *(("names", name) for name in names)]
        )
        terms = [self._term(forms, fields) for forms in words]
        # The form that the least was cut from, which is the word as it stands in the index of its own language.
        missing = [
            max(forms, key=len, default="")
            for forms, term in zip(words, terms, strict=True)
            if not term.chunks
        ]
        unsure = [word for word in missing if may_be_misspelt(word)]
        terms += [self._term((gram,), BOOSTS) for gram in grams]
        terms += [self._term((name,), {"names": _IDENTIFIER_BOOST}) for name in names]
        for pairs in ANALYSIS.compounds(text, languages):
            terms += self._parts(pairs)
        terms += [self._nearly(word) for word in unsure[:_MOST_MISSPELT]]
        return [term for term in terms if term.parts]

    def _term(self, forms: Sequence[str], boosts: Mapping[str, float]) -> _Term:
        """Look for a word's forms, for each field by itself."""
        most, parts = 0, []
        for name, boost in boosts.items():
            held = self._held(name, forms)
            if held:
                most = max(most, *(count for count, _ in held))
                weighed = [(boost * self._rarity(count), each) for count, each in held]
                parts.append(_Part(FIELDS.index(name), weighed))
        return _Term(most, parts)

    def _held(self, name: str, words: Iterable[str]) -> list[tuple[int, Held]]:
        """Return how many chunks in sight hold each of these words in a field, and all that do, where there are any."""
        wanted = [(name, word) for word in words]
        self._look_up([each for each in wanted if each not in self._known])
        return [self._known[each] for each in wanted if self._known[each][0]]

    def _look_up(self, words: Sequence[tuple[str, str]]) -> None:
        # All at once: looking one up costs as much as looking up a hundred.
        keys = [key_of(*each) for each in words]
        for each, key, held in zip(words, keys, self._postings.find(keys) if keys else (), strict=True):
            self._known[each] = self._sight.count(key, held), held

    def _rarity(self, chunks: int) -> float:
        """Return the weight of a word that so many chunks hold."""
        return (_SATURATION + 1) * log(1 + (self._sight.chunks - chunks + 0.5) / (chunks + 0.5))

    def _parts(self, pairs: Iterable[tuple[str, str]]) -> list[_Term]:
        """Look for the two words of which one is made: both are held, and the shorter one is as long as can be."""
        boosts = {name: boost * _PART_BOOST for name, boost in BOOSTS.items()}
        for pair in sorted(pairs, key=lambda pair: -min(map(len, pair))):
            if len(self._held("body", pair)) == len(pair):
                return [self._term((part,), boosts) for part in pair]
        return []

    def _nearly(self, word: str) -> _Term:
        """Look for words that are one slip away; each chunk with one scores alike."""
        held = [(_MISSPELT_BOOST, each) for _, each in self._held("body", slips(word))]
        return _Term(1, [_Part(FIELDS.index("body"), held, alike=True)] if held else [])
