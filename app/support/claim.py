"""What a sentence of an answer claims: without its markers, the marks of a quote, and Footnote's own words before it."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from functools import lru_cache
from typing import Literal, TypeAlias

from app.events import Passage
from app.guard import inert
from app.language.phrases import languages, say
from app.language.quotation import quoted, unquoted
from app.language.reading import lines
from vectorstore.language.marks import unmarked
from vectorstore.types import Document

Age: TypeAlias = Literal["newer", "older"]

_LONGEST = 2_000
"""Characters of a sentence that are checked: it is done while the answer streams, and more is no sentence."""


def lead(age: Age, document: Document, language: str) -> str:
    """Say whose words follow where two documents disagree: the title, and the date as the language writes it."""
    dated = document.modified.date() if document.modified else None
    return _lead(age, _title(document), dated, language)


def closest(document: Document, language: str) -> str:
    """Say that what follows may not be the answer, and whose words it is."""
    return f"{say('unsure', language)} {say('closest', language, title=_title(document))}"


def under(document: Document, heading: str) -> str:
    """Name where a quote stands: its document, and the heading above it."""
    title = document.title or document.uri
    return f"{title} › {heading}: " if heading and heading != title else f"{title}: "


def claim(text: str, start: int, end: int, passages: Sequence[Passage]) -> str:
    """Return what the sentence at [start, end) of an answer claims; empty if it claims nothing."""
    kept, position = "", start
    for first, last in sorted(_own_words(text, passages)):
        if first < end and last > position:
            kept += text[position : max(first, position)]
            position = min(last, end)
    bare = unquoted(unmarked(kept + text[position : min(end, position + _LONGEST)]).strip())
    return bare if any(character.isalnum() for character in bare) else ""


def _own_words(text: str, passages: Sequence[Passage]) -> Iterator[tuple[int, int]]:
    """Find what Footnote says itself: the very words of `closest`, and of `lead` and `under` for a passage's document."""
    yield from _found(text, _every_sentence())
    for passage in passages:
        document = passage.document
        # As it is written, and as it reads once it is inert.
        title = next((title for title in (_title(document), inert(_title(document))) if title in text), None)
        if title is not None:
            yield from _found(text, _every_lead(title, document.modified and document.modified.date()))
        yield from _found(text, _every_place(document.title or document.uri, passage.text, passage.headings))


def _found(text: str, phrases: Iterable[str]) -> Iterator[tuple[int, int]]:
    for words in phrases:
        at = text.find(words)
        while at >= 0:
            yield at, at + len(words)
            at = text.find(words, at + len(words))


@lru_cache(maxsize=1)
def _every_sentence() -> frozenset[str]:
    return frozenset(say("unsure", code) for code in languages())


@lru_cache(maxsize=256)
def _every_lead(title: str, dated: date | None) -> frozenset[str]:
    ages: tuple[Age, ...] = ("newer", "older")
    leads = [_lead(age, title, dated, code) for age in ages for code in languages()] if dated else []
    return frozenset(
        words.rstrip() for words in (*leads, *(say("closest", code, title=title) for code in languages()))
    )


@lru_cache(maxsize=256)
def _every_place(title: str, text: str, headings: tuple[str, ...]) -> frozenset[str]:
    above = {line.text.lstrip("# ") for line in lines(text) if line.kind == "heading"}
    places = [f"{title}:", *(f"{title} › {heading}:" for heading in (*headings, *above))]
    return frozenset((*places, *map(inert, places)))


def _lead(age: Age, title: str, dated: date | None, language: str) -> str:
    named = title
    if dated:
        named = (
            f"{title} of {dated.day} {dated:%B %Y}" if language == "en" else f"{title} ({dated.isoformat()})"
        )
    return say(age, language, named=named)


def _title(document: Document) -> str:
    return quoted(document.title or document.uri)
