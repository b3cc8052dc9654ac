"""What being seen costs: the processor time of a service with logs and metrics, and with every request traced.

    python -m benchmarks.overhead [--pairs 10] [--clients 200] [--tokens 100] [--server uvicorn|granian] [--out FILE]

Three services run side by side over the sample handbook and one model (benchmarks/streams/model.py): one that counts
nothing and logs only errors, one that logs a line for each request and answer and whose metrics are read every five
seconds, one that traces every request for a collector in a process of its own. Each pair asks all three the same
questions, one after the other, every time in another order, `clients` streams at a time. Compared is the processor
time of the service's process a token that the model sent. The figure is the median of the pairs' ratios, its interval
95 % of 10,000 draws of the pairs with replacement. On a busy machine the intervals say how little it tells.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from benchmarks.streams.__main__ import ROOT, Server, free_port, load, script, sent, server

AIMS = {"logs and metrics": 0.02, "all traced": 0.05}
FOOTNOTE = ["-c", "from app.cli import main; main()"]
OFF = {"FOOTNOTE_LOG_LEVEL": "error", "FOOTNOTE_LOG_REQUESTS": "false"}
_DRAWS = 10_000


class Sink(BaseHTTPRequestHandler):
    """A collector that reads and forgets."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def read_now_and_then(url: str, seconds: float) -> Iterator[None]:
    """Read an address every so many seconds, as Prometheus does."""
    over = threading.Event()

    def read() -> None:
        while not over.wait(seconds):
            with urllib.request.urlopen(url, timeout=30) as answer:
                answer.read()

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def interval(ratios: Sequence[float]) -> tuple[float, float]:
    """Return between what the median lies in 95 % of draws."""
    chance = random.Random(7)
    drawn = sorted(statistics.median(chance.choices(ratios, k=len(ratios))) for _ in range(_DRAWS))
    return drawn[int(0.025 * _DRAWS)], drawn[int(0.975 * _DRAWS)]


def begun(kind: str, folder: Path, stack: ExitStack) -> tuple[Server, dict[str, Server]]:
    """Start the model, the collector and the three services."""
    ports = [free_port() for _ in range(6)]
    model = stack.enter_context(server("model", ["-m", "benchmarks.streams.model", str(ports[0])], ports[0]))
    stack.enter_context(server("collector", ["-m", "benchmarks.overhead", "--sink", str(ports[1])], ports[1]))
    ways = {
        "off": OFF,
        "logs and metrics": {"FOOTNOTE_LOG_FORMAT": "json", "FOOTNOTE_METRICS_PORT": str(ports[2])},
        "all traced": {
            **OFF,
            "FOOTNOTE_TRACES": "true",
            "FOOTNOTE_TRACES_ENDPOINT": f"http://127.0.0.1:{ports[1]}",
        },
    }
    settings = {
        "FOOTNOTE_LLM_BASE_URL": f"{model.url}/v1",
        "FOOTNOTE_LLM_MODEL": "paced",
        "FOOTNOTE_ANSWER_THRESHOLD": "0",
        "FOOTNOTE_MAX_CONCURRENT_RUNS": "1200",
        "FOOTNOTE_MAX_CALLER_RUNS": "1200",
        "FOOTNOTE_CACHE_ANSWERS": "off",
        "FOOTNOTE_SERVER": kind,
    }
    services: dict[str, Server] = {}
    for place, (name, way) in enumerate(ways.items()):
        of = {**settings, **way, "FOOTNOTE_DATA_DIR": str(folder / str(place))}
        subprocess.run(
            [sys.executable, *FOOTNOTE, "ingest", str(ROOT / "ingest/sample/handbook"), "--quiet"],
            cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), **of, **OFF, "FOOTNOTE_TRACES": "false"}, check=True,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        port = ports[3 + place]
        log = stack.enter_context((folder / f"{place}.log").open("w"))
        services[name] = stack.enter_context(
            server(name, [*FOOTNOTE, "serve", "--port", str(port)], port, log=log, **of)
        )
    stack.enter_context(read_now_and_then(f"http://127.0.0.1:{ports[2]}/metrics", 5.0))
    return model, services


def measured(
    model: Server, services: dict[str, Server], *, pairs: int, clients: int, tokens: int
) -> dict[str, Any]:
    """Ask all services in every pair, and return the figures."""
    cases = [json.loads(line) for line in (ROOT / "eval/sample/cases.jsonl").read_text().splitlines()]
    questions = [case["question"] for case in cases if case["answerable"]]
    script(model, first=0.0, pause=0.001, tokens=20)
    for each in services.values():
        load(each, questions, clients=4, rounds=30, spread=0.0)
    whole = script(model, first=0.2, pause=0.05, tokens=tokens)
    chance, cost, errors = random.Random(3), {name: list[float]() for name in services}, 0
    for pair in range(pairs):
        for name in chance.sample(list(services), k=len(services)):
            before, written = services[name].cpu(), sent(model)
            streams = load(services[name], questions, clients=clients, rounds=1, spread=whole)
            cost[name].append((services[name].cpu() - before) * 1e6 / (sent(model) - written))
            errors += sum(bool(stream["error"]) for stream in streams)
        print(f"pair {pair + 1}", {name: round(costs[-1]) for name, costs in cost.items()}, flush=True)
    result: dict[str, Any] = {"us_per_token": cost, "errors": errors}
    for name, aim in AIMS.items():
        ratios = [on / off for on, off in zip(cost[name], cost["off"], strict=True)]
        low, high = interval(ratios)
        middle = statistics.median(ratios)
        result[name] = {"overhead": middle - 1, "low": low - 1, "high": high - 1, "pairs": pairs, "aim": aim}
        print(
            f"{'met   ' if middle - 1 <= aim else 'MISSED'} {name}: {middle - 1:+.1%} of processor time a token "
            f"(aim {aim:.0%}; 95 %: {low - 1:+.1%} to {high - 1:+.1%}; {pairs} pairs)"
        )
    print(f"errors: {errors}")
    return result


def main() -> None:
    reading = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    reading.add_argument("--pairs", type=int, default=10)
    reading.add_argument("--clients", type=int, default=200)
    reading.add_argument("--tokens", type=int, default=100)
    reading.add_argument("--server", choices=["uvicorn", "granian"], default="uvicorn")
    reading.add_argument("--out", type=Path)
    reading.add_argument("--sink", type=int, help=argparse.SUPPRESS)
    given = reading.parse_args()
    if given.sink:
        ThreadingHTTPServer(("127.0.0.1", given.sink), Sink).serve_forever()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        model, services = begun(given.server, Path(folder), stack)
        found = measured(model, services, pairs=given.pairs, clients=given.clients, tokens=given.tokens)
    if given.out:
        given.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
