"""Questions to ask next: what the passages' documents say beside what was asked, by their own headings."""

import re
from collections.abc import Iterable, Sequence

from app.events import Passage
from app.language.phrases import say
from app.language.quotation import quoted
from app.language.reading import read
from vectorstore.language.words import total
from vectorstore.types import ChunkId, Hit

_NUMBER = re.compile(r"\A(?:\d++[.)]?)++ ")
_MOST = 3
_LONGEST = 80
_TOLD = 3.0
"""Summed rarity below which a heading (`Scope`, `1. General`) does not tell what it is about."""


def follow_ups(
    question: str, hits: Sequence[Hit], *, cited: Iterable[Passage], language: str
) -> tuple[str, ...]:
    """Return at most three questions that chunks which were found, but not cited, stand under the heading of.

    Documents that were cited come first. A heading stands in quotation marks, also one that is a question: Footnote asks
    about it, and not for it.
    """
    passages = list(cited)
    used: set[ChunkId] = {chunk for passage in passages for chunk in passage.chunks}
    documents = {passage.document.id for passage in passages}
    asked = read(question).stems
    told = {_NUMBER.sub("", heading) for passage in passages for heading in passage.headings[-1:]}
    found: dict[str, str] = {}
    for hit in sorted(hits, key=lambda hit: hit.document.id not in documents):
        heading = _NUMBER.sub("", hit.chunk.headings[-1].strip("#*: ")) if hit.chunk.headings else ""
        if (
            hit.chunk.id in used
            or heading in told
            or heading == hit.document.title
            or not _tells(heading, asked)
        ):
            continue
        title = hit.document.title or hit.document.uri
        subject = quoted(heading.rstrip("?？؟ "))
        found.setdefault(heading, say("about", language, title=quoted(title), heading=subject))
    return tuple(found.values())[:_MOST]


def _tells(heading: str, asked: frozenset[str]) -> bool:
    """Say whether a heading names a subject, and one that the question did not ask about already."""
    if not 0 < len(heading) <= _LONGEST:
        return False
    stems = read(heading).stems
    return total(stems) >= _TOLD and not stems <= asked
