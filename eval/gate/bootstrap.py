"""Whether a paired difference is more than chance, when cases from one document move together.

Twenty clusters or more: a bootstrap that resamples whole clusters (Davison & Hinkley 1997, 3.8), its spread
widened to Student's t, since the plain percentile interval is too narrow; the t test on the cluster-robust
standard error must agree, because the far tail of a bootstrap of few distinct values is too light. Fewer
clusters: the sign-flip permutation test on cluster sums, exact up to twelve of them. No p is below what that test
could reach, which is 2 to the power of less the clusters that moved. Several metrics: Holm (1979), over those whose
moved clusters could have made them significant at all (Tarone 1990); how many moved says nothing of which way, so
that choosing by it costs no false alarm. All draws come from one fixed seed.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Literal

import numpy as np
import numpy.typing as npt

RESAMPLES = 10_000
ALPHA = 0.05
POWER = 0.8
_SEED = 20_261_123
_FEW = 20
_EXACT = 12
_MOST_KEPT = 500
_AT_ONCE = 250
_ROUNDING = 1e-12
_ASSUMED_DISCORDANT = 0.1
"""A set on which nothing moved says nothing about its noise: then one case in ten is taken to move by chance."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Paired:
    """A mean difference (positive is better) with its 90 % interval, and the one-sided chance of a drop by luck.

    `upper` bounds the difference from above with 95 % confidence. `spread` is the standard error.
    """

    mean: float
    lower: float
    upper: float
    p: float
    spread: float
    n: int
    clusters: int
    moved: int
    method: Literal["bootstrap", "sign-flip"]


def paired(differences: Sequence[float], groups: Sequence[str], *, resamples: int = RESAMPLES) -> Paired:
    """Test whether the mean of the differences is below zero; shape (n,) each, n ≥ 1."""
    clusters: dict[str, list[float]] = {}
    for difference, group in zip(differences, groups, strict=True):
        clusters.setdefault(group, []).append(difference)
    sums = np.array([math.fsum(values) for values in clusters.values()])
    sizes = np.array([len(values) for values in clusters.values()], dtype=np.float64)
    mean = float(sums.sum() / sizes.sum())
    freedom = _freedom(sizes)
    drawn = mean + _widening(len(sums), freedom) * (_resampled(sums, sizes, resamples) - mean)
    lower, upper = np.quantile(drawn, [ALPHA, 1 - ALPHA])
    few = len(sums) < _FEW
    p = (
        _sign_flip(sums, resamples)
        if few
        else max(_share(drawn >= -_ROUNDING), _student(sums - mean * sizes, sums.sum(), freedom))
    )
    moved = int(np.count_nonzero(sums))
    return Paired(
        mean=mean,
        lower=float(lower),
        upper=float(upper),
        p=max(p, least(moved)),
        spread=float(drawn.std()),
        n=int(sizes.sum()),
        clusters=len(sums),
        moved=moved,
        method="sign-flip" if few else "bootstrap",
    )


def least(moved: int) -> float:
    """Return the smallest p that so many moved clusters can give: all of them down, by the flip of a coin each."""
    return 0.5**moved


def reachable(moved: Mapping[str, int]) -> list[str]:
    """Return the metrics that could be significant when so many are tested as can be (Tarone 1990)."""
    for tests in range(1, len(moved) + 1):
        found = [name for name, count in moved.items() if least(count) <= ALPHA / tests]
        if len(found) <= tests:
            return found
    return []


def holm(chances: Mapping[str, float]) -> dict[str, float]:
    """Return the p-values adjusted for testing them all, by Holm's step-down method."""
    adjusted: dict[str, float] = {}
    highest = 0.0
    for rank, (name, p) in enumerate(sorted(chances.items(), key=lambda item: (item[1], item[0]))):
        highest = max(highest, min(1.0, (len(chances) - rank) * p))
        adjusted[name] = highest
    return adjusted


def detectable(found: Paired, *, tests: int = 1) -> float:
    """Return the smallest drop that such a comparison notices in four of five cases."""
    normal = NormalDist()
    reach = normal.inv_cdf(1 - ALPHA / max(tests, 1)) + normal.inv_cdf(POWER)
    return reach * max(found.spread, math.sqrt(_ASSUMED_DISCORDANT / found.n))


def _resampled(sums: Floats, sizes: Floats, resamples: int) -> Floats:
    """Return the means of resampled clusters; the draws depend on nothing but how many there are."""
    if len(sums) <= _MOST_KEPT:
        counts = _counts(len(sums), resamples)
        kept: Floats = (counts @ sums) / (counts @ sizes)
        return kept
    random = np.random.default_rng(_SEED)
    means = []
    for _ in range(0, resamples, _AT_ONCE):
        drawn = random.integers(0, len(sums), size=(_AT_ONCE, len(sums)))
        means.append(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1))
    return np.concatenate(means)[:resamples]


@lru_cache(maxsize=4)
def _counts(clusters: int, resamples: int) -> Floats:
    """Return how often each cluster is drawn in each resample; shape (resamples, clusters)."""
    random = np.random.default_rng(_SEED)
    return random.multinomial(clusters, np.full(clusters, 1 / clusters), size=resamples).astype(np.float64)


def _freedom(sizes: Floats) -> float:
    """Return the degrees of freedom; clusters of unequal size count as fewer (Carter, Schnepel & Steigerwald 2017)."""
    return max(1.0, float(sizes.sum() ** 2 / (sizes**2).sum()) - 1)


def _widening(clusters: int, freedom: float) -> float:
    """Return how much wider Student's t is than the percentile interval (Cornish-Fisher expansion of t)."""
    normal = NormalDist().inv_cdf(1 - ALPHA)
    student = normal + (normal**3 + normal) / (4 * freedom)
    return math.sqrt(clusters / max(clusters - 1, 1)) * student / normal


def _student(residuals: Floats, total: float, freedom: float) -> float:
    """Return the one-sided p of the t test with a cluster-robust standard error (t by Wallace 1959)."""
    clusters = len(residuals)
    error = math.sqrt(float((residuals**2).sum()) * clusters / max(clusters - 1, 1))
    if error == 0:
        return float(total >= 0)
    t = total / error
    normal = math.sqrt(freedom * math.log1p(t * t / freedom)) * (8 * freedom + 1) / (8 * freedom + 3)
    return NormalDist().cdf(math.copysign(normal, t))


def _sign_flip(sums: Floats, resamples: int) -> float:
    moved = sums[sums != 0]
    observed = moved.sum() + _ROUNDING
    if len(moved) <= _EXACT:
        signs = ((np.arange(2 ** len(moved))[:, None] >> np.arange(len(moved))) & 1) * 2 - 1
        return float((signs @ moved <= observed).mean())
    signs = np.random.default_rng(_SEED).integers(0, 2, size=(resamples, len(moved))) * 2 - 1
    return _share(signs @ moved <= observed)


def _share(extreme: npt.NDArray[np.bool_]) -> float:
    """Return a Monte Carlo p-value, which is never zero (Davison & Hinkley 1997, 4.2)."""
    return float((1 + extreme.sum()) / (len(extreme) + 1))
