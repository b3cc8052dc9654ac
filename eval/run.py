"""An evaluation in one read: ask every case, score every outcome, average, judge."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.build import Parts
from eval.cases import Case
from eval.gate import Threshold, Verdict, judge
from eval.metrics.answer import citations, contents, groundedness
from eval.metrics.refusal import refusal
from eval.metrics.relevance import relevance
from eval.metrics.retrieval import retrieval
from eval.outcome import Outcome
from eval.score import ERROR, Score
from eval.summary import Mean, summarise
from eval.target import answers
from prompts.loader import load

_K = 5


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Outcomes and scores by case, the means, and the gate's verdicts."""

    outcomes: tuple[Outcome, ...]
    scores: tuple[Mapping[str, Score], ...]
    means: Mapping[str, Mean]
    verdicts: tuple[Verdict, ...]
    fingerprint: Mapping[str, str]

    @property
    def passed(self) -> bool:
        """Whether every gate holds."""
        return all(verdict.passed for verdict in self.verdicts)

    @property
    def errors(self) -> int:
        """How many cases could not be answered at all."""
        return sum(bool(outcome.error) for outcome in self.outcomes)

    def worst(self, count: int) -> list[tuple[Outcome, Mapping[str, Score]]]:
        """Return the cases with the most lost, the critical ones first."""

        def lost(row: Mapping[str, Score]) -> float:
            names = ("abstention_accuracy", "must_include", "citation_validity", "hit@5", "groundedness")
            return sum(1 - row[name].value for name in names if name in row and row[name].status == "ok")

        rows = [(outcome, row) for outcome, row in zip(self.outcomes, self.scores, strict=True) if lost(row)]
        rows.sort(key=lambda pair: (not pair[0].case.critical, -lost(pair[1]), pair[0].case.id))
        return rows[:count]


def evaluate(
    cases: Sequence[Case], parts: Parts, *, thresholds: Sequence[Threshold], top_k: int
) -> Evaluation:
    """Ask, score, average, judge."""
    outcomes = asyncio.run(answers(cases, parts, top_k=top_k))
    nearness = relevance(outcomes, parts.embedder)
    scores = [
        _scored(outcome) | {"answer_relevance": near}
        for outcome, near in zip(outcomes, nearness, strict=True)
    ]
    means = summarise(scores, [case.group or case.id for case in cases])
    verdicts = judge(thresholds, means)
    return Evaluation(tuple(outcomes), tuple(scores), means, tuple(verdicts), _fingerprint(cases, parts))


def _scored(outcome: Outcome) -> dict[str, Score]:
    rows = (
        retrieval(outcome, k=_K),
        groundedness(outcome),
        citations(outcome),
        refusal(outcome),
        contents(outcome),
    )
    scores = {name: score for row in rows for name, score in row.items()}
    return dict.fromkeys(scores, ERROR) if outcome.error else scores


def _fingerprint(cases: Sequence[Case], parts: Parts) -> dict[str, str]:
    """Name what was compared: two runs with the same fingerprint must give the same scores."""
    dataset = hashlib.sha256("\n".join(case.model_dump_json() for case in cases).encode()).hexdigest()
    with parts.store.snapshot() as snapshot:
        digests = snapshot.digests(tenant="default")
    corpus = hashlib.sha256(
        "\n".join(f"{uri} {digests[uri]}" for uri in sorted(digests)).encode()
    ).hexdigest()
    return {
        "dataset": dataset[:16],
        "corpus": corpus[:16],
        "embedder": parts.embedder.fingerprint,
        "model": parts.turn.answerer.name,
        "prompt": load("answer").hash,
    }
