"""What is counted, by itself: names, labels of which each says one of few things, a port of its own."""

import http.client
import math
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from itertools import product
from typing import get_args

import httpx
import pytest

from app.events import FailureCode, Outcome, Verdict
from app.runs.records import Rating
from ingest.jobs.job import STATES
from tests.test_architecture import ROOT
from vectorstore.errors import BadInput
from vectorstore.telemetry import metrics, names

MOST = 500
OURS = {
    "area",
    "status",
    "budget",
    "door",
    "outcome",
    "stage",
    "verdict",
    "rating",
    "direction",
    "state",
    "result",
}
"""Labels of which the code gives each value itself."""


@pytest.fixture
def registry() -> Iterator[metrics.Registry]:
    metrics.stop()
    yield metrics.start()
    metrics.stop()


def read(registry: metrics.Registry) -> dict[str, float]:
    """Return the series with their values."""
    text, _ = registry.page("")
    pairs = (line.rpartition(" ") for line in text.decode().splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in pairs}


def test_names_follow_the_conventions() -> None:
    assert len({each.name for each in names.METRICS}) == len(names.METRICS)
    for each in names.METRICS:
        assert re.fullmatch(r"footnote_[a-z_]+", each.name)
        # the endings that the format gives are not written twice
        assert not each.name.endswith(("_total", "_count", "_sum", "_bucket", "_created"))
        assert each.help.endswith(".") or each.name == names.BUILD.name
        assert (each.kind == "histogram") == bool(each.buckets)
        assert list(each.buckets) == sorted(each.buckets)
        for label in each.labels:
            assert (label in names.VALUES) != (label in names.OPEN)
    assert {label for each in names.METRICS for label in each.labels} == {*names.VALUES, *names.OPEN}


def test_labels_say_what_the_code_says() -> None:
    assert set(names.VALUES["code"]) == set(get_args(FailureCode))
    assert set(names.VALUES["outcome"]) == {*get_args(Outcome), "failed", "cancelled"}
    assert set(names.VALUES["verdict"]) <= set(get_args(Verdict))
    assert set(names.VALUES["rating"]) == set(get_args(Rating))
    assert set(names.VALUES["state"]) <= set(STATES)
    assert names.VALUES.keys() >= OURS


def test_there_cannot_be_more_series_than_promised() -> None:
    """Whatever comes from outside: each label with all it can say, and `other` where that is not for us alone to say."""
    series = len(names.PROCESS) + 1
    for each in names.METRICS:
        said = (
            len(names.VALUES.get(label, ())) or names.OPEN[label] + len(names.FIRST.get(label, ()))
            for label in each.labels
        )
        size = len(each.buckets) + 3 if each.kind == "histogram" else 1
        series += (
            math.prod(number + (label not in OURS) for label, number in zip(each.labels, said, strict=True))
            * size
        )
    print(f"{series} series at the very most")
    assert series <= MOST


def test_hostile_labels_end_as_other(registry: metrics.Registry) -> None:
    before = len(read(registry))
    for number in range(1_000):
        metrics.count(names.RUNS, outcome="answered", variant=f"v{number}")
        metrics.count(names.REQUESTS, route=f"/{number}", status=f"{number}xx")
        metrics.count(names.WRONG_KEYS, door=f'"}} {number}\n')
    found = read(registry)
    assert len(found) - before <= names.OPEN["variant"] + 2 * (names.OPEN["route"] + 1) + 1
    assert found['footnote_wrong_keys_total{door="other"}'] == 1_000
    of_runs = {name: value for name, value in found.items() if name.startswith("footnote_runs_total")}
    assert sum(of_runs.values()) == 1_000


def test_what_has_not_happened_is_nought(registry: metrics.Registry) -> None:
    found = read(registry)
    for each in names.METRICS:
        if all(label in names.VALUES for label in each.labels):
            for values in product(*(names.VALUES[label] for label in each.labels)):
                told = ",".join(
                    f'{label}="{value}"' for label, value in sorted(zip(each.labels, values, strict=True))
                )
                assert found[each.series + (f"{{{told}}}" if told else "")] == 0
    assert found['footnote_runs_total{outcome="failed",variant="settings"}'] == 0


def test_a_port_of_its_own_answers_get_and_nothing_else(registry: metrics.Registry) -> None:
    told = []
    registry.gather = lambda: told.append(1)
    listening = registry.listen("127.0.0.1", 0)
    try:
        url = f"http://127.0.0.1:{listening.port}/metrics"
        answer = httpx.get(url)
        assert (answer.status_code, bool(told)) == (200, True)
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert "footnote_ready 0.0" in answer.text
        opened = httpx.get(url, headers={"Accept": "application/openmetrics-text;version=1.0.0"})
        assert opened.text.endswith("# EOF\n")
        for method in ("POST", "PUT", "DELETE", "BREW"):
            connection = http.client.HTTPConnection("127.0.0.1", listening.port, timeout=5)
            connection.request(method, "/metrics", body=b"x")
            assert connection.getresponse().status in {405, 501}
            connection.close()
        with pytest.raises(BadInput, match="cannot be shown"):
            registry.listen("127.0.0.1", listening.port)
    finally:
        listening.close()


def test_who_says_nothing_on_that_port_is_left_without_a_word(
    registry: metrics.Registry, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(metrics, "_SECONDS", 0.1)
    listening = registry.listen("127.0.0.1", 0)
    try:
        with socket.create_connection(("127.0.0.1", listening.port), timeout=10) as idle:
            assert idle.recv(1) == b""
    finally:
        listening.close()
    assert capfd.readouterr().err == ""


def test_where_metrics_are_off_nothing_is_counted_and_no_library_loaded() -> None:
    code = (
        "import sys, app.build, app.http.application\n"
        "from vectorstore.telemetry import metrics, names\n"
        "metrics.count(names.EMPTY); metrics.observe(names.CONFIDENCE, 1); metrics.show(names.READY, 1)\n"
        "print([name for name in sys.modules if name.startswith('prometheus')])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
