"""What is to be known of a finished run without a word of it: one summary for metrics, logs, traces, records, and tests of variants."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from app.events import Done, Explained, Failed, SentenceChecked, Started, Usage
from app.runs.run import Run

CANCELLED: Final = "cancelled"


@dataclass(frozen=True, slots=True)
class Measured:
    """The figures of one run. Times are in milliseconds from when it was asked.

    `outcome` is answered, unsure or refused, or else failed, with the failure's code in `code`, or cancelled.
    `sentences` were held against the passages, and `supported` of them stood. `found` are the chunks that the search
    gave, `best` is the highest score of one. `stages` are those of the turn, in order.
    """

    outcome: str = CANCELLED
    code: str = ""
    variant: str = ""
    model: str = ""
    prompt: str = ""
    generation: int = 0
    condensed: str = ""
    probability: float | None = None
    found: int = 0
    best: float = 0.0
    sentences: int = 0
    supported: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    first_ms: float | None = None
    total_ms: float = 0.0
    stages: Mapping[str, float] = field(default_factory=dict)
    tenant: str = ""
    groups: tuple[str, ...] = ()


def measured(run: Run) -> Measured:
    """Sum up a run that has ended."""
    said: dict[str, object] = {}
    stages: dict[str, float] = {}
    verdicts: list[bool] = []
    for event in run.recorded:
        match event:
            case Started(model=model):
                said["model"] = model
            case Explained():
                said |= {
                    "prompt": event.prompt_hash,
                    "generation": int(event.generation),
                    "condensed": event.condensed,
                    "probability": event.probability,
                    "found": len(event.candidates),
                    "best": max((each.score for each in event.candidates), default=0.0),
                }
                stages |= {timing.stage: timing.ms for timing in event.timings}
            case SentenceChecked(verdict=verdict):
                verdicts.append(verdict == "supported")
            case Usage():
                said |= {"input_tokens": event.input_tokens, "output_tokens": event.output_tokens}
                stages |= {timing.stage: timing.ms for timing in event.timings}
            case Done(outcome=outcome):
                said["outcome"] = outcome
            case Failed(code=code):
                said |= {"outcome": "failed", "code": code}
            case _:
                pass
    first, last = run.first_text_at, run.ended_at
    return Measured(
        **said,  # type: ignore[arg-type]  # each under its field's name, as above
        variant=run.question.variant,
        sentences=len(verdicts),
        supported=sum(verdicts),
        first_ms=None if first is None else (first - run.begun) * 1_000,
        total_ms=0.0 if last is None else (last - run.begun) * 1_000,
        stages=stages,
        tenant=run.question.scope.tenant,
        groups=tuple(sorted(run.question.scope.groups)),
    )
