"""Means with confidence intervals over the cases where a metric applies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from eval.score import Score

_RESAMPLES = 2_000
_SEED = 20_261_123


@dataclass(frozen=True, slots=True)
class Mean:
    """A metric's mean over `n` cases, with the 95 % interval of a cluster bootstrap."""

    value: float
    low: float
    high: float
    n: int
    errors: int = 0


def summarise(scores: Sequence[Mapping[str, Score]], groups: Sequence[str]) -> dict[str, Mean]:
    """Average each metric; a metric that applies to no case is left out.

    `groups` names each case's cluster (cases from one document move together): whole clusters are resampled,
    since resampling single cases would understate the spread.
    """
    names = sorted({name for row in scores for name in row})
    return {name: mean for name in names if (mean := _mean(name, scores, groups)) is not None}


def _mean(name: str, scores: Sequence[Mapping[str, Score]], groups: Sequence[str]) -> Mean | None:
    errors = sum(name in row and row[name].status == "error" for row in scores)
    clusters: dict[str, list[float]] = {}
    for row, group in zip(scores, groups, strict=True):
        if name in row and row[name].status == "ok":
            clusters.setdefault(group, []).append(row[name].value)
    if not clusters:
        return None
    sums = np.array([sum(values) for values in clusters.values()])
    sizes = np.array([len(values) for values in clusters.values()])
    random = np.random.default_rng(_SEED)
    drawn = random.integers(0, len(sums), size=(_RESAMPLES, len(sums)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return Mean(float(sums.sum() / sizes.sum()), float(low), float(high), int(sizes.sum()), errors)
