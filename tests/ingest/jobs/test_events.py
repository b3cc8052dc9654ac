"""Events as a source: what they tell of is queued once, and acknowledged when that is committed."""

import json
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ingest.jobs.events import Delivery, Intake, lasting
from ingest.jobs.redis_stream import RedisStream
from ingest.settings import IngestSettings
from ingest.sources.fetch import Fetcher
from tests.fakes.redis_server import RedisServer, redis_server
from tests.fakes.word_embedder import WordEmbedder
from tests.ingest.jobs.desk import Place, place
from tests.postgresql import needs_postgresql
from vectorstore.errors import Unavailable

pytestmark = needs_postgresql


@pytest.fixture
def here(postgresql_url: str, tmp_path: Path) -> Iterator[Place]:
    with place(postgresql_url, tmp_path) as opened:
        yield opened


PAGES: dict[str, bytes] = {}


class Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        content = PAGES.get(self.path)
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Last-Modified", "Sun, 09 Sep 2001 01:46:40 GMT")
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    PAGES.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def intake(here: Place) -> Intake:
    fetcher = Fetcher(["127.0.0.1"], permits=lambda _: True)
    return Intake(here.desk, here.store(WordEmbedder()), IngestSettings(chunk_tokens=32), fetcher)


class Sent:
    """Events that note their acknowledgement."""

    def __init__(self) -> None:
        self.acknowledged: list[int] = []

    def __call__(self, *events: object, attempt: int = 1) -> list[Delivery]:
        return [
            Delivery(
                event if isinstance(event, bytes) else json.dumps(event).encode(),
                partial(self.acknowledged.append, number),
                attempt,
            )
            for number, event in enumerate(events)
        ]


def put(uri: str, **more: object) -> dict[str, object]:
    return {"uri": uri, "action": "put", **more}


def test_what_an_event_tells_of_is_fetched_queued_and_read(here: Place, site: str) -> None:
    PAGES["/leave"] = b"<html><body><p>Staff get 25 days.</p></body></html>"
    sent = Sent()
    taking = intake(here)
    taking.take(sent(put(f"{site}/leave", readers=["hr"], tenant="acme")))
    assert sent.acknowledged == [0]
    here.worker().run(once=True)
    assert here.texts("acme") == {f"{site}/leave": "Staff get 25 days."}
    [(readers,)] = here.rows("SELECT readers FROM documents")
    assert json.loads(readers) == ["hr"]
    taking.take(sent({"uri": f"{site}/leave", "action": "delete", "tenant": "acme"}))
    here.worker().run(once=True)
    assert here.texts("acme") == {}


def test_the_same_event_again_changes_nothing(here: Place) -> None:
    sent, taking = Sent(), intake(here)
    for _ in range(2):
        taking.take(sent(put("wiki://a", text="Alpha.")))
    here.worker().run(once=True)
    taking.take(sent(put("wiki://a", text="Alpha.")))
    assert len(here.board.jobs()) == 1
    assert (taking.taken.queued, taking.taken.unchanged) == (1, 2)
    assert here.texts() == {"wiki://a": "Alpha."}


def test_of_several_events_of_an_address_the_last_counts(here: Place) -> None:
    sent = Sent()
    intake(here).take(
        sent(put("wiki://a", text="One."), put("wiki://a", text="Two."), put("wiki://b", text="B."))
    )
    assert sorted(sent.acknowledged) == [0, 1, 2]
    here.worker().run(once=True)
    assert here.texts() == {"wiki://a": "Two.", "wiki://b": "B."}


def test_nothing_is_acknowledged_before_it_is_queued(postgresql_url: str, tmp_path: Path) -> None:
    with place(postgresql_url, tmp_path, queue_limit=1) as here:
        sent, taking = Sent(), intake(here)
        full = sent(put("wiki://a", text="A."), put("wiki://b", text="B."))
        taken = taking.run([full], stop=lambda _: True)
        assert (sent.acknowledged, taken.queued) == ([], 0)
        assert here.states() == {"wiki://a": "todo"}
        assert len(list((tmp_path / "data" / "incoming").iterdir())) == 1


def test_what_is_no_event_is_passed_over(here: Place) -> None:
    sent, taking = Sent(), intake(here)
    taking.take(
        sent(
            b"\xff",
            b"[]",
            {"uri": "upload/a.md", "action": "put", "text": "x"},
            {"uri": "wiki://a", "action": "run"},
            put("wiki://a", text="x", tenant="a\0"),
            # meant to close the document, or likely so
            put("wiki://a", text="x", readers=[]),
            put("wiki://a", text="x", readers=[" "]),
            put("wiki://a", text="x", reader=["hr"]),
            put("wiki://a", text="x", acl=["hr"]),
        )
    )
    assert (len(sent.acknowledged), taking.taken.refused, here.board.jobs()) == (9, 9, [])


def test_an_event_that_says_nothing_of_readers_opens_nothing(here: Place, site: str) -> None:
    PAGES["/c"] = b"<p>Page.</p>"
    sent, taking = Sent(), intake(here)
    taking.take(sent(put("wiki://a", text="A.", readers=["hr"]), put("wiki://a", text="AA.")))
    taking.take(sent(put("wiki://b", text="B.", readers=["hr"])))
    taking.take(sent(put("wiki://b", text="BB.")))
    taking.take(sent(put(f"{site}/later", readers=["hr"])))
    PAGES["/later"] = b"<p>Later.</p>"
    taking.take(sent(put(f"{site}/later")))
    here.worker().run(once=True)
    found = {uri: json.loads(readers) for uri, readers in here.rows("SELECT uri, readers FROM documents")}
    assert found == {uri: ["hr"] for uri in ("wiki://a", "wiki://b", f"{site}/later")}


def test_what_could_not_be_fetched_does_not_come_after_what_came_later(here: Place, site: str) -> None:
    sent, taking = Sent(), intake(here)
    taking.take(sent(put(f"{site}/away")))
    assert sent.acknowledged == []
    taking.take(Sent()({"uri": f"{site}/away", "action": "remove"}))
    assert sent.acknowledged == [0]


def test_a_document_that_cannot_even_be_planned_holds_up_no_other(
    here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Intake._source

    def broken(self: Intake, event: Any, uri: str, own: Path) -> Any:
        if uri == "wiki://bad":
            raise OSError(36, "File name too long")
        return source(self, event, uri, own)

    monkeypatch.setattr(Intake, "_source", broken)
    sent, taking = Sent(), intake(here)
    taking.take(sent(put("wiki://bad", text="x"), put("wiki://a", text="A.")))
    assert sorted(sent.acknowledged) == [0, 1]
    assert here.states() == {"wiki://bad": "failed", "wiki://a": "todo"}


def test_a_page_is_as_old_as_its_server_says(here: Place, site: str) -> None:
    PAGES["/old"] = b"<p>Old.</p>"
    intake(here).take(Sent()(put(f"{site}/old")))
    here.worker().run(once=True)
    [(modified,)] = here.rows("SELECT modified FROM documents")
    assert str(modified).startswith("2001-09-09")


def test_what_cannot_be_fetched_comes_again_and_is_put_aside_at_last(here: Place, site: str) -> None:
    sent, taking = Sent(), intake(here)
    taking.take(sent(put(f"{site}/away")))
    assert (sent.acknowledged, here.board.jobs()) == ([], [])
    taking.take(sent(put(f"{site}/away"), attempt=3))
    assert set(sent.acknowledged) == {0}
    [dead] = here.board.jobs()
    assert (dead.state, dead.reason) == ("failed", "unfetchable")


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with redis_server(tmp_path) as server:
        yield server


def test_a_stream_in_redis_is_read_to_its_end_through_a_reader_that_dies(
    here: Place, redis: RedisServer
) -> None:
    client = pytest.importorskip("redis").Redis.from_url(redis.url)
    for number in range(250):
        client.xadd("documents", {"event": json.dumps(put(f"wiki://{number}", text=f"Text {number}."))})

    def stream() -> RedisStream:
        return RedisStream(redis.url, stream="documents", group="footnote", again_ms=200)

    # It queued its first batch and died before it could acknowledge one.
    dying = stream()
    batches = dying.batches()
    batch = next(each for each in batches if each)
    intake(here).take([Delivery(each.body, lambda: None, each.attempt) for each in batch])
    dying.close()

    after = stream()
    taking = intake(here)
    deadline = time.monotonic() + 60.0

    def all_read(pause: float) -> bool:
        time.sleep(pause)
        return time.monotonic() >= deadline or taking.taken.queued + taking.taken.unchanged == 250

    taking.run(after.batches(), stop=all_read)
    after.close()
    assert len(here.board.jobs(most=1_000)) == 250
    assert (taking.taken.queued, taking.taken.unchanged) == (150, 100)
    assert client.xpending("documents", "footnote")["pending"] == 0
    client.close()


def test_a_reader_whose_turn_is_over_queues_nothing_old_over_what_is_new(
    here: Place, redis: RedisServer
) -> None:
    client = pytest.importorskip("redis").Redis.from_url(redis.url)
    client.xadd("documents", {"event": json.dumps(put("wiki://a", text="Old."))})

    def stream() -> RedisStream:
        return RedisStream(redis.url, stream="documents", group="footnote", turn_seconds=0.3)

    slow, quick = stream(), stream()
    batch = next(each for each in slow.batches() if each)
    time.sleep(0.5)
    client.xadd("documents", {"event": json.dumps(put("wiki://a", text="New."))})
    following, taking = quick.batches(), intake(here)
    for _ in range(2):
        taking.take(next(following))
    assert taking.taken.queued == 2
    behind = intake(here)
    behind.run([batch], stop=lambda _: False)
    assert behind.taken.queued == 0
    here.worker().run(once=True)
    assert here.texts() == {"wiki://a": "New."}
    for each in (slow, quick):
        each.close()
    client.close()


def test_a_stream_that_goes_away_is_read_on_when_it_is_back() -> None:
    batches: list[list[Delivery] | None] = [Sent()(put("wiki://a")), None, Sent()(put("wiki://b"))]
    paused: list[float] = []

    def source() -> Iterator[list[Delivery]]:
        while batches:
            batch = batches.pop(0)
            if batch is None:
                raise Unavailable("Redis does not answer.")
            yield batch

    def stop(seconds: float) -> bool:
        paused.append(seconds)
        return False

    assert len(list(lasting(source, stop=stop))) == 2
    assert paused == [1.0]
    batches[:] = [None]
    with pytest.raises(Unavailable):
        next(iter(lasting(source, stop=stop)))


def test_events_that_come_while_old_ones_are_looked_for_are_read_at_once(
    here: Place, redis: RedisServer
) -> None:
    client = pytest.importorskip("redis").Redis.from_url(redis.url)
    stream = RedisStream(redis.url, stream="documents", group="footnote", again_ms=0)
    batches = stream.batches()
    for number in range(2):
        client.xadd("documents", {"event": json.dumps(put(f"wiki://{number}", text="Text."))})
        batch = next(batches)
        assert len(batch) == 1
        batch[0].acknowledge()
    stream.close()
    client.close()
