"""A service that is used without a pause: does memory grow, do file descriptors or tasks pile up?

    python -m benchmarks.soak [--minutes 10] [--rate 20]

A real service process over the sample handbook, without a language model; half of the requests search or ask, half
list, are refused, or leave in the midst of an answer. A document is put into the index every minute, so that the
service reloads it. Answers are kept for a minute and not for ten, so that their number stands before the warm-up is
over. After a warm-up of a third of the time a line is laid through its memory; a slope over ten minutes
says no more than its error, which is told beside it.
"""

import argparse
import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import linear_regression
from typing import Any

import httpx

from app.identity.keys import Keys
from benchmarks.streams.__main__ import ROOT, free_port, server

SERVE = """
import asyncio, socket, sys
from app.build import build, build_service
from app.http.application import create_app
from app.http.uvicorn_server import serve_with_uvicorn
from app.settings import Settings
from starlette.responses import JSONResponse
from starlette.routing import Route
listener = socket.socket()
listener.bind(("127.0.0.1", int(sys.argv[1])))
listener.listen(2_048)
settings = Settings()
application = create_app(build_service(build(settings), settings))
async def tasks(request):
    return JSONResponse({"tasks": len(asyncio.all_tasks()), "runs": application.state.runs.active})
application.router.routes.insert(0, Route("/tasks", tasks))
serve_with_uvicorn(application, listener, settings.serve)
"""


async def one(client: httpx.AsyncClient, kinds: Counter[str], chosen: random.Random) -> None:
    """Send one request of some kind."""
    kind = chosen.choices(["ask", "leave", "search", "list", "wrong", "odd"], [1, 1, 2, 2, 1, 1])[0]
    try:
        if kind in {"ask", "leave"}:
            body = {
                "message": chosen.choice(["How many days of leave?", "Who pays for travel?", "Home office?"])
            }
            async with client.stream("POST", "/v1/chat", json=body) as stream:
                async for _ in stream.aiter_raw():
                    if kind == "leave":
                        break
            status = stream.status_code
        elif kind == "search":
            status = (await client.post("/v1/search", json={"query": "annual leave"})).status_code
        elif kind == "list":
            status = (await client.get("/v1/documents")).status_code
        elif kind == "wrong":
            headers = {"Authorization": "Bearer fn_00000000_wrong"}
            status = (await client.get("/v1/models", headers=headers)).status_code
        else:
            status = (await client.post("/v1/chat", json={"no": "question"})).status_code
        kinds[f"{kind} {status}"] += 1
    except httpx.HTTPError as error:
        kinds[f"{kind} {type(error).__name__}"] += 1


def memory_and_descriptors(pid: int) -> tuple[float, int]:
    """Return a process's memory in MiB and its open descriptors."""
    status = Path(f"/proc/{pid}/status").read_text()
    kib = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    return kib / 1_024, len(list(Path(f"/proc/{pid}/fd").iterdir()))


async def state(client: httpx.AsyncClient, pid: int) -> tuple[float, int, int]:
    """Return memory in MiB, open descriptors and tasks."""
    tasks = (await client.get("/tasks")).json()["tasks"]
    return *memory_and_descriptors(pid), tasks


async def soak(
    url: str, pid: int, secret: str, *, minutes: float, rate: float, ingest: list[str]
) -> dict[str, Any]:
    chosen, kinds, seen = random.Random(1), Counter[str](), []
    began, pending = time.monotonic(), set[asyncio.Task[None]]()
    headers = {"Authorization": f"Bearer {secret}"}
    reloads = 0
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as client:
        number = 0
        while (now := time.monotonic() - began) < minutes * 60:
            if now >= reloads * 60:
                reloads += 1
                folder = Path(ingest[-1])
                (folder / f"note{reloads}.md").write_text(
                    f"# Note {reloads}\n\nWritten in minute {reloads}.\n"
                )
                await asyncio.create_subprocess_exec(*ingest, cwd=ROOT, stdout=subprocess.DEVNULL)
            if len(seen) <= now / 5:
                seen.append((now / 3_600, *await state(client, pid)))
            if len(pending) < 200:
                task = asyncio.create_task(one(client, kinds, chosen))
                pending.add(task)
                task.add_done_callback(pending.discard)
            else:
                kinds["not sent: 200 wait"] += 1
            number += 1
            await asyncio.sleep(max(0, began + number / rate - time.monotonic()))
        await asyncio.gather(*pending, return_exceptions=True)
        await asyncio.sleep(20)  # graces run out, and what stood idle is closed
        last = await state(client, pid)
    return {"requests": dict(sorted(kinds.items())), "reloads": reloads, **told(seen, last)}


def told(seen: Sequence[tuple[float, float, int, int]], last: tuple[float, int, int]) -> dict[str, Any]:
    """Lay lines through what was seen after the warm-up, and through each half of it."""
    warm = [each for each in seen if each[0] >= seen[-1][0] / 3]
    hours, memory = [each[0] for each in warm], [each[1] for each in warm]
    line = linear_regression(hours, memory)
    rest = [y - (line.slope * x + line.intercept) for x, y in zip(hours, memory, strict=True)]
    spread = sum((x - sum(hours) / len(hours)) ** 2 for x in hours)
    error = (sum(r * r for r in rest) / max(1, len(rest) - 2) / spread) ** 0.5
    return {
        "rss_mib": [round(memory[0], 1), round(max(memory), 1), round(last[0], 1)],
        "rss_slope_mib_per_hour": f"{line.slope:.1f} ± {2 * error:.1f}",
        "descriptors": [warm[0][2], max(each[2] for each in warm), last[1]],
        "tasks": [warm[0][3], max(each[3] for each in warm), last[2]],
        "memory_each_minute": [round(each[1], 1) for each in seen[::12]],
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=float, default=20)
    given = parser.parse_args()
    port = free_port()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        documents = folder / "documents"
        documents.mkdir()
        for path in (ROOT / "ingest/sample/handbook").rglob("*.md"):
            (documents / path.name).write_bytes(path.read_bytes())
        data = {"FOOTNOTE_DATA_DIR": str(folder / "data"), "FOOTNOTE_KEPT_SECONDS": "60"}
        command = [
            "env",
            *(f"{k}={v}" for k, v in data.items()),
            sys.executable,
            "-c",
            "from app.cli import main; main()",
        ]
        ingest = [*command, "ingest", "--quiet", str(documents)]
        (documents / "note0.md").write_text("# Note\n\nThe first.\n")
        subprocess.run(ingest, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        secret = Keys(folder / "data" / "keys.json").create("soak").secret
        with server("Footnote", ["-c", SERVE, str(port)], port, **data) as running:
            done = soak(
                running.url, running.pid, secret, minutes=given.minutes, rate=given.rate, ingest=ingest
            )
            print(json.dumps(asyncio.run(done), indent=1))


if __name__ == "__main__":
    main()
