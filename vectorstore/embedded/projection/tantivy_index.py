"""tantivy, wrapped: an inverted index of chunks with stems, headings, titles and identifiers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vectorstore.embedded.projection.analysis import (
    ANALYSED,
    FOLDED,
    Analysis,
    analysed_as,
    compounding,
    parted,
)
from vectorstore.embedded.truth.arrays import Found, Rows, found_nothing
from vectorstore.embedded.truth.read import IndexedChunk
from vectorstore.errors import Unavailable
from vectorstore.language.words import name_words

IDENTIFIER_PATTERN = r"\w+(?:[-._/:@#+]\w+)+|\w*\d\w*"
"""What stands in text as one name: `ERR-4012`, `v2.3.1`, `handbook.pdf`, `2024-03-01`, `a/b_c`, `4012`.

For tantivy, whose patterns take linear time whatever they are.
"""
_IDENTIFIER = re.compile(r"(?<!\w)(?:\w++(?:[-./:@#+]\w++)++|\w[^\W_]*+_\w++|[^\W\d]*+\d\w*+)")
"""The same for Python, which would begin anew at every letter of a long word."""

_MOST_WORDS = 64
_MOST_GRAMS = 128
_MOST_IDENTIFIERS = 16


def identifiers(text: str) -> list[str]:
    """Return the identifiers in a text, lower case, each once."""
    found = dict.fromkeys(match.lower() for match in _IDENTIFIER.findall(text))
    return list(found)[:_MOST_IDENTIFIERS]


def first_words(words: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Keep each word once, and no more than a query can use."""
    return list(dict.fromkeys(words))[:_MOST_WORDS]


def first_grams(grams: list[str]) -> list[str]:
    """Keep each pair of letters once, and no more than a query can use."""
    return list(dict.fromkeys(grams))[:_MOST_GRAMS]


SCHEMA = 4
"""Of the fields and of how text becomes words. Files of another schema are made anew: tantivy would refuse to
open them, or, worse, look for stems among words that were stemmed differently."""

_ANALYSED = "analysed"
_NAMES = "names"
_HEAP = 64 << 20
_LONGEST_WORD = 120
"""In bytes, of which a letter of most scripts has two or three."""

BOOSTS = {"body": 1.0, "heads": 0.5}
"""The body holds title and headings too: a word in them counts for more than one in the text alone."""
_INNER_BOOST = 0.2
"""Of a word that is part of another, as `Antrag` of `Urlaubsantrag`."""
_PART_BOOST = 0.5
"""Of the two words that a word of the question is made of."""
_IDENTIFIER_BOOST = 2.0
_MORE_FORMS = 0.1
"""What a word's other forms count beside the one that scores best: a word as it was typed comes before one like it."""
_FEW_DOCUMENTS = 1_000
_MUCH = 500_000
"""More occurrences than this are not all scored (3 ms for a million); fewer are."""
_MISSPELT_BOOST = 3.0
"""What a chunk gets for a word that the index lacks and that one of its own is one slip away from: less than a rare one."""
_SHORTEST_MISSPELT = 5
_MOST_MISSPELT = 8
"""Each is looked for among all words of the index; of a question more are of another language, or of none."""
_SLACK = 50
"""How much deeper than their share tells to look for chunks that a caller may see."""
_SPARE = 10
"""How many times as many chunks as are wanted must hold one of the rarer words."""
_SEEK = 4
"""What it costs to look one chunk up among a word's occurrences, in occurrences scored one after another."""


def _analyze(text: str, steps: tuple[str, ...]) -> list[str]:
    found: list[str] = _analyzer(steps, plain=text.isascii()).analyze(text)
    return found


@lru_cache(maxsize=128)
def _analyzer(steps: tuple[str, ...], *, plain: bool) -> Any:
    import tantivy

    own, tokenizer = tantivy.Filter, tantivy.Tokenizer
    # Vowels and other marks on letters are part of words; where there are none, the simple one takes less time.
    builder = tantivy.TextAnalyzerBuilder(tokenizer.simple() if plain else tokenizer.regex(r"[^\W_]+"))
    first = (own.remove_long(_LONGEST_WORD), own.lowercase())
    for each in (*first, *(own.ascii_fold() if step == FOLDED else own.stemmer(step) for step in steps)):
        builder = builder.filter(each)
    return builder.build()


ANALYSIS: Final = Analysis(_analyze)


class TantivyIndex:
    """An inverted index in a folder that nobody else writes to."""

    def __init__(self, folder: Path) -> None:
        """Open the index, or begin one; raises Unavailable for files that cannot be read or hold another schema."""
        import tantivy

        self._tantivy = tantivy
        self._schema = _schema(tantivy)
        try:
            self._index = tantivy.Index(self._schema, path=str(folder), reuse=True)
            # No analyser of tantivy's knows the language of a text: it is given words that have been analysed.
            spaced = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()
            self._index.register_tokenizer(_ANALYSED, spaced)
            self._index.register_tokenizer(_NAMES, _name_analyzer(tantivy))
            # The default would start a thread that watches the folder; a folder here never changes once in use.
            self._index.config_reader(reload_policy="manual")
            self._renew()
        except ValueError as error:
            raise Unavailable(
                f"The word index in {folder.name!r} cannot be opened: {error}.",
                "Run `footnote index rebuild`.",
            ) from error

    @property
    def count(self) -> int:
        """How many chunks are in."""
        return int(self._searcher.num_docs)

    def add(self, chunks: Iterable[IndexedChunk]) -> None:
        """Add chunks, commit, and wait until all files are written."""
        try:
            writer = self._index.writer(heap_size=_HEAP, num_threads=1)
            for each in chunks:
                writer.add_document(self._entry(each))
            writer.commit()
            writer.garbage_collect_files()
            writer.wait_merging_threads()
            self._index.reload()
            self._renew()
        except ValueError as error:
            # What tantivy raises for anything that goes wrong with its files.
            raise Unavailable(
                f"The word index could not be written: {error}.",
                "Check that the disk under FOOTNOTE_DATA_DIR has space and works.",
            ) from error

    def _renew(self) -> None:
        self._searcher = self._index.searcher()
        held = {code: self._searcher.doc_freq("language", code) for code in ANALYSED}
        self._languages = sorted((code for code in held if held[code]), key=lambda code: -held[code])

    def _entry(self, each: IndexedChunk) -> Any:
        entry = self._tantivy.Document()
        entry.add_unsigned("chunk", each.row)
        entry.add_unsigned("document", each.document)
        languages = analysed_as(each.languages, each.chunk.text)
        for language in languages:
            entry.add_text("language", language)
        body = self._add(entry, "body", each.chunk.embedded_text, languages)
        heads = self._add(
            entry, "heads", "\n".join((each.title, name_words(each.uri), *each.chunk.headings)), languages
        )
        if compounding(languages):
            entry.add_text("inner", " ".join(ANALYSIS.inner(body, languages)))
        entry.add_text("names", "\n".join((each.uri, heads, body)))
        return entry

    def _add(self, entry: Any, field: str, text: str, languages: Sequence[str]) -> str:
        """Add what is found of a text, and return the text without letters that nothing parts."""
        text, grams = parted(text)
        entry.add_text(field, " ".join((*ANALYSIS.tokens(text, languages), *grams)))
        return text

    def search(
        self, text: str, limit: int, *, documents: Rows | None, share: float, readable: Rows | None = None
    ) -> Found:
        """Return the `limit` best chunks by BM25, only of these documents (None: all; ascending).

        `share` is the part of all chunks that those documents hold. Words that none of the `readable` documents
        holds (None: all; ascending) are unknown ones.
        """
        terms = self._terms(text, readable)
        if not terms or limit <= 0 or not self.count:
            return found_nothing()
        if documents is None:
            return self._top(self._query(terms, limit), limit)
        if len(documents) <= _FEW_DOCUMENTS:
            return self._top(self._within(terms, documents), limit)
        return self._filtered(terms, limit, documents=documents, share=share)

    def _filtered(self, terms: list[_Term], limit: int, *, documents: Rows, share: float) -> Found:
        """Look deep enough that the allowed ones among the best are enough; as deep as it takes."""
        depth = int(limit / max(share, 1e-9) * 1.2) + _SLACK
        while depth < self.count // 4:
            found, owners = self._top_with_owners(self._query(terms, depth), depth)
            allowed = _among(owners, documents)
            if allowed.sum() >= limit or len(owners) < depth:
                return Found(found.rows[allowed][:limit], found.scores[allowed][:limit])
            depth *= 4
        return self._top(self._within(terms, documents), limit)

    def _within(self, terms: list[_Term], documents: Rows) -> Any:
        """Score what these documents hold, and nothing else."""
        tantivy = self._tantivy
        allowed = tantivy.Query.term_set_query(self._schema, "document", documents.tolist())
        return self._scored_too(tantivy.Query.const_score_query(allowed, 0.0), terms)

    def _query(self, terms: list[_Term], limit: int) -> Any:
        """Look for any of the terms; in a large index, for the rarer ones, and let the others only score.

        Of the chunks without any rarer word none is found: they would be far behind. What is found has the
        score that it would have had.
        """
        total, within = sum(term.chunks for term in terms), 0
        if total <= _MUCH:
            return self._any(terms)
        rarest = sorted(terms, key=lambda term: term.chunks)
        for count, term in enumerate(rarest, start=1):
            within += term.chunks
            if within >= _SPARE * limit:
                if within * (1 + _SEEK * (len(terms) - count)) < total:
                    return self._scored_too(self._any(rarest[:count]), rarest[count:])
                break
        return self._any(terms)

    def _any(self, terms: list[_Term]) -> Any:
        should = self._tantivy.Occur.Should
        return self._tantivy.Query.boolean_query([(should, part) for term in terms for part in term.parts])

    def _scored_too(self, query: Any, terms: list[_Term]) -> Any:
        """Add the scores of terms to what a query finds; one by one, for each is then only looked up."""
        must, should = self._tantivy.Occur.Must, self._tantivy.Occur.Should
        for term in reversed(terms):
            for part in term.parts:
                query = self._tantivy.Query.boolean_query([(must, query), (should, part)])
        return query

    def _terms(self, text: str, readable: Rows | None) -> list[_Term]:
        """Return the terms that the index holds, from analysed words: nothing typed is read as query syntax."""
        text, grams = parted(text)
        words = first_words(ANALYSIS.forms(text, self._languages))
        inner = {"inner": _INNER_BOOST} if compounding(self._languages) else {}
        terms = [self._term(forms, {**BOOSTS, **inner}, readable) for forms in words]
        # The form that the least was cut from, which is the word as it stands in the index of its own language.
        missing = [
            max(forms, key=len, default="")
            for forms, term in zip(words, terms, strict=True)
            if not term.chunks
        ]
        unsure = [word for word in missing if _may_be_misspelt(word)]
        terms += [self._term((gram,), BOOSTS, readable) for gram in first_grams(grams)]
        terms += [self._term((name,), {"names": _IDENTIFIER_BOOST}, readable) for name in identifiers(text)]
        for pairs in ANALYSIS.compounds(text, self._languages):
            terms += self._parts(pairs, readable)
        terms += [self._nearly(word) for word in unsure[:_MOST_MISSPELT]]
        return [term for term in terms if term.parts]

    def _term(self, forms: tuple[str, ...], boosts: Mapping[str, float], readable: Rows | None) -> _Term:
        """Look for a word's forms; for nothing where none of the readable documents (None: all) holds any."""
        query, most, parts = self._tantivy.Query, 0, []
        for field, boost in boosts.items():
            held = []
            for form in forms:
                chunks = self._searcher.doc_freq(field, form)
                if chunks:
                    most = max(most, chunks)
                    term_ = query.term_query(self._schema, field, form, "freq")
                    held.append(query.boost_query(term_, boost))
            if held:
                parts.append(held[0] if len(held) == 1 else query.disjunction_max_query(held, _MORE_FORMS))
        term = _Term(most, parts)
        return term if readable is None or self._is_held(term, readable) else _Term(0, [])

    def _parts(self, pairs: list[tuple[str, str]], readable: Rows | None) -> list[_Term]:
        """Look for the two words of which one is made: both are held, and the shorter one is as long as can be."""
        boosts = {field: boost * _PART_BOOST for field, boost in BOOSTS.items()}
        for pair in sorted(pairs, key=lambda pair: -min(map(len, pair))):
            if all(self._searcher.doc_freq("body", part) for part in pair):
                terms = [self._term((part,), boosts, readable) for part in pair]
                if all(term.chunks for term in terms):
                    return terms
        return []

    def _is_held(self, term: _Term, documents: Rows) -> bool:
        """Say whether one of these documents holds a term: nearly always one of the term's best chunks is theirs."""
        if not term.chunks:
            return False
        _, owners = self._top_with_owners(self._any([term]), _SLACK)
        if len(owners) < _SLACK or _among(owners, documents).any():
            return bool(_among(owners, documents).any())
        must, query = self._tantivy.Occur.Must, self._tantivy.Query
        allowed = query.const_score_query(
            query.term_set_query(self._schema, "document", documents.tolist()), 0.0
        )
        both = query.boolean_query([(must, self._any([term])), (must, allowed)])
        return bool(self._searcher.search(both, limit=1, count=False).hits)

    def _nearly(self, word: str) -> _Term:
        """Look for words that are one slip away; each chunk with one scores alike."""
        nearly = self._tantivy.Query.fuzzy_term_query(self._schema, "body", word, distance=1)
        return _Term(1, [self._tantivy.Query.boost_query(nearly, _MISSPELT_BOOST)])

    def _top(self, query: Any, limit: int) -> Found:
        # What is only allowed, and holds none of the words, has no score.
        hits = [hit for hit in self._searcher.search(query, limit=limit, count=False).hits if hit[0] > 0]
        rows = self._searcher.fast_field_values("chunk", [address for _, address in hits])
        return Found(np.array(rows, dtype=np.int64), np.array([hit[0] for hit in hits], dtype=np.float32))

    def _top_with_owners(self, query: Any, limit: int) -> tuple[Found, Rows]:
        hits = self._searcher.search(query, limit=limit, count=False).hits
        addresses = [address for _, address in hits]
        rows = self._searcher.fast_field_values("chunk", addresses)
        owners = self._searcher.fast_field_values("document", addresses)
        scores = np.array([hit[0] for hit in hits], dtype=np.float32)
        return Found(np.array(rows, dtype=np.int64), scores), np.array(owners, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class _Term:
    """A word of the question: how many chunks hold it, and a query for each field that does."""

    chunks: int
    parts: list[Any]


def _may_be_misspelt(word: str) -> bool:
    return len(word) >= _SHORTEST_MISSPELT and word.isalpha()


def _among(rows: Rows, documents: Rows) -> npt.NDArray[np.bool_]:
    """Say of each row whether it is one of these ascending ones."""
    places = np.minimum(np.searchsorted(documents, rows), len(documents) - 1)
    return np.asarray(documents[places] == rows)


def _schema(tantivy: Any) -> Any:
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("chunk", fast=True)
    builder.add_unsigned_field("document", fast=True, indexed=True)
    for field in BOOSTS:
        builder.add_text_field(field, tokenizer_name=_ANALYSED, index_option="freq")
    builder.add_text_field("inner", tokenizer_name=_ANALYSED, index_option="freq")
    builder.add_text_field("language", tokenizer_name=_ANALYSED, index_option="basic")
    builder.add_text_field("names", tokenizer_name=_NAMES, index_option="freq")
    return builder.build()


def _name_analyzer(tantivy: Any) -> Any:
    return (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.regex(IDENTIFIER_PATTERN))
        .filter(tantivy.Filter.remove_long(200))
        .filter(tantivy.Filter.lowercase())
        .build()
    )
