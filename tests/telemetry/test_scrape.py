"""What a service tells Prometheus: who may read it, that it is all there, that it is right, and never too much."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.access_settings import BudgetSettings
from app.audit.audit import open_audit
from app.events import Cancelled, Done, Event, Failed
from app.identity.keys import Keys
from app.question import Question
from app.runs.measured import measured
from app.runs.records import Records
from app.runs.run import Run
from app.settings import Settings
from app.telemetry.answers import counting
from app.telemetry.gauges import NowAndThen, Pulse, Stock
from tests.app.edge import ANSWERED, ScriptedTurn, Served, serve, service
from tests.app.every_route import Uploading, call, table
from tests.telemetry.test_metrics import MOST, read
from tests.vectorstore.sample import SPACE, put, sample
from vectorstore.errors import Unavailable
from vectorstore.open import open_store
from vectorstore.settings import StoreSettings
from vectorstore.state.files import FolderState
from vectorstore.telemetry import metrics, names
from vectorstore.telemetry.settings import TelemetrySettings
from vectorstore.types import Scope

CLIENT = httpx.Client(trust_env=False)
GONE = "conv_" + "0123456789abcdef" * 2
METHODS = ("PATCH", "PUT", "OPTIONS", "TRACE", "PROPFIND", "MKCOL", "PURGE", "BREW")
ON = TelemetrySettings(metrics=True, price_input_tokens=2.0, price_output_tokens=10.0)


@dataclass
class Office:
    """A service whose metrics are on, with its keys."""

    served: Served
    keys: Keys
    turn: ScriptedTurn
    secrets: dict[str, str]

    def figures(self) -> dict[str, float]:
        return read(metrics.start())

    def ask(self, method: str, path: str, secret: str | None = None, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        return CLIENT.request(method, self.served.url + path, headers=headers, timeout=30, **more)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("office")
    keys, turn = Keys(folder / "keys.json"), ScriptedTurn()
    settings = Settings(telemetry=ON, budgets=BudgetSettings(requests_per_minute=1_000_000, key_runs=1))
    records = Records(f"sqlite:///{folder}/records.db")

    async def keep(run: Run, events: Sequence[Event]) -> None:
        records.add(run.id, run.question, run.owner, events, figures=measured(run))

    built = replace(
        service(turn, keys=keys._cell, settings=settings, records=records, on_end=keep),
        uploads=Uploading(),  # type: ignore[arg-type]  # only its routes
        audit=open_audit(folder),
    )
    secrets = {
        kind: keys.create(kind, kind=kind).secret  # type: ignore[arg-type]  # one of the kinds
        for kind in ("operator", "server", "ingest", "metrics")
    }
    metrics.stop()
    with serve(built) as served:
        yield Office(served, keys, turn, secrets)
    CLIENT.close()
    metrics.stop()


def test_only_who_may_read_them_is_shown_the_metrics(office: Office) -> None:
    statuses = {
        kind: office.ask("GET", "/metrics", secret).status_code for kind, secret in office.secrets.items()
    }
    assert statuses == {"operator": 200, "server": 403, "ingest": 403, "metrics": 200}
    assert office.ask("GET", "/metrics").status_code == 401
    told = office.ask("GET", "/metrics", office.secrets["metrics"])
    assert told.headers["cache-control"] == "no-store"
    assert told.headers["content-type"].startswith("text/plain")
    for path in ("/v1/documents", "/v1/search", "/v1/access?uri=x"):
        assert office.ask("GET" if path != "/v1/search" else "POST", path, office.secrets["metrics"], json={"query": "q"}).status_code == 403  # fmt: skip


def test_without_the_setting_there_is_no_such_path(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    secret = keys.create("m", kind="metrics").secret
    with serve(service(keys=keys._cell)) as served:
        found = httpx.get(f"{served.url}/metrics", headers={"Authorization": f"Bearer {secret}"})
        assert found.status_code == 404


def test_requests_are_counted_by_route_and_class(office: Office) -> None:
    def counted(route: str, status: str) -> float:
        return office.figures().get(f'footnote_requests_total{{route="{route}",status="{status}"}}', 0)

    before = counted("POST /v1/search", "2xx"), counted("POST /v1/search", "4xx"), counted("unknown", "4xx")
    office.ask("POST", "/v1/search", office.secrets["operator"], json={"query": "q"})
    office.ask("POST", "/v1/search", json={"query": "q"})
    office.ask("PROPFIND", "/v1/search")
    office.ask("GET", "/v1/search/../../etc/passwd/%0a{}")
    after = counted("POST /v1/search", "2xx"), counted("POST /v1/search", "4xx"), counted("unknown", "4xx")
    assert [now - then for now, then in zip(after, before, strict=True)] == [1, 1, 2]


def test_wrong_keys_are_counted_by_their_door(office: Office) -> None:
    before = office.figures()
    expired = office.keys.create("gone").secret
    for secret in ("fn_00000000_x", "sk-anything", expired[:-1] + "!", "fns_a.b.c", None):
        office.ask("POST", "/v1/search", secret, json={"query": "q"})
    document = "/v1/documents/doc_handbook/view"
    office.ask("GET", f"{document}?key=k&expires={int(time.time()) + 60}&signature=forged")
    after = office.figures()
    grown = {
        door: after[f'footnote_wrong_keys_total{{door="{door}"}}']
        - before[f'footnote_wrong_keys_total{{door="{door}"}}']
        for door in names.VALUES["door"]
    }
    assert grown == {"key": 3, "token": 1, "provider": 0, "proxy": 0, "link": 1}


def test_answers_ratings_and_refusals_are_counted_where_they_happen(office: Office) -> None:
    before, secret = office.figures(), office.secrets["operator"]
    answer = office.ask("POST", "/v1/chat", secret, json={"message": "q"})
    rating = {"run": answer.headers["x-run-id"], "rating": "down"}
    assert office.ask("POST", "/v1/feedback", secret, json=rating).status_code == 204
    office.turn.script = (*ANSWERED[:5], 1.0, Done())
    threads = [
        threading.Thread(
            target=office.ask, args=("POST", "/v1/chat", secret), kwargs={"json": {"message": "q"}}
        )
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    office.turn.script = ANSWERED
    after = office.figures()

    def grown(series: str) -> float:
        return after[series] - before[series]

    assert grown('footnote_runs_total{outcome="answered",variant="settings"}') == 2
    assert grown('footnote_ratings_total{rating="down",variant="settings"}') == 1
    assert grown('footnote_budget_refusals_total{budget="answers"}') == 1
    assert grown('footnote_model_tokens_total{direction="input"}') == 512
    assert grown("footnote_model_cost_total") == pytest.approx((512 * 2.0 + 9 * 10.0) / 1e6)
    assert grown('footnote_sentences_total{verdict="supported"}') == 1


def test_no_walk_makes_more_series_than_promised(office: Office) -> None:
    """Every route with every key, unknown paths, methods that are none, variants, ratings, failures of each kind."""
    routes = table()
    for method, path in routes:
        for secret in (None, "fn_00000000_x", *office.secrets.values()):
            call(office.served, method, path, secret=secret)
    for number in range(16):
        office.ask("GET", f"/{number}/nowhere", office.secrets["operator"])
        office.ask(METHODS[number % len(METHODS)], "/v1/search")
        CLIENT.get(f"{office.served.url}/healthz", headers={"Host": f"{number} {number}"})
    observe = counting(ON)
    for number in range(200):
        for ending in (Done(), Done(outcome="unsure"), Failed("model_timeout", "x"), Cancelled("user")):
            run = Run(Question("q", Scope(), top_k=5, variant=f"variant-{number}"))
            run.append(ending)
            observe(run)
    for code in names.VALUES["code"]:
        metrics.count(names.MODEL_FAILURES, code=code)
    found = office.figures()
    print(f"{len(routes)} routes, {len(found)} series after the walk")
    assert len(found) <= MOST
    for each in names.METRICS:
        assert any(name.partition("{")[0] == each.series for name in found), each.name
    assert set(names.PROCESS) <= found.keys()
    routes_told = {name.partition('route="')[2].partition('"')[0] for name in found if "route=" in name}
    assert "other" not in routes_told


def test_every_run_is_counted_also_one_that_is_erased_and_one_that_never_began(office: Office) -> None:
    before = office.figures()['footnote_runs_total{outcome="cancelled",variant="settings"}']
    secret = office.secrets["operator"]
    office.turn.script = (*ANSWERED[:5], 30.0, Done())
    with httpx.stream(
        "POST",
        f"{office.served.url}/v1/chat",
        json={"message": "q", "conversation": GONE},
        headers={"Authorization": f"Bearer {secret}"},
        timeout=30,
    ) as answer:
        next(answer.iter_bytes())
        erased = office.ask("DELETE", f"/v1/conversations/{GONE}", secret)
        assert erased.status_code == 200
    office.turn.script = ANSWERED
    assert office.figures()['footnote_runs_total{outcome="cancelled",variant="settings"}'] - before == 1


def test_gauges_tell_of_index_disk_and_what_others_wrote(tmp_path: Path) -> None:
    metrics.stop()
    registry = metrics.start()
    stored = StoreSettings(data_dir=tmp_path)
    store = open_store(stored, SPACE)
    with store.draft() as draft:
        put(draft, sample("one.md", "Staff get leave. Interns too."))
        put(draft, sample("two.md", "Meals are refunded."))
    (tmp_path / "backup.json").write_text('{"completed": 1790000000}')
    monitored = {"completed": 1790000001, "p": 0.25, "alarms": {"topics": 2, "{}": 1}}
    (tmp_path / "monitor.json").write_text(json.dumps(monitored))
    stock = Stock(store, FolderState(tmp_path))
    stock.look()
    found = read(registry)
    (tmp_path / "backup.json").write_text("no JSON")
    stock.look()
    store.close()
    assert read(registry)["footnote_backup_timestamp_seconds"] == 0
    assert found["footnote_documents"] == 2
    assert found["footnote_chunks"] == 3
    assert found["footnote_index_generation"] == 1
    assert time.time() - found["footnote_index_changed_timestamp_seconds"] < 600
    assert found["footnote_data_size_bytes"] > found["footnote_data_free_bytes"] > 0
    assert found["footnote_backup_timestamp_seconds"] == 1_790_000_000
    assert found["footnote_monitor_drift_pvalue"] == 0.25
    assert found['footnote_monitor_alarms{kind="topics"}'] == 2
    assert found['footnote_monitor_alarms{kind="other"}'] == 1
    assert found['footnote_jobs{state="todo"}'] == 0
    assert time.time() - found["footnote_known_timestamp_seconds"] < 60
    metrics.stop()


def test_what_cannot_be_read_keeps_its_value_and_says_how_old_it_is(tmp_path: Path) -> None:
    metrics.stop()
    registry = metrics.start()
    metrics.show(names.DOCUMENTS, 7)

    class Away:
        def snapshot(self) -> Any:
            raise Unavailable("The database is away.")

    Stock(Away(), FolderState(tmp_path / "not" / "there")).look()  # type: ignore[arg-type]  # as much as is asked
    found = read(registry)
    assert found["footnote_documents"] == 7
    assert found["footnote_known_timestamp_seconds"] == 0
    assert found["footnote_data_size_bytes"] > 0
    metrics.stop()


def test_a_reading_never_waits_long_for_what_is_kept() -> None:
    hanging, looks = threading.Event(), []

    def look() -> None:
        looks.append(1)
        hanging.wait(30)

    now_and_then = NowAndThen(look)
    started = time.monotonic()
    threads = [threading.Thread(target=now_and_then) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - started < 10
    assert len(looks) == 1
    hanging.set()
    now_and_then()
    assert len(looks) == 1  # not old yet


def test_the_event_loops_lag_is_told() -> None:
    async def busy() -> float:
        pulse = Pulse()
        async with pulse.beating():
            await asyncio.sleep(0.01)
            time.sleep(0.9)
            await asyncio.sleep(0.1)
        return pulse.lag

    assert 0.3 < asyncio.run(busy()) < 10
