"""What Footnote adds to a streaming model, in one run: Footnote, a bare model, bare aiohttp, and a ChatOpenAI gateway.

    python -m benchmarks.streams [--server uvicorn|granian] [--only cold,one,two_hundred,thousand] [--out FILE]

Every server runs in a process of its own, one worker each, the model (benchmarks/streams/model.py) among them; so
does the load. Footnote searches the sample handbook, decides, packs, checks every sentence and resolves every
marker; the gateway (benchmarks/streams/gateway.py) passes the question on and the tokens back, the relay
(benchmarks/streams/relay.py) bytes. Questions are those of the sample evaluation, another one for every stream; no
answer is refused, so that every question reaches the model, which answers with sentences of the passages.

- cold: one client asks every question once over a process that has answered one, then all of them again.
- one: one client, one question at a time, the three servers in turn: time to first text.
- two_hundred: 200 streams (`--clients`) at a time of 100 tokens (`--tokens`) at 20 tokens/s. They begin evenly spread over one stream's time,
  as streams of independent readers do, and each client asks three times; `--burst` lets all begin at once.
- thousand: 1,000 streams at a time of 40 tokens at 2 tokens/s: errors, and memory per stream.

CPU is the server process's own, from /proc, everything included, by the tokens that the model has sent meanwhile.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from benchmarks.ingest.speed import descendants, proportional

ROOT = Path(__file__).parents[2]
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Server:
    """A running server."""

    name: str
    url: str
    pid: int

    def cpu(self) -> float:
        """Return the CPU seconds of the process and all below it so far."""
        total = 0.0
        for process in (self.pid, *descendants(self.pid)):
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            total += (int(fields[11]) + int(fields[12])) / TICKS
        return total

    def memory(self) -> int:
        """Return the bytes of the process and all below it, pages that several share counted once."""
        return proportional(self.pid)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def server(
    name: str, command: Sequence[str], port: int, *, log: IO[str] | None = None, **environment: str
) -> Iterator[Server]:
    """Run a server until the block ends; it is ready when it takes connections. `log` takes what it writes."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("FOOTNOTE_", "OPENAI_"))}
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        env={**clean, "PYTHONPATH": str(ROOT), **environment},
        stderr=log,
    )
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            with socket.socket() as attempt:
                if attempt.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield Server(name, f"http://127.0.0.1:{port}", process.pid)
    finally:
        process.terminate()
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def servers(kind: str, folder: Path) -> Iterator[tuple[Server, Server, Server, Server]]:
    """Run the model, Footnote over the sample handbook, the gateway, and the relay."""
    ports = [free_port() for _ in range(4)]
    base = f"http://127.0.0.1:{ports[0]}/v1"
    settings = {
        "FOOTNOTE_DATA_DIR": str(folder / "data"),
        "FOOTNOTE_LLM_BASE_URL": base,
        "FOOTNOTE_LLM_MODEL": "paced",
        "FOOTNOTE_ANSWER_THRESHOLD": "0",
        "FOOTNOTE_MAX_CONCURRENT_RUNS": "1200",
        "FOOTNOTE_MAX_CALLER_RUNS": "1200",
        "FOOTNOTE_CACHE_ANSWERS": "off",
        "FOOTNOTE_SERVER": kind,
    }
    footnote = ["-c", "from app.cli import main; main()"]
    subprocess.run(
        [sys.executable, *footnote, "ingest", str(ROOT / "ingest/sample/handbook"), "--quiet"],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), **settings}, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    with (
        Path(os.devnull).open("w") as nowhere,
        server("bare model", ["-m", "benchmarks.streams.model", str(ports[0])], ports[0]) as model,
        server("Footnote", [*footnote, "serve", "--port", str(ports[1])], ports[1], log=nowhere, **settings) as ours,
        server("gateway", ["-m", "benchmarks.streams.gateway", str(ports[2])], ports[2], OPENAI_BASE_URL=base) as other,
        server("bare aiohttp", ["-m", "benchmarks.streams.relay", str(ports[3])], ports[3], OPENAI_BASE_URL=base) as relay,
    ):  # fmt: skip
        yield model, ours, other, relay


def script(model: Server, *, first: float, pause: float, tokens: int) -> float:
    """Set what the model writes; return how long one answer takes, in seconds."""
    body = json.dumps({"first": first, "pause": pause, "tokens": tokens}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{model.url}/script", body), timeout=10) as answer:
        answer.read()
    return first + pause * (tokens - 1)


def sent(model: Server) -> int:
    """Return how many tokens the model has sent."""
    with urllib.request.urlopen(f"{model.url}/count", timeout=60) as answer:
        return int(answer.read())


def load(
    target: Server, questions: Sequence[str], *, clients: int, rounds: int, spread: float
) -> list[dict[str, Any]]:
    """Put a load on a server and return its streams."""
    plan = {"url": target.url, "clients": clients, "rounds": rounds, "spread": spread, "questions": questions}
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run(
            [sys.executable, "-m", "benchmarks.streams.load", json.dumps(plan)],
            cwd=ROOT,
            check=True,
            stdout=out,
        )
        streams: list[dict[str, Any]] = json.loads(Path(out.name).read_text())
    return streams


def at(values: Sequence[float], share: float) -> float:
    """Return a quantile."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def summary(streams: Sequence[dict[str, Any]], *, tokens: int, cpu: float) -> dict[str, Any]:
    """Return the figures of one load of so many tokens: times in milliseconds, whole streams in seconds, CPU in microseconds.

    `letters` are the shortest, the middle and the longest answer's.
    """
    good = [stream for stream in streams if not stream["error"]]
    firsts, wholes = [stream["first"] * 1_000 for stream in good], [stream["whole"] for stream in good]
    return {
        "streams": len(streams),
        "errors": len(streams) - len(good),
        "first_p50_ms": round(statistics.median(firsts), 1),
        "first_p99_ms": round(at(firsts, 0.99), 1),
        "whole_p50_s": round(statistics.median(wholes), 3),
        "whole_max_s": round(max(wholes), 3),
        "letters": [round(at([stream["letters"] for stream in good], share)) for share in (0, 0.5, 1)],
        "tokens": tokens,
        "cpu_us_per_token": round(cpu * 1e6 / tokens),
        "cpu_ms_per_stream": round(cpu * 1e3 / len(streams), 2),
    }


def cold(model: Server, ours: Server, questions: Sequence[str]) -> dict[str, Any]:
    """Ask every question over a fresh process, and again: what sentences cost that it has not met before."""
    first = 0.05
    script(model, first=first, pause=0.02, tokens=2)
    load(ours, questions[:1], clients=1, rounds=1, spread=0)
    laps = {}
    for lap in ("new", "met before"):
        before = ours.cpu()
        streams = load(ours, questions, clients=1, rounds=len(questions), spread=0)
        laps[lap] = summary(streams, tokens=2 * len(streams), cpu=ours.cpu() - before)
        laps[lap]["added_p50_ms"] = round(laps[lap]["first_p50_ms"] - first * 1_000, 1)
    return laps


def one(
    model: Server, ours: Server, other: Server, questions: Sequence[str], *, asked: int = 40
) -> dict[str, Any]:
    """Ask one question at a time, the servers in turn."""
    script(model, first=0.2, pause=0.05, tokens=4)
    found: dict[str, list[float]] = {each.name: [] for each in (model, ours, other)}
    cpu = {each.name: each.cpu() for each in (model, ours, other)}
    for place in range(asked):
        for each in (model, ours, other):
            (stream,) = load(each, [questions[place % len(questions)]], clients=1, rounds=1, spread=0)
            assert not stream["error"], stream
            found[each.name].append(stream["first"] * 1_000)
    return {
        each.name: {
            "first_p50_ms": round(statistics.median(found[each.name]), 1),
            "first_p90_ms": round(at(found[each.name], 0.9), 1),
            "added_p50_ms": round(
                statistics.median(b - a for a, b in zip(found[model.name], found[each.name], strict=True)), 1
            ),
            "cpu_ms_per_stream": round((each.cpu() - cpu[each.name]) * 1e3 / asked, 1),
        }
        for each in (model, ours, other)
    }


def many(
    targets: Sequence[Server], questions: Sequence[str], *, tokens: int, burst: bool, clients: int
) -> dict[str, Any]:
    """So many streams of 20 tokens/s at a time; the first of the targets is the model."""
    rounds = 3
    whole = script(targets[0], first=0.2, pause=0.05, tokens=tokens)
    result: dict[str, Any] = {}
    for each in targets:
        before, written = each.cpu(), sent(targets[0])
        streams = load(each, questions, clients=clients, rounds=rounds, spread=0 if burst else whole)
        cpu = each.cpu() - before
        result[each.name] = summary(streams, tokens=sent(targets[0]) - written, cpu=cpu)
        print(each.name, json.dumps(result[each.name]), flush=True)
    bare = result[targets[0].name]
    for each in targets[1:]:
        mine = result[each.name]
        mine["added_p50_ms"] = round(mine["first_p50_ms"] - bare["first_p50_ms"], 1)
        mine["whole_max_over_bare"] = round(mine["whole_max_s"] / bare["whole_max_s"], 3)
        mine["whole_p50_over_bare"] = round(mine["whole_p50_s"] / bare["whole_p50_s"], 3)
    return result


def thousand(model: Server, ours: Server, questions: Sequence[str]) -> dict[str, Any]:
    """A thousand streams at a time."""
    tokens, clients = 40, 1_000
    whole = script(model, first=0.5, pause=0.5, tokens=tokens)
    before, cpu = ours.memory(), ours.cpu()
    peak = before
    plan = {"url": ours.url, "clients": clients, "rounds": 1, "spread": whole * 0.8, "questions": questions}
    with tempfile.NamedTemporaryFile() as out:
        loading = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.streams.load", json.dumps(plan)], cwd=ROOT, stdout=out
        )
        most = 0
        while loading.poll() is None:
            peak = max(peak, ours.memory())
            with urllib.request.urlopen(f"{ours.url}/readyz", timeout=30) as ready:
                most = max(most, json.load(ready)["active_runs"])
            time.sleep(0.5)
        streams = json.loads(Path(out.name).read_text())
    found = summary(streams, tokens=tokens * len(streams), cpu=ours.cpu() - cpu)
    failed = [stream["error"] for stream in streams if stream["error"]]
    return found | {
        "at_once": most,
        "kib_per_stream": round((peak - before) / 1024 / clients, 1),
        "first_errors": failed[:3],
    }


def report(result: dict[str, Any]) -> list[str]:
    """Set every figure beside its aim."""
    lines: list[str] = []

    def line(what: str, figure: float, aim: float, unit: str) -> None:
        lines.append(f"{'met   ' if figure <= aim else 'MISSED'} {what}: {figure:g} {unit} (aim {aim:g})")

    if "one" in result:
        line("one client, added to the first text, p50", result["one"]["Footnote"]["added_p50_ms"], 25, "ms")
    if "two_hundred" in result:
        found = result["two_hundred"]
        ours, bare = found["Footnote"], found["bare model"]
        line("200 streams, added to the first text, p50", ours["added_p50_ms"], 30, "ms")
        line(
            "200 streams, slowest whole stream over the bare one", ours["whole_max_over_bare"], 1.03, "times"
        )
        short = ours["tokens"] < 200 * ours["streams"]
        line("200 streams, processor time a token", ours["cpu_us_per_token"], 400 if short else 250, "µs")
        line("200 streams, errors", ours["errors"], 0, "")
        lines.append(f"bare aiohttp beside it: {found['bare aiohttp']['cpu_us_per_token']:g} µs a token")
        if other := found.get("gateway"):
            lines.append(
                f"gateway beside it: added {other['added_p50_ms']:g} ms, {other['cpu_us_per_token']:g} µs a token, whole "
                f"stream {other['whole_p50_s']:g} s (Footnote {ours['whole_p50_s']:g} s, bare {bare['whole_p50_s']:g} s)"
            )
    if "thousand" in result:
        line("1,000 streams, errors", result["thousand"]["errors"], 0, "")
        line("1,000 streams, memory a stream", result["thousand"]["kib_per_stream"] * 1.024, 100, "kB")
    return lines


def main() -> None:
    reading = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    reading.add_argument("--server", choices=["uvicorn", "granian"], default="uvicorn")
    reading.add_argument("--only", default="cold,one,two_hundred,thousand")
    reading.add_argument("--tokens", type=int, default=100, help="length of the answers of the 200 streams")
    reading.add_argument("--clients", type=int, default=200, help="how many streams those are")
    reading.add_argument("--burst", action="store_true", help="let all of the 200 begin at once")
    reading.add_argument("--gateway", action=argparse.BooleanOptionalAction, default=True)
    reading.add_argument("--out", type=Path)
    given = reading.parse_args()
    cases = [json.loads(line) for line in (ROOT / "eval/sample/cases.jsonl").read_text().splitlines()]
    questions = [case["question"] for case in cases if case["answerable"]]
    wanted, result = given.only.split(","), {}
    with tempfile.TemporaryDirectory() as folder, servers(given.server, Path(folder)) as running:
        model, ours, other, relay = running
        if "cold" in wanted:
            result["cold"] = cold(model, ours, questions)
            print(json.dumps(result["cold"], indent=1), flush=True)
        # every server has loaded what it loads, and every connection pool exists
        script(model, first=0.0, pause=0.001, tokens=20)
        for each in running:
            load(each, questions, clients=4, rounds=15, spread=0.0)
        targets = [model, ours, relay, *([other] if given.gateway else [])]
        if "one" in wanted:
            result["one"] = one(model, ours, other, questions)
            print(json.dumps(result["one"], indent=1), flush=True)
        if "two_hundred" in wanted:
            result["two_hundred"] = many(
                targets, questions, tokens=given.tokens, burst=given.burst, clients=given.clients
            )
            print(json.dumps(result["two_hundred"], indent=1), flush=True)
        if "thousand" in wanted:
            result["thousand"] = thousand(model, ours, questions)
            print(json.dumps(result["thousand"], indent=1), flush=True)
    print("\n".join([f"server: {given.server}", *report(result)]), flush=True)
    if given.out:
        given.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
