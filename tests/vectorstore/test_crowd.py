"""D6, D7, D8: many writers, many readers, and a disk that is full."""

import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.vectorstore import writer
from tests.vectorstore.sample import SPACE, find, put, sample
from vectorstore.errors import Busy
from vectorstore.index.store import IndexStore
from vectorstore.index.truth.files import writer_lock
from vectorstore.index.upkeep import IndexUpkeep
from vectorstore.open import open_store
from vectorstore.settings import StoreSettings
from vectorstore.types import Condition

OpenStore = Callable[[], IndexStore]
ROOT = Path(__file__).parents[2]


def writers(folder: Path, prefixes: list[str], commits: int) -> None:
    command = [sys.executable, "-m", "tests.vectorstore.writer", str(folder)]
    running = [
        subprocess.Popen([*command, prefix, str(commits)], cwd=ROOT, stdout=subprocess.DEVNULL)
        for prefix in prefixes
    ]
    assert [process.wait() for process in running] == [0] * len(prefixes)


def crowd(folder: Path, open_index: OpenStore, *, processes: int, rounds: int) -> None:
    prefixes = [f"w{number}x" for number in range(processes)]
    writers(folder, prefixes, rounds)
    store = open_index()
    with store.snapshot() as snapshot:
        assert snapshot.generation == processes * rounds
        expected = set[str]().union(*(writer.expected(prefix, rounds) for prefix in prefixes))
        assert set(snapshot.digests(tenant="default")) == expected
        assert snapshot.info().documents == len(expected)
    assert IndexUpkeep(store).verify().sound


def test_writers_at_once_lose_nothing(folder: Path, open_index: OpenStore) -> None:
    crowd(folder, open_index, processes=3, rounds=6)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_eight_writers_a_hundred_rounds(folder: Path, open_index: OpenStore) -> None:
    crowd(folder, open_index, processes=8, rounds=100)


def test_writer_that_does_not_wait_is_turned_away_and_nothing_is_lost(open_index: OpenStore) -> None:
    store, turned_away, done = open_index(), [], []

    def attempt(number: int) -> None:
        try:
            with store.draft() as draft:
                put(draft, sample(f"{number}.md", f"Fact {number}."))
                time.sleep(0.01)
            done.append(number)
        except Busy:
            turned_away.append(number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(attempt, range(24)))
    assert len(done) + len(turned_away) == 24
    assert done
    with store.snapshot() as snapshot:
        assert set(snapshot.digests(tenant="default")) == {f"{number}.md" for number in done}


def test_writer_is_not_turned_away_by_a_reader_that_catches_up(folder: Path, open_index: OpenStore) -> None:
    with open_index().draft() as draft:
        put(draft, sample("a.md", "Fact a."))
    following, done = threading.Event(), threading.Event()

    def follow() -> None:
        with writer_lock(folder / "index.lock", following=True):
            following.set()
            assert not done.wait(0.2)

    with ThreadPoolExecutor(1) as pool:
        reader = pool.submit(follow)
        following.wait()
        with open_index().draft() as draft:
            put(draft, sample("b.md", "Fact b."))
        done.set()
        reader.result()
        # A second reader leaves it at what is there, and a second writer is told at once.
        with writer_lock(folder / "index.lock"):
            for follows in (True, False):
                with pytest.raises(Busy), writer_lock(folder / "index.lock", following=follows):
                    pass


# --- readers while commits land ---


def generation_in(text: str) -> int:
    return int(text.rstrip(".").split()[-1])


def read_under_commits(
    open_index: OpenStore, *, commits: int, readers: int, requests: int
) -> tuple[list[float], list[float], list[float]]:
    """Every commit rewrites all documents to name its generation: an answer that mixes two would show.

    Returns the sorted seconds of requests before the commits, under them, and after: the index has grown then.
    """
    store, publisher = open_index(), open_index()
    chance = random.Random(1)

    def publish(number: int) -> None:
        with publisher.draft() as draft:
            for document in range(20):
                put(draft, sample(f"{document}.md", f"Item {document} of generation {number}."))

    def ask() -> float:
        started = time.perf_counter()
        with store.snapshot() as snapshot:
            hits = find(snapshot, f"item {chance.randrange(20)}", limit=30)
            assert len(hits) == 20
            assert {generation_in(hit.chunk.text) for hit in hits} == {snapshot.generation}
        return time.perf_counter() - started

    publish(1)
    with ThreadPoolExecutor(readers) as pool:
        quiet = list(pool.map(lambda _: ask(), range(requests // 4)))
        asked = [pool.submit(ask) for _ in range(requests)]
        for number in range(2, commits + 2):
            publish(number)
        busy = [each.result() for each in asked]
        after = list(pool.map(lambda _: ask(), range(requests // 4)))
    with store.snapshot() as snapshot:
        assert snapshot.generation == commits + 1
    return sorted(quiet), sorted(busy), sorted(after)


def test_readers_never_see_two_generations_in_one_answer(open_index: OpenStore) -> None:
    times = read_under_commits(open_index, commits=8, readers=8, requests=600)
    assert [len(each) for each in times] == [150, 600, 150]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_fifty_commits_under_twenty_thousand_requests(open_index: OpenStore) -> None:
    times = read_under_commits(open_index, commits=50, readers=32, requests=20_000)
    for name, each in zip(("before", "under commits", "after"), times, strict=True):
        half, most = each[len(each) // 2], each[-len(each) // 100]
        sys.stdout.write(f"{name}: p50 {half * 1e3:.1f} ms, p99 {most * 1e3:.1f} ms\n")


def test_conditions_and_scopes_from_many_threads(open_index: OpenStore) -> None:
    store = open_index()
    with store.draft() as draft:
        for number in range(200):
            put(draft, sample(f"{number}.md", f"Fact {number}.", metadata={"half": number % 2}))
    start = threading.Barrier(8)

    def ask(half: int) -> int:
        start.wait()
        with store.snapshot() as snapshot:
            return len(find(snapshot, "fact", where=(Condition("half", "eq", (half,)),), limit=500))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, [0, 1] * 4)) == [100] * 8


# --- no space left ---


def limited(folder: Path, prefix: str, largest_file: int) -> subprocess.CompletedProcess[str]:
    """Write until no file may grow any further: the kernel then refuses as it does on a full disk."""
    limit = ["prlimit", f"--fsize={largest_file}", "env", "PYTHONUNBUFFERED=1"]
    command = [*limit, sys.executable, "-c", _IGNORE_SIGNAL, str(folder), prefix, "40"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


_IGNORE_SIGNAL = """
import signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from tests.vectorstore.writer import main
sys.exit(main(*sys.argv[1:]))
"""


def full_disks(folder: Path, open_index: OpenStore, sizes: list[int]) -> None:
    store = open_store(StoreSettings(data_dir=folder), SPACE)
    with store.draft() as draft:
        put(draft, sample("before.md", "This was here before."))
    store.close()
    failed = 0
    for number, size in enumerate(sizes):
        prefix = f"d{number}x"
        done = limited(folder, prefix, size)
        acknowledged = len(done.stdout.split()) - 1
        assert done.returncode in (0, 1), done.stderr
        failed += done.returncode
        again = open_index()
        with again.snapshot() as snapshot:
            mine = {uri for uri in snapshot.digests(tenant="default") if uri.startswith(prefix)}
            assert mine == writer.expected(prefix, max(acknowledged, 0))
            assert "before." in find(snapshot, "this was here before")[0].chunk.text
        with again.draft() as draft:
            put(draft, sample("next.md", f"The next commit works: {number}."))
        assert IndexUpkeep(again).verify().sound
        again.close()
    assert failed >= len(sizes) // 2


def test_full_disk_keeps_the_old_generation_and_the_next_commit_works(
    folder: Path, open_index: OpenStore
) -> None:
    # The limits begin above what is there: SQLite's files need some room to be read at all.
    full_disks(folder, open_index, [180_000, 230_000, 300_000, 420_000])


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_full_disk_at_fifty_sizes(folder: Path, open_index: OpenStore) -> None:
    full_disks(folder, open_index, [150_000 + 9_000 * step for step in range(50)])


def test_search_inside_a_draft_of_an_index_without_projections_does_not_hang(
    folder: Path, open_index: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vectorstore.index.opened._PATIENCE", 0.2)
    with open_index().draft() as draft:
        put(draft, sample("a.md", "Fact a."))
    store = open_index()
    with store.draft() as draft:
        put(draft, sample("b.md", "Fact b."))
        for path in folder.glob("*.json"):
            path.unlink()
        with store.snapshot() as snapshot, pytest.raises(Busy):
            find(snapshot, "fact")
    with store.snapshot() as snapshot:
        assert len(find(snapshot, "fact")) == 2
