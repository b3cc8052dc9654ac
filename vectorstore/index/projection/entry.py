"""What is found of a chunk: its words by field, and the number that each is looked up by."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from vectorstore.index.projection.analysis import ANALYSIS, analysed_as, compounding, named, parted
from vectorstore.index.truth.read import IndexedChunk
from vectorstore.language.words import name_words

SCHEMA: Final = 5
"""Of the fields and of how text becomes words. What was cut by another schema is made anew."""
FIELDS: Final = ("body", "heads", "inner", "names")


@dataclass(frozen=True, slots=True)
class Entry:
    """A chunk: its row, its document's, how many words each field has, and how often it holds each key (64 bits)."""

    row: int
    document: int
    lengths: Sequence[int]
    words: Mapping[int, int]


def entry_of(each: IndexedChunk) -> Entry:
    """Cut a chunk into what is found of it."""
    languages = analysed_as(each.languages, each.chunk.text)
    body, tokens = _cut(each.chunk.embedded_text, languages)
    heads, named_so = _cut("\n".join((each.title, name_words(each.uri), *each.chunk.headings)), languages)
    fields = {
        "body": tokens,
        "heads": named_so,
        "inner": ANALYSIS.inner(body, languages) if compounding(languages) else [],
        "names": named("\n".join((each.uri, heads, body))),
    }
    words = {
        key_of(name, word): count for name, found in fields.items() for word, count in Counter(found).items()
    }
    words |= {key_of("language", code): 1 for code in languages}
    return Entry(each.row, each.document, [len(fields[name]) for name in FIELDS], words)


def _cut(text: str, languages: Sequence[str]) -> tuple[str, list[str]]:
    """Return a text without letters that nothing parts, and all that is found of it."""
    text, grams = parted(text)
    return text, [*ANALYSIS.tokens(text, languages), *grams]


@lru_cache(maxsize=200_000)
def key_of(name: str, word: str) -> int:
    """Return what a word in a field is looked up by."""
    return int.from_bytes(blake2b(f"{name} {word}".encode("utf-8", "surrogatepass"), digest_size=8).digest())
