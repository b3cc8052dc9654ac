"""Replicas that share runs through a real Redis: any of them resumes, watches and stops each."""

import asyncio
import json
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path

import httpx
import pytest
from hypothesis import given

from app.events import Cancelled, Done, Event, Failed, Text
from app.question import Message, Question
from app.runs.redis_format import check_board, events_from_json, events_to_json, run_from_json, run_to_json
from app.runs.run import Run
from app.settings import RunSettings
from tests import forked
from tests.app.boards import Boards, begun, read, redis_board
from tests.app.dialects import turns
from tests.app.edge import ANSWER, ANSWERED, ScriptedTurn
from tests.app.test_api_shutdown import free_port, wait_until_ready
from tests.fakes.redis_server import RedisServer, redis_server
from vectorstore.errors import Unavailable
from vectorstore.types import Condition, Scope

ROOT = Path(__file__).parents[2]
QUESTION = Question("How much leave?", Scope(), conversation="conv_1", top_k=6)
BEGUN = (*ANSWERED[:5], Text("Staff "))
FOREVER = 60.0
FRAME = re.compile(rb"id: (\d+)\ndata: ([^\n]*)\n\n")


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


def at(redis: RedisServer) -> Boards:
    return Boards(lambda settings: redis_board(redis.url, settings), is_shared=True)


@given(events=turns())
def test_events_come_back_from_json_as_they_were(events: list[Event]) -> None:
    assert events_from_json(events_to_json(events)) == events


def test_what_is_known_of_a_run_comes_back_as_it_was() -> None:
    question = replace(
        QUESTION,
        text="lone \ud83d half",
        scope=Scope("t", frozenset({"hr"})),
        history=(Message("user", "x"),),
        where=(Condition("n", "in", (True, 1, 1.5, "a")), Condition("n", "range", (1, None))),
    )
    dialect = {"model": "m", "previous": None, "flag": True}
    run = Run(question, "anna", True, False, dialect, "run_1", 1.5, "host")
    run.append(Text("Staff "))
    there = run_from_json("run_1", run_to_json(run))
    assert [getattr(there, each.name) for each in fields(Run)] == [
        getattr(run, each.name) for each in fields(Run)
    ]
    assert (there.recorded, there.size) == ([], run.size - len("Staff "))


@pytest.mark.parametrize("text", ["{", "[]", '[["Nothing",{}]]', '[["Done",{"reason":"?"}]]', "[[1]]", "{}"])
def test_json_that_another_version_wrote_is_refused_in_a_sentence(text: str) -> None:
    if text not in {"[]", "{}"}:
        with pytest.raises(Unavailable, match="cannot read"):
            events_from_json(text)
    with pytest.raises(Unavailable, match="same version"):
        run_from_json("run_1", text)


def test_a_cancellation_that_the_client_loses_does_not_keep_a_replica_from_closing(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: list[str] = []

    async def beat(*_: object, **__: object) -> None:
        try:
            await asyncio.sleep(FOREVER)
        except asyncio.CancelledError:
            if lost:
                raise
            lost.append("one")

    boards = at(redis)

    async def test() -> None:
        a, _ = await boards.open(ScriptedTurn())
        monkeypatch.setattr(a.board._client, "set", beat)  # type: ignore[attr-defined]
        await asyncio.sleep(0.3)

    boards.together(test)
    assert len(lost) == 1


def test_a_run_given_up_on_ends_once_for_everybody(redis: RedisServer) -> None:
    """A process that was paused for too long comes back and finds its run ended by others."""
    boards = at(redis)

    async def test() -> None:
        a, b = await boards.open(ScriptedTurn((*BEGUN, 0.3, Text("more"), FOREVER)))
        run = await a.begin(QUESTION, resumable=True)
        await begun(run, len(BEGUN))
        copies = [await b.find(run.id, owner="") for _ in "ab"]
        for number, copy in enumerate(copies):
            await b.board._give_up(copy, Failed("internal", f"Gone, says {number}."))  # type: ignore[attr-defined]
        ends = [(await read(b, copy))[-1] for copy in copies]
        assert ends[0] == ends[1] == Failed("internal", "Gone, says 0.")
        await run.wait_for_end(5)
        assert run.ending == Cancelled("shutdown")

    boards.together(test)


def test_a_message_that_nobody_understands_harms_nobody(
    redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    import redis as client

    boards = at(redis)

    async def test() -> None:
        a, b = await boards.open(ScriptedTurn((*BEGUN, FOREVER)))
        run = await a.begin(QUESTION, resumable=True)
        with client.Redis.from_url(redis.url) as connection:
            deadline = time.monotonic() + 10
            for said in (
                "{",
                "[]",
                "7",
                '{"do":"stop"}',
                '{"do":"erase","erasure":1}',
                '{"do":"stop","run":[]}',
            ):
                while not connection.publish(f"footnote:process:{run.host}", said):
                    assert time.monotonic() < deadline
        await b.stop(await b.find(run.id, owner=""))
        assert run.ending == Cancelled("user")

    boards.together(test)
    assert "broke" not in caplog.text


def test_without_redis_answers_go_on_and_what_was_missed_is_written_later(tmp_path: Path) -> None:
    turn = ScriptedTurn([step for event in ANSWERED for step in (event, 0.02)])
    with redis_server(tmp_path) as redis:
        boards = at(redis)

        async def test() -> None:
            a, b = await boards.open(turn)
            before = await a.begin(QUESTION, resumable=True)
            await begun(before, 3)
            await asyncio.to_thread(redis.stop)
            assert (await read(a, before))[-1] == Done()
            during = await a.begin(QUESTION, resumable=True)
            assert (await read(a, during))[-1] == Done()
            with pytest.raises(Unavailable, match=r"Redis at 127.0.0.1:\d+.*FOOTNOTE_RUNS_URL"):
                await b.find(during.id, owner="")
            assert "Redis" in a.board.trouble
            await asyncio.to_thread(redis.start)
            deadline = time.monotonic() + 10
            while (a.board.trouble or a.board._unwritten) and time.monotonic() < deadline:  # type: ignore[attr-defined]
                await asyncio.sleep(0.05)
            for run in (before, during):
                assert (await b.find(run.id, owner="")).recorded == run.recorded
            assert a.board.trouble == ""

        boards.together(test)


def test_what_a_run_leaves_in_redis_is_bounded_and_expires(redis: RedisServer) -> None:
    import redis as client

    boards = at(redis)

    async def test() -> None:
        a, _ = await boards.open(ScriptedTurn(), settings=RunSettings(kept_runs=2, kept_seconds=30))
        runs = []
        for _ in range(4):
            run = await a.begin(QUESTION, resumable=True)
            await read(a, run)
            runs.append(run)
        deadline = time.monotonic() + 20
        oldest, newest = f"footnote:run:{runs[0].id}", f"footnote:run:{runs[-1].id}:events"
        with client.Redis.from_url(redis.url) as connection:
            # Both are done behind the runs' back.
            while connection.exists(oldest) or not connection.exists(newest):
                assert time.monotonic() < deadline
                await asyncio.sleep(0.02)
            assert not connection.exists(f"{oldest}:events")
            lasting = [key for key in connection.scan_iter("footnote:*") if connection.ttl(key) < 0]
            assert lasting == []
            assert 0 < connection.ttl(newest) <= 30

    boards.together(test)


def test_a_redis_that_is_not_there_is_said_in_one_sentence() -> None:
    pytest.importorskip("redis")
    with pytest.raises(Unavailable) as said:
        check_board(f"redis://anna:secret@127.0.0.1:{free_port()}/0")
    assert re.fullmatch(
        r"Redis at 127.0.0.1:\d+, which replicas share, does not answer \(ConnectionError\)\.",
        said.value.what,
    )
    assert "secret" not in str(said.value)


SERVE = """
import sys, uvicorn
from app.settings import ClientSettings, RunSettings, ServeSettings, Settings
from app.http.application import create_app
from tests.app.edge import ANSWERED, ScriptedTurn, service
pause, port, redis = float(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
turn = ScriptedTurn([step for event in ANSWERED for step in (event, pause)])
app = create_app(service(turn, settings=Settings(runs=RunSettings(runs_url=redis), serve=ServeSettings(drain_seconds=1.0), client=ClientSettings(base_url='https://footnote.example'))))
uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", timeout_graceful_shutdown=10)
"""


@contextmanager
def replicas(redis: RedisServer, *, pause: float) -> Iterator[list[tuple[str, forked.Process]]]:
    """Run two service processes that share runs."""
    ports = [free_port(), free_port()]
    processes = [forked.script(SERVE, str(pause), str(port), redis.url) for port in ports]
    urls = [f"http://127.0.0.1:{port}" for port in ports]
    try:
        for url in urls:
            wait_until_ready(url)
        yield list(zip(urls, processes, strict=True))
    finally:
        for process in processes:
            process.kill()
            process.wait(10)


def frames(body: bytes) -> list[tuple[int, bytes]]:
    return [(int(number), data) for number, data in FRAME.findall(body)]


def test_a_run_on_one_process_is_resumed_after_any_event_through_another(redis: RedisServer) -> None:
    with replicas(redis, pause=0.05) as ((one, _), (two, _)):
        with httpx.stream("POST", f"{one}/v1/chat", json={"message": "q"}) as response:
            events = f"{two}/v1/runs/{response.headers['x-run-id']}/events"
            next(response.iter_raw())
        # followed while it is written, the asker having left
        whole = frames(httpx.get(events, timeout=20).content)
        for cut in range(len(whole)):
            rest = frames(httpx.get(events, headers={"Last-Event-ID": str(cut)}).content)
            assert rest == whole[cut:]
        parts = [json.loads(data) for _, data in whole if data != b"[DONE]"]
        assert "".join(part["delta"] for part in parts if part["type"] == "text-delta") == ANSWER
        assert frames(httpx.get(events.replace(two, one)).content) == whole


def test_chats_and_responses_are_resumed_and_stopped_through_another_process(redis: RedisServer) -> None:
    chat = {"id": "chat1", "messages": [{"role": "user", "content": "q"}]}
    with replicas(redis, pause=0.3) as ((one, _), (two, _)):
        with httpx.stream("POST", f"{one}/api/chat", json=chat) as response:
            next(response.iter_raw())
        resumed = httpx.get(f"{two}/api/chat/chat1/stream", timeout=20)
        assert '"type":"finish"' in resumed.text
        assert httpx.get(f"{two}/api/chat/chat1/stream").status_code == 204
        with httpx.stream("POST", f"{one}/api/chat", json=chat) as response:
            lines = response.iter_lines()
            next(lines)
            assert httpx.post(f"{two}/api/chat/chat1/stop", timeout=20).json() == {"stopped": True}
            assert any('"type":"abort"' in line for line in lines)
        made = httpx.post(f"{one}/v1/responses", json={"input": "q", "background": True}).json()
        assert httpx.get(f"{two}/v1/responses/{made['id']}").json()["status"] == "in_progress"
        stopped = httpx.post(f"{two}/v1/responses/{made['id']}/cancel", timeout=20).json()
        assert stopped["status"] == "cancelled"
        assert httpx.get(f"{one}/v1/responses/{made['id']}").json() == stopped


def test_readers_elsewhere_get_a_typed_failure_when_the_process_is_killed(redis: RedisServer) -> None:
    with replicas(redis, pause=1.0) as ((one, first), (two, _)):
        with httpx.stream("POST", f"{one}/v1/chat", json={"message": "q"}, timeout=20) as response:
            run = response.headers["x-run-id"]
            next(response.iter_raw())
            with httpx.stream("GET", f"{two}/v1/runs/{run}/events", timeout=20) as followed:
                lines = followed.iter_lines()
                next(line for line in lines if "text-delta" in line)
                first.send_signal(signal.SIGKILL)
                began = time.monotonic()
                rest = list(lines)
        took = time.monotonic() - began
        assert any('"type":"error"' in line and "is gone" in line for line in rest)
        assert rest[-2] == "data: [DONE]"
        again = httpx.get(f"{two}/v1/runs/{run}/events").text
        assert "is gone" in again
        print(f"A reader on another process was told after {took:.1f} s")
        assert took < 10


def test_a_process_that_is_ended_gives_its_last_words_to_readers_elsewhere(redis: RedisServer) -> None:
    with replicas(redis, pause=30.0) as ((one, first), (two, _)):
        with httpx.stream("POST", f"{one}/v1/chat", json={"message": "q"}, timeout=20) as response:
            run = response.headers["x-run-id"]
            next(response.iter_raw())
            with httpx.stream("GET", f"{two}/v1/runs/{run}/events", timeout=20) as followed:
                lines = followed.iter_lines()
                next(line for line in lines if '"start"' in line)
                first.send_signal(signal.SIGTERM)
                rest = list(lines)
        assert any('"type":"error"' in line and "shut" in line for line in rest)
