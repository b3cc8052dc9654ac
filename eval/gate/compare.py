"""Hold an evaluation against a baseline, case by case: what changed, and whether that is more than chance.

Cases are paired by id, and only while question and expectation are the same; metrics only while their scorer says
the same as it did (`eval/metrics/scorers.py`). What is left out is listed, never dropped in silence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from eval.gate.baseline import Baseline
from eval.gate.bootstrap import ALPHA, Paired, detectable, holm, paired, reachable
from eval.metrics.row import Row

GATED = (
    "recall@5", "groundedness", "citation_recall", "citation_precision", "abstention_accuracy", "must_include",
    "answer_correctness", "nugget_recall",
)  # fmt: skip
"""What a regression gate watches by default. Few, since every further test costs the others power."""
LOWER_IS_BETTER = frozenset({"over_refusal", "false_answer_rate", "unsure", "wrong"})
MIN_EFFECT = 0.02
_SHARED = 0.8
NO_MODEL = "extractive"

Status = Literal["pass", "fail", "inconclusive", "better"]


@dataclass(frozen=True, slots=True)
class Change:
    """One metric before and after, over the cases where both count. `p` is adjusted where it is `gated`."""

    metric: str
    before: float
    after: float
    found: Paired
    p: float
    detectable: float
    status: Status
    gated: bool

    @property
    def interval(self) -> tuple[float, float]:
        """The 90 % interval of `after` less `before`."""
        ends = (self.found.lower, self.found.upper)
        return (-ends[1], -ends[0]) if self.metric in LOWER_IS_BETTER else ends


@dataclass(frozen=True, slots=True)
class Flip:
    """A check that a case passed and now fails. `gates` says whether that fails the run."""

    id: str
    check: str
    critical: bool
    gates: bool


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What makes a comparison fail. `quarantine` maps the ids of cases that do not gate to the reason."""

    metrics: tuple[str, ...] = GATED
    min_effect: float = MIN_EFFECT
    max_flips: int = 0
    quarantine: Mapping[str, str] | None = None
    allow_unreviewed: bool = False

    def gating(self, rows: Sequence[Row]) -> list[Row]:
        """Return the cases that may fail a run: reviewed, and not in quarantine."""
        return [
            row
            for row in rows
            if (row.reviewed or self.allow_unreviewed) and row.id not in (self.quarantine or {})
        ]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a comparison found. `not_comparable` is empty, or says why nothing was compared."""

    baseline: Baseline
    not_comparable: str = ""
    differences: Mapping[str, tuple[str, str]] | None = None
    changes: tuple[Change, ...] = ()
    flips: tuple[Flip, ...] = ()
    fixed: tuple[Flip, ...] = ()
    paired: int = 0
    new: tuple[str, ...] = ()
    altered: tuple[str, ...] = ()
    rescored: tuple[str, ...] = ()
    varies: bool = False
    max_flips: int = 0

    @property
    def failures(self) -> tuple[Change, ...]:
        """The gated metrics that fell."""
        return tuple(change for change in self.changes if change.status == "fail" and change.gated)

    @property
    def unclear(self) -> list[str]:
        """The gated metrics whose mean fell, by what may be chance."""
        return [change.metric for change in self.changes if change.status == "inconclusive" and change.gated]

    @property
    def broken(self) -> tuple[Flip, ...]:
        """The flips that fail the run: every critical one, and the others when there are more than allowed."""
        gating = [flip for flip in self.flips if flip.gates]
        others = {flip.id for flip in gating if not flip.critical}
        return tuple(flip for flip in gating if flip.critical or len(others) > self.max_flips)

    @property
    def flipped(self) -> dict[str, tuple[str, ...]]:
        """The checks that newly fail, by case, the critical ones first."""
        found: dict[str, tuple[str, ...]] = {}
        for flip in sorted(self.flips, key=lambda one: not one.critical):
            found[flip.id] = (*found.get(flip.id, ()), flip.check)
        return found

    @property
    def passed(self) -> bool:
        """Whether nothing fell."""
        return not self.failures and not self.broken


def compare(
    rows: Sequence[Row],
    baseline: Baseline,
    *,
    fingerprint: Mapping[str, str],
    scorers: Mapping[str, str],
    tolerance: Tolerance,
) -> Comparison:
    """Compare the rows with the baseline by the tolerance."""
    gating = tolerance.gating(rows)
    same = [row for row in gating if (old := baseline.cases.get(row.id)) and old.digest == row.digest]
    altered = tuple(
        row.id for row in gating if row.id in baseline.cases and baseline.cases[row.id].digest != row.digest
    )
    rescored = tuple(sorted(n for n, v in scorers.items() if baseline.scorers.get(n, v) != v))
    problem = _problem(gating, same, rescored=rescored, metrics=tolerance.metrics, scorers=scorers)
    varies = _varies(baseline, fingerprint)
    return Comparison(
        baseline=baseline,
        not_comparable=problem,
        differences=differences(baseline.fingerprint, fingerprint),
        changes=() if problem else _changes(same, baseline, tolerance, frozenset(rescored)),
        flips=() if problem else tuple(_flips(same, baseline, varies=varies, rescored=rescored)),
        fixed=() if problem else tuple(_fixed(same, baseline, rescored)),
        paired=len(same),
        new=tuple(row.id for row in gating if row.id not in baseline.cases),
        altered=altered,
        rescored=rescored,
        varies=varies,
        max_flips=tolerance.max_flips,
    )


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Return what the fingerprints disagree on, by name.

    What only one of them names was not known then, or not set, and is left out; so is `dataset`, which is judged
    case by case.
    """
    names = sorted((before.keys() & after.keys()) - {"dataset"})
    return {name: (before[name], after[name]) for name in names if before[name] != after[name]}


def _problem(
    gating: Sequence[Row],
    same: Sequence[Row],
    *,
    rescored: Sequence[str],
    metrics: Sequence[str],
    scorers: Mapping[str, str],
) -> str:
    watched = [name for name in metrics if name in scorers]
    if watched and all(name in rescored for name in watched):
        return "every watched metric is scored differently now than when the baseline was made"
    if not same or len(same) < _SHARED * len(gating):
        return f"only {len(same)} of {len(gating)} cases stand unchanged in the baseline"
    return ""


def _varies(baseline: Baseline, fingerprint: Mapping[str, str]) -> bool:
    """Say whether the same code could answer differently tomorrow: any language model could."""
    return {baseline.fingerprint.get("model"), fingerprint.get("model")} != {NO_MODEL}


def _changes(
    rows: Sequence[Row], baseline: Baseline, tolerance: Tolerance, rescored: frozenset[str]
) -> tuple[Change, ...]:
    tests: dict[str, tuple[float, float, Paired]] = {}
    for metric in sorted({name for row in rows for name in row.scores} - rescored):
        pairs = _pairs(rows, baseline, metric)
        if pairs:
            sign = -1 if metric in LOWER_IS_BETTER else 1
            found = paired([sign * (new - old) for _, old, new in pairs], [group for group, _, _ in pairs])
            before = sum(old for _, old, _ in pairs) / len(pairs)
            after = sum(new for _, _, new in pairs) / len(pairs)
            tests[metric] = before, after, found
    gated = {name: found for name, (_, _, found) in tests.items() if name in tolerance.metrics}
    family = reachable({name: found.moved for name, found in gated.items()})
    adjusted = dict.fromkeys(gated, 1.0) | holm({name: gated[name].p for name in family})
    return tuple(
        Change(
            metric=name,
            before=before,
            after=after,
            found=found,
            p=adjusted.get(name, found.p),
            detectable=detectable(found, tests=max(len(family), 1) if name in tolerance.metrics else 1),
            status=_status(found, adjusted.get(name, found.p), tolerance.min_effect),
            gated=name in tolerance.metrics,
        )
        for name, (before, after, found) in tests.items()
    )


def _pairs(rows: Sequence[Row], baseline: Baseline, metric: str) -> list[tuple[str, float, float]]:
    """Return group, value before and value after of the cases where both count."""
    values = [(row.group, _old(baseline, row, metric), row.value(metric)) for row in rows]
    return [(group, old, new) for group, old, new in values if old is not None and new is not None]


def _status(found: Paired, p: float, min_effect: float) -> Status:
    if found.mean <= -min_effect + 1e-12:
        return "fail" if p <= ALPHA else "inconclusive"
    return "better" if found.lower > 0 else "pass"


def _old(baseline: Baseline, row: Row, metric: str) -> float | None:
    found = baseline.cases[row.id].scores.get(metric)
    return float(found) if isinstance(found, int | float) else None


def _flips(rows: Sequence[Row], baseline: Baseline, *, varies: bool, rescored: Sequence[str]) -> list[Flip]:
    return [
        Flip(row.id, check, row.critical, gates=row.critical or not varies)
        for row in rows
        for check, share in sorted(row.passed.items())
        if check not in rescored and share == 0 and baseline.cases[row.id].passed.get(check) == 1
    ]


def _fixed(rows: Sequence[Row], baseline: Baseline, rescored: Sequence[str]) -> list[Flip]:
    return [
        Flip(row.id, check, row.critical, gates=False)
        for row in rows
        for check, share in sorted(row.passed.items())
        if check not in rescored and share == 1 and baseline.cases[row.id].passed.get(check) == 0
    ]
