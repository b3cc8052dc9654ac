"""The verdict on variants: seldom wrong however often one looks, and found with as many users as it promises.

Days are simulated with users who come back, a few of them often, each with a taste of their own.
"""

import numpy as np
import pytest

from app.variants.figures import GUARD, RATING
from app.variants.sequential import ALPHA, FEWEST, POWER, Sequence

DAYS = 60


def share_of_verdicts(
    sequence: Sequence,
    likes: tuple[float, float],
    *,
    share: float,
    users: int,
    days: int,
    returning: float,
    tastes: float,
    runs: int,
    seed: int,
) -> tuple[float, float]:
    """Return in what share of simulated trials the variant is seen to be better, and to be worse.

    `users` come anew in `days` days and are looked at every day; who came before comes back `returning` times a day
    (a mean, log-normal between users). Their values have the means `likes`, and differ between users by a beta
    distribution with the sum `tastes` (0: by chance alone).
    """
    chance, better, worse = np.random.default_rng(seed), 0, 0
    for _ in range(runs):
        day = np.sort(chance.integers(0, days, users))
        second = chance.random(users) < share
        mean = np.where(second, likes[1], likes[0])
        taste = chance.beta(mean * tastes, (1 - mean) * tastes) if tastes else mean
        often = chance.lognormal(0, 1, users) * returning
        count, good = np.zeros(users), np.zeros(users)
        for today in range(days):
            here = day <= today
            asked = np.where(day == today, 1, chance.poisson(np.where(here, often, 0))) * here
            count += asked
            good += chance.binomial(asked.astype(int), taste)
            value = good[here] / count[here]
            one, other = value[~second[here]], value[second[here]]
            if min(len(one), len(other)) < FEWEST:
                continue
            found = sequence.compared(one, other)
            if found.low > 0 or found.high < 0:
                better, worse = better + (found.low > 0), worse + (found.high < 0)
                break
    return better / runs, worse / runs


@pytest.mark.parametrize("share", [0.5, 0.2])
def test_without_a_difference_hardly_a_winner_is_seen(share: float) -> None:
    better, worse = share_of_verdicts(
        RATING, (0.7, 0.7), share=share, users=1_200, days=20, returning=0.1, tastes=5, runs=100, seed=3
    )
    # Of 100 trials no more than six would be above 0.05 by chance alone in one of six.
    assert better + worse <= 0.06


def test_a_difference_of_a_tenth_is_found_with_the_users_that_are_promised() -> None:
    needed = RATING.needed(0.2, variance=0.21)
    better, worse = share_of_verdicts(
        RATING, (0.7, 0.8), share=0.2, users=needed, days=20, returning=0.0, tastes=0, runs=60, seed=4
    )
    assert better >= POWER
    assert worse == 0


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.5, 0.2, 0.1])
@pytest.mark.parametrize(
    ("sequence", "likes", "users"), [(RATING, 0.7, 2_400), (RATING, 0.9, 2_400), (GUARD, 0.03, 3_600)]
)
@pytest.mark.parametrize(("returning", "tastes"), [(0.0, 0.0), (0.15, 4.0)])
def test_full_count_of_false_verdicts(
    share: float, sequence: Sequence, likes: float, users: int, returning: float, tastes: float
) -> None:
    better, worse = share_of_verdicts(
        sequence, (likes, likes), share=share, users=users, days=DAYS, returning=returning, tastes=tastes, runs=1_000, seed=5,
    )  # fmt: skip
    print(f"\nshare {share}, mean {likes}, returning {returning}: better {better:.3f}, worse {worse:.3f}")
    assert better + worse <= ALPHA


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.5, 0.2, 0.1])
@pytest.mark.parametrize(("likes", "variance"), [((0.7, 0.8), 0.21), ((0.45, 0.55), 0.25)])
@pytest.mark.parametrize(("returning", "tastes"), [(0.0, 0.0), (0.15, 4.0)])
def test_full_count_of_what_is_found(
    share: float, likes: tuple[float, float], variance: float, returning: float, tastes: float
) -> None:
    needed = RATING.needed(share, variance=variance)
    better, worse = share_of_verdicts(
        RATING,
        likes,
        share=share,
        users=needed,
        days=30,
        returning=returning,
        tastes=tastes,
        runs=500,
        seed=6,
    )
    print(f"\nshare {share}, {likes}, returning {returning}: {needed} users, found {better:.3f}")
    assert better >= POWER
    assert worse <= 0.01


def test_the_interval_is_narrowest_where_it_is_as_wide_as_what_is_looked_for() -> None:
    at = next(each for each in range(100, 100_000, 10) if RATING.radius(each) <= RATING.effect)
    for effect in (0.05, 0.2):
        assert Sequence(effect).radius(at) > RATING.radius(at)


def test_there_is_no_verdict_on_few_and_none_on_those_who_are_all_alike() -> None:
    few = RATING.compared([1.0] * FEWEST, [0.0] * (FEWEST - 1))
    assert few.is_early
    assert (few.low, few.high) == (-1.0, 1.0)
    alike = RATING.compared([1.0] * 200, [1.0] * 200)
    assert alike.low < 0 < alike.high
    paired = RATING.paired([0.5] * 200, [0.5] * 200)
    assert paired.low < 0 < paired.high
