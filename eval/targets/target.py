"""What is being evaluated: the turn itself, in process."""

import asyncio
import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Protocol

from app.build import Parts
from app.events import (
    Citation,
    Citations,
    Done,
    Event,
    Explained,
    Failed,
    Passage,
    SentenceChecked,
    Sources,
    Text,
    Usage,
)
from app.events import Outcome as Said
from app.question import Message, Question
from eval.cases import Case
from eval.metrics.outcome import Outcome
from prompts.loader import load
from vectorstore.types import DEFAULT_TENANT, Generation, Scope

_SCOPE = Scope(unrestricted=True)


class Target(Protocol):
    """Whatever answers questions: this process, a server, a file of recorded answers."""

    def ask(self, cases: Sequence[Case]) -> list[Outcome]:
        """Ask every case; outcomes in the order of the cases. A case that breaks has its `error` set."""

    def fingerprint(self) -> Mapping[str, str]:
        """Name what answered: model, prompt, corpus, embedder, as far as the target tells."""

    def documents(self) -> frozenset[str] | None:
        """Return the uris that can be found, or None where the target does not tell."""


@dataclass(frozen=True, slots=True)
class InProcess:
    """The turn over an open index; `settings` are the values that its fingerprint names."""

    parts: Parts
    top_k: int
    at: Generation | None = None
    settings: Mapping[str, str] = field(default_factory=dict)

    def ask(self, cases: Sequence[Case]) -> list[Outcome]:
        """Ask every case in one event loop."""
        return asyncio.run(answers(cases, self.parts, top_k=self.top_k, at=self.at))

    def texts(self) -> dict[str, str]:
        """Return every document's text by uri."""
        with self.parts.store.snapshot(self.at) as snapshot:
            return {document.uri: snapshot.text(document.id) for document in snapshot.documents(scope=_SCOPE)}

    def chunks(self) -> Iterator[str]:
        """Yield the text of every chunk of the index."""
        with self.parts.store.snapshot(self.at) as snapshot:
            for document in snapshot.documents(scope=_SCOPE):
                yield from (chunk.text for chunk in snapshot.chunks(document.id))

    def confidences(self, questions: Sequence[str]) -> list[float]:
        """Return how sure the turn is that the documents answer each question; 0 where nothing was found."""
        return asyncio.run(_confidences(questions, self))

    def fingerprint(self) -> Mapping[str, str]:
        """Two runs with the same fingerprint must give the same scores, but for a model that varies."""
        with self.parts.store.snapshot(self.at) as snapshot:
            digests = snapshot.digests(tenant=DEFAULT_TENANT)
            info = snapshot.info()
        corpus = hashlib.sha256("\n".join(f"{uri} {digests[uri]}" for uri in sorted(digests)).encode())
        return {
            **self.settings,
            "corpus": corpus.hexdigest()[:16],
            "documents": str(info.documents),
            "chunks": str(info.chunks),
            "embedder": self.parts.embedder.fingerprint,
            "model": self.parts.turn.written_by,
            "prompt": self.parts.turn.prompt_hash or load("answer").hash,
            "top_k": str(self.top_k),
        }

    def documents(self) -> frozenset[str]:
        """Return the index's uris."""
        with self.parts.store.snapshot(self.at) as snapshot:
            return frozenset(snapshot.digests(tenant=DEFAULT_TENANT))


async def answers(
    cases: Sequence[Case], parts: Parts, *, top_k: int, at_once: int = 8, at: Generation | None = None
) -> list[Outcome]:
    """Ask every case, at most `at_once` at a time; outcomes in the order of the cases."""
    slots = asyncio.Semaphore(at_once)

    async def one(case: Case) -> Outcome:
        async with slots:
            return await _answered(case, parts, top_k, at)

    try:
        return list(await asyncio.gather(*(one(case) for case in cases)))
    finally:
        await parts.disconnect()


async def _confidences(questions: Sequence[str], target: InProcess) -> list[float]:
    """Listen only until the turn has decided: nothing is written."""
    found = []
    for number, text in enumerate(questions):
        question = Question(text, _SCOPE, top_k=target.top_k, at=target.at)
        sure = 0.0
        async with aclosing(target.parts.turn.answer(question, f"run_calibrate_{number}")) as events:
            async for event in events:
                if isinstance(event, Explained):
                    sure = event.probability
                    break
        found.append(sure)
    await target.parts.disconnect()
    return found


@dataclass(slots=True)
class _Heard:
    """What the events of one turn have said so far."""

    started: float = field(default_factory=time.perf_counter)
    text: str = ""
    outcome: Said = "answered"
    error: str = ""
    tokens: tuple[int, int] = (0, 0)
    first: float | None = None
    passages: tuple[Passage, ...] = ()
    citations: tuple[Citation, ...] = ()
    sentences: list[SentenceChecked] = field(default_factory=list)

    def hear(self, event: Event) -> None:
        match event:
            case Sources():
                self.passages = event.passages
            case Text():
                self.first = time.perf_counter() - self.started if self.first is None else self.first
                self.text += event.delta
            case SentenceChecked():
                self.sentences.append(event)
            case Citations():
                self.citations = event.citations
            case Usage():
                self.tokens = (event.input_tokens, event.output_tokens)
            case Done():
                self.outcome = event.outcome
            case Failed():
                self.error = event.message


async def _answered(case: Case, parts: Parts, top_k: int, at: Generation | None) -> Outcome:
    history = tuple(Message(turn.role, turn.text) for turn in case.history)
    question = Question(case.question, _scope(case), history=history, top_k=top_k, at=at)
    heard = _Heard()
    async with aclosing(parts.turn.answer(question, f"run_eval_{case.id}")) as events:
        async for event in events:
            heard.hear(event)
    return Outcome(
        case=case,
        answer=heard.text,
        refused=heard.outcome == "refused",
        unsure=heard.outcome == "unsure",
        passages=heard.passages,
        citations=heard.citations,
        verbatim=_verbatim(heard.citations, parts, at),
        sentences=tuple(heard.sentences),
        first_text_seconds=heard.first,
        seconds=time.perf_counter() - heard.started,
        input_tokens=heard.tokens[0],
        output_tokens=heard.tokens[1],
        error=heard.error,
    )


def _scope(case: Case) -> Scope:
    """Return what a case may see: where it names a scope, no more than that."""
    return Scope(case.scope.tenant, frozenset(case.scope.groups)) if case.scope else _SCOPE


def _verbatim(citations: Sequence[Citation], parts: Parts, at: Generation | None) -> tuple[bool, ...]:
    with parts.store.snapshot(at) as snapshot:
        texts = {citation.document.id: snapshot.text(citation.document.id) for citation in citations}
    return tuple(
        texts[citation.document.id][citation.evidence.start : citation.evidence.end] == citation.quote
        for citation in citations
    )
