"""Answers given before, to the same question: of the same scope, generation, settings, prompt and variant, or not at all.

What is kept is the turn's own events, so that an answer from here is shown, checked, recorded and written into the
audit log as any other. Only first questions are kept: what stands in a conversation hangs on what was said before.

Whether two questions are the same is read off their words. How near their vectors are cannot tell: questions that
differ in a year, a city or a "not" are nearer to each other than two wordings of one question often are.
"""

import asyncio
import re
import time
import unicodedata
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from threading import Lock
from typing import Final, TypeAlias

from app.events import Done, Event, Explained, Sources, Started, Timing, Usage
from app.language.phrases import language_of, say
from app.question import Question
from app.settings import CacheSettings
from vectorstore.language.words import MONTHS, STOPWORDS, fold, word_set
from vectorstore.store import Snapshot, Store
from vectorstore.telemetry.metrics import count
from vectorstore.telemetry.names import CACHE
from vectorstore.types import Generation

TurnFunction: TypeAlias = Callable[[Question, str], AsyncGenerator[Event, None]]
Digest: TypeAlias = Callable[[Question, str], str]
CACHED: Final = "cached"
"""The stage of an answer that was kept: how long it took to find."""

_AROUND: Final = "\"'“”„‟«»‘’‚‛()[]…"
_BEHIND: Final = f"{_AROUND}.,;:?!¿¡"
_APOSTROPHES: Final = re.compile("[’‘ʼ`´]")
_ARTICLES: Final = {
    "en": word_set("the a an"),
    "de": word_set("der die das den dem des ein eine einen einem einer eines"),
    "fr": word_set("le la les un une"),
    "es": word_set("el la los las un una"),
}
_BEFORE: Final = tuple(
    tuple(each.split())
    for each in (
        "hi", "hello", "hey", "hallo", "bonjour", "hola", "please", "bitte",
        "can you tell me", "could you tell me", "can you please tell me", "could you please tell me",
    )
)  # fmt: skip
_AFTER: Final = tuple(
    tuple(each.split()) for each in ("please", "thanks", "thank you", "bitte", "danke", "merci", "gracias")
)
"""Courtesies, which a question is the same without. Grammar and manners; chosen with no set of questions in view."""


@dataclass(frozen=True, slots=True)
class _Key:
    """All that an answer hangs on."""

    words: tuple[str, ...]
    asked: Question
    """The question without its words, which stand in `words`, and without the conversation it begins."""
    where: str
    """Its conditions, written out: `true` and `1` are equal to Python, and not to a search."""
    generation: Generation
    settings: str


@dataclass(frozen=True, slots=True)
class _Kept:
    events: tuple[Event, ...]
    until: float


class AnswerCache:
    """Answers as the turn does, from what it has answered before where that is the same."""

    def __init__(self, turn: TurnFunction, store: Store, settings: CacheSettings, digest: Digest) -> None:
        """`digest` stands for all settings and the prompt by which a question is answered in a run."""
        self._turn = turn
        self._store = store
        self._settings = settings
        self._digest = digest
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()
        # Kept by the event loop, looked for in threads.
        self._lock = Lock()
        self._cleared = 0

    async def answer(self, question: Question, run: str) -> AsyncGenerator[Event, None]:
        """Answer one question."""
        if self._settings.cache_answers == "off" or question.history or question.at is not None:
            async with aclosing(self._turn(question, run)) as events:
                async for event in events:
                    yield event
            return
        began = time.perf_counter()
        kept = None if question.fresh else await asyncio.to_thread(self._find, question, run)
        count(CACHE, cache="answer", result="hit" if kept else "miss")
        if kept is not None:
            took = Timing(CACHED, round((time.perf_counter() - began) * 1_000, 2))
            for event in kept:
                yield _anew(event, question, run, took)
            return
        cleared, said, digest = self._cleared, list[Event](), self._digest(question, run)
        async with aclosing(self._turn(question, run)) as events:
            async for event in events:
                said.append(event)
                # What was promoted or broke meanwhile did not write this.
                if isinstance(event, Done) and (cleared, digest) == (
                    self._cleared,
                    self._digest(question, run),
                ):
                    self._keep(question, said, digest)
                yield event

    def clear(self) -> None:
        """Leave nothing: somebody's questions are to be forgotten."""
        self._cleared += 1
        with self._lock:
            self._kept.clear()

    def __len__(self) -> int:
        """Return how many answers are kept."""
        return len(self._kept)

    def _find(self, question: Question, run: str) -> tuple[Event, ...] | None:
        with self._store.snapshot() as snapshot:
            key = self._key(question, snapshot.info().number, self._digest(question, run))
            with self._lock:
                self._drop(key.generation)
                kept = self._kept.get(key)
            if kept is None or not _readable(kept.events, question, snapshot):
                return None
        return kept.events

    def _keep(self, question: Question, said: list[Event], digest: str) -> None:
        explained = next((event for event in said if isinstance(event, Explained)), None)
        ending = said[-1]
        # Without one it was small talk. What a limit cut, or what stood in for the model, is no answer to give again.
        if explained is None or not isinstance(ending, Done) or ending.reason != "stop" or ending.instead:
            return
        key = self._key(question, explained.generation, digest)
        with self._lock:
            self._kept[key] = _Kept(tuple(said), time.monotonic() + self._settings.cache_seconds)
            self._kept.move_to_end(key)
            while len(self._kept) > self._settings.cache_entries:
                self._kept.popitem(last=False)

    def _drop(self, generation: Generation) -> None:
        """Drop what is too old, and what an earlier generation answered: what was erased since may stand in it."""
        now = time.monotonic()
        for key, kept in list(self._kept.items()):
            if kept.until < now or key.generation < generation:
                self._kept.pop(key, None)

    def _key(self, question: Question, generation: Generation, digest: str) -> _Key:
        plain = " ".join(question.text.split())
        words = essence(plain) if self._settings.cache_answers == "near" else (plain,)
        asked = replace(question, text="", conversation="", fresh=False)
        return _Key(words, asked, repr(question.where), generation, digest)


def essence(text: str) -> tuple[str, ...]:
    """Return the words of a question by which it is the same as another: all but articles, courtesies, case and stops.

    Case stays where another word is meant: `US` and `us`, `May` and `may`. Nothing is stemmed: `Adams` is not `Adam`.
    """
    text = unicodedata.normalize("NFKC", _APOSTROPHES.sub("'", text))
    articles = _ARTICLES.get(language_of(text), frozenset())
    found = _bare([word for each in text.split() if (word := each.lstrip(_AROUND).rstrip(_BEHIND))])
    kept = [
        each
        for place, each in enumerate(found, start=1)
        # Before nothing, or in capitals, it is a name: `plan a`, `vitamin A`.
        if place == len(found) or each not in articles
    ]
    return tuple(_plain(each, is_first=place == 0) for place, each in enumerate(kept)) or (text.strip(),)


def _bare(found: list[str]) -> list[str]:
    """Return the words without courtesies around them; those of nothing else as they are."""
    low = [each.lower() for each in found]
    begin, end = 0, len(low)
    while True:
        short = [said for said in _BEFORE if len(said) < end - begin]
        before = next((len(said) for said in short if tuple(low[begin : begin + len(said)]) == said), 0)
        short = [said for said in _AFTER if len(said) < end - begin - before]
        after = next((len(said) for said in short if tuple(low[end - len(said) : end]) == said), 0)
        if not before + after:
            return found[begin:end]
        begin, end = begin + before, end - after


def _plain(word: str, *, is_first: bool) -> str:
    if word == "I" or (is_first and word[1:].islower()):
        return word.lower()
    folded = fold(word)
    return word if folded in STOPWORDS or folded in MONTHS else word.lower()


def _readable(events: tuple[Event, ...], question: Question, snapshot: Snapshot) -> bool:
    """Say whether who asks may still read all that the answer was drawn from."""
    documents = {
        passage.document.id for event in events if isinstance(event, Sources) for passage in event.passages
    } | {each.document for event in events if isinstance(event, Explained) for each in event.candidates}
    return not documents or snapshot.readable(documents, scope=question.scope)


def _anew(event: Event, question: Question, run: str, took: Timing) -> Event:
    """Return an event as one of this run."""
    match event:
        case Started():
            notice = say("notice", language_of(question.text))
            return Started(run, question.conversation, event.model, time.time(), notice)
        case Explained():
            return replace(event, timings=(took,))
        case Usage():
            return Usage(0, 0)
        case _:
            return event
