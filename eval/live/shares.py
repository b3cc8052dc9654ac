"""What became of questions, as shares with intervals, and which of two shares differ by more than chance.

Questions of one person, or of one conversation where nobody says who asks, go together. The interval is Wilson's
(1927) with as many observations as they are worth: their number over the design effect (Kish 1965, 8.2; in this form
Dean & Pagano 2015, Evaluating Confidence Interval Methods for Binomial Proportions in Clustered Surveys). The test
permutes units between the two sides and compares the difference over its cluster-robust error (Chung & Romano 2013,
Exact and Asymptotically Robust Permutation Tests); it stops early where chance is plain (Besag & Clifford 1991).
Several tests at once: Holm (1979).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
import numpy.typing as npt

from app.runs.live import LiveRun
from eval.gate.bootstrap import holm

Floats = npt.NDArray[np.float64]

FEWEST_PEOPLE: Final = 10
"""Units from which on a share is shown: of fewer, an interval is wider than half of all, and a share is about somebody."""
_PERMUTATIONS: Final = 10_000
_AT_ONCE: Final = 500
_ENOUGH: Final = 50
"""Permutations as extreme as what was found, after which p is known well enough: it is then above .005."""
_SEED: Final = 20_261_130
_95: Final = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class Kind:
    """A share: of one run, how many of how many. More of it is worse, unless `is_good`."""

    name: str
    says: str
    counts: Callable[[LiveRun], tuple[int, int]]
    is_good: bool = False


def _outcome(name: str, *, of: frozenset[str]) -> Callable[[LiveRun], tuple[int, int]]:
    return lambda run: (int(run.outcome == name), int(run.outcome in of))


def _rated(rating: str) -> Callable[[LiveRun], tuple[int, int]]:
    return lambda run: (int(run.rating == rating), int(run.rating is not None))


_ENDED: Final = frozenset({"answered", "unsure", "refused"})
KINDS: Final = (
    Kind("refused", "of the answers: said that the documents do not hold it", _outcome("refused", of=_ENDED)),
    Kind("unsure", "of the answers: given as unsure", _outcome("unsure", of=_ENDED)),
    Kind("failed", "of the questions that nobody stopped: no answer came", _outcome("failed", of=_ENDED | {"failed"})),
    Kind("unsupported", "of the sentences checked: the passages do not support them", lambda run: (run.sentences - run.supported, run.sentences)),
    Kind("rated down", "of the ratings", _rated("down")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Share:
    """A share with its 95 % interval; `of` is what it was counted over, by `people` units."""

    value: float
    low: float
    high: float
    of: int
    people: int


@dataclass(frozen=True, slots=True)
class Line:
    """What became of some runs. `shares` are by kind, those with nothing to count left out.

    Milliseconds: to the first word and to the end, at the median and the 95th percentile; None where nothing was timed.
    """

    name: str
    questions: int
    people: int
    shares: Mapping[str, Share]
    first_ms: tuple[float, float] | None
    total_ms: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Difference:
    """Two shares that differ: `p` is adjusted for all that were compared with it."""

    kind: str
    name: str
    here: Share
    elsewhere: Share
    p: float

    @property
    def is_worse(self) -> bool:
        """Say whether it is worse here."""
        return self.here.value > self.elsewhere.value


def line(name: str, runs: Sequence[LiveRun]) -> Line:
    """Sum up some runs."""
    shares = {kind.name: share(_counted(runs, kind)) for kind in KINDS}
    firsts = [run.first_ms for run in runs if run.first_ms is not None]
    totals = [run.total_ms for run in runs if run.outcome in _ENDED]
    people = len({run.unit for run in runs})
    return Line(
        name,
        len(runs),
        people,
        {kind: found for kind, found in shares.items() if found is not None},
        _percentiles(firsts),
        _percentiles(totals),
    )


def differences(
    pairs: Mapping[str, tuple[Sequence[LiveRun], Sequence[LiveRun]]], *, alpha: float
) -> list[Difference]:
    """Return which of the named runs (here, elsewhere) differ in any kind, when all of them are compared at once."""
    chances: dict[str, float] = {}
    found: dict[str, Difference] = {}
    for name, (here, elsewhere) in pairs.items():
        for kind in KINDS:
            first, second = _counted(here, kind), _counted(elsewhere, kind)
            shares = share(first), share(second)
            if shares[0] is None or shares[1] is None:
                continue
            if min(shares[0].people, shares[1].people) < FEWEST_PEOPLE:
                continue
            key = f"{name}\0{kind.name}"
            chances[key] = _chance(first, second)
            found[key] = Difference(kind.name, name, shares[0], shares[1], chances[key])
    adjusted = holm(chances)
    return [
        Difference(each.kind, each.name, each.here, each.elsewhere, adjusted[key])
        for key, each in found.items()
        if adjusted[key] <= alpha
    ]


def share(counted: Floats) -> Share | None:
    """Return the share of (units, 2) counts, of how many how many; None of nothing."""
    total = counted[:, 1].sum()
    if not total:
        return None
    units = len(counted)
    value = float(counted[:, 0].sum() / total)
    simple = value * (1 - value) / total
    # One unit is one observation: it does not show how units vary, as those do not that are all alike.
    effect = max(_variance(counted) / simple, 1.0) if simple and units > 1 else total / units
    low, high = wilson(value, total / effect)
    return Share(value, low, high, int(total), units)


def wilson(value: float, n: float) -> tuple[float, float]:
    """Return the 95 % interval of a share of n observations."""
    middle = (value + _95**2 / (2 * n)) / (1 + _95**2 / n)
    half = _95 / (1 + _95**2 / n) * math.sqrt(value * (1 - value) / n + _95**2 / (4 * n**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def _counted(runs: Sequence[LiveRun], kind: Kind) -> Floats:
    """Return the counts of each unit that has any; shape (units, 2)."""
    units: dict[str, list[int]] = {}
    for run in runs:
        many, of = kind.counts(run)
        if of:
            counts = units.setdefault(run.unit, [0, 0])
            counts[0] += many
            counts[1] += of
    return np.array(list(units.values()), np.float64).reshape(-1, 2)


def _variance(counted: Floats) -> float:
    """Return the variance of a ratio of sums over units (linearised: Cochran 1977, 6.4 and 9A.3)."""
    units = len(counted)
    sums = np.array([*counted.sum(axis=0), *(counted**2).sum(axis=0), counted.prod(axis=1).sum()])
    return float(_ratios(sums[None, :], np.array([units]))[1][0])


def _ratios(sums: Floats, units: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Return ratios and their variances from sums of (y, x, y², x², xy); shape (k, 5)."""
    y, x, yy, xx, xy = sums.T
    ratio = y / np.maximum(x, 1e-12)
    residual = np.maximum(yy - 2 * ratio * xy + ratio**2 * xx, 0)
    return ratio, residual * units / np.maximum(units - 1, 1) / np.maximum(x, 1e-12) ** 2


def _chance(first: Floats, second: Floats) -> float:
    """Return the two-sided p of two sides' counts by permutation of their units."""
    if len(first) > len(second):
        first, second = second, first
    pooled = np.concatenate([first, second])
    terms = np.column_stack([pooled, pooled**2, pooled.prod(axis=1)])
    whole = terms.sum(axis=0)
    m, n = len(first), len(second)

    def statistic(sums: Floats) -> Floats:
        one, other = _ratios(sums, np.array([m])), _ratios(whole - sums, np.array([n]))
        error = np.sqrt(one[1] + other[1])
        apart = np.abs(one[0] - other[0])
        return np.asarray(np.where(apart > 1e-12, apart / np.maximum(error, 1e-12), 0.0))

    random = np.random.default_rng(_SEED)
    observed = float(statistic(terms[:m].sum(axis=0)[None, :])[0]) - 1e-9
    as_extreme = drawn = 0
    while drawn < _PERMUTATIONS and as_extreme < _ENOUGH:
        places = np.argpartition(random.random((_AT_ONCE, m + n)), m - 1, axis=1)[:, :m]
        as_extreme += int(np.count_nonzero(statistic(terms[places].sum(axis=1)) >= observed))
        drawn += _AT_ONCE
    return (as_extreme + 1) / (drawn + 1)


def _percentiles(values: Sequence[float]) -> tuple[float, float] | None:
    if not values:
        return None
    median, late = np.percentile(values, [50, 95])
    return float(median), float(late)
