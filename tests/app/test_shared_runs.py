"""Replicas that share runs through a real Redis: any of them resumes, watches and stops each."""

import asyncio
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from hypothesis import given

from app.events import Cancelled, Done, Event, Failed, Text
from app.question import Message, Question
from app.runs.board import (
    About,
    about_from_json,
    about_to_json,
    check_board,
    events_from_json,
    events_to_json,
)
from app.runs.run import Run
from app.runs.runs import RunLimits
from app.runs.shared import SharedRuns, Timing
from tests.app.dialects import turns
from tests.app.edge import ANSWER, ANSWERED, ScriptedTurn
from tests.app.test_api_shutdown import free_port, wait_until_ready
from tests.fakes.redis_server import RedisServer, redis_server
from vectorstore.errors import NotFound, Unavailable
from vectorstore.types import Condition, Scope

ROOT = Path(__file__).parents[2]
QUESTION = Question("How much leave?", Scope(), conversation="conv_1")
BEGUN = (*ANSWERED[:5], Text("Staff "))
FOREVER = 60.0
QUICK = Timing(beat=0.1, alive=3.0, wait=0.1, gather=0.005, retry=0.1)
"""A process that a busy machine holds up for a second or two is not dead."""
FRAME = re.compile(rb"id: (\d+)\ndata: ([^\n]*)\n\n")


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


def together(
    redis: RedisServer,
    turn: ScriptedTurn,
    test: Callable[[SharedRuns, SharedRuns], Awaitable[None]],
    *,
    timing: Timing = QUICK,
    limits: RunLimits | None = None,
) -> None:
    """Run a test with two replicas, of which the first executes `turn`; no task may be left behind."""

    async def main() -> None:
        async with AsyncExitStack() as stack:
            pair = [SharedRuns(turn, url=redis.url, timing=timing, limits=limits) for _ in "ab"]
            for runs in pair:
                await runs.open()
                stack.push_async_callback(runs.close)
                stack.push_async_callback(runs.drain, 0)
            await asyncio.wait_for(test(*pair), 30)
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        assert left == []

    asyncio.run(main())


async def read(runs: SharedRuns, run: Run, after: int = 0) -> list[Event]:
    with runs.reading(run):
        return [event async for _, event in run.events(after)]


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
    about = About("host", "anna", 1.5, True, False, {"model": "m", "previous": None, "flag": True}, question)
    assert about_from_json(about_to_json(about)) == about


@pytest.mark.parametrize("text", ["{", "[]", '[["Nothing",{}]]', '[["Done",{"reason":"?"}]]', "[[1]]", "{}"])
def test_json_that_another_version_wrote_is_refused_in_a_sentence(text: str) -> None:
    if text not in {"[]", "{}"}:
        with pytest.raises(Unavailable, match="cannot read"):
            events_from_json(text)
    with pytest.raises(Unavailable, match="same version"):
        about_from_json(text)


def test_another_replica_sees_every_event_in_order(redis: RedisServer) -> None:
    turn = ScriptedTurn([step for event in ANSWERED for step in (event, 0.01)])

    async def test(a: SharedRuns, b: SharedRuns) -> None:
        run = await a.begin(QUESTION, resumable=True, owner="anna")
        here, there = await asyncio.gather(read(a, run), read(b, await b.find(run.id, owner="anna")))
        assert here == there
        assert there[-1] == Done()
        late = await b.find(run.id, owner="anna")
        assert [await read(b, late, cut) for cut in range(len(here))] == [
            here[cut:] for cut in range(len(here))
        ]
        assert (late.created, late.owner, late.question) == (run.created, "anna", QUESTION)

    together(redis, turn, test)
    assert len(turn.asked) == 1


def test_a_run_is_stopped_through_another_replica(redis: RedisServer) -> None:
    turn = ScriptedTurn((*BEGUN, FOREVER))

    async def test(a: SharedRuns, b: SharedRuns) -> None:
        run = await a.begin(QUESTION, resumable=True)
        await anext(run.events(5))
        latest = await b.find_latest("conv_1", owner="")
        assert latest is not None
        assert latest.id == run.id
        began = time.monotonic()
        await b.stop(latest)
        assert latest.ending == run.ending == Cancelled("user")
        assert time.monotonic() - began < 5

    together(redis, turn, test)
    assert turn.open == 0


def test_another_owners_run_is_not_there(redis: RedisServer) -> None:
    async def test(a: SharedRuns, b: SharedRuns) -> None:
        run = await a.begin(QUESTION, resumable=True, owner="anna")
        for owner, identity in (("bert", run.id), ("anna", "run_none")):
            with pytest.raises(NotFound):
                await b.find(identity, owner=owner)
        assert await b.find_latest("conv_1", owner="bert") is None

    together(redis, ScriptedTurn(), test)


def test_a_reader_on_another_replica_keeps_a_run_going_and_its_leaving_stops_it(redis: RedisServer) -> None:
    async def test(a: SharedRuns, b: SharedRuns) -> None:
        run = await a.begin(QUESTION, resumable=True)
        copy = await b.find(run.id, owner="")
        with b.reading(copy):
            await asyncio.sleep(3.0)
            assert not run.ended
        await asyncio.wait_for(run.wait_for_end(15), 20)
        assert run.ending == Cancelled("disconnect")

    together(redis, ScriptedTurn((*BEGUN, FOREVER)), test, limits=RunLimits(grace_seconds=2.0))


def test_a_cancellation_that_the_client_loses_does_not_keep_a_replica_from_closing(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: list[str] = []

    async def beat(host: str) -> None:
        try:
            await asyncio.sleep(FOREVER)
        except asyncio.CancelledError:
            if lost:
                raise
            lost.append(host)

    async def test(a: SharedRuns, _: SharedRuns) -> None:
        monkeypatch.setattr(a._board, "beat", beat)
        await asyncio.sleep(0.3)

    together(redis, ScriptedTurn(ANSWERED), test)
    assert len(lost) == 1


def test_a_run_given_up_on_ends_once_for_everybody(redis: RedisServer) -> None:
    """A process that was paused for too long comes back and finds its run ended by others."""

    async def test(a: SharedRuns, b: SharedRuns) -> None:
        run = await a.begin(QUESTION, resumable=True)
        await anext(run.events(5))
        copies = [await b.find(run.id, owner="") for _ in "ab"]
        for copy in copies:
            await b._board.give_up(copy.id, Failed("internal", f"Gone, says {len(copies)}."))
        ends = [(await read(b, copy))[-1] for copy in copies]
        assert ends[0] == ends[1] == Failed("internal", "Gone, says 2.")
        await run.wait_for_end(5)
        assert run.ending == Cancelled("shutdown")

    together(redis, ScriptedTurn((*BEGUN, 0.3, Text("more"), FOREVER)), test)


def test_without_redis_answers_go_on_and_what_was_missed_is_written_later(tmp_path: Path) -> None:
    turn = ScriptedTurn([step for event in ANSWERED for step in (event, 0.02)])
    with redis_server(tmp_path) as redis:

        async def test(a: SharedRuns, b: SharedRuns) -> None:
            before = await a.begin(QUESTION, resumable=True)
            await anext(before.events(3))
            await asyncio.to_thread(redis.stop)
            assert (await read(a, before))[-1] == Done()
            during = await a.begin(QUESTION, resumable=True)
            assert (await read(a, during))[-1] == Done()
            with pytest.raises(Unavailable, match=r"Redis at 127.0.0.1:\d+.*FOOTNOTE_RUNS_URL"):
                await b.find(during.id, owner="")
            assert "Redis" in a.trouble
            await asyncio.to_thread(redis.start)
            deadline = time.monotonic() + 10
            while (a.trouble or a._unwritten) and time.monotonic() < deadline:
                await asyncio.sleep(0.05)
            for run in (before, during):
                assert (await b.find(run.id, owner="")).recorded == run.recorded
            assert a.trouble == ""

        together(redis, turn, test)


def test_what_a_run_leaves_in_redis_is_bounded_and_expires(redis: RedisServer) -> None:
    import redis as client

    async def test(a: SharedRuns, _: SharedRuns) -> None:
        runs = []
        for _ in range(4):
            run = await a.begin(QUESTION, resumable=True)
            await read(a, run)
            await a.stopped(run)
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

    together(redis, ScriptedTurn(), test, limits=RunLimits(kept=2, kept_seconds=30))


def test_a_redis_that_is_not_there_is_said_in_one_sentence() -> None:
    pytest.importorskip("redis")
    with pytest.raises(Unavailable) as said:
        check_board(f"redis://anna:secret@127.0.0.1:{free_port()}/0")
    assert re.fullmatch(
        r"Redis at 127.0.0.1:\d+, where .* does not answer \(ConnectionError\)\.", said.value.what
    )
    assert "secret" not in str(said.value)


SERVE = """
import sys, uvicorn
from app.service import ServiceSettings
from app.http.application import create_app
from tests.app.edge import ANSWERED, ScriptedTurn, service
pause, port, redis = float(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
turn = ScriptedTurn([step for event in ANSWERED for step in (event, pause)])
app = create_app(service(turn, settings=ServiceSettings(runs_url=redis, drain_seconds=1.0, base_url='https://footnote.example')))
uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", timeout_graceful_shutdown=10)
"""


@contextmanager
def replicas(redis: RedisServer, *, pause: float) -> Iterator[list[tuple[str, subprocess.Popen[bytes]]]]:
    """Run two service processes that share runs."""
    ports = [free_port(), free_port()]
    processes = [
        subprocess.Popen([sys.executable, "-c", SERVE, str(pause), str(port), redis.url], cwd=ROOT)
        for port in ports
    ]
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
