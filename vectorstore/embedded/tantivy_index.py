"""tantivy, wrapped: an inverted index of chunks with stems, headings, titles and identifiers."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from vectorstore.embedded.arrays import Found, Rows, found_nothing
from vectorstore.embedded.truth import IndexedChunk
from vectorstore.embedded.words import IDENTIFIER_PATTERN, first_words, identifiers
from vectorstore.errors import Unavailable

SCHEMA = 2
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


class TantivyIndex:
    """An inverted index in a folder that nobody else writes to."""

    def __init__(self, folder: Path) -> None:
        """Open the index, or begin one; raises Unavailable for files that cannot be read or hold another schema."""
        import tantivy

        self._tantivy = tantivy
        self._schema = _schema(tantivy)
        try:
            self._index = tantivy.Index(self._schema, path=str(folder), reuse=True)
        except ValueError as error:
            raise Unavailable(
                f"The word index in {folder.name!r} cannot be opened: {error}.",
                "Run `footnote index rebuild`.",
            ) from error
        self._stems = _stem_analyzer(tantivy)
        self._index.register_tokenizer(_STEMMED, self._stems)
        self._index.register_tokenizer(_NAMES, _name_analyzer(tantivy))
        # The default would start a thread that watches the folder; a folder here never changes once in use.
        self._index.config_reader(reload_policy="manual")
        self._searcher = self._index.searcher()

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

    def search(self, text: str, limit: int, *, documents: Rows | None, share: float) -> Found:
        """Return the `limit` best chunks by BM25, only of these documents (None: all; ascending).

        `share` is the part of all chunks that those documents hold.
        """
        query = self._query(text)
        if query is None or limit <= 0 or not self.count:
            return found_nothing()
        if documents is None:
            return self._top(query, limit)
        if len(documents) <= _FEW_DOCUMENTS:
            return self._top(self._within(query, documents), limit)
        return self._filtered(query, limit, documents=documents, share=share)

    def _filtered(self, query: Any, limit: int, *, documents: Rows, share: float) -> Found:
        """Look deep enough that the allowed ones among the best are enough; as deep as it takes."""
        depth = int(limit / max(share, 1e-9) * 1.5) + limit
        while depth < self.count // 4:
            found, owners = self._top_with_owners(query, depth)
            allowed = np.isin(owners, documents)
            if allowed.sum() >= limit or len(owners) < depth:
                return Found(found.rows[allowed][:limit], found.scores[allowed][:limit])
            depth *= 4
        return self._top(self._within(query, documents), limit)

    def _within(self, query: Any, documents: Rows) -> Any:
        tantivy = self._tantivy
        allowed = tantivy.Query.term_set_query(self._schema, "document", documents.tolist())
        must = tantivy.Occur.Must
        filtering = tantivy.Query.const_score_query(allowed, 0.0)
        return tantivy.Query.boolean_query([(must, query), (must, filtering)])

    def _query(self, text: str) -> Any:
        """Build the query from analysed words: nothing a person types is read as query syntax."""
        tantivy = self._tantivy
        words = first_words(self._stems.analyze(text))
        terms = [
            tantivy.Query.boost_query(tantivy.Query.term_query(self._schema, field, word, "freq"), boost)
            for word in words
            for field, boost in BOOSTS.items()
        ]
        terms += [
            tantivy.Query.boost_query(
                tantivy.Query.term_query(self._schema, "names", name, "freq"), _IDENTIFIER_BOOST
            )
            for name in identifiers(text)
        ]
        if not terms:
            return None
        return tantivy.Query.boolean_query([(tantivy.Occur.Should, term) for term in terms])

    def _top(self, query: Any, limit: int) -> Found:
        hits = self._searcher.search(query, limit=limit, count=False).hits
        rows = self._searcher.fast_field_values("chunk", [address for _, address in hits])
        return Found(np.array(rows, dtype=np.int64), np.array([hit[0] for hit in hits], dtype=np.float32))

    def _top_with_owners(self, query: Any, limit: int) -> tuple[Found, Rows]:
        hits = self._searcher.search(query, limit=limit, count=False).hits
        addresses = [address for _, address in hits]
        rows = self._searcher.fast_field_values("chunk", addresses)
        owners = self._searcher.fast_field_values("document", addresses)
        scores = np.array([hit[0] for hit in hits], dtype=np.float32)
        return Found(np.array(rows, dtype=np.int64), scores), np.array(owners, dtype=np.int64)


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
    entry.add_text("heads", "\n".join((each.title, *each.chunk.headings)))
    entry.add_text("body", each.chunk.embedded_text)
    entry.add_text("names", "\n".join((each.uri, each.title, each.chunk.embedded_text)))
    return entry
