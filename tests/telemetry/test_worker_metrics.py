"""What a worker tells Prometheus of the queue that it shares with others."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.telemetry.gauges import Stock
from tests.ingest.jobs.desk import Place, place
from tests.postgresql import needs_postgresql
from tests.telemetry.test_metrics import read
from tests.test_command_line import FOOTNOTE, environment_of
from vectorstore.state.open import open_state
from vectorstore.telemetry import metrics

pytestmark = [needs_postgresql, pytest.mark.slow]


@pytest.fixture
def here(postgresql_url: str, tmp_path: Path) -> Iterator[Place]:
    with place(postgresql_url, tmp_path) as opened:
        yield opened


def lines(here: Place) -> list[dict[str, Any]]:
    log = here.folder / "worker.log"
    return [json.loads(line) for line in log.read_text().splitlines()]


def until(what: Any) -> Any:
    deadline = time.monotonic() + 120
    while not (found := what()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


def test_a_worker_tells_the_same_of_the_queue_as_every_other_process(here: Place) -> None:
    here.hand_in({"a.md": "Staff get 25 days.", "b.txt": " "})
    places = {"FOOTNOTE_STORE": here.url, "FOOTNOTE_DATA_DIR": str(here.folder / "data")}
    with (here.folder / "worker.log").open("wb") as log:
        worker = subprocess.Popen(
            [FOOTNOTE, "worker"],
            cwd=here.folder,
            env=environment_of(FOOTNOTE_METRICS_PORT="0", **places),
            stderr=log,
        )
    try:
        port = until(lambda: next((line["port"] for line in lines(here) if "port" in line), None))
        until(lambda: set(here.states().values()) == {"done", "failed"})
        until(lambda: "footnote_documents 1.0" in httpx.get(f"http://127.0.0.1:{port}/metrics").text)
        told = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    finally:
        worker.terminate()
        worker.wait(60)
    metrics.stop()
    registry = metrics.start()
    Stock(here.store(None), open_state(here.stored), here.desk).look()
    shared = {
        name: value
        for name, value in read(registry).items()
        if name.startswith(("footnote_jobs", "footnote_documents", "footnote_ingest", "footnote_index_gen"))
    }
    metrics.stop()
    assert shared['footnote_jobs{state="failed"}'] == shared["footnote_ingest_failures"] == 1
    assert shared["footnote_documents"] == 1
    assert [name for name, value in shared.items() if f"{name} {value}" not in told] == []
    [failed] = [line for line in lines(here) if line["message"] == "document failed"]
    assert failed["reason"] == "no_text"
    assert "b.txt" not in (here.folder / "worker.log").read_text()
