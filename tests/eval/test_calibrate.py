"""Calibration: agreement with human labels, thresholds that fit, and what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from eval.calibration import Calibration
from eval.cli import app
from eval.commands.judge_options import JudgeOptions, check_gates
from eval.statistics.agreement import Confusion, auroc, best_threshold, corrected_mean, kappa, reliability
from tests.eval.outcomes import LEAVE
from vectorstore.errors import BadInput

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
