"""A real Prometheus as a process, and what is asked of it."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks.streams.__main__ import free_port
from deploy.make import SCRAPE, rules

PACE = 30
"""An hour of the rules is two minutes here; it is scraped each two seconds."""


@dataclass
class Prometheus:
    client: httpx.Client

    def get(self, path: str, **asked: object) -> Any:
        answered = self.client.get(f"/api/v1/{path}", params=asked)  # type: ignore[arg-type]
        told = answered.json()
        assert told["status"] == "success", told
        return told["data"]

    def value(self, query: str) -> float:
        """The one value of an expression, 0 where there is none."""
        found = self.get("query", query=query)["result"]
        return float(found[0]["value"][1]) if found else 0.0

    def names(self) -> set[str]:
        return set(self.get("label/__name__/values"))

    def firing(self) -> dict[str, dict[str, str]]:
        """Annotations of the alerts that fire, by their name."""
        alerts = self.get("alerts")["alerts"]
        return {
            each["labels"]["alertname"]: each["annotations"] for each in alerts if each["state"] == "firing"
        }

    def until_firing(self, name: str, *, seconds: float) -> float:
        """Wait until an alert fires; return how long that took."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            if (said := self.firing().get(name)) is not None:
                assert not any("{{" in text or "<error" in text for text in said.values()), said
                return time.monotonic() - began
            time.sleep(0.5)
        raise AssertionError(f"{name} did not fire within {seconds} s; what does: {set(self.firing())}")


@contextmanager
def scraping(folder: Path, address: str, *, key: str) -> Iterator[Prometheus]:
    """Run Prometheus over one service until the block ends, by the example that is shipped."""
    folder.mkdir()
    scrape = SCRAPE.replace("127.0.0.1:9464", address).replace("15s", "2s")
    scrape = scrape.replace("# authorization:", "authorization:")
    (folder / "prometheus.yml").write_text(scrape)
    (folder / "rules.yml").write_text(rules(pace=PACE))
    (folder / "footnote-metrics-key").write_text(key)
    port = free_port()
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [
                shutil.which("prometheus") or "prometheus",
                "--config.file=prometheus.yml",
                "--storage.tsdb.path=data",
                f"--web.listen-address=127.0.0.1:{port}",
                "--log.level=warn",
            ],
            cwd=folder,
            stderr=log,
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            _wait(client, process, folder / "log")
            yield Prometheus(client)
    finally:
        process.terminate()
        process.wait(30)


def _wait(client: httpx.Client, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if client.get("/-/ready").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(f"Prometheus did not start: {log.read_text()}")
