"""`kill -9` of the postmaster while commits are under way: what was acknowledged stands, and nothing is half there."""

import random
import threading
import time
from pathlib import Path

import pytest

from tests.postgresql import Server, needs_postgresql
from tests.vectorstore.postgresql.conftest import Replica
from tests.vectorstore.sample import find, put, sample
from vectorstore.errors import Busy, Unavailable
from vectorstore.index.maintenance.verify import damage_of
from vectorstore.index.store import IndexStore

pytestmark = needs_postgresql


class Load:
    """Commits one document after the other, as fast as it goes, and notes which were acknowledged."""

    def __init__(self, store: IndexStore, name: str) -> None:
        self.acknowledged: list[tuple[int, str]] = []
        self.failures: list[BaseException] = []
        self._store, self._name = store, name
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            uri = f"{self._name}-{number}.md"
            try:
                with self._store.draft(wait=True) as draft:
                    put(draft, sample(uri, f"Fox {number} of {self._name}. Dog {number}."))
            except (Unavailable, Busy):
                time.sleep(0.05)
            except Exception as error:  # noqa: BLE001 - told by the test
                self.failures.append(error)
                return
            else:
                self.acknowledged.append((draft.number, uri))


@pytest.mark.parametrize("kills", [5, pytest.param(200, marks=[pytest.mark.slow, pytest.mark.timeout(0)])])
def test_no_acknowledged_commit_is_lost_when_the_postmaster_is_killed(
    kills: int, replica: Replica, tmp_path: Path
) -> None:
    # What the kernel has outlives the process: only a commit that is not waited for could be lost here.
    server = Server(settings={"synchronous_commit": "on"})
    try:
        server.make()
        server.start()
        url = server.database()
        stores = [replica(name, url) for name in ("one", "two")]
        loads = [Load(store, f"w{place}") for place, store in enumerate(stores)]
        draw = random.Random(20)
        for _ in range(kills):
            time.sleep(draw.uniform(0.05, 0.6))
            server.stop(9)
            server.restart()
        time.sleep(1.0)
        for load in loads:
            load.stop()
        assert [load.failures for load in loads] == [[], []]
        acknowledged = [each for load in loads for each in load.acknowledged]
        fresh = replica("fresh", url)
        notes = {each.number for each in fresh.generations()}
        with fresh.snapshot() as snapshot:
            there = set(snapshot.digests(tenant="default"))
        assert [each for each in acknowledged if each[0] not in notes or each[1] not in there] == []
        assert len({number for number, _ in acknowledged}) == len(acknowledged) > kills
        with fresh.database.connection() as connection:
            assert damage_of(connection) == []
        # What grew through all of it says the same as what is made from nothing.
        for question in ("Fox 3", "Dog 1 of w1", "w0"):
            told = [searched(store, question) for store in (*stores, fresh)]
            assert told[0] == told[1] == told[2]
    finally:
        server.discard()


def searched(store: IndexStore, question: str) -> list[str]:
    with store.snapshot() as snapshot:
        return [repr((hit.chunk, hit.score)) for hit in find(snapshot, question, limit=20)]
