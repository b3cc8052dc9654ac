"""An evaluation in one read: ask every case, score every outcome, average.

What it means (gates, regressions, causes) is `eval/gate/conclusion.py`; how it is told is `eval/reports/report.py`.
"""

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from eval.cases import Case
from eval.judge.judge import NAMES, Judge
from eval.metrics.answer import answers_of
from eval.metrics.outcome import NOT_APPLICABLE, PLAIN, Outcome, Ruler, Score, ok
from eval.metrics.row import Prices, Row, make_row
from eval.metrics.scorers import PluggedMetrics, scores_of, versions
from eval.metrics.summary import Mean, summarise
from eval.targets.target import Target
from vectorstore.models.embed import Embedder
from vectorstore.types import DEFAULT_TENANT


def system(outcomes: Sequence[Outcome], prices: Prices | None = None) -> dict[str, float]:
    """Return percentiles of the seconds to the first text and to the end, mean tokens, the share that broke.

    With prices also the mean cost of an answer that tells its tokens.
    """
    found: dict[str, float] = {}
    firsts = [o.first_text_seconds for o in outcomes if o.first_text_seconds is not None]
    timed = [o.seconds for o in outcomes if o.seconds > 0]
    for name, values in (("first text", firsts), ("answer", timed)):
        if values:
            found |= {f"{name}, p{share}": float(np.percentile(values, share)) for share in (50, 95)}
    counted = [o for o in outcomes if o.input_tokens or o.output_tokens]
    if counted:
        found["tokens read, mean"] = float(np.mean([o.input_tokens for o in counted]))
        found["tokens written, mean"] = float(np.mean([o.output_tokens for o in counted]))
        if prices is not None and (prices.read or prices.written):
            read, written = found["tokens read, mean"], found["tokens written, mean"]
            found["cost of an answer, mean"] = (read * prices.read + written * prices.written) / 1_000_000
    if outcomes:
        found["errors, share"] = sum(bool(o.error) for o in outcomes) / len(outcomes)
    return found


def relevance(outcomes: Sequence[Outcome], embedder: Embedder) -> list[Score]:
    """Return one score per outcome; refusals and empty answers have none."""
    if len(outcomes) < 2:
        return [NOT_APPLICABLE] * len(outcomes)
    questions = embedder.embed_documents([outcome.case.question for outcome in outcomes])
    answers = embedder.embed_documents(answers_of(outcomes))
    nearness = answers @ questions.T
    own = np.diagonal(nearness)
    nearer = (nearness < own[:, None]).sum(axis=1) / (len(outcomes) - 1)
    return [
        NOT_APPLICABLE if outcome.refused or not outcome.answer.strip() else ok(float(share))
        for outcome, share in zip(outcomes, nearer, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Every case with its scores, the means, and what they were made with.

    `missing` holds the gold documents that the target cannot find, with the cases that need them. `seconds` are
    the times and costs of the run, which no comparison reads. `noise` is each metric's spread between repeats,
    `spread` that of the judge's. `left_out` says of each plug-in's metric that is not among them why.
    """

    rows: tuple[Row, ...]
    means: Mapping[str, Mean]
    fingerprint: Mapping[str, str]
    scorers: Mapping[str, str]
    missing: Mapping[str, tuple[str, ...]]
    seconds: Mapping[str, float]
    noise: Mapping[str, float]
    spread: Mapping[str, float] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()

    @property
    def errors(self) -> int:
        """How many cases could not be answered, or scored, at all."""
        return sum(bool(row.error) or "error" in row.scores.values() for row in self.rows)


def evaluate(
    cases: Sequence[Case],
    target: Target,
    *,
    embedder: Embedder,
    repeat: int = 1,
    judge: Judge | None = None,
    ruler: Ruler = PLAIN,
    prices: Prices | None = None,
) -> Evaluation:
    """Ask every case `repeat` times and score what comes back."""
    runs = _asked(cases, target, repeat)
    started = time.process_time()
    plugged = plugged_metrics()
    added = iter(plugged.scores([outcome for run in runs for outcome in run]))
    scores = [[{**next(added), **own} for own in _scored(run, embedder, judge, ruler)] for run in runs]
    scoring = {"scorers, CPU seconds": time.process_time() - started}
    rows = tuple(
        make_row(case, [run[index] for run in runs], [run[index] for run in scores])
        for index, case in enumerate(cases)
    )
    return Evaluation(
        rows=rows,
        means=means_of(rows),
        fingerprint={"dataset": _dataset(rows), **target.fingerprint()},
        scorers=plugged.versions() | versions(ruler) | (judge.versions() if judge else {}),
        missing=_missing(cases, target.documents()),
        seconds=system([outcome for run in runs for outcome in run], prices) | scoring | _spent(judge),
        noise=_noise(scores),
        spread=dict(judge.spread) if judge else {},
        left_out=tuple(plugged.left_out),
    )


def plugged_metrics() -> PluggedMetrics:
    """Load the metrics that plug-ins bring under names that none of ours has."""
    return PluggedMetrics({*versions(), "answer_relevance", *NAMES})


def _spent(judge: Judge | None) -> dict[str, float]:
    if judge is None:
        return {}
    spent = judge.spent
    return {"judge, calls": spent.calls, "judge, from the cache": spent.cached, "judge, cost": spent.cost}


def means_of(rows: Sequence[Row]) -> dict[str, Mean]:
    """Average each metric over the rows."""
    return summarise([row.scores for row in rows], [row.group for row in rows])


def _asked(cases: Sequence[Case], target: Target, repeat: int) -> list[list[Outcome]]:
    """Ask all repeats in one go: a connection to a model lives as long as one event loop."""
    outcomes = target.ask([case for _ in range(repeat) for case in cases])
    return [outcomes[start : start + len(cases)] for start in range(0, len(outcomes), len(cases))]


def _scored(
    outcomes: Sequence[Outcome], embedder: Embedder, judge: Judge | None, ruler: Ruler
) -> list[Mapping[str, Score]]:
    nearness = relevance(outcomes, embedder)
    said = judge.scores(outcomes) if judge else [{}] * len(outcomes)
    return [
        scores_of(outcome, ruler) | {"answer_relevance": near} | verdicts
        for outcome, near, verdicts in zip(outcomes, nearness, said, strict=True)
    ]


def _dataset(rows: Sequence[Row]) -> str:
    said = "\n".join(sorted(f"{row.id} {row.digest}" for row in rows))
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _missing(cases: Sequence[Case], found: frozenset[str] | None) -> dict[str, tuple[str, ...]]:
    if found is None:
        return {}
    needed: dict[str, list[str]] = {}
    for case in cases:
        if case.scope is not None and case.scope.tenant != DEFAULT_TENANT:
            continue  # the target tells of the documents of the default tenant alone
        for doc in dict.fromkeys(evidence.doc for evidence in case.evidence):
            if not any(uri == doc or uri.endswith(f"/{doc}") for uri in found):
                needed.setdefault(doc, []).append(case.id)
    return {doc: tuple(ids) for doc, ids in sorted(needed.items())}


def _noise(runs: Sequence[Sequence[Mapping[str, Score]]]) -> dict[str, float]:
    """Return the standard deviation of each metric's mean between repeats; empty for one run."""
    if len(runs) < 2:
        return {}
    means: dict[str, list[float]] = {}
    for run in runs:
        for name in {name for row in run for name in row}:
            values = [row[name].value for row in run if name in row and row[name].status == "ok"]
            if values:
                means.setdefault(name, []).append(float(np.mean(values)))
    return {name: float(np.std(values, ddof=1)) for name, values in sorted(means.items()) if len(values) > 1}
