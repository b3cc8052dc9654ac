"""A flood over its budget beside others who ask: how fast it is refused, and how late the others' answers begin.

    python -m benchmarks.overload [--seconds 60] [--rate 1000] [--port 0]

A real service process over the sample handbook, without a language model. A server's key asks a question every half
second (`/v1/chat/completions`, time to first text), first alone, then while a process of its own sends `--rate`
requests a second as a visitor of a page, who may send 10 a minute. Times of the flood count from when a request was
due, so that a queue of ours is seen.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.identity.keys import Keys
from benchmarks.streams.__main__ import ROOT, Server, at, free_port, server

PAGE = "https://page.example"
COMMAND = ("-c", "from app.cli import main; main()")
_CONNECTIONS = 32
_QUESTIONS = (
    "How many days of annual leave do I get?",
    "What is the budget for home office equipment?",
    "When are expenses paid?",
    "Who approves business travel?",
)


@contextmanager
def footnote(port: int, folder: Path, **settings: str) -> Iterator[Server]:
    """Serve the sample handbook until the block ends."""
    environment = {"FOOTNOTE_DATA_DIR": str(folder), **settings}
    subprocess.run(
        [sys.executable, *COMMAND, "ingest", str(ROOT / "ingest/sample/handbook"), "--quiet"],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), **environment}, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    with server("Footnote", [*COMMAND, "serve", "--port", str(port)], port, **environment) as running:
        yield running


def request(port: int, path: str, secret: str, body: dict[str, Any], *, keep: bool) -> bytes:
    content = json.dumps(body).encode()
    return (
        f"POST {path} HTTP/1.1\r\nhost: localhost:{port}\r\nauthorization: Bearer {secret}\r\norigin: {PAGE}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(content)}\r\n"
        f"connection: {'keep-alive' if keep else 'close'}\r\n\r\n"
    ).encode() + content


def question(number: int) -> dict[str, Any]:
    messages = [{"role": "user", "content": _QUESTIONS[number % len(_QUESTIONS)]}]
    return {"model": "footnote", "stream": True, "messages": messages}


async def first_text(port: int, secret: str, number: int) -> float:
    """Ask, and return the seconds to the first text; the answer is read to its end."""
    began = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request(port, "/v1/chat/completions", secret, question(number), keep=False))
    received, first = bytearray(), 0.0
    while piece := await reader.read(65_536):
        received += piece
        if not first and b'"content":"' in received.replace(b'"content":""', b""):
            first = time.perf_counter() - began
    writer.close()
    assert b"data: [DONE]" in received, bytes(received[:400])
    return first


async def asking(port: int, secret: str, seconds: float) -> list[float]:
    """Ask every half second."""
    until, number, took = time.perf_counter() + seconds, 0, []
    while time.perf_counter() < until:
        due = time.perf_counter() + 0.5
        took.append(await first_text(port, secret, number))
        number += 1
        await asyncio.sleep(max(0, due - time.perf_counter()))
    return took


async def flood(port: int, secret: str, seconds: float, rate: float) -> dict[str, Any]:
    """Send so many requests a second and return what came of it; times in milliseconds."""
    asked = request(port, "/v1/chat/completions", secret, question(0), keep=True)
    took: list[float] = []
    statuses: Counter[str] = Counter()
    began, count = time.perf_counter(), int(seconds * rate)
    numbers = iter(range(count))

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number in numbers:
            due = began + number / rate
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            writer.write(asked)
            head = await reader.readuntil(b"\r\n\r\n")
            status = head[9:12].decode()
            statuses[status] += 1
            if status != "429":  # within the budget: a stream
                while (await reader.readline()).rstrip() != b"0":
                    pass
                await reader.readline()
                continue
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(int(length.split(b":")[1]))
            took.append((time.perf_counter() - due) * 1_000)
        writer.close()

    await asyncio.gather(*(client() for _ in range(_CONNECTIONS)))
    lasted = time.perf_counter() - began
    return {
        "statuses": dict(statuses),
        "per_second": round(count / lasted),
        "refused_p50_ms": round(at(took, 0.5), 1),
        "refused_p99_ms": round(at(took, 0.99), 1),
        "refused_max_ms": round(max(took), 1),
    }


def both(running: Server, port: int, *, ours: str, other: str, seconds: float, rate: float) -> dict[str, Any]:
    """Ask alone, then beside the flood."""
    asyncio.run(asking(port, ours, 3))
    alone = asyncio.run(asking(port, ours, max(10.0, seconds / 3)))
    arguments = json.dumps({"port": port, "secret": other, "seconds": seconds, "rate": rate})
    flooding = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.overload", "--flood", arguments], cwd=ROOT, stdout=subprocess.PIPE
    )
    try:
        time.sleep(1)
        before = running.cpu()
        beside = asyncio.run(asking(port, ours, seconds - 1))
        cpu = running.cpu() - before
        flooded, _ = flooding.communicate(timeout=seconds + 30)
    finally:
        flooding.kill()
    return {
        **json.loads(flooded),
        "load_average": os.getloadavg()[0],
        "cpu_of_the_service": round(cpu / seconds, 2),
        "first_text_alone_p50_ms": round(at(alone, 0.5) * 1_000, 1),
        "first_text_beside_p50_ms": round(at(beside, 0.5) * 1_000, 1),
        "first_text_alone_p95_ms": round(at(alone, 0.95) * 1_000, 1),
        "first_text_beside_p95_ms": round(at(beside, 0.95) * 1_000, 1),
        "times_as_late": round(at(beside, 0.5) / at(alone, 0.5), 2),
    }


def measured(*, seconds: float, rate: float, port: int = 0, server: str = "uvicorn") -> dict[str, Any]:
    """Run all of it."""
    port = port or free_port()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        keys = Keys(folder / "keys.json")
        page = keys.create("page", kind="page", origins=[PAGE]).secret
        ours = keys.create("others", kind="server").secret
        settings = {"FOOTNOTE_VISITOR_REQUESTS_PER_MINUTE": "10", "FOOTNOTE_SERVER": server}
        with footnote(port, folder, **settings) as running:
            return both(running, port, ours=ours, other=visitor(port, page), seconds=seconds, rate=rate)


def visitor(port: int, page: str) -> str:
    """Return the token of a new visitor of the page."""
    asked = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/visitors",
        method="POST",
        headers={"Authorization": f"Bearer {page}", "Origin": PAGE},
    )
    with urllib.request.urlopen(asked, timeout=30) as answer:
        return str(json.load(answer)["token"])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=float, default=1_000)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--server", choices=("uvicorn", "granian"), default="uvicorn")
    parser.add_argument("--flood", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.flood:
        print(json.dumps(asyncio.run(flood(**json.loads(given.flood)))))
        return
    print(
        json.dumps(
            measured(seconds=given.seconds, rate=given.rate, port=given.port, server=given.server), indent=1
        )
    )


if __name__ == "__main__":
    main()
