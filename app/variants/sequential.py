"""Whether two groups of users differ, by a test that may be looked at any day without being fooled more often.

What is compared are users, not answers: one who asks a hundred times counts once, with the mean of theirs, since the
answers that one person rates are no independent witnesses.

The difference of the two means has a confidence sequence: intervals of which, with a chance of 1 - alpha, all hold the
truth at once, however often one looks and whenever one stops. It is Robbins' normal mixture (H. Robbins, Statistical
methods related to the law of the iterated logarithm, 1970, as in Howard, Ramdas, McAuliffe and Sekhon, Time-uniform,
nonparametric, nonasymptotic confidence sequences, Annals of Statistics 2021, section 3.2), for means of many users
(Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, Time-uniform central limit theory, 2024; the mSPRT of Johari, Koomen,
Pekelis and Walsh, Always valid inference, 2022, is its test). With information I = 1 / variance of the difference,

    radius² = (1 + r I) / (r I²) · ln((1 + r I) / alpha²)

where r says at what information the interval is narrowest; it is chosen for the smallest difference worth finding.
That it holds for users who come back, for few of them and for unequal groups, simulations show
(`tests/variants/test_sequential.py`).
"""

from dataclasses import dataclass
from math import log, sqrt
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

ALPHA: Final = 0.05
"""The chance that a difference is seen where there is none, over all the days that somebody looks."""
POWER: Final = 0.8
FEWEST: Final = 50
"""Users on either side from which there is a verdict: below, a mean of users is no normal variable yet."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Two groups: users and mean of each, and between what bounds the difference (second less first) lies."""

    users: tuple[int, int]
    means: tuple[float, float]
    low: float = -1.0
    high: float = 1.0

    @property
    def difference(self) -> float:
        """The second mean less the first."""
        return self.means[1] - self.means[0]

    @property
    def is_early(self) -> bool:
        """Say whether there are too few users for a verdict."""
        return min(self.users) < FEWEST


@dataclass(frozen=True, slots=True)
class Sequence:
    """A confidence sequence for differences of means in [0, 1], narrowest at the smallest one worth finding."""

    effect: float
    alpha: float = ALPHA

    def compared(self, first: ArrayLike, second: ArrayLike) -> Compared:
        """Compare two groups of users by their values in [0, 1]."""
        users = np.size(first), np.size(second)
        means = _mean(first), _mean(second)
        if min(users) < FEWEST:
            return Compared(users, means)
        variance = _variance(first) / users[0] + _variance(second) / users[1]
        reach = self.radius(1 / variance)
        difference = means[1] - means[0]
        return Compared(users, means, max(-1.0, difference - reach), min(1.0, difference + reach))

    def paired(self, first: ArrayLike, second: ArrayLike) -> Compared:
        """Compare two values in [0, 1] of each user."""
        users, means = np.size(first), (_mean(first), _mean(second))
        if users < FEWEST:
            return Compared((users, users), means)
        differences = np.asarray(second, float) - np.asarray(first, float)
        mean, reach = _mean(differences), self.radius(users / _variance(differences))
        return Compared((users, users), means, max(-1.0, mean - reach), min(1.0, mean + reach))

    def radius(self, information: float) -> float:
        """Return half the width of the interval."""
        grown = 1 + self._rate * information
        return sqrt(grown / (self._rate * information**2) * log(grown / self.alpha**2))

    @property
    def _rate(self) -> float:
        """Return r, so that the radius is as small as it can be where it equals `effect` (Waudby-Smith et al., B.2)."""
        at = -2 * log(self.alpha) + log(1 - 2 * log(self.alpha))
        return at * self.effect**2 / ((1 + at) / at * log((1 + at) / self.alpha**2))

    def needed(self, share: float, *, variance: float = 0.25) -> int:
        """Return how many users on both sides it takes to find the effect with POWER, `share` of them in the second group.

        `variance` is that of one user's value; 0.25 is the most that there can be. What is found on the way is found earlier.
        """
        z, low, high = NormalDist().inv_cdf(POWER), 1.0, 1e9
        for _ in range(60):
            middle = sqrt(low * high)
            fits = self.radius(middle) + z / sqrt(middle) <= self.effect
            low, high = (low, middle) if fits else (middle, high)
        least = FEWEST / min(share, 1 - share)
        return round(max(high * variance * (1 / share + 1 / (1 - share)), least))


def _mean(values: ArrayLike) -> float:
    return float(np.mean(np.asarray(values, float))) if np.size(values) else 0.0


def _variance(values: ArrayLike) -> float:
    """Return the variance between users as if there were one more with 0 and one with 1: all may be alike so far."""
    return float(np.var(np.append(values, [0.0, 1.0]), ddof=1))
