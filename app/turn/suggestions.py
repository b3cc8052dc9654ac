"""Questions to ask: to begin with, and next. They come from the documents' own headings and definitions.

A candidate stays where it reads as a person would ask it, and where the reader answers it as sure from the document that
it comes from. Where none is good, there is none.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import islice, pairwise
from threading import Lock
from time import monotonic
from typing import TypeAlias

from app.events import Passage
from app.language.phrases import language_of
from app.language.reading import read
from app.question import Part, Question
from app.reader.answerable import PartRead, PassagesRead
from app.turn.retrieve import Retriever
from app.understand.condense import points
from app.understand.smalltalk import ASKING
from vectorstore.language.sentences import sentence_spans
from vectorstore.language.words import STOPWORDS, fold, total, word_set, words
from vectorstore.store import Snapshot
from vectorstore.types import Chunk, DocumentId, Generation, Hit, Scope

ReadPassages: TypeAlias = Callable[[Sequence[Part], Sequence[Passage], Sequence[Hit]], PassagesRead]
"""Ranks the passages' sentences for each part of a question, and decides whether they hold its answer."""
_NUMBER = re.compile(r"\A(?:\d++[.)]?)++ ")
_MARKS = re.compile(r"[*_`#]++|\[\^?[^\]\n]{0,80}\]|\([^)\n]{0,80}\)")
_HOW_TO = re.compile(r"how (?:to|do you|can you) (?=\w)", re.IGNORECASE)
_DEFINES = re.compile(
    r"(?:(a|an|the) )?((?:\w[\w-]{0,30}+ ){1,4})(is|are) (?:an?|the|used|when|how|what|where|any|one) ",
    re.IGNORECASE,
)
_PLAIN = re.compile(r"(?:[\w ,/&-]|(?<=\w)['’](?=\w))++\??")
_ENDS = ",.:;!?()\"'`*_"
_MOST = 3
_CHECKED = 4
"""Candidates held against the reader for one answer: it costs a reading of the passages each."""
_OFFERED, _REMEMBERED = 4, 64
_LOOKED_AT, _LOOKED_INTO = 2_000, 40
"""Documents in scope from which starters may come, and chunks of each."""
_LENGTHS = range(3, 12)
"""Words of a question that somebody asks."""
_TOLD = 6.0
"""Summed rarity below which a question (`what is the scope?`) does not tell what it is about."""
_DETERMINED = ("a", "an", "the", "your")
_MORE = re.compile(r"\b(?:and|or) \w+ing\b")
_YOURS = word_set("you your yours yourself")
_MINE = {"your": "my", "our": "my", "you": "I"}


def follow_ups(
    question: str, hits: Sequence[Hit], *, cited: Collection[int], language: str, reading: PassagesRead
) -> tuple[str, ...]:
    """Return at most three questions that chunks which were found, but not cited, answer.

    `reading` is the answer's, `cited` the numbers of the passages that it rests on; their documents come first.
    """
    shown = [passage for passage in reading.passages if passage.number in cited]
    used = {chunk for passage in shown for chunk in passage.chunks}
    documents = {passage.document.id for passage in shown}
    told = read(question).stems.union(
        *(read(heading).stems for passage in shown for heading in passage.headings[-1:])
    )
    found: dict[str, DocumentId] = {}
    for hit in sorted(hits, key=lambda hit: hit.document.id not in documents):
        fresh = (
            one
            for one in candidates(hit.chunk, hit.document.title, language)
            if hit.chunk.id not in used and not read(one).stems <= told
        )
        if one := next(fresh, ""):
            found.setdefault(one, hit.document.id)
    checked = reading.also([Part(one) for one in islice(found, _CHECKED)])
    answered = [each for each in checked if _answers(each, reading.passages, found[each.part.text])]
    return tuple(each.part.text for each in answered)[:_MOST]


def _answers(read_: PartRead, passages: Sequence[Passage], home: DocumentId) -> bool:
    """Say whether a question is answered as sure from these passages, first from the document `home`."""
    return read_.decision.outcome == "answered" and passages[read_.ranked[0].passage].document.id == home


def candidates(chunk: Chunk, title: str, language: str) -> Iterator[str]:
    """Yield questions that a chunk may answer, those that its author asks first. Only English ones are made up."""
    heading = (
        _NUMBER.sub("", " ".join(_MARKS.sub("", chunk.headings[-1]).split())) if chunk.headings else title
    )
    english = language == "en" == language_of(chunk.text)
    if english:
        heading = _lowered(heading, f"{title} {chunk.text}")
    made = [heading] if heading.endswith("?") else []
    if english:
        made += [*_to_do(heading, chunk.text), *_defined(chunk.text, (heading, title))]
    for one in made:
        if _reads_well(one):
            yield one[:1].upper() + one[1:]


def _reads_well(question: str) -> bool:
    """Say whether a question stands alone, asks nobody in person, and is no more than a question."""
    spoken = words(question)
    return (
        len(spoken) in _LENGTHS
        and spoken[0] in ASKING
        and _PLAIN.fullmatch(question) is not None
        and _YOURS.isdisjoint(spoken)
        and spoken[1] not in ("about", "to")
        and (spoken[0] != "which" or not ASKING.isdisjoint(spoken[1:]))
        and total(read(question).stems) >= _TOLD
        and not points(question)
    )


def _lowered(heading: str, text: str) -> str:
    """Write a heading's words small that the text writes small, as titles have them large.

    `Slack` stays, and so does `Writing Lab` where the text has the two together. Nothing comes back for a title of
    which that cannot be told.
    """
    written = heading.split()
    said = text.replace(heading, " ").split()
    held = {word.strip(_ENDS) for word in said}
    pairs = set(pairwise(word.strip(_ENDS) for word in said))
    together = {
        word for pair in pairwise(written) if pair in pairs and all(map(str.istitle, pair)) for word in pair
    }
    unknown = 0
    for place, word in enumerate(written):
        if not word.istitle() or word == "I" or word in together:
            continue
        if word.lower() in held or (not place and word not in held and written[1:2] > ["Z~"]):
            written[place] = word.lower()
        unknown += bool(place) and word.strip(_ENDS) not in held
    return " ".join(written) if unknown < 2 else ""


def _to_do(heading: str, text: str) -> Iterator[str]:
    """Yield how what a heading names is done: `Booking a room`, `Book a room`, `How to book a room`."""
    if begins := _HOW_TO.match(heading):
        heading = heading[begins.end() :]
    first, _, rest = heading.rstrip("?.: ").partition(" ")
    deed = fold(first)
    if not rest or deed in STOPWORDS or fold(rest).split()[0] in ASKING or _MORE.search(rest):
        return
    if not begins and fold(rest).split()[0] in ("and", "or", "as"):
        return
    if not begins:
        spoken = words(text)
        # `to book` shows that it is a verb.
        done = {word for before, word in pairwise(spoken) if before == "to"}
        bases = {deed} & done if rest.split()[0] in _DETERMINED else set[str]()
        deed = max(_bases(deed) & done or bases, key=spoken.count, default="")
    if deed:
        yield f"How do I {' '.join(_MINE.get(word, word) for word in (deed, *rest.split()))}?"


def _bases(gerund: str) -> set[str]:
    """Return the verbs that may stand behind a word with `ing`."""
    root = gerund.removesuffix("ing")
    if root == gerund:
        return set()
    return {root, f"{root}e", root[:-1] if root[-1:] == root[-2:-1] else root}


def _defined(text: str, about: Sequence[str]) -> Iterator[str]:
    """Yield what the text says that the thing is that it is about."""
    subjects = [read(one).stems for one in about]
    for start, end in sentence_spans(text):
        if found := _DEFINES.match(text[start:end]):
            article, name, verb = found[1] or "", _lowered(found[2].strip(), text), fold(found[3])
            if STOPWORDS.isdisjoint(words(name)) and read(name).stems in subjects:
                yield " ".join(f"What {verb} {fold(article)} {name}?".split())


class Starters:
    """Questions to begin with, from the documents that a caller may read: sought once a generation and scope.

    The search ends after `seconds`; what it has by then is kept. Called in a thread.
    """

    def __init__(self, retriever: Retriever, read_: ReadPassages, *, seconds: float = 4.0) -> None:
        self._retriever = retriever
        self._read = read_
        self._seconds = seconds
        self._found: OrderedDict[tuple[Generation, Scope], list[tuple[str, DocumentId]]] = OrderedDict()
        self._lock = Lock()

    def __call__(self, scope: Scope) -> list[str]:
        """Return at most four questions, none twice from one document; none while others are sought."""
        with self._retriever.store.snapshot() as snapshot:
            key = snapshot.generation, scope
            if key not in self._found and self._lock.acquire(blocking=False):
                try:
                    self._found[key] = list(islice(self._sought(snapshot, scope), _OFFERED))
                    while len(self._found) > _REMEMBERED:
                        self._found.popitem(last=False)
                finally:
                    self._lock.release()
            # Who may read is no matter of the generation.
            found = self._found.get(key, [])
            return [one for one, home in found if snapshot.readable([home], scope=scope)]

    def _sought(self, snapshot: Snapshot, scope: Scope) -> Iterator[tuple[str, DocumentId]]:
        until = monotonic() + self._seconds
        said: set[str] = set()
        for document in sorted(
            islice(snapshot.documents(scope=scope), _LOOKED_AT), key=lambda one: one.digest
        ):
            if monotonic() > until:
                return
            made = (
                one
                for chunk in snapshot.chunks(document.id)[:_LOOKED_INTO]
                for one in candidates(chunk, document.title, "en")
            )
            for one in islice(made, 2):
                found = self._retriever.trace(Question(one, scope, top_k=_MOST * 2, at=snapshot.generation))
                passages = self._retriever.pack(found).passages
                if one in said:
                    continue
                (part,) = self._read([Part(one)], passages, found.hits).parts
                if _answers(part, passages, document.id):
                    said.add(one)
                    yield one, document.id
                    break
