"""Means with confidence intervals over the cases where a metric applies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

_RESAMPLES = 2_000
_SEED = 20_261_123
_Z = 1.96


@dataclass(frozen=True, slots=True)
class Mean:
    """A metric's mean over `n` cases, with the 95 % interval of a cluster bootstrap, of Wilson's at 0 and 1."""

    value: float
    low: float
    high: float
    n: int
    errors: int = 0


def summarise(scores: Sequence[Mapping[str, float | str]], groups: Sequence[str]) -> dict[str, Mean]:
    """Average each metric; a metric that applies to no case is left out.

    A score is a number, or the word that says why there is none. `groups` names each case's cluster (cases from
    one document move together): whole clusters are resampled, since resampling single cases would understate the
    spread.
    """
    names = sorted({name for row in scores for name in row})
    return {name: mean for name in names if (mean := _mean(name, scores, groups)) is not None}


def _mean(name: str, scores: Sequence[Mapping[str, float | str]], groups: Sequence[str]) -> Mean | None:
    errors = sum(row.get(name) == "error" for row in scores)
    clusters: dict[str, list[float]] = {}
    for row, group in zip(scores, groups, strict=True):
        value = row.get(name)
        if isinstance(value, int | float):
            clusters.setdefault(group, []).append(value)
    if not clusters:
        return None
    sums = np.array([sum(values) for values in clusters.values()])
    sizes = np.array([len(values) for values in clusters.values()])
    random = np.random.default_rng(_SEED)
    drawn = random.integers(0, len(sums), size=(_RESAMPLES, len(sums)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    value = float(sums.sum() / sizes.sum())
    if value in {0.0, 1.0}:
        # Resampling cases that all say the same shows no spread: Wilson's bound over the clusters.
        unseen = _Z**2 / (len(sums) + _Z**2)
        low, high = (0.0, unseen) if value == 0 else (1 - unseen, 1.0)
    return Mean(value, float(low), float(high), int(sizes.sum()), errors)


def counted(count: int) -> str:
    """Say how many cases."""
    return "1 case" if count == 1 else f"{count} cases"
