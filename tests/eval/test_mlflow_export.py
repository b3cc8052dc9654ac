"""A real MLflow on SQLite holds the run afterwards: metrics, parameters, the report."""

from pathlib import Path

import pytest

from eval.gate.compare import Tolerance
from eval.gate.conclusion import conclude
from eval.gate.thresholds import Threshold
from eval.reports.report import write
from tests.eval.rows import evaluation, row

mlflow = pytest.importorskip("mlflow", reason="needs the extra [mlflow]")


@pytest.mark.filterwarnings("ignore")
def test_a_run_is_logged_with_its_prompt_hash_and_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from eval.reports.ci import log_run

    monkeypatch.chdir(tmp_path)
    found = evaluation(
        [row(0, passes=False), *(row(n) for n in range(1, 20))],
        fingerprint={"model": "extractive", "prompt": "cc0568498ca7"},
        seconds={"answer, p50": 0.25},
    )
    conclusion = conclude(found, thresholds=(Threshold("must_include", 0.99),), tolerance=Tolerance())
    write(found, conclusion, tmp_path / "out")
    tracking = f"sqlite:///{tmp_path / 'mlflow.db'}"
    client = mlflow.MlflowClient(tracking_uri=tracking)
    runs = [log_run(found, conclusion, tmp_path / "out", tracking=tracking) for _ in range(2)]
    kept = client.get_run(runs[0])
    assert kept.info.status == "FAILED"
    assert kept.data.params == {"model": "extractive", "prompt": "cc0568498ca7"}
    assert kept.data.metrics["must_include"] == pytest.approx(0.95)
    assert kept.data.metrics["must_include/low"] < 0.95
    assert kept.data.metrics["seconds/answer/p50"] == pytest.approx(0.25)
    names = {artifact.path for artifact in client.list_artifacts(runs[0])}
    assert {"summary.json", "cases.jsonl", "report.md", "report.html", "junit.xml"} <= names
    assert len(client.search_runs([kept.info.experiment_id])) == 2
