"""What the audit log costs a turn: two entries, the request's and the answer's, beside the same turn without a log.

    python -m benchmarks.audit [--turns 300]

A service in process over one document, without a language model; turns with and without the log alternate. A kill of
the process loses no entry that was written; `--sync` also has each forced onto the disk, as against a power cut.
"""

import argparse
import statistics
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from starlette.testclient import TestClient

from app.access_settings import AuditSettings
from app.audit.audit import Audit, open_audit
from app.http.application import create_app
from app.identity.grant import LOCAL
from tests.app.edge import service


def entries(folder: Path, turns: int, *, sync: bool) -> list[float]:
    """Return the milliseconds that the two entries of a turn take."""
    audit = open_audit(folder, AuditSettings())
    assert isinstance(audit, Audit)
    taken = []
    for turn in range(turns):
        began = time.perf_counter()
        audit.request("POST /v1/chat", 200, {"grant": LOCAL, "run": f"run_{turn}"}, sync=sync)
        audit.write(
            "answer", sync=sync, run=f"run_{turn}", outcome="answered", read=["doc_1"] * 6, cited=["doc_1"]
        )
        taken.append(1_000 * (time.perf_counter() - began))
    return taken


def turns(folder: Path, count: int) -> dict[str, list[float]]:
    """Return the milliseconds of whole turns with the log and without, in turn."""
    with ExitStack() as stack:
        clients = {
            name: stack.enter_context(
                TestClient(
                    create_app(replace(service(), audit=audit)),
                    base_url="http://localhost",
                    client=("127.0.0.1", 50_000),
                )
            )
            for name, audit in (("off", None), ("on", open_audit(folder, AuditSettings())))
        }
        taken: dict[str, list[float]] = {name: [] for name in clients}
        for _ in range(count):
            for name, client in clients.items():
                began = time.perf_counter()
                assert client.post("/v1/chat", json={"message": "How much leave?"}).status_code == 200
                taken[name].append(1_000 * (time.perf_counter() - began))
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=300)
    parser.add_argument("--sync", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        written = entries(Path(folder) / "a", given.turns, sync=given.sync)
        whole = turns(Path(folder) / "b", given.turns)
    median, most = statistics.median(written), sorted(written)[int(len(written) * 0.99)]
    print(f"two entries of a turn: median {median:.3f} ms, p99 {most:.3f} ms ({given.turns:,} turns)")
    off, on = (statistics.median(whole[name]) for name in ("off", "on"))
    print(f"a whole turn: {off:.2f} ms without the log, {on:.2f} ms with it: {on - off:+.2f} ms (medians)")


if __name__ == "__main__":
    main()
