"""Many cuts: clients that leave at any token, and streams that are taken up again wherever they broke."""

import asyncio
import random
import re
import time
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from statistics import median

import httpx
import pytest

from app.events import Done, Event, Text
from app.question import Question
from app.settings import RunSettings, Settings
from tests.app.edge import ANSWERED, ScriptedTurn, Served, serve, service

FRAME = re.compile(rb"id: (\d+)\ndata: [^\n]*\n\n")
AT_ONCE = 4  # the clients share the process, and so its lock, with the server
SETTINGS = Settings(runs=RunSettings(max_concurrent_runs=100, max_queued_runs=1_000))


class TimedTurn:
    """Writes for a minute, and notes when each run's turn was closed."""

    def __init__(self) -> None:
        self.closed: dict[str, float] = {}

    async def __call__(self, question: Question, run: str) -> AsyncGenerator[Event, None]:
        try:
            for event in ANSWERED[:5]:
                yield event
            for _ in range(6_000):
                yield Text("word ")
                await asyncio.sleep(0.01)
            yield Done()
        finally:
            self.closed[run] = time.monotonic()


def leave(served: Served, seed: int) -> tuple[str, float]:
    """Read a random number of tokens, hang up, and say which run it was and when."""
    tokens = random.Random(seed).randint(0, 20)
    body = {"messages": [{"role": "user", "content": "q"}], "stream": True}
    with httpx.stream("POST", f"{served.url}/v1/chat/completions", json=body) as response:
        lines = (line for line in response.iter_lines() if "word " in line)
        for _ in range(tokens):
            next(lines)
        run = response.headers["x-run-id"]
    return run, time.monotonic()


def cut_and_take_up(served: Served, seed: int) -> None:
    """Break a stream off after a random number of bytes, take it up, and compare with the whole."""
    wanted = random.Random(seed).randint(1, 9_000)
    received = b""
    with httpx.stream("POST", f"{served.url}/v1/chat", json={"message": "q"}) as response:
        run = response.headers["x-run-id"]
        for piece in response.iter_raw(chunk_size=256):
            received += piece
            if len(received) >= wanted:
                break
    received = received[:wanted]
    numbers = [int(number) for number in FRAME.findall(received)]
    first = b"".join(match[0] for match in FRAME.finditer(received))
    events = f"{served.url}/v1/runs/{run}/events"
    rest = httpx.get(events, headers={"Last-Event-ID": str(max(numbers, default=0))}).content
    whole = httpx.get(events).content
    assert first + b"".join(match[0] for match in FRAME.finditer(rest)) == b"".join(
        match[0] for match in FRAME.finditer(whole)
    )
    assert whole.endswith(b"data: [DONE]\n\n")


def pieces_of(body: bytes) -> list[bytes]:
    """Split a stream into its events, comments left out."""
    whole = body.replace(b": open\n", b"").replace(b": ping\n", b"").replace(b"retry: 1500\n", b"")
    return [piece + b"\n\n" for piece in whole.split(b"\n\n")[:-1]]


def cut_after(served: Served, dialect: str, events: int) -> str:
    """Hang up after so many events, take the stream up in the dialect's own way; return the kind that was last."""
    asked = {"native": "/v1/chat", "responses": "/v1/responses", "useChat": "/api/chat"}[dialect]
    chat = f"chat-{dialect}-{events}-{time.monotonic_ns()}"
    message = {"role": "user", "content": "q"}
    body = {"id": chat, "messages": [message], "input": "q", "stream": True, "background": True}
    received = b""
    with httpx.stream("POST", served.url + asked, json=body) as response:
        run = response.headers["x-run-id"]
        for piece in response.iter_raw(chunk_size=64):
            received += piece
            if len(pieces_of(received)) >= events:
                break
    got = pieces_of(received)[:events]
    match dialect:
        case "native":
            address, kept = f"/v1/runs/{run}/events?after={events}", got
        case "responses":
            address = f"/v1/responses/{run.replace('run_', 'resp_')}?stream=true"
            address, kept = (f"{address}&starting_after={events - 1}" if events else address), got
        case _:
            address, kept = f"/api/chat/{chat}/stream", []
    taken_up = httpx.get(served.url + address, timeout=30)
    native = pieces_of(httpx.get(f"{served.url}/v1/runs/{run}/events").content)
    if dialect == "responses":
        whole = pieces_of(
            httpx.get(f"{served.url}/v1/responses/{run.replace('run_', 'resp_')}?stream=true").content
        )
    elif dialect == "native":
        whole = native
    else:
        whole = [re.sub(rb"^id: \d+\n", b"", piece) for piece in native]
    if taken_up.status_code == 204:  # the whole had been written when the client came back
        assert dialect == "useChat"
        return "ended"
    assert kept + pieces_of(taken_up.content) == whole
    kind = re.search(rb'"type":"([^"]+)"', got[-1]) if got else None
    return kind[1].decode() if kind else "none"


def cut_everywhere(count: int) -> set[str]:
    """Cut each dialect after its first event, its second and so on, in turn; return the kinds that were cut after."""
    turn = ScriptedTurn([step for event in ANSWERED for step in (event, 0.02)])
    jobs = [(dialect, events) for events in range(40) for dialect in ("native", "responses", "useChat")]
    lengths = {"native": 17, "useChat": 17, "responses": 22}
    jobs = [(dialect, events) for dialect, events in jobs if events < lengths[dialect]]
    with serve(service(turn, settings=SETTINGS)) as served, ThreadPoolExecutor(AT_ONCE) as pool:
        chosen = [jobs[place % len(jobs)] for place in range(count)]
        kinds = set(pool.map(lambda job: cut_after(served, *job), chosen))
    assert len(turn.asked) == count
    return kinds


def left_and_closed(count: int) -> list[float]:
    turn = TimedTurn()
    with serve(service(turn, settings=SETTINGS)) as served:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            left = list(pool.map(partial(leave, served), range(count)))
        deadline = time.monotonic() + 20
        while served.runs.active and time.monotonic() < deadline:
            time.sleep(0.01)
        assert served.runs.active == 0
        assert served.runs.places._free == SETTINGS.runs.max_concurrent_runs
        assert not served.runs._graces
    assert len(turn.closed) == count
    return sorted(turn.closed[run] - at for run, at in left)


def cuts(count: int) -> None:
    slow = [step for event in ANSWERED for step in (event, 0.01)]
    turn = ScriptedTurn(slow)
    with serve(service(turn, settings=SETTINGS)) as served, ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(partial(cut_and_take_up, served), range(count)))
    assert len(turn.asked) == count


def test_leaving_at_any_token_stops_the_turn() -> None:
    assert median(left_and_closed(20)) <= 0.5  # a busy machine may hold up some


def test_a_stream_cut_at_any_byte_is_taken_up() -> None:
    cuts(20)


def test_a_stream_cut_after_any_event_is_taken_up_in_its_own_dialect() -> None:
    kinds = cut_everywhere(56)
    assert {"start", "source-document", "text-start", "text-delta", "text-end", "finish-step"} <= kinds
    assert {"response.created", "response.output_text.delta", "response.output_item.done"} <= kinds


@pytest.mark.slow
def test_two_hundred_cuts_at_every_kind_of_event_ask_the_model_once_each() -> None:
    print("cut after:", *sorted(cut_everywhere(200)))


@pytest.mark.slow
def test_a_thousand_clients_that_leave_stop_a_thousand_turns() -> None:
    took = left_and_closed(1_000)
    print(f"1,000 turns closed: median {took[500] * 1000:.1f} ms, longest {took[-1] * 1000:.1f} ms")
    assert took[-1] <= 0.5


@pytest.mark.slow
def test_two_hundred_cuts_lose_and_repeat_nothing() -> None:
    cuts(200)
