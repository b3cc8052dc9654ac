"""Uploads and removals over HTTP where there is a queue: a worker does them, and who sent them hears of it."""

import io
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from ingest.jobs.queue import Queue
from ingest.originals import Originals, original_of
from ingest.settings import IngestSettings
from ingest.uploads import Uploads
from tests.app.edge import serve, service
from tests.fakes.word_embedder import WordEmbedder
from tests.ingest.jobs.desk import Place, place
from tests.postgresql import needs_postgresql
from vectorstore.errors import Unavailable
from vectorstore.index.projection import projections
from vectorstore.types import Scope

pytestmark = needs_postgresql


@contextmanager
def service_of(here: Place, *, wait_seconds: float = 60.0) -> Iterator[str]:
    waiting = here.settings.model_copy(update={"queue_wait_seconds": wait_seconds})
    embedder = WordEmbedder()
    store = here.store(embedder)
    uploads = Uploads(
        store,
        embedder,
        data_dir=here.folder / "data",
        settings=IngestSettings(chunk_tokens=32),
        desk=replace(here.desk, queue=Queue(here.database, waiting)),
    )
    keys = here.folder / "keys.json"
    with serve(replace(service(keys=keys), store=store, uploads=uploads)) as served:
        yield served.url


@contextmanager
def working(here: Place) -> Iterator[None]:
    worker = here.worker()
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield
    finally:
        worker.stop()
        thread.join(30)


@pytest.fixture
def here(postgresql_url: str, tmp_path: Path) -> Iterator[Place]:
    with place(postgresql_url, tmp_path) as opened:
        yield opened


def send(url: str, *files: tuple[str, bytes], **headers: str) -> httpx.Response:
    parts = [("file", (name, io.BytesIO(content))) for name, content in files]
    return httpx.post(f"{url}/v1/documents", files=parts, headers=headers, timeout=90)


def shown(answer: httpx.Response) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answer.json()["documents"]
    return found


def test_an_answer_names_what_a_worker_has_put_there_while_the_replica_catches_up(
    here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = projections.load

    def slow(*arguments: Any, **named: Any) -> Any:
        time.sleep(0.2)
        return load(*arguments, **named)

    monkeypatch.setattr(projections, "load", slow)
    with service_of(here) as url, working(here):
        here.stores[0].follow()
        seen = [
            shown(send(url, ("leave.md", f"# Leave\n\n{days} days.".encode())))[0]
            for days in (24, 25, 26, 27)
        ]
    assert [each["status"] for each in seen] == ["added", "changed", "changed", "changed"]
    assert len({each["id"] for each in seen} - {None}) == 4


def test_an_upload_is_read_by_a_worker_and_removed_by_one(here: Place) -> None:
    with service_of(here) as url, working(here):
        answer = send(url, ("leave.md", b"# Leave\n\n25 days."), ("empty.md", b" "))
        assert answer.status_code == 201
        assert [each["status"] for each in shown(answer)] == ["added", "no_text"]
        assert [each["status"] for each in shown(send(url, ("leave.md", b"# Leave\n\n25 days.")))] == [
            "unchanged"
        ]
        [changed] = shown(send(url, ("leave.md", b"# Leave\n\n30 days.")))
        assert changed["status"] == "changed"
        with here.stores[0].snapshot() as snapshot:
            [document] = snapshot.documents(scope=Scope("default", unrestricted=True))
        kept = original_of(document, data_dir=here.folder / "data")
        assert kept is not None
        assert kept.read_bytes() == b"# Leave\n\n30 days."
        assert httpx.delete(f"{url}/v1/documents/{changed['id']}", timeout=90).status_code == 204
        assert here.texts() == {}
        assert original_of(document, data_dir=here.folder / "data") is None


def test_a_document_whose_file_cannot_be_deleted_stays_until_it_can(
    here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget, there = Originals.forget, []

    def away_at_first(self: Originals, **which: Any) -> None:
        there.append(here.texts())
        if len(there) == 1:
            raise Unavailable("The object storage cannot be reached.", "Try again later.")
        forget(self, **which)

    with service_of(here, wait_seconds=0.2) as url:
        send(url, ("leave.md", b"# Leave"))
        here.worker().run(once=True)
        [document] = shown(send(url, ("leave.md", b"# Leave")))
        assert httpx.delete(f"{url}/v1/documents/{document['id']}", timeout=90).status_code == 202
        monkeypatch.setattr(Originals, "forget", away_at_first)
        here.worker().run(once=True)
    assert [list(each) for each in there] == [["upload/leave.md"]] * 2
    assert here.texts() == {}


def test_a_stream_tells_of_each_file_on_its_way(here: Place) -> None:
    with service_of(here) as url, working(here):
        answer = send(url, ("leave.md", b"# Leave\n\n25 days."), Accept="text/event-stream")
    told = [
        json.loads(line.removeprefix("data: "))
        for line in answer.text.splitlines()
        if line.startswith("data:")
    ]
    stages = [each["stage"] for each in told if each["type"] == "progress"]
    assert stages[0] == "waiting"
    assert set(stages) <= {"waiting", "reading"}
    assert told[-2]["document"]["status"] == "added"
    assert told[-1] == {"type": "done", "taken": 1, "failed": 0}


def test_without_a_worker_an_upload_waits_and_says_so(here: Place) -> None:
    with service_of(here, wait_seconds=0.2) as url:
        answer = send(url, ("leave.md", b"# Leave\n\n25 days."))
        assert answer.status_code == 202
        assert [each["status"] for each in shown(answer)] == ["waiting"]
        again = send(url, ("leave.md", b"# Leave\n\n25 days."))
        assert [each["status"] for each in shown(again)] == ["waiting"]
        assert len(here.board.jobs()) == 1
        here.worker().run(once=True)
        [there] = shown(send(url, ("leave.md", b"# Leave\n\n25 days.")))
        assert there["status"] == "unchanged"
        removed = httpx.delete(f"{url}/v1/documents/{there['id']}", timeout=90)
        assert removed.status_code == 202
        here.worker().run(once=True)
        assert here.texts() == {}


def test_a_file_that_changed_back_while_its_change_waited_is_as_it_was(here: Place) -> None:
    with service_of(here, wait_seconds=0.2) as url:
        send(url, ("a.md", b"First."))
        here.worker().run(once=True)
        send(url, ("a.md", b"Second."))
        send(url, ("a.md", b"First."))
        here.worker().run(once=True)
        assert here.texts() == {"upload/a.md": "First."}


def test_a_full_queue_answers_429_and_says_when_to_come_again(postgresql_url: str, tmp_path: Path) -> None:
    with place(postgresql_url, tmp_path, queue_limit=1) as here, service_of(here, wait_seconds=0.2) as url:
        send(url, ("a.md", b"First."))
        for headers in ({}, {"Accept": "text/event-stream"}):
            refused = send(url, ("b.md", b"Second."), **headers)
            assert refused.status_code == 429
            assert refused.headers["Retry-After"] == "30"
            assert refused.json()["code"] == "queue_full"
        assert len(here.board.jobs()) == 1
