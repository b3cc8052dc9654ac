"""Why a turn answered as it did: from its events to one object, which clients get as JSON."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, AliasChoices, AliasPath, BaseModel, BeforeValidator, ConfigDict, Field

from app.events import (
    Cancelled,
    Considered,
    Done,
    Event,
    Explained,
    Failed,
    Outcome,
    SentenceChecked,
    Sources,
    Started,
    Terminal,
    Timing,
    Usage,
    Verdict,
)
from app.question import Question, Understood
from app.reader.answerable import Answerability
from app.turn.retrieve import Found, Packed
from vectorstore.types import DocumentId

_DIGITS: Final = 6
"""Decimals of a score: what single precision holds. A seventh of what is kept of a run would be digits beyond it."""


class Shown(BaseModel):
    """Something as clients see it, read from what the service knows it as, or from JSON that was kept."""

    model_config = ConfigDict(
        from_attributes=True, populate_by_name=True, json_schema_serialization_defaults_required=True
    )


class StageShown(Shown):
    """How one stage of the search ranked a chunk."""

    name: str
    rank: int
    score: float


def _to(digits: int) -> AfterValidator:
    return AfterValidator(lambda score: round(score, digits))


def _rounded(stages: list[StageShown]) -> list[StageShown]:
    for stage in stages:
        stage.score = round(stage.score, _DIGITS)
    return stages


class CandidateShown(Shown):
    """A chunk that was found. `passage` is the one it went into; otherwise `dropped` says why not."""

    rank: int
    chunk_id: str = Field(validation_alias="chunk")
    document_id: str = Field(validation_alias="document")
    title: str
    uri: str
    headings: list[str]
    page: int | None
    score: Annotated[float, _to(_DIGITS)]
    stages: Annotated[list[StageShown], AfterValidator(_rounded)]
    passage: int | None
    dropped: Annotated[str | None, BeforeValidator(lambda reason: reason or None)]


class PassageShown(Shown):
    """A passage that the answer was written from; offsets in the document's text."""

    number: int
    document_id: str = Field(validation_alias=AliasPath("document", "id"))
    title: str = Field(validation_alias=AliasPath("document", "title"))
    uri: str = Field(validation_alias=AliasPath("document", "uri"))
    headings: list[str]
    page: int | None = Field(validation_alias=AliasPath("span", "page"))
    start: int = Field(validation_alias=AliasPath("span", "start"))
    end: int = Field(validation_alias=AliasPath("span", "end"))
    score: Annotated[float, _to(_DIGITS)]
    chunk_ids: list[str] = Field(validation_alias="chunks")


class AnswerabilityShown(Shown):
    """How likely the passages hold an answer: sure from `threshold` on, not there below `unsure_threshold`.

    Where no language model writes, this decides whether the answer is given, given as unsure, or refused.
    """

    probability: float
    threshold: float
    # Before there were three outcomes there was one threshold.
    unsure_threshold: float = Field(default_factory=lambda told: told["threshold"])
    missing: list[str]
    reasons: list[str]


class TimingShown(Shown):
    """How long a stage took; `first_text` counts from the start."""

    stage: str
    ms: float


class SentenceShown(Shown):
    """A sentence of the answer, held against its sources; offsets in the answer."""

    start: int
    end: int
    verdict: Verdict
    support: Annotated[float, _to(4)]


class UsageShown(Shown):
    """Tokens read and written."""

    input_tokens: int
    output_tokens: int


def _outcome(status: str, refused: bool) -> Outcome | None:
    """Name what came of a run that was recorded before there were three outcomes."""
    if status != "done":
        return None
    return "refused" if refused else "answered"


class RunExplained(Shown):
    """Everything that led to an answer. Lists are empty, and `outcome` null, where the turn did not come so far."""

    run: str
    conversation: str = Field(validation_alias=AliasPath("asked", "conversation"))
    model: str = Field("", validation_alias=AliasPath("started", "model"))
    prompt_hash: str = Field("", validation_alias=AliasPath("searched", "prompt_hash"))
    generation: int | None = Field(None, validation_alias=AliasPath("searched", "generation"))
    status: Literal["running", "done", "failed", "cancelled"]
    error: str | None
    refused: bool
    outcome: Outcome | None = Field(default_factory=lambda told: _outcome(told["status"], told["refused"]))
    question: str = Field(validation_alias=AliasPath("asked", "text"))
    condensed: str = Field(
        validation_alias=AliasChoices(AliasPath("searched", "condensed"), AliasPath("asked", "text"))
    )
    parts: list[str] = Field([], validation_alias=AliasPath("searched", "parts"))
    answerability: AnswerabilityShown | None = Field(None, validation_alias="searched")
    timings: list[TimingShown]
    candidates: list[CandidateShown] = Field([], validation_alias=AliasPath("searched", "candidates"))
    passages: list[PassageShown] = Field([], validation_alias=AliasPath("sources", "passages"))
    sentences: list[SentenceShown]
    usage: UsageShown | None


class Explanation(RunExplained):
    """What is kept of a run's explanation: what clients get, and the documents behind the conversation before it."""

    drawn_from: list[str] = []  # a run that was recorded before conversations said so has no word of them


@dataclass
class _Seen:
    """A run's question, and of its events those that tell something."""

    run: str
    asked: Question
    started: Started | None = None
    searched: Explained | None = None
    sources: Sources | None = None
    sentences: list[SentenceChecked] = field(default_factory=list)
    usage: Usage | None = None
    ending: Terminal | None = None

    @property
    def status(self) -> str:
        return type(self.ending).__name__.lower() if self.ending else "running"

    @property
    def error(self) -> str | None:
        match self.ending:
            case Failed():
                return self.ending.code
            case Cancelled():
                return self.ending.reason
            case _:
                return None

    @property
    def outcome(self) -> Outcome | None:
        return self.ending.outcome if isinstance(self.ending, Done) else None

    @property
    def refused(self) -> bool:
        return self.outcome == "refused"

    @property
    def timings(self) -> list[Timing]:
        return [lap for told in (self.searched, self.usage) if told for lap in told.timings]

    @property
    def drawn_from(self) -> list[DocumentId]:
        return sorted({each for message in self.asked.history for each in message.drawn_from})


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
        threshold=decision.thresholds.sure,
        unsure_threshold=decision.thresholds.unsure,
        candidates=candidates,
        parts=tuple(part.whole for part in asked.parts) if len(asked.parts) > 1 else (),
        missing=decision.missing,
        reasons=decision.reasons,
        prompt_hash=prompt_hash,
        timings=timings,
    )


def explanation(run: str, question: Question, events: Iterable[Event]) -> Explanation:
    """Return what a run's events tell, without the documents' text; a run that is going on has status `running`."""
    seen = _Seen(run, question)
    for event in events:
        match event:
            case Started():
                seen.started = event
            case Explained():
                seen.searched = event
            case Sources(passages):
                seen.sources = Sources((*(seen.sources.passages if seen.sources else ()), *passages))
            case SentenceChecked():
                seen.sentences.append(event)
            case Usage():
                seen.usage = event
            case Done() | Failed() | Cancelled():
                seen.ending = event
            case _:
                pass
    return Explanation.model_validate(seen)


def drawn_from(told: Explanation) -> frozenset[DocumentId]:
    """Return the documents behind what an explanation tells, and behind the conversation before it."""
    shown: list[CandidateShown | PassageShown] = [*told.candidates, *told.passages]
    return frozenset(map(DocumentId, (*told.drawn_from, *(each.document_id for each in shown))))
