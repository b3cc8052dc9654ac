"""Why a turn answered as it did: from its events to one plain JSON object."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeAlias

from app.events import (
    Cancelled,
    Considered,
    Done,
    Event,
    Explained,
    Failed,
    Passage,
    SentenceChecked,
    Sources,
    Started,
    Timing,
    Usage,
)
from app.question import Question, Understood
from app.reader.answerable import Answerability
from app.turn.retrieve import Found, Packed
from vectorstore.types import DocumentId

Json: TypeAlias = dict[str, Any]  # Any: JSON on its way out
_DIGITS: Final = 6
"""Decimals of a score: what single precision holds. A seventh of what is kept of a run would be digits beyond it."""


def explained(
    asked: Understood,
    found: Found,
    packed: Packed,
    decision: Answerability,
    *,
    prompt_hash: str = "",
    timings: tuple[Timing, ...] = (),
) -> Explained:
    """Put together what the turn knows before it writes."""
    number = {chunk: passage.number for passage in packed.passages for chunk in passage.chunks}
    reason = {chunk: left.reason for left in packed.left_out for chunk in left.passage.chunks}
    candidates = tuple(
        Considered(
            rank=rank,
            chunk=hit.chunk.id,
            document=hit.document.id,
            title=hit.document.title,
            uri=hit.document.uri,
            headings=hit.chunk.headings,
            page=hit.chunk.span.page,
            score=hit.score,
            stages=hit.stages,
            passage=number.get(hit.chunk.id),
            dropped="" if hit.chunk.id in number else reason.get(hit.chunk.id, "not packed"),
        )
        for rank, hit in enumerate(found.hits, start=1)
    )
    return Explained(
        condensed=asked.alone.whole,
        generation=found.generation,
        probability=round(decision.confidence, 4),
        threshold=decision.threshold,
        candidates=candidates,
        parts=tuple(part.whole for part in asked.parts) if len(asked.parts) > 1 else (),
        missing=decision.missing,
        reasons=decision.reasons,
        prompt_hash=prompt_hash,
        timings=timings,
    )


def explanation(run: str, question: Question, events: Iterable[Event]) -> Json:
    """Return what a run's events tell, without the documents' text; a run that is going on has status `running`."""
    shown: Json = {
        "run": run,
        "conversation": question.conversation,
        "model": "",
        "prompt_hash": "",
        "generation": None,
        "status": "running",
        "error": None,
        "refused": False,
        "question": question.text,
        "condensed": question.text,
        "parts": [],
        "answerability": None,
        "timings": [],
        "candidates": [],
        "passages": [],
        "sentences": [],
        "usage": None,
        "drawn_from": sorted({each for message in question.history for each in message.drawn_from}),
    }
    for event in events:
        _take(shown, event)
    return shown


def drawn_from(told: Json) -> frozenset[DocumentId]:
    """Return the documents behind what an explanation tells, and behind the conversation before it."""
    shown = [*told["candidates"], *told["passages"]]
    # A run that was recorded before conversations said so has no word of them.
    return frozenset([each["document_id"] for each in shown] + told.get("drawn_from", []))


def _take(shown: Json, event: Event) -> None:
    match event:
        case Started():
            shown["model"] = event.model
        case Explained():
            shown |= _explained(event)
            shown["timings"] += _timings(event.timings)
        case Sources(passages):
            shown["passages"] = [_passage(passage) for passage in passages]
        case SentenceChecked():
            shown["sentences"].append(
                {
                    "start": event.start,
                    "end": event.end,
                    "verdict": event.verdict,
                    "support": round(event.support, 4),
                }
            )
        case Usage():
            shown["usage"] = {"input_tokens": event.input_tokens, "output_tokens": event.output_tokens}
            shown["timings"] += _timings(event.timings)
        case Done() | Failed() | Cancelled():
            _end(shown, event)
        case _:
            pass


def _end(shown: Json, event: Done | Failed | Cancelled) -> None:
    shown["status"] = type(event).__name__.lower()
    if isinstance(event, Done):
        shown["refused"] = event.refused
    else:
        shown["error"] = event.code if isinstance(event, Failed) else event.reason


def _explained(event: Explained) -> Json:
    return {
        "condensed": event.condensed,
        "parts": list(event.parts),
        "generation": event.generation,
        "prompt_hash": event.prompt_hash,
        "answerability": {
            "probability": event.probability,
            "threshold": event.threshold,
            "missing": list(event.missing),
            "reasons": list(event.reasons),
        },
        "candidates": [_candidate(candidate) for candidate in event.candidates],
    }


def _candidate(found: Considered) -> Json:
    return {
        "rank": found.rank,
        "chunk_id": found.chunk,
        "document_id": found.document,
        "title": found.title,
        "uri": found.uri,
        "headings": list(found.headings),
        "page": found.page,
        "score": round(found.score, _DIGITS),
        "stages": [
            {"name": stage.name, "rank": stage.rank, "score": round(stage.score, _DIGITS)}
            for stage in found.stages
        ],
        "passage": found.passage,
        "dropped": found.dropped or None,
    }


def _passage(passage: Passage) -> Json:
    return {
        "number": passage.number,
        "document_id": passage.document.id,
        "title": passage.document.title,
        "uri": passage.document.uri,
        "headings": list(passage.headings),
        "page": passage.span.page,
        "start": passage.span.start,
        "end": passage.span.end,
        "score": round(passage.score, _DIGITS),
        "chunk_ids": list(passage.chunks),
    }


def _timings(timings: Sequence[Timing]) -> list[Json]:
    return [{"stage": timing.stage, "ms": timing.ms} for timing in timings]
