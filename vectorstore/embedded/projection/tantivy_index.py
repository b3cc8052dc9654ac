"""tantivy, wrapped: an inverted index of chunks with stems, headings, titles and identifiers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

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
_MOST_IDENTIFIERS = 16


def identifiers(text: str) -> list[str]:
    """Return the identifiers in a text, lower case, each once."""
    found = dict.fromkeys(match.lower() for match in _IDENTIFIER.findall(text))
    return list(found)[:_MOST_IDENTIFIERS]


def first_words(words: list[str]) -> list[str]:
    """Keep each word once, and no more than a query can use."""
    return list(dict.fromkeys(words))[:_MOST_WORDS]


SCHEMA = 3
"""Of the fields and of how text becomes words. Files of another schema are made anew: tantivy would refuse to
open them, or, worse, look for stems among words that were stemmed differently."""

_STEMMED = "stemmed"
_NAMES = "names"
_HEAP = 64 << 20
_LONGEST_WORD = 60

BOOSTS = {"body": 1.0, "heads": 0.5}
"""The body holds title and headings too: a word in them counts for more than one in the text alone."""
_IDENTIFIER_BOOST = 2.0
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


class TantivyIndex:
    """An inverted index in a folder that nobody else writes to."""

    def __init__(self, folder: Path) -> None:
        """Open the index, or begin one; raises Unavailable for files that cannot be read or hold another schema."""
        import tantivy

        self._tantivy = tantivy
        self._schema = _schema(tantivy)
        self._stems = _stem_analyzer(tantivy)
        try:
            self._index = tantivy.Index(self._schema, path=str(folder), reuse=True)
            self._index.register_tokenizer(_STEMMED, self._stems)
            self._index.register_tokenizer(_NAMES, _name_analyzer(tantivy))
            # The default would start a thread that watches the folder; a folder here never changes once in use.
            self._index.config_reader(reload_policy="manual")
            self._searcher = self._index.searcher()
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
                writer.add_document(_entry(self._tantivy, each))
            writer.commit()
            writer.garbage_collect_files()
            writer.wait_merging_threads()
            self._index.reload()
            self._searcher = self._index.searcher()
        except ValueError as error:
            # What tantivy raises for anything that goes wrong with its files.
            raise Unavailable(
                f"The word index could not be written: {error}.",
                "Check that the disk under FOOTNOTE_DATA_DIR has space and works.",
            ) from error

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
        words = first_words(self._stems.analyze(text))
        terms = [self._term(word, BOOSTS) for word in words]
        terms += [self._term(name, {"names": _IDENTIFIER_BOOST}) for name in identifiers(text)]
        if readable is not None:
            terms = [term if self._is_held(term, readable) else _Term(0, []) for term in terms]
        misspelt = [word for word, term in zip(words, terms, strict=False) if not term.chunks]
        unsure = [word for word in misspelt if _may_be_misspelt(word)]
        terms += [self._nearly(word) for word in unsure[:_MOST_MISSPELT]]
        return [term for term in terms if term.parts]

    def _term(self, word: str, boosts: Mapping[str, float]) -> _Term:
        query, found = self._tantivy.Query, {field: self._searcher.doc_freq(field, word) for field in boosts}
        parts = [
            query.boost_query(query.term_query(self._schema, field, word, "freq"), boosts[field])
            for field, chunks in found.items()
            if chunks
        ]
        return _Term(max(found.values()), parts)

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
    return len(word) >= _SHORTEST_MISSPELT and word.isascii() and word.isalpha()


def _among(rows: Rows, documents: Rows) -> npt.NDArray[np.bool_]:
    """Say of each row whether it is one of these ascending ones."""
    places = np.minimum(np.searchsorted(documents, rows), len(documents) - 1)
    return np.asarray(documents[places] == rows)


def _schema(tantivy: Any) -> Any:
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("chunk", fast=True)
    builder.add_unsigned_field("document", fast=True, indexed=True)
    for field in BOOSTS:
        builder.add_text_field(field, tokenizer_name=_STEMMED, index_option="freq")
    builder.add_text_field("names", tokenizer_name=_NAMES, index_option="freq")
    return builder.build()


def _stem_analyzer(tantivy: Any) -> Any:
    filters = tantivy.Filter
    return (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        .filter(filters.remove_long(_LONGEST_WORD))
        .filter(filters.lowercase())
        .filter(filters.ascii_fold())
        .filter(filters.stemmer("english"))
        .build()
    )


def _name_analyzer(tantivy: Any) -> Any:
    return (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.regex(IDENTIFIER_PATTERN))
        .filter(tantivy.Filter.remove_long(200))
        .filter(tantivy.Filter.lowercase())
        .build()
    )


def _entry(tantivy: Any, each: IndexedChunk) -> Any:
    entry = tantivy.Document()
    entry.add_unsigned("chunk", each.row)
    entry.add_unsigned("document", each.document)
    entry.add_text("heads", "\n".join((each.title, name_words(each.uri), *each.chunk.headings)))
    entry.add_text("body", each.chunk.embedded_text)
    entry.add_text("names", "\n".join((each.uri, each.title, each.chunk.embedded_text)))
    return entry
