"""A real Prometheus scrapes a real service: every figure of the dashboard is there, and alerts fire by their causes.

    python -m pytest -q -s -m slow tests/deploy/test_live.py        # about twelve minutes; LIVE_SECONDS shortens the load

Times of the rules are shortened (an hour is two minutes), thresholds are not.
"""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from benchmarks.streams.__main__ import Server, free_port, server
from deploy.alerts import ALERTS
from deploy.dashboard import dashboard
from tests.deploy.load import callers
from tests.deploy.prometheus import Prometheus, scraping
from tests.deploy.test_files import named, queries
from tests.fakes.handbook import write_documents
from tests.fakes.scripted_model import ScriptedModel, scripted_model
from tests.test_command_line import footnote, wait_until_ready

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1_800),
    pytest.mark.skipif(not shutil.which("prometheus"), reason="needs Prometheus (Debian: prometheus)"),
]

SECONDS = int(os.environ.get("LIVE_SECONDS", "300"))
SERIES = 500
"""Most series of one process."""
ANSWER = "Full-time staff get 25 days of annual leave a year [1]."
NEVER = {"Last backup", "Last monitoring"}
"""Panels that are empty as long as it never happened."""
ROOT = os.geteuid() == 0


@dataclass
class World:
    folder: Path
    service: Server
    key: str
    model: ScriptedModel
    prometheus: Prometheus
    model_stack: ExitStack
    took: dict[str, float] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.folder / "data"


@contextmanager
def disk(folder: Path) -> Iterator[None]:
    """Give the data a small disk of its own, where that is allowed."""
    folder.mkdir()
    if ROOT:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128m", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        if ROOT:
            subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("operated")
    write_documents(folder)
    port = free_port()
    with ExitStack() as stack, ExitStack() as model_stack:
        stack.enter_context(disk(folder / "data"))
        model = model_stack.enter_context(scripted_model(text=ANSWER, delay=0.01))
        set_up = {
            "FOOTNOTE_DATA_DIR": str(folder / "data"),
            "FOOTNOTE_EMBEDDER": os.environ["FOOTNOTE_EMBEDDER"],
            "FOOTNOTE_CACHE_DIR": os.environ["FOOTNOTE_CACHE_DIR"],
            "FOOTNOTE_LLM_BASE_URL": model.url,
            "FOOTNOTE_LLM_MODEL": "answer",
            "FOOTNOTE_LLM_RETRIES": "0",
            "FOOTNOTE_UNSUPPORTED": "mark",
            "FOOTNOTE_MAX_CONCURRENT_RUNS": "4",
            "FOOTNOTE_METRICS": "true",
            "FOOTNOTE_LOG_LEVEL": "error",
        }
        keys = []
        assert footnote(folder, "ingest", "docs", "--quiet", **set_up).returncode == 0
        for kind in ("operator", "metrics"):
            made = footnote(folder, "keys", "create", kind, "--kind", kind, "--json", **set_up)
            assert made.returncode == 0, made.stderr
            keys.append(json.loads(made.stdout)["secret"])
        command = ["-c", "from app.cli import main; main()", "serve", "--port", str(port)]
        service = stack.enter_context(server("Footnote", command, port, **set_up))
        wait_until_ready(service.url)
        prometheus = stack.enter_context(scraping(folder / "prometheus", f"127.0.0.1:{port}", key=keys[1]))
        yield World(folder, service, keys[0], model, prometheus, model_stack)


def test_every_figure_of_the_dashboard_is_there_after_minutes_of_load(world: World) -> None:
    prometheus = world.prometheus
    with callers(world.service.url, world.key, 3) as load:
        time.sleep(SECONDS)
        assert set(prometheus.firing()) == set(), "an alert fires under an ordinary load"
    asked = [query for query in queries(dashboard()) if "ALERTS" not in query]
    missing = {name for query in asked for name in named(query)} - prometheus.names()
    assert missing == set()
    empty = []
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", ()):
            if not _series(prometheus, target["expr"]):
                empty.append(panel["title"])
    assert set(empty) <= NEVER, empty
    series = prometheus.value('count({job="footnote"})')
    assert 0 < series <= SERIES
    scrapes = prometheus.value('count_over_time(up{job="footnote"}[1h])')
    missed = prometheus.value('count_over_time((up{job="footnote"} == 0)[1h:2s])')
    # A busy machine takes longer than the two seconds there are now and then.
    assert missed <= scrapes / 20
    seconds = prometheus.value('avg_over_time(scrape_duration_seconds{job="footnote"}[1h])')
    slowest = prometheus.value('max_over_time(scrape_duration_seconds{job="footnote"}[1h])')
    print(
        f"\n{SECONDS} s of load: {sum(load.done.values())} requests {dict(sorted(load.done.items()))}; "
        f"{series:.0f} series, {scrapes:.0f} scrapes, {missed:.0f} missed, {seconds * 1e3:.0f} ms each ({slowest * 1e3:.0f} at most); "
        f"{len(asked)} queries of {len(dashboard()['panels'])} panels and rows, none failed, empty: {empty}"
    )


def _series(prometheus: Prometheus, query: str) -> list[object]:
    """Ask what Grafana asks, with its variables put in."""
    for name, value in {
        "$__rate_interval": "15s",
        "$__range": "5m",
        "$job": "footnote",
        "$instance": ".*",
    }.items():
        query = query.replace(name, value)
    now = time.time()
    found: list[object] = prometheus.get("query_range", query=query, start=now - 120, end=now, step=5)[
        "result"
    ]
    return found


@contextmanager
def refusals(world: World) -> Iterator[None]:
    world.model.text = "NOT_IN_DOCUMENTS"
    with callers(world.service.url, world.key, 3, ("ask",)):
        yield
    world.model.text = ANSWER


@contextmanager
def unsupported(world: World) -> Iterator[None]:
    world.model.text = "The canteen serves falcons on the moon every second Tuesday [1]."
    with callers(world.service.url, world.key, 3, ("ask",), pause=0.02):
        yield
    world.model.text = ANSWER


@contextmanager
def slow(world: World) -> Iterator[None]:
    world.model.first = 9.0
    with callers(world.service.url, world.key, 4, ("ask",)):
        yield
    world.model.first = 0.0


@contextmanager
def crowd(world: World) -> Iterator[None]:
    world.model.delay = 0.2
    with callers(world.service.url, world.key, 16, ("ask",)):
        yield
    world.model.delay = 0.01


@contextmanager
def strangers(world: World) -> Iterator[None]:
    with callers(world.service.url, world.key, 2, ("wrong key",), pause=0.05):
        yield


@contextmanager
def broken_files(world: World) -> Iterator[None]:
    folder = world.folder / "broken"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.pdf").write_bytes(b"%PDF-1.7 and nothing behind it")
    done = footnote(world.folder, "ingest", "broken", FOOTNOTE_DATA_DIR=str(world.data))
    assert done.returncode == 1, done.stderr
    yield


@contextmanager
def filled(world: World, share: float) -> Iterator[None]:
    usage = shutil.disk_usage(world.data)
    ballast = world.data / "ballast"
    file = os.open(ballast, os.O_CREAT | os.O_WRONLY)
    try:
        with suppress(OSError):
            for _ in range(int(usage.free - usage.total * (1 - share)) // 4096 + 1):
                os.write(file, b"\0" * 4096)
        yield
    finally:
        os.close(file)
        ballast.unlink()


@contextmanager
def full_disk(world: World) -> Iterator[None]:
    with filled(world, 0.96):
        yield


@contextmanager
def no_room_at_all(world: World) -> Iterator[None]:
    with filled(world, 1), callers(world.service.url, world.key, 2):
        yield


@contextmanager
def no_model(world: World) -> Iterator[None]:
    world.model_stack.close()
    with callers(world.service.url, world.key, 3, ("ask",)):
        yield


@contextmanager
def killed(world: World) -> Iterator[None]:
    os.kill(world.service.pid, signal.SIGKILL)
    yield


CAUSES: dict[str, Callable[[World], object]] = {
    "FootnoteRefusalsUp": refusals,
    "FootnoteUnsupportedUp": unsupported,
    "FootnoteFirstTextSlow": slow,
    "FootnoteAnswersWait": crowd,
    "FootnoteWrongKeys": strangers,
    "FootnoteIngestFails": broken_files,
    "FootnoteDiskFull": full_disk,
    "FootnoteAuditUnwritten": no_room_at_all,
    "FootnoteAnswersFail": no_model,
    "FootnoteDown": killed,
}


@pytest.mark.parametrize("alert", CAUSES)
def test_an_alert_fires_when_its_cause_is_made(world: World, alert: str) -> None:
    """In this order: the last two leave no service behind."""
    assert alert in {each.name for each in ALERTS}
    if "tmpfs" not in _kind_of(world.data) and alert in {"FootnoteDiskFull", "FootnoteAuditUnwritten"}:
        pytest.skip("needs root, to mount a small disk")
    assert alert not in world.prometheus.firing()
    with CAUSES[alert](world):  # type: ignore[attr-defined]
        took = world.prometheus.until_firing(alert, seconds=240)
        said = world.prometheus.firing()
    print(
        f"\n{alert} after {took:.0f} s: {said[alert]['summary']} (also firing: {sorted(set(said) - {alert})})"
    )


def _kind_of(folder: Path) -> str:
    return subprocess.run(
        ["stat", "-f", "-c", "%T", folder], capture_output=True, text=True, check=True
    ).stdout
