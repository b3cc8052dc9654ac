"""The paired tests: known answers, invariants, false alarms and power of the whole gate."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.answers.gate import World, failing
from eval.gate.bootstrap import detectable, holm, paired, reachable
from eval.gate.compare import GATED


def each(count: int) -> list[str]:
    return [str(n) for n in range(count)]


def test_few_clusters_get_the_exact_sign_flip_test() -> None:
    found = paired([-1.0] * 5, each(5))
    assert found.method == "sign-flip"
    assert found.p == pytest.approx(1 / 32)
    assert paired([-1.0, -1.0, -1.0, 1.0], each(4)).p == pytest.approx(5 / 16)


def test_cases_of_one_document_count_as_one() -> None:
    alone = paired([-1.0] * 10 + [0.0] * 90, each(100))
    together = paired([-1.0] * 10 + [0.0] * 90, ["one document"] * 10 + each(90))
    assert alone.p < 0.01
    assert together.p > 0.1


def test_what_does_not_move_is_no_drop() -> None:
    found = paired([0.0] * 50, each(50))
    assert (found.mean, found.p, found.moved) == (0.0, 1.0, 0)


def test_more_than_five_hundred_clusters_are_resampled_too() -> None:
    found = paired([-0.1, 0.0] * 400, each(800))
    assert found.mean == pytest.approx(-0.05)
    assert found.upper < 0
    assert found.p < 0.001


@given(st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0]), min_size=1, max_size=60))
@settings(max_examples=60, deadline=None)
def test_p_is_a_chance_and_the_order_of_cases_does_not_matter(differences: list[float]) -> None:
    groups = each(len(differences))
    found = paired(differences, groups, resamples=500)
    assert 0 < found.p <= 1
    assert found.lower <= found.mean + 1e-9
    assert found.mean - 1e-9 <= found.upper
    again = paired(differences, groups, resamples=500)
    assert again == found


def test_holm_multiplies_the_smallest_most_and_keeps_the_order() -> None:
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06})


def test_only_what_could_be_significant_is_counted_among_the_tests() -> None:
    assert reachable({"a": 8, "b": 3, "c": 0}) == ["a"]
    assert reachable({"a": 5, "b": 5}) == []
    assert reachable({"a": 6, "b": 5, "c": 12}) == ["a", "c"]
    assert reachable({}) == []


def test_no_p_is_below_what_the_moved_clusters_can_tell() -> None:
    assert paired([-1.0] * 4 + [0.0] * 96, each(100)).p == 1 / 16
    assert paired([-0.5] * 9 + [0.0] * 91, each(100)).p >= 1 / 512


def test_what_can_be_detected_shrinks_with_the_square_root_of_the_cases() -> None:
    still = {n: detectable(paired([0.0] * n, each(n))) for n in (50, 100, 200, 400)}
    assert [round(value, 3) for value in still.values()] == [0.111, 0.079, 0.056, 0.039]


def test_two_hundred_comparisons_without_a_change_raise_few_alarms() -> None:
    assert failing(World(), 200, gated=GATED) <= 0.05


def test_a_drop_of_eight_in_a_hundred_is_noticed() -> None:
    quiet = World(discordant=0.02, drops={"must_include": 0.08})
    assert failing(quiet, 100, gated=("must_include",)) >= 0.8
    assert failing(quiet, 100, gated=GATED) >= 0.78


def test_the_interval_covers_the_truth() -> None:
    random = np.random.default_rng(3)
    covered = 0
    for _ in range(200):
        differences = random.choice([-1.0, 0.0, 1.0], size=80, p=[0.15, 0.8, 0.05])
        covered += paired(differences.tolist(), each(80), resamples=2_000).upper >= -0.1
    assert covered / 200 >= 0.92
