"""Whether a paired difference is more than chance, when cases from one document move together.

Twenty clusters or more: a bootstrap that resamples whole clusters (Davison & Hinkley 1997, 3.8), its spread
widened to Student's t for the number of clusters, since the plain percentile interval is too narrow. Fewer:
the sign-flip permutation test on cluster sums, exact up to twelve clusters. Several metrics: Holm (1979), over
the metrics that could have failed (Tarone 1990). All draws come from one fixed seed.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    random = np.random.default_rng(_SEED)
    mean = float(sums.sum() / sizes.sum())
    drawn = mean + _widening(len(sums)) * (_resampled(sums, sizes, random, resamples) - mean)
    lower, upper = np.quantile(drawn, [ALPHA, 1 - ALPHA])
    few = len(sums) < _FEW
    p = _sign_flip(sums, random, resamples) if few else float((1 + (drawn >= 0).sum()) / (resamples + 1))
    return Paired(
        mean=mean,
        lower=float(lower),
        upper=float(upper),
        p=p if np.any(sums) else 1.0,
        spread=float(drawn.std()),
        n=int(sizes.sum()),
        clusters=len(sums),
        moved=int(np.count_nonzero(sums)),
        method="sign-flip" if few else "bootstrap",
    )


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


def _resampled(sums: Floats, sizes: Floats, random: np.random.Generator, resamples: int) -> Floats:
    drawn = random.integers(0, len(sums), size=(resamples, len(sums)))
    means: Floats = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    return means


def _widening(clusters: int) -> float:
    """Return how much wider Student's t is than the percentile interval (Cornish-Fisher expansion of t)."""
    freedom = max(clusters - 1, 1)
    normal = NormalDist().inv_cdf(1 - ALPHA)
    student = normal + (normal**3 + normal) / (4 * freedom)
    return math.sqrt(clusters / freedom) * student / normal


def _sign_flip(sums: Floats, random: np.random.Generator, resamples: int) -> float:
    moved = sums[sums != 0]
    observed = moved.sum() + 1e-12
    if len(moved) <= _EXACT:
        signs = ((np.arange(2 ** len(moved))[:, None] >> np.arange(len(moved))) & 1) * 2 - 1
        return float((signs @ moved <= observed).mean())
    signs = random.integers(0, 2, size=(resamples, len(moved))) * 2 - 1
    return float((1 + (signs @ moved <= observed).sum()) / (resamples + 1))
