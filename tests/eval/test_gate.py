"""What fails a run and what does not: thresholds, drops, single checks, and the exit codes."""

from pathlib import Path

import pytest

from eval.cases import load_quarantine
from eval.gate.baseline import baseline_of, load_baseline, save_baseline
from eval.gate.compare import Tolerance
from eval.gate.conclusion import Exit, conclude
from eval.gate.thresholds import Threshold, load_thresholds, parse_threshold
from tests.eval.rows import EXTRACTIVE, SCORERS, against, evaluation, row
from vectorstore.errors import BadInput, NotFound

GOOD = [row(n) for n in range(60)]


def worse(count: int, **changes: object) -> list:
    """The same cases, the first `count` of which fail."""
    return [row(n, passes=n >= count, **changes if n < count else {}) for n in range(60)]


def test_a_drop_beyond_chance_fails_and_a_small_one_is_unclear() -> None:
    fell = {change.metric: change.status for change in against(GOOD, worse(8)).changes}
    assert fell["must_include"] == "fail"
    few = against(GOOD, worse(2), model="a-model")
    assert {change.metric: change.status for change in few.changes}["must_include"] == "inconclusive"
    assert few.passed


def test_a_drop_under_the_smallest_effect_passes() -> None:
    comparison = against(GOOD, worse(3), model="a-model", tolerance=Tolerance(min_effect=0.06))
    assert [change.status for change in comparison.changes if change.metric == "must_include"] == ["pass"]


def test_one_check_that_breaks_fails_the_run_where_answers_are_reproducible() -> None:
    assert not against(GOOD, worse(1)).passed
    assert against(GOOD, worse(1), tolerance=Tolerance(max_flips=1)).passed
    assert against(GOOD, worse(1), model="a-language-model").passed


def test_a_critical_case_that_breaks_always_fails_the_run() -> None:
    for model in ("extractive", "a-language-model"):
        comparison = against(GOOD, worse(1, critical=True), model=model, tolerance=Tolerance(max_flips=5))
        assert [flip.id for flip in comparison.broken] == ["case-000"]


def test_a_check_that_breaks_in_some_repeats_only_is_unstable_and_no_flip() -> None:
    shaky = [row(0, critical=True, passed={"must_include": 0.6667}, runs=3), *GOOD[1:]]
    comparison = against(GOOD, shaky)
    assert comparison.flips == ()
    assert shaky[0].unstable == ("must_include",)


def test_cases_in_quarantine_and_unreviewed_ones_do_not_gate() -> None:
    assert against(GOOD, worse(1), tolerance=Tolerance(quarantine={"case-000": "a reason"})).passed
    assert against(GOOD, worse(1, reviewed=False)).passed
    assert not against(GOOD, worse(1, reviewed=False), tolerance=Tolerance(allow_unreviewed=True)).passed


def test_a_metric_whose_scorer_changed_is_not_compared() -> None:
    comparison = against(GOOD, worse(20), scorers=SCORERS | {"must_include": "2"})
    assert comparison.rescored == ("must_include",)
    assert "must_include" not in {change.metric for change in comparison.changes}
    assert comparison.passed
    all_new = dict.fromkeys(SCORERS, "2")
    assert "scored differently" in against(GOOD, worse(20), scorers=all_new).not_comparable


def test_a_changed_question_is_not_compared_with_its_old_self() -> None:
    altered = [row(0, passes=False, digest="other"), *GOOD[1:]]
    comparison = against(GOOD, altered)
    assert comparison.altered == ("case-000",)
    assert comparison.passed


def test_another_dataset_is_not_comparable() -> None:
    assert "only 10 of 60 cases" in against(GOOD[:10], GOOD).not_comparable


def test_exit_codes_follow_what_is_wrong() -> None:
    tolerance, good = Tolerance(), evaluation(GOOD)
    broke = evaluation([row(0, error="the model is down", scores={}, passed={}), *GOOD[1:]])
    high = (Threshold("must_include", 0.9),)
    low = evaluation(worse(30))
    none = "there is no baseline"
    failed = against(GOOD, worse(30))
    foreign = against(GOOD[:3], GOOD)
    assert conclude(good, thresholds=high, tolerance=tolerance).exit is Exit.PASSED
    assert conclude(low, thresholds=high, tolerance=tolerance).exit is Exit.FAILED
    assert conclude(low, thresholds=(), tolerance=tolerance, comparison=failed).exit is Exit.FAILED
    assert conclude(broke, thresholds=high, tolerance=tolerance).exit is Exit.INCOMPLETE
    assert conclude(broke, thresholds=high, tolerance=tolerance, max_error_rate=0.05).exit is Exit.PASSED
    assert conclude(good, thresholds=high, tolerance=tolerance, baseline_problem=none).exit is Exit.PASSED
    for what in ({"baseline_problem": none}, {"comparison": foreign}):
        assert (
            conclude(good, thresholds=high, tolerance=tolerance, require_baseline=True, **what).exit
            is Exit.NO_BASELINE
        )


def test_a_threshold_on_a_metric_that_applies_to_no_case_fails() -> None:
    conclusion = conclude(evaluation(GOOD), thresholds=(Threshold("recall@5", 0.5),), tolerance=Tolerance())
    assert conclusion.exit is Exit.FAILED
    assert "is measured in no case" in conclusion.headline


def test_a_case_that_breaks_is_an_error_and_no_missing_row() -> None:
    broke = [row(0, error="timeout", scores={"must_include": "error"}, passed={}), *GOOD[1:]]
    conclusion = conclude(
        evaluation(broke), thresholds=(), tolerance=Tolerance(), comparison=against(GOOD, broke)
    )
    assert conclusion.exit is Exit.INCOMPLETE
    assert conclusion.causes[0] == "1 case could not be answered: timeout"


def test_a_baseline_comes_back_as_it_was_and_is_the_same_every_time(tmp_path: Path) -> None:
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    kept = baseline_of(GOOD, EXTRACTIVE, SCORERS)
    save_baseline(kept, first)
    save_baseline(load_baseline(first), second)
    assert load_baseline(first) == kept
    assert first.read_bytes() == second.read_bytes()
    assert len(first.read_text().splitlines()) == len(GOOD) + 7


@pytest.mark.parametrize(
    ("text", "says"),
    [("{", "line 1"), ("{}", "not a baseline"), ('{"format": 9}', "format 9"), ("[]", "not a baseline")],
)
def test_a_damaged_baseline_is_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(text)
    with pytest.raises(BadInput, match=says):
        load_baseline(path)
    with pytest.raises(NotFound):
        load_baseline(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("text", "says"), [('a = ""', "without a reason"), ('b = "why"', "no case 'b'"), ("a", "cannot be read")]
)
def test_quarantine_wants_a_known_case_and_a_reason(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "quarantine.toml"
    path.write_text(text)
    with pytest.raises(BadInput, match=says):
        load_quarantine(path, known={"a"})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[at_leats]\ngroundedness = 0.9", "'at_leats' is no table of gates"),
        ("groundedness = 0.9", "'groundedness' is no table of gates"),
        ('[at_least]\ngroundedness = "high"', "at_least.groundedness is no number"),
        ("[at_most]\nover_refusal = true", "at_most.over_refusal is no number"),
    ],
)
def test_a_slip_in_a_file_of_gates_is_told_and_no_gate_left_open(
    tmp_path: Path, text: str, says: str
) -> None:
    path = tmp_path / "gates.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=says):
        load_thresholds(path)


def test_at_least_may_be_written_either_way() -> None:
    assert parse_threshold("recall@5>=0.9") == parse_threshold("recall@5=0.9") == Threshold("recall@5", 0.9)
