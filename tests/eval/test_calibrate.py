"""Calibration: agreement with human labels, thresholds that fit, and what is refused."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from app.settings import AnswerSettings
from app.support import ground
from app.support.calibration import Calibration, live_tau, ruler_tau
from eval.commands import app
from eval.commands.options import JudgeOptions, check_gates
from eval.judge.agreement import Confusion, auroc, best_threshold, corrected_mean, kappa, reliability
from eval.metrics.outcome import Ruler
from eval.metrics.scorers import scores_of, versions
from tests.eval.outcomes import LEAVE, answered
from tests.fakes.handbook import small_handbook
from vectorstore.errors import BadInput, NotFound

TRUE = ("Full-time staff get 25 days of annual leave.", "Unused days expire on 31 March.")
FALSE = ("Full-time staff get 28 days of annual leave.", "The canteen is open until two.")


def labels(path: Path, count: int = 60) -> Path:
    rows = [
        {
            "id": f"t{n}",
            "text": (TRUE if n % 2 else FALSE)[n // 2 % 2],
            "evidence": LEAVE,
            "supported": bool(n % 2),
            "group": f"g{n % 10}",
        }
        for n in range(count)
    ]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def test_a_calibration_says_how_far_the_checker_agrees_and_is_kept(tmp_path: Path) -> None:
    kept = tmp_path / "calibration.json"
    result = CliRunner().invoke(
        app, ["calibrate", "--labels", str(labels(tmp_path / "human.jsonl")), "--write", str(kept)]
    )
    assert result.exit_code == 0, result.output
    assert "kappa: 1.000" in result.output
    found = Calibration.load(kept)
    assert (found.scorer, found.labels, found.balanced_accuracy) == ("footnote", 60, 1.0)
    assert found.tau_low <= found.tau <= found.tau_high


def test_too_few_labels_and_bad_lines_are_refused(tmp_path: Path) -> None:
    few = CliRunner().invoke(app, ["calibrate", "--labels", str(labels(tmp_path / "few.jsonl", 49))])
    assert isinstance(few.exception, BadInput)
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"id": "a", "text": "x", "evidence": "y", "supported": true, "colour": 1}\n')
    result = CliRunner().invoke(app, ["calibrate", "--labels", str(bad)])
    assert isinstance(result.exception, BadInput)
    assert "line 1: colour" in str(result.exception)


def test_a_judge_gates_only_when_it_agrees_with_people(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    fields: dict[str, Any] = {
        "labels": 60,
        "balanced_accuracy": 0.8,
        "tau": 0.5,
        "tau_low": 0.4,
        "tau_high": 0.6,
    }
    with pytest.raises(BadInput, match="calibrated"):
        check_gates(["groundedness@judge"], JudgeOptions("m"))
    Calibration(scorer="judge:m", kappa=0.4, **fields).save(path)
    with pytest.raises(BadInput, match=r"0\.40"):
        check_gates(["groundedness@judge"], JudgeOptions("m", calibration=path))
    with pytest.raises(BadInput, match="not of judge:other"):
        check_gates(["groundedness@judge"], JudgeOptions("other", calibration=path))
    Calibration(scorer="judge:m", kappa=0.7, **fields).save(path)
    check_gates(["groundedness@judge", "groundedness"], JudgeOptions("m", calibration=path))
    assert Calibration.load(path).kappa == 0.7


HALF = "Full-time staff get 25 days of annual leave and a warm welcome."
"""Supported in part: the ruler puts it between 0.02 and 0.98."""


def calibrated(path: Path, *, tau: float, scorer: str = "footnote") -> str:
    Calibration(
        scorer=scorer, labels=60, kappa=0.5, balanced_accuracy=0.8, tau=tau, tau_low=0, tau_high=1
    ).save(path)
    return str(path)


def test_the_live_turn_and_the_scorers_read_the_calibrated_tau(tmp_path: Path) -> None:
    passages = answered("", LEAVE).passages
    raw = ground.check(HALF, passages).support
    assert 0.02 < raw < 0.98
    assert AnswerSettings().calibration == ""
    assert live_tau(AnswerSettings()) == ground.SUPPORTED
    for tau, verdict, grounded in ((raw - 0.01, "supported", 1), (raw + 0.01, "partly", 0)):
        settings = AnswerSettings(calibration=calibrated(tmp_path / "tau.json", tau=tau))
        assert build_check(settings)(HALF, passages).verdict == verdict
        ruler = Ruler(ruler_tau(settings))
        assert scores_of(answered(HALF, LEAVE), ruler)["groundedness"].value == grounded
    assert ground.support(HALF, LEAVE, tau=raw) == pytest.approx(0.5)
    assert ground.support("Interns get 13 days.", LEAVE, tau=0.01) == 0
    assert versions(Ruler(0.05))["groundedness"] != versions()["groundedness"]
    assert versions(Ruler(0.05))["must_include"] == versions()["must_include"]


def test_a_turn_is_built_with_its_calibration(tmp_path: Path) -> None:
    passages = answered("", LEAVE).passages
    raw = ground.check(HALF, passages).support
    with small_handbook(tmp_path, calibration=calibrated(tmp_path / "tau.json", tau=raw)) as parts:
        assert parts.turn.check(HALF, passages).support == pytest.approx(0.5, abs=1e-3)


def test_a_calibration_of_another_scorer_is_refused_by_the_live_turn(tmp_path: Path) -> None:
    other = AnswerSettings(calibration=calibrated(tmp_path / "judge.json", tau=0.9, scorer="judge:m"))
    with pytest.raises(BadInput, match="judge:m"):
        live_tau(other)
    assert ruler_tau(other) == ground.SUPPORTED
    with pytest.raises(NotFound):
        live_tau(AnswerSettings(calibration=str(tmp_path / "none.json")))


def build_check(settings: AnswerSettings) -> Callable[..., ground.Grounding]:
    return partial(ground.check, tau=live_tau(settings))


def test_figures_of_agreement() -> None:
    scores, said = np.array([0.1, 0.4, 0.6, 0.9]), np.array([False, False, True, True])
    assert auroc(scores, said) == 1.0
    assert best_threshold(scores, said) == pytest.approx(0.5)
    assert kappa(Confusion(5, 5, 5, 5)) == 0
    assert kappa(Confusion(9, 1, 1, 9)) == pytest.approx(0.8)
    assert [count for *_, count in reliability(scores, said)] == [1, 1, 1, 1]


def test_labels_set_a_biased_mean_right() -> None:
    random = np.random.default_rng(0)
    truth = random.random(4_000) < 0.6
    scores = np.where(random.random(4_000) < 0.2, 1.0, truth.astype(float))
    found = corrected_mean(scores, scores[:400], truth[:400])
    assert scores.mean() > 0.65
    assert found.low < 0.6 < found.high
