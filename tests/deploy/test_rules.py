"""The rules as Prometheus' own tool reads them: each alert fires where it should, and nothing else does."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from deploy.alerts import ALERTS
from deploy.make import files
from tests.deploy.cases import CASES, Case

pytestmark = pytest.mark.skipif(not shutil.which("promtool"), reason="needs promtool (Debian: prometheus)")


def promtool(*arguments: str, folder: Path) -> str:
    done = subprocess.run(["promtool", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def scraped(name: str, job: str) -> str:
    """A series with the labels that a scrape adds."""
    found = re.fullmatch(r"(\w+)(?:\{(.*)\})?", name)
    assert found
    labels = [found[2], f'job="{job}"', "" if "instance=" in name else 'instance="a"']
    return f"{found[1]}{{{','.join(filter(None, labels))}}}"


def asked(cases: Sequence[Case]) -> dict[str, object]:
    """One of promtool's tests, in which each case is a job of its own: thousands of evaluations become hundreds."""
    inputs, questions = [], []
    for number, case in enumerate(cases):
        job = f"footnote-{number}"
        inputs += [{"series": scraped(name, job), "values": values} for name, values in case.series.items()]
        # An alert that nothing is scraped has no job.
        firing = f'ALERTS{{alertstate="firing", job=~"{job}|"}}'
        expected = [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in case.fires]
        questions.append(
            {
                "expr": f"group by (alertname) ({firing}) # {case.said}",
                "eval_time": f"{case.minutes}m",
                "exp_samples": expected,
            }
        )
    return {"interval": cases[0].every, "input_series": inputs, "promql_expr_test": questions}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prometheus")
    for name, text in files().items():
        if name.startswith("prometheus/"):
            (folder / Path(name).name).write_text(text)
    return folder


def test_prometheus_takes_the_configuration_and_the_rules_it_names(folder: Path) -> None:
    assert "SUCCESS: 1 rule files found" in promtool("check", "config", "prometheus.yml", folder=folder)


def test_each_alert_fires_where_it_should_and_nothing_else_does(folder: Path) -> None:
    """One run over all cases. What fires is compared as a whole, so that each case is a quiet one for all others."""
    paces = {case.every for case in CASES}
    for every in paces:
        alike = [case for case in CASES if case.every == every]
        tests = [asked([case for case in alike if not case.alone])]
        tests += [asked([case]) for case in alike if case.alone]
        told = {"rule_files": ["rules.yml"], "evaluation_interval": every, "tests": tests}
        (folder / f"cases-{every}.yml").write_text(yaml.safe_dump(told, sort_keys=False))
    promtool("test", "rules", *(f"cases-{every}.yml" for every in paces), folder=folder)


def test_every_alert_has_a_case_in_which_it_fires() -> None:
    assert {each.name for each in ALERTS} == {name for case in CASES for name in case.fires}
