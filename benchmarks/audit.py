"""What the audit log costs a turn: two entries, the request's and the answer's, beside the same turn without a log.

    python -m benchmarks.audit [--turns 300] [--postgresql]

A service in process over one document, without a language model; turns with and without the log alternate. A kill of
the process loses no entry that was written; `--sync` also has each forced onto the disk, as against a power cut.
`--postgresql` has the log in a database of its own on this machine as well, where each entry is a commit on the disk.
"""

import argparse
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from starlette.testclient import TestClient

from app.access_settings import AuditSettings
from app.audit.audit import Audit, open_audit
from app.http.application import create_app
from app.identity.grant import LOCAL
from tests.app.edge import service
from tests.postgresql import Server
from tests.state import database_state
from vectorstore.state.cell import State


def entries(place: State | Path, turns: int, *, sync: bool) -> list[float]:
    """Return the milliseconds that the two entries of a turn take."""
    audit = open_audit(place, AuditSettings())
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


def turns(place: State | Path, count: int) -> dict[str, list[float]]:
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
            for name, audit in (("off", None), ("on", open_audit(place, AuditSettings())))
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
    parser.add_argument("--postgresql", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tell("files", Path(folder) / "a", given.turns, sync=given.sync)
        if given.postgresql:
            server = Server(settings={"fsync": "on"})
            try:
                server.make()
                server.start()
                state = database_state(server.database(), Path(folder) / "c")
                tell("PostgreSQL", state, given.turns, sync=given.sync)
                together(state, given.turns)
                state.database.close()
            finally:
                server.discard()


def together(state: State, count: int) -> None:
    """Say how many entries a second sixteen threads write."""
    audit = open_audit(state, AuditSettings())
    assert isinstance(audit, Audit)
    began = time.perf_counter()
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda each: audit.write("answer", run=f"run_{each}"), range(4 * count)))
    print(f"sixteen threads: {4 * count / (time.perf_counter() - began):,.0f} entries/s")


def tell(name: str, place: State | Path, count: int, *, sync: bool) -> None:
    written, whole = entries(place, count, sync=sync), turns(place, count)
    print(f"# {name}")
    median, most = statistics.median(written), sorted(written)[int(len(written) * 0.99)]
    print(f"two entries of a turn: median {median:.3f} ms, p99 {most:.3f} ms ({count:,} turns)")
    off, on = (statistics.median(whole[name]) for name in ("off", "on"))
    print(f"a whole turn: {off:.2f} ms without the log, {on:.2f} ms with it: {on - off:+.2f} ms (medians)")


if __name__ == "__main__":
    main()
