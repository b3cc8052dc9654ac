"""What a service and its workers tell a collector of traces: all of it, as parts of the caller's, and no word of anybody."""

import json
import logging
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

pytest.importorskip("opentelemetry.exporter.otlp.proto.http")

from ingest.jobs.job import Job, trace_of
from tests.app.test_logs import logging_service
from tests.fakes.handbook import small_handbook
from tests.fakes.scripted_model import ScriptedModel, scripted_model
from tests.ingest.jobs.desk import place
from tests.ingest.jobs.test_uploads import send, service_of
from tests.postgresql import needs_postgresql
from tests.telemetry.collector import Collector, collector
from tests.test_command_line import environment_of
from vectorstore.errors import Unavailable
from vectorstore.telemetry import logs, traces
from vectorstore.telemetry.settings import TelemetrySettings

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CALLER = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "vendor=a1"}
QUESTION = "How many days of annual leave do full-time staff get?"
STAGES = ("understanding", "retrieving", "packing", "writing")
SERVER, CLIENT, CONSUMER = 2, 3, 5


@pytest.fixture(scope="module")
def told(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Collector, ScriptedModel, str, list[str]]]:
    """One service that has answered, failed and ended: its spans, the model, the log and the runs."""
    folder = tmp_path_factory.mktemp("traced")
    with small_handbook(folder):
        pass
    with (
        collector() as kept,
        scripted_model(text="Full-time staff get 25 days of annual leave a year [1].") as model,
    ):
        settings = {
            "LLM_BASE_URL": model.url,
            "LLM_MODEL": "m",
            "LLM_RETRIES": "0",
            "LLM_TEMPERATURE": "0.5",
            "TRACES": "true",
            "TRACES_ENDPOINT": kept.url,
        }
        environment = {f"FOOTNOTE_{name}": value for name, value in settings.items()}
        with logging_service(folder, **environment) as (url, log):
            runs = []
            for way, question in (("traced", QUESTION), ("alone", f"Please tell me: {QUESTION}")):
                answer = httpx.post(
                    f"{url}/v1/chat",
                    json={"message": question},
                    headers=CALLER if way == "traced" else {},
                    timeout=30,
                )
                assert answer.status_code == 200, answer.text
                runs.append(answer.headers["x-run-id"])
            assert httpx.get(f"{url}/nowhere").status_code == 404
        yield kept, model, log.read_text(), runs


def test_a_turn_is_one_trace_of_its_caller_with_every_stage(
    told: tuple[Collector, ScriptedModel, str, list[str]],
) -> None:
    kept, _, _, runs = told
    mine = {span.name: span for span in kept.spans if span.trace == TRACE}
    request = mine["POST /v1/chat"]
    assert (request.parent, request.kind, request.state) == (PARENT, SERVER, "vendor=a1")
    assert request.said["http.route"] == "/v1/chat"
    assert request.said["http.response.status_code"] == 200
    assert request.said["footnote.run.id"] == runs[0]
    answer = mine["answer"]
    assert answer.parent == request.id
    assert answer.said["footnote.outcome"] == "answered"
    for stage in STAGES:
        assert mine[stage].parent == answer.id, stage
        assert answer.began - 0.01 <= mine[stage].began
        assert mine[stage].began + mine[stage].seconds <= answer.began + answer.seconds + 0.01
    assert mine["retrieval"].said["gen_ai.operation.name"] == "retrieval"
    (embedding,) = [span for name, span in mine.items() if name.startswith("embeddings ")]
    assert embedding.said["gen_ai.embeddings.dimension.count"] > 100
    assert {span.service for span in kept.spans} == {"footnote"}


def test_the_model_s_call_says_what_the_conventions_name(
    told: tuple[Collector, ScriptedModel, str, list[str]],
) -> None:
    kept, model, _, _ = told
    (call,) = [span for span in kept.spans if span.trace == TRACE and span.name == "chat m"]
    assert call.kind == CLIENT
    assert call.said.pop("gen_ai.response.time_to_first_chunk") > 0
    port = int(model.url.rpartition(":")[2].partition("/")[0])
    assert call.said == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "m",
        "gen_ai.request.max_tokens": 800,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.stream": True,
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 11,
        "server.address": "127.0.0.1",
        "server.port": port,
    }
    assert model.headers[0]["traceparent"] == f"00-{TRACE}-{call.id}-01"
    assert model.headers[0]["tracestate"] == "vendor=a1"


def test_who_sends_no_trace_begins_one_and_lines_name_it(
    told: tuple[Collector, ScriptedModel, str, list[str]],
) -> None:
    kept, model, log, runs = told
    (other,) = [
        span for span in kept.spans if span.said.get("footnote.run.id") == runs[1] and span.kind == SERVER
    ]
    assert other.trace != TRACE
    assert other.parent == ""
    assert model.headers[1]["traceparent"].split("-")[1] == other.trace
    lines = [json.loads(line) for line in log.splitlines()]
    of_requests = {line["trace_id"] for line in lines if line["message"] == "request" and "run_id" in line}
    assert of_requests == {TRACE, other.trace}
    assert all(len(line["span_id"]) == 16 for line in lines if "trace_id" in line)
    assert kept.named("GET unknown").said["http.response.status_code"] == 404


def test_a_trace_says_nothing_of_what_was_asked_or_read(
    told: tuple[Collector, ScriptedModel, str, list[str]],
) -> None:
    everything = repr(told[0].spans).lower()
    assert not any(
        word in everything for word in ("full-time", "25 days", "annual leave", "nowhere", "entitlement")
    )


@needs_postgresql
def test_a_queued_upload_is_one_trace_over_two_processes(postgresql_url: str, tmp_path: Path) -> None:
    with collector() as kept, place(postgresql_url, tmp_path) as here:
        on = {"FOOTNOTE_TRACES": "true", "FOOTNOTE_TRACES_ENDPOINT": kept.url, "OTEL_SERVICE_NAME": "worker"}
        traces.start(TelemetrySettings(traces=True, traces_endpoint=kept.url))
        worker = here.start(**on)
        try:
            with service_of(here) as url:
                sent = send(url, ("leave.md", b"# Leave\n\n25 days."), **CALLER)
                assert sent.json()["documents"][0]["status"] == "added", sent.text
        finally:
            traces.stop()
            worker.send_signal(signal.SIGTERM)
            worker.wait(30)
        request, work = kept.named("POST /v1/documents"), kept.named("process add")
        assert (request.trace, request.parent) == (TRACE, PARENT)
        assert (work.trace, work.parent) == (TRACE, request.id)
        assert (work.kind, work.service, request.service) == (CONSUMER, "worker", "footnote")


def test_an_answer_of_another_replica_is_linked() -> None:
    with collector() as kept:
        traces.start(TelemetrySettings(traces=True, traces_endpoint=kept.url))
        try:
            with traces.span("GET /v1/runs/{run}"):
                traces.link(CALLER["traceparent"])
                traces.link("no trace at all")
        finally:
            traces.stop()
        assert kept.named("GET /v1/runs/{run}").links == (TRACE,)


def test_a_collector_that_is_away_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    traces.start(TelemetrySettings(traces=True, traces_endpoint="http://127.0.0.1:9"))
    try:
        with caplog.at_level(logging.DEBUG):
            for _ in range(3):
                with traces.span("x"):
                    assert logs.providers[-1]()["trace_id"]
                traces._tracing.provider.force_flush(200)  # type: ignore[union-attr]  # it is on
    finally:
        traces.stop()
    said = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [record.getMessage() for record in said] == [
        "Traces cannot be sent; what is traced meanwhile is lost."
    ]


def test_a_failure_is_told_by_its_kind_alone() -> None:
    with collector() as kept:
        traces.start(TelemetrySettings(traces=True, traces_endpoint=kept.url))
        try:
            with pytest.raises(ValueError, match="secret"), traces.apart("a"):
                raise ValueError("a secret word")
            traces.done("b", 1.5, failed="unreadable")
        finally:
            traces.stop()
        assert (kept.named("a").failed, kept.named("a").said) == (True, {"error.type": "ValueError"})
        assert kept.named("b").said == {"error.type": "unreadable"}
        assert kept.named("b").seconds == pytest.approx(1.5, abs=0.01)


def test_off_nothing_is_traced_and_nothing_told() -> None:
    with traces.span("x") as span, traces.apart("y") as other:
        span.say(a=1)
        span.fail("x")
        assert (other.carrier(), traces.here(), traces.traceparent()) == ({}, {}, "")
        traces.link(CALLER["traceparent"])
        traces.done("z", 1.0)
    removal = Job(1, "t", "u", "remove", "", "todo", 0, 0, 0, 0, None, "", "", "", "", "", None, "", 0, False)
    assert trace_of(removal) == {}


def test_without_the_library_it_is_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(Unavailable) as caught:
        traces.start(TelemetrySettings(traces=True))
    assert "OpenTelemetry is not installed" in str(caught.value)
    assert "opentelemetry-exporter-otlp-proto-http" in caught.value.hint


_SERVES = """
import atexit, os, sys
from pathlib import Path
def told():
    Path(os.environ["MODULES"]).write_text(" ".join(sys.modules))
import app.http.application as application
stop = application.flush
application.flush = lambda: (told(), stop())
sys.argv = ["footnote", "serve"]
from app.cli import main
main()
"""


def test_a_service_without_them_imports_neither_library(tmp_path: Path) -> None:
    with small_handbook(tmp_path):
        pass
    log = tmp_path / "log"
    with log.open("w") as written:
        process = subprocess.Popen(
            [sys.executable, "-c", _SERVES],
            cwd=tmp_path,
            env=environment_of(
                PORT="0", PYTHONPATH=str(Path(__file__).parents[2]), MODULES=str(tmp_path / "modules")
            ),
            stderr=written,
        )
        try:
            kept = Collector()
            kept.wait(lambda: "http://" in log.read_text(), 60)
            url = log.read_text().split("http://")[1].split()[0]
            assert (
                httpx.post(f"http://{url}/v1/chat", json={"message": QUESTION}, timeout=30).status_code == 200
            )
        finally:
            process.terminate()
            process.wait(30)
    modules = (tmp_path / "modules").read_text().split()
    assert "app.turn.turn" in modules
    # FastAPI itself imports OpenTelemetry's interface, which does nothing by itself.
    heavy = ("opentelemetry.sdk", "opentelemetry.exporter", "opentelemetry.proto", "prometheus_client")
    assert [name for name in modules if name.startswith(heavy)] == []
