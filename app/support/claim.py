"""What a sentence of an answer claims: without its markers, the marks of a quote, and Footnote's own words before it."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from functools import lru_cache
from typing import Literal, TypeAlias

from app.events import Passage
from app.guard import inert
from app.language.phrases import languages, quoted, say, unquoted
from app.language.reading import lines, read, whole
from app.support.ground import context_of
from vectorstore.language.marks import ITEM, unmarked
from vectorstore.language.words import STOPWORDS, fold, stems, word_set, words
from vectorstore.types import Document

Age: TypeAlias = Literal["newer", "older"]

_COURTESIES = word_set(
    "hello hi dear sure like many certainly course happy glad gladly help helps hope thank thanks please let know found find follow "
    "follows following answer answers question questions document documents passage passages source sources information "
    "according based provided available above below summary summarize overview details sorry "
    "hallo gerne natürlich hoffe hilft danke bitte folgendes folgende antwort frage fragen dokument dokumente dokumenten "
    "passagen quellen informationen laut gefunden zusammenfassung hier in zu ihre habe "
    "bonjour voici merci réponse selon informations résumé trouvé dans "
    "hola aquí está están hay gracias respuesta pregunta documentos pasajes según información resumen encontrado en"
)
"""What answers begin and end with in four languages; a sentence of nothing else states nothing."""
_FENCE = re.compile(r"(?:```|~~~)\S{0,40}\Z")
_SOURCES = (
    r"(?:documents?|passages?|sources?|context|excerpts?|texts?|dokumente?n?|passagen|textstellen|quellen|kontext|texte?n?|"
    r"contexte|extraits?|documentos|pasajes|fuentes|contexto|textos)"
)
_HOLDS = (
    r"(?:contain|mention|say|state|specif|include|provid|cover|give|hold|answer|address|describ|indicat|tell|"
    r"enth[aä]lt|nenn|sag|erwähn|beantwort|steh|geb|mach|contien|mentionn|dis|précis|indiqu|fourn|mencion|dic|"
    r"especific|incluy)\w{0,8}"
)
_DENIES = r"(?:not|n't|cannot|can't|no|nothing|nowhere|unable|nicht|nichts|keine?[nr]?|ne|pas|rien|aucune?|ningun[oa]?|nada)"
_ABSENT = re.compile(
    rf"\b{_SOURCES} (?:\w+(?:'t)? ){{0,3}}?(?:\w+n't|{_DENIES}) (?:\w+ ){{0,3}}?{_HOLDS}\b|"
    rf"\b{_SOURCES} (?:\w+ ){{0,2}}?{_HOLDS} (?:\w+ ){{0,4}}?{_DENIES}\b|"
    rf"\b(?:\w+n't|{_DENIES}) (?:\w+ ){{0,8}}?(?:in|from|by|dans|en) (?:the |these |those |den |diesen |les |ces |los |estos )?(?:\w+ )?{_SOURCES}\W*\Z|"
    rf"\bin (?:den|diesen) {_SOURCES} (?:\w+ ){{0,8}}?{_DENIES}\b"
)
_MORE = re.compile(
    r"[,;:–—]|\.(?=\s)|\b(?:but|yet|however|though|although|because|so|aber|sondern|jedoch|mais|pero|sino)\b"
)
"""What may begin a second statement."""
_SENTENCES = ("unsure", "instead", "unsupported", "partly_supported")
"""What Footnote says itself beside and between the sentences of an answer."""
_REACH = 1_000
_HEADING = 80
"""Characters up to which a heading is said before a quote."""
_LONGEST = 2_000
"""Characters of a sentence that are checked: it is done while the answer streams, and more is no sentence."""


def lead(age: Age, document: Document, language: str) -> str:
    """Say whose words follow where two documents disagree: the title, and the date as the language writes it."""
    dated = document.modified.date() if document.modified else None
    return _lead(age, _title(document), dated, language)


def states_nothing(claimed: str, passages: Sequence[Passage], asked: str) -> bool:
    """Say whether a sentence only leads on: a courtesy, a heading, a question or a lead-in to what follows.

    The last three may name what was asked about and what the passages name, and nothing that neither does.
    """
    said = [word for word in words(claimed) if word not in STOPWORDS and word not in _COURTESIES]
    if not said or _FENCE.match(claimed):
        return True
    if not (claimed.startswith("#") or claimed.rstrip("*_ ").endswith((":", "?"))):
        return False
    known = read(asked).stems.union(*(whole(passage.text, context_of(passage)).stems for passage in passages))
    return not read(claimed).facts.specifics and known.issuperset(
        stem for word in said for stem in stems(word)
    )


def states_absence(claimed: str) -> bool:
    """Say whether a sentence says, and says only, that the documents do not hold something."""
    return (
        bool(_ABSENT.search(fold(claimed)))
        and not _MORE.search(claimed)
        and not read(claimed).facts.specifics
    )


def closest(document: Document, language: str) -> str:
    """Say that what follows may not be the answer, and whose words it is."""
    return f"{say('unsure', language)} {say('closest', language, title=_title(document))}"


def under(document: Document, heading: str) -> str:
    """Name where a quote stands: its document, and the heading above it."""
    return _place(document.title or document.uri, heading)


def claim(text: str, start: int, end: int, passages: Sequence[Passage]) -> str:
    """Return what the sentence at [start, end) of an answer claims; empty if it claims nothing."""
    kept, position = "", start
    # Words of ours may reach over a sentence's ends, but not far: a long answer is not looked through for each sentence.
    near = max(0, start - _REACH)
    found = _own_words(text[near : end + _REACH], passages)
    for first, last in sorted((near + first, near + last) for first, last in found):
        if first < end and last > position:
            kept += text[position : max(first, position)]
            position = min(last, end)
    bare = unquoted(unmarked(kept + text[position : min(end, position + _LONGEST)]).strip())
    # A list's mark alone claims nothing.
    return bare if any(character.isalnum() for character in ITEM.sub("", bare)) else ""


def _own_words(text: str, passages: Sequence[Passage]) -> Iterator[tuple[int, int]]:
    """Find what Footnote says itself: the very words of `closest`, and of `lead` and `under` for a passage's document."""
    yield from _found(text, _every_sentence())
    if "“" not in text:
        return  # a document's title is a quotation wherever we name one
    for passage in passages:
        document = passage.document
        # As it is written, and as it reads once it is inert.
        title = next((title for title in (_title(document), inert(_title(document))) if title in text), None)
        if title is not None:
            yield from _found(text, _every_lead(title, document.modified and document.modified.date()))
        yield from _found(text, _every_place(document.title or document.uri, passage.text, passage.headings))


def _found(text: str, phrases: Iterable[str]) -> Iterator[tuple[int, int]]:
    for phrase in phrases:
        at = text.find(phrase)
        while at >= 0:
            yield at, at + len(phrase)
            at = text.find(phrase, at + len(phrase))


@lru_cache(maxsize=1)
def _every_sentence() -> frozenset[str]:
    return frozenset(say(phrase, code) for phrase in _SENTENCES for code in languages())


@lru_cache(maxsize=256)
def _every_lead(title: str, dated: date | None) -> frozenset[str]:
    ages: tuple[Age, ...] = ("newer", "older")
    leads = [_lead(age, title, dated, code) for age in ages for code in languages()] if dated else []
    return frozenset(
        phrase.rstrip() for phrase in (*leads, *(say("closest", code, title=title) for code in languages()))
    )


@lru_cache(maxsize=256)
def _every_place(title: str, text: str, headings: tuple[str, ...]) -> frozenset[str]:
    above = (line.text.lstrip("# ") for line in lines(text) if line.kind == "heading")
    places = [_place(title, heading).rstrip() for heading in ("", *headings, *above)]
    return frozenset((*places, *map(inert, places)))


def _place(title: str, heading: str) -> str:
    heading = heading.rstrip(": ")
    named = heading and heading != title and len(heading) <= _HEADING
    return f"{quoted(title)} › {quoted(heading)}: " if named else f"{quoted(title)}: "


def _lead(age: Age, title: str, dated: date | None, language: str) -> str:
    named = title
    if dated:
        named = (
            f"{title} of {dated.day} {dated:%B %Y}" if language == "en" else f"{title} ({dated.isoformat()})"
        )
    return say(age, language, named=named)


def _title(document: Document) -> str:
    return quoted(document.title or document.uri)
