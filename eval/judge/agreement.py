"""How far a scorer agrees with people: AUROC, balanced accuracy, kappa, reliability, and means set right by labels."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
_DRAWS = 1_000
_SEED = 20_261_123


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} – {self.high:.3f})"


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts: what people say, then what the scorer says."""

    true_supported: int
    missed: int
    false_supported: int
    true_unsupported: int


def auroc(scores: Floats, labels: Flags) -> float:
    """Return the chance that a supported text scores above an unsupported one; ties count half."""
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positives = int(labels.sum())
    negatives = len(labels) - positives
    return float((ranks[labels].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def balanced_accuracy(scores: Floats, labels: Flags, threshold: float) -> float:
    """Return the mean of both classes' accuracy."""
    said = scores >= threshold
    return float((said[labels].mean() + (~said[~labels]).mean()) / 2)


def best_threshold(scores: Floats, labels: Flags) -> float:
    """Return the threshold with the best balanced accuracy, in the middle between two observed scores."""
    known = np.unique(scores)
    cuts = [float(known[0]), *((known[1:] + known[:-1]) / 2).tolist()]
    return float(max(cuts, key=lambda cut: balanced_accuracy(scores, labels, cut)))


def confusion(scores: Floats, labels: Flags, threshold: float) -> Confusion:
    """Count right and wrong decisions."""
    said = scores >= threshold
    counts = (said & labels, ~said & labels, said & ~labels, ~said & ~labels)
    return Confusion(*(int(found.sum()) for found in counts))


def kappa(found: Confusion) -> float:
    """Return Cohen's kappa: agreement beyond what chance gives."""
    total = found.true_supported + found.missed + found.false_supported + found.true_unsupported
    agreed = (found.true_supported + found.true_unsupported) / total
    people = (found.true_supported + found.missed) / total
    scorer = (found.true_supported + found.false_supported) / total
    chance = people * scorer + (1 - people) * (1 - scorer)
    return 1.0 if chance == 1 else (agreed - chance) / (1 - chance)


def bootstrap(
    figure: Callable[[npt.NDArray[np.intp]], float], labels: Flags, groups: Sequence[str]
) -> Estimate:
    """Return a figure of row numbers with a percentile interval over resampled groups (documents)."""
    random = np.random.default_rng(_SEED)
    names = np.array(groups)
    members = [np.flatnonzero(names == name) for name in dict.fromkeys(groups)]
    values = []
    for _ in range(_DRAWS):
        drawn = np.concatenate([members[place] for place in random.integers(0, len(members), len(members))])
        if 0 < labels[drawn].sum() < len(drawn):
            values.append(figure(drawn))
    whole = figure(np.arange(len(labels)))
    low, high = np.percentile(values, [2.5, 97.5]) if values else (whole, whole)
    return Estimate(whole, float(low), float(high))


def reliability(scores: Floats, labels: Flags, *, bins: int = 10) -> list[tuple[float, float, int]]:
    """Return, for each filled tenth of the scale, the mean score, the share that people call supported, and how many."""
    place = np.minimum((scores * bins).astype(int), bins - 1)
    filled = [place == number for number in range(bins) if (place == number).any()]
    return [(float(scores[at].mean()), float(labels[at].mean()), int(at.sum())) for at in filled]


def corrected_mean(scores_all: Floats, scores: Floats, labels: Flags) -> Estimate:
    """Return the mean that people would give to all, by prediction-powered inference (Angelopoulos et al., 2023).

    The mean of the scores on all, plus the mean of label less score where both are known.
    """
    errors = labels - scores
    value = float(scores_all.mean() + errors.mean())
    spread = float(np.sqrt(scores_all.var() / len(scores_all) + errors.var(ddof=1) / len(errors)))
    return Estimate(value, max(0.0, value - 1.96 * spread), min(1.0, value + 1.96 * spread))
