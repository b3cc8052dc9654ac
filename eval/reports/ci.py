"""JUnit XML, which every CI system shows: one test case per gate, one per case."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as Xml

from eval.gate.compare import Change
from eval.gate.conclusion import Conclusion, Exit
from eval.metrics.row import Row
from eval.metrics.summary import counted
from eval.reports.notes import shortcomings
from eval.run import Evaluation
from vectorstore.errors import Unavailable, pip_install

_MOST = 10
"""GitHub shows ten of a kind for one step."""


def annotations(conclusion: Conclusion) -> Iterator[str]:
    """Yield one command a line; nothing in the text can begin another."""
    if conclusion.exit is not Exit.PASSED:
        text = "\n".join((conclusion.headline, *conclusion.causes))
        yield f"::error title=footnote eval::{_data(text)}"
    elif conclusion.headline != "passed" or conclusion.baseline_problem:
        yield f"::warning title=footnote eval::{_data(conclusion.baseline_problem or conclusion.headline)}"
    if conclusion.comparison is not None:
        broken = {flip.id: flip.critical for flip in conclusion.comparison.broken}
        for name, checks in list(conclusion.comparison.flipped.items())[: _MOST - 1]:
            kind = "error" if name in broken else "warning"
            title = _data(f"{name}{' (critical)' if broken.get(name) else ''}")
            title = title.replace(":", "%3A").replace(",", "%2C")
            yield f"::{kind} title={title}::newly fails {_data(', '.join(checks))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


_CONTROL = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_junit(found: Evaluation, conclusion: Conclusion, path: Path) -> None:
    """Write the file. Cases fail here only when they fail the run; the others' shortcomings are their output."""
    suites = Xml.Element("testsuites", name="footnote eval")
    _gates(Xml.SubElement(suites, "testsuite", name="gates"), conclusion)
    cases = Xml.SubElement(suites, "testsuite", name="cases")
    broken: dict[str, list[str]] = {}
    for flip in conclusion.comparison.broken if conclusion.comparison else ():
        broken.setdefault(flip.id, []).append(flip.check)
    for row in found.rows:
        _case(
            Xml.SubElement(cases, "testcase", classname="cases", name=_plain(row.id)), row, broken.get(row.id)
        )
    for suite in suites:
        suite.set("tests", str(len(suite)))
        for kind in ("failure", "error"):
            suite.set(f"{kind}s", str(sum(case.find(kind) is not None for case in suite)))
    Xml.indent(suites)
    Xml.ElementTree(suites).write(path, encoding="utf-8", xml_declaration=True)


def _gates(suite: Xml.Element, conclusion: Conclusion) -> None:
    def add(name: str, says: str, *, passed: bool, kind: str = "failure") -> None:
        case = Xml.SubElement(suite, "testcase", classname="gates", name=_plain(name))
        if not passed:
            Xml.SubElement(case, kind, message=_plain(says)).text = _plain("\n".join(conclusion.causes))

    for held in conclusion.thresholds:
        add(held.gate, held.says, passed=held.passed)
    for change in conclusion.comparison.changes if conclusion.comparison else ():
        if change.gated:
            add(f"{change.metric} against the baseline", _says(change), passed=change.status != "fail")
    if conclusion.comparison is not None:
        count = len({flip.id for flip in conclusion.comparison.broken})
        add("checks against the baseline", f"a check newly fails in {counted(count)}", passed=not count)
    if conclusion.exit in (Exit.INCOMPLETE, Exit.NO_BASELINE):
        add("evaluation", conclusion.headline, passed=False, kind="error")


def _case(case: Xml.Element, row: Row, broken: list[str] | None) -> None:
    if row.error:
        Xml.SubElement(case, "error", message=_plain(row.error))
    elif broken:
        Xml.SubElement(case, "failure", message=f"newly fails {', '.join(broken)}").text = _plain(
            f"{row.question}\n\n{row.answer}"
        )
    lacks = ", ".join(f"{name} {value:.2f}" for name, value in shortcomings(row).items())
    if lacks:
        Xml.SubElement(case, "system-out").text = f"lacks: {lacks}"


def _says(change: Change) -> str:
    return f"{change.before:.3f} → {change.after:.3f}, p = {change.p:.4f}"


def _plain(text: str) -> str:
    return _CONTROL.sub("\ufffd", text)


_FOREIGN = re.compile(r"[^\w\-. /]")
"""What MLflow takes in no name."""
_EXPERIMENT = "footnote eval"
_FILES = ("summary.json", "cases.jsonl", "report.md", "report.html", "junit.xml")


def log_run(found: Evaluation, conclusion: Conclusion, folder: Path, *, tracking: str) -> str:
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
        run: str = client.create_run(number, tags={"verdict": conclusion.headline[:5000]}).info.run_id
        for name, value in found.fingerprint.items():
            client.log_param(run, name, value)
        for name, number_ in _figures(found).items():
            client.log_metric(run, name, number_)
        for name in _FILES:
            client.log_artifact(run, str(folder / name))
        client.set_terminated(run, "FINISHED" if conclusion.exit == 0 else "FAILED")
    except MlflowException as error:
        raise Unavailable(f"MLflow at {tracking!r} did not take the run: {error}.") from error
    return run


def _figures(found: Evaluation) -> dict[str, float]:
    figures = {"cases": float(len(found.rows)), "errors": float(found.errors)}
    for name, mean in found.means.items():
        figures |= {name: mean.value, f"{name}/low": mean.low, f"{name}/high": mean.high}
    figures |= {f"seconds/{name.replace(', ', '/')}": value for name, value in found.seconds.items()}
    return {_FOREIGN.sub("_at_" if "@" in name else "_", name): value for name, value in figures.items()}
