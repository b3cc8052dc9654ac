"""Log a run to MLflow: metrics, parameters, the report as artifacts. The only file that imports mlflow."""

import os
import re
from pathlib import Path

from eval.run import Evaluation
from eval.verdict import Judgement
from vectorstore.errors import Unavailable
from vectorstore.extras import pip_install

_FOREIGN = re.compile(r"[^\w\-. /]")
"""What MLflow takes in no name."""
_EXPERIMENT = "footnote eval"
_FILES = ("summary.json", "cases.jsonl", "report.md", "report.html", "junit.xml")


def log_run(found: Evaluation, judgement: Judgement, folder: Path, *, tracking: str) -> str:
    """Log one run to a tracking address (`sqlite:///mlflow.db`, `http://…`) and return its id.

    The fingerprint becomes parameters (the prompt's hash among them), each metric its mean with the bounds of its
    interval, the report's files artifacts. Raises Unavailable without the extra or when the server does not answer.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    try:
        import mlflow
        from mlflow.exceptions import MlflowException
    except ImportError as error:
        raise Unavailable(
            "MLflow is not installed.", pip_install("mlflow-skinny", "alembic", "sqlparse")
        ) from error
    try:
        client = mlflow.MlflowClient(tracking_uri=tracking)
        experiment = client.get_experiment_by_name(_EXPERIMENT)
        number = experiment.experiment_id if experiment else client.create_experiment(_EXPERIMENT)
        run: str = client.create_run(number, tags={"verdict": judgement.headline[:5000]}).info.run_id
        for name, value in found.fingerprint.items():
            client.log_param(run, name, value)
        for name, number_ in _figures(found).items():
            client.log_metric(run, name, number_)
        for name in _FILES:
            client.log_artifact(run, str(folder / name))
        client.set_terminated(run, "FINISHED" if judgement.exit == 0 else "FAILED")
    except MlflowException as error:
        raise Unavailable(f"MLflow at {tracking!r} did not take the run: {error}.") from error
    return run


def _figures(found: Evaluation) -> dict[str, float]:
    figures = {"cases": float(len(found.rows)), "errors": float(found.errors)}
    for name, mean in found.means.items():
        figures |= {name: mean.value, f"{name}/low": mean.low, f"{name}/high": mean.high}
    figures |= {f"seconds/{name.replace(', ', '/')}": value for name, value in found.seconds.items()}
    return {_FOREIGN.sub("_at_" if "@" in name else "_", name): value for name, value in figures.items()}
