"""A flood over its budget, against a real server process: refused at once, and the others are answered as before.

A minute at 1,000 requests a second over a real index: `python -m benchmarks.overload`.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.identity.keys import Keys
from benchmarks.overload import asking, flood, measured
from benchmarks.streams.__main__ import at
from tests.app.test_api_shutdown import free_port, wait_until_ready

ROOT = Path(__file__).parents[2]
SERVE = """
import socket, sys
from pathlib import Path
from app.access_settings import BudgetSettings
from app.http.application import create_app
from app.http.uvicorn_server import serve_with_uvicorn
from app.settings import Settings
from tests.app.edge import ANSWERED, ScriptedTurn, service
listener = socket.socket()
listener.bind(("127.0.0.1", int(sys.argv[1])))
listener.listen(2_048)
settings = Settings(budgets=BudgetSettings(visitor_requests_per_minute=5))
turn = ScriptedTurn((*ANSWERED[:5], 0.05, *ANSWERED[5:]))
application = create_app(service(turn, keys=Path(sys.argv[2]), settings=settings))
serve_with_uvicorn(application, listener, settings.serve)
"""
PAGE = "https://page.example"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[int, str, str]]:
    """Return a server's port, the key of others and the token of a visitor."""
    keys, port = Keys(tmp_path / "keys.json"), free_port()
    page = keys.create("page", kind="page", origins=[PAGE]).secret
    others = keys.create("others", kind="server").secret
    arguments = [sys.executable, "-c", SERVE, str(port), str(tmp_path / "keys.json")]
    process = subprocess.Popen(arguments, cwd=ROOT)
    try:
        wait_until_ready(f"http://127.0.0.1:{port}")
        headers = {"Authorization": f"Bearer {page}", "Origin": PAGE}
        token = httpx.post(f"http://127.0.0.1:{port}/v1/visitors", headers=headers).json()["token"]
        yield port, others, token
    finally:
        process.kill()
        process.wait(10)


def test_a_flood_is_refused_quickly_and_others_are_answered_meanwhile(running: tuple[int, str, str]) -> None:
    """How quickly is measured where nothing else runs; here a machine may be shared."""
    port, others, visitor = running

    async def test() -> None:
        began = time.perf_counter()
        flooded, beside = await asyncio.gather(
            flood(port, visitor, 5, 200), asking(port, others, max(1.0, 4 - (time.perf_counter() - began)))
        )
        assert set(flooded["statuses"]) <= {"200", "429"}
        assert flooded["statuses"]["200"] <= 6
        assert flooded["statuses"]["429"] >= 990
        assert flooded["refused_p50_ms"] < 500
        assert len(beside) >= 3
        assert at(beside, 0.5) < 1

    asyncio.run(test())


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_minute_of_a_thousand_requests_a_second_delays_nobody() -> None:
    told = measured(seconds=60, rate=1_000)
    print(told)
    assert told["refused_p99_ms"] <= 50
    assert told["times_as_late"] <= 1.5
