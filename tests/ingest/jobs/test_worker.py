"""Workers: documents go in once, whatever becomes of who reads them."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from ingest.jobs.job import Wanted
from tests import forked
from tests.fakes.word_embedder import WordEmbedder
from tests.ingest.jobs.desk import Place, incoming, place
from tests.postgresql import needs_postgresql
from vectorstore.errors import Unavailable
from vectorstore.types import Vectors

pytestmark = needs_postgresql


@pytest.fixture
def here(postgresql_url: str, tmp_path: Path) -> Iterator[Place]:
    with place(postgresql_url, tmp_path) as opened:
        yield opened


def test_what_is_handed_in_is_in_the_index_when_a_worker_has_been(here: Place) -> None:
    here.hand_in({"docs/a.md": "# A\n\nAlpha.", "docs/b.txt": "Beta."})
    assert len(incoming(here)) == 2
    tally = here.worker().run(once=True)
    assert (tally.done, tally.failed) == (2, 0)
    assert here.states() == {"docs/a.md": "done", "docs/b.txt": "done"}
    assert here.texts() == {"docs/a.md": "# A\n\nAlpha.", "docs/b.txt": "Beta."}
    assert incoming(here) == []


def test_the_newest_version_wins_and_a_removal_comes_in_its_turn(here: Place) -> None:
    here.hand_in({"a.md": "One.", "b.md": "Stays."})
    here.hand_in({"a.md": "Two."})
    here.worker().run(once=True)
    assert here.texts() == {"a.md": "Two.", "b.md": "Stays."}
    here.hand_in({"a.md": "Three."})
    here.queue.add([Wanted("a.md", "remove")], tenant="default")
    here.worker().run(once=True)
    assert here.texts() == {"b.md": "Stays."}
    here.queue.add([Wanted("not-there.md", "remove")], tenant="default")
    here.worker().run(once=True)
    assert here.states()["not-there.md"] == "done"


def test_what_cannot_be_read_is_put_aside_with_its_reason_and_the_rest_goes_in(here: Place) -> None:
    here.hand_in({"empty.md": "  \n", "good.md": "Good."})
    tally = here.worker().run(once=True)
    assert (tally.done, tally.failed) == (1, 1)
    [dead] = here.board.jobs(states=["failed"])
    assert (dead.uri, dead.reason) == ("empty.md", "no_text")
    assert dead.error.endswith(".")
    assert here.board.failures("default")["empty.md"].digest == dead.digest


def test_a_person_retries_what_was_put_aside(here: Place) -> None:
    here.hand_in({"a.md": "Alpha."})
    [file] = (here.folder / "data" / "incoming").iterdir()
    file.rename(here.folder / "away")
    here.worker().run(once=True)
    [dead] = here.board.jobs(states=["failed"])
    assert dead.reason == "unreadable"
    assert "FOOTNOTE_DATA_DIR" in dead.error
    (here.folder / "away").rename(file)
    here.board.retry(dead.id)
    here.worker().run(once=True)
    assert here.texts() == {"a.md": "Alpha."}


def test_the_same_content_again_makes_no_new_generation(here: Place) -> None:
    here.hand_in({"a.md": "Alpha."})
    here.worker().run(once=True)
    before = here.rows("SELECT max(number) FROM generations")
    here.hand_in({"a.md": "Alpha."})
    assert here.worker().run(once=True).done == 1
    assert here.rows("SELECT max(number) FROM generations") == before


def test_files_for_which_no_job_came_are_dropped_in_time(here: Place) -> None:
    here.hand_in({"a.md": "Alpha."})
    [waiting] = incoming(here)
    left = here.desk.incoming.keep(here.folder / "data" / "incoming" / waiting)
    an_hour_ago = time.time() - 3_700
    for name in (waiting, left):
        os.utime(here.folder / "data" / "incoming" / name, (an_hour_ago, an_hour_ago))
    here.worker()._tidy()
    assert incoming(here) == [waiting]


class Broken(WordEmbedder):
    """Cannot embed what says BROKEN; is down while `down`."""

    down = False

    def embed_documents(
        self, texts: Sequence[str], *, on_batch: Callable[[int], None] | None = None
    ) -> Vectors:
        if self.down:
            raise Unavailable("The embedding server does not answer.")
        if any("BROKEN" in text for text in texts):
            raise ValueError("a fault")
        return super().embed_documents(texts, on_batch=on_batch)


def test_a_document_that_breaks_the_worker_takes_none_with_it(here: Place) -> None:
    here.hand_in({f"{n}.md": f"Text {n}." for n in range(5)} | {"bad.md": "BROKEN"})
    tally = here.worker(Broken()).run(once=True)
    assert (tally.done, tally.failed) == (5, 3)
    [dead] = here.board.jobs(states=["failed"])
    assert (dead.uri, dead.reason, dead.attempts) == ("bad.md", "unexpected", 3)


def test_nothing_is_put_aside_because_the_embedding_server_is_down(here: Place) -> None:
    here.hand_in({"a.md": "Alpha."})
    embedder = Broken()
    embedder.down = True
    worker = here.worker(embedder)

    def come_back() -> None:
        time.sleep(1.5)
        embedder.down = False

    import threading

    thread = threading.Thread(target=come_back)
    thread.start()
    worker.run(most=1)
    thread.join()
    assert here.texts() == {"a.md": "Alpha."}
    assert here.board.jobs()[0].attempts == 1


def test_an_interrupted_worker_gives_back_what_has_not_ended_and_begins_nothing(here: Place) -> None:
    class Interrupted(WordEmbedder):
        def embed_documents(
            self, texts: Sequence[str], *, on_batch: Callable[[int], None] | None = None
        ) -> Vectors:
            raise KeyboardInterrupt

    here.hand_in({"old.md": "Old."})
    here.worker().run(once=True)
    here.hand_in({"new.md": "New."})
    here.desk.remove("default", ["old.md"])
    tally = here.worker(Interrupted()).run(once=True)
    assert (tally.done, tally.given_back) == (0, 2)
    assert here.texts() == {"old.md": "Old."}


def test_a_worker_that_is_told_to_stop_finishes_what_it_began(here: Place) -> None:
    here.hand_in({f"{n}.md": f"Text {n}." for n in range(40)})
    process = here.start()
    deadline = time.monotonic() + 60
    while "done" not in here.states().values():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    states = Counter(here.states().values())
    assert set(states) <= {"done", "todo"}
    assert states["done"] >= 8


def test_a_frozen_worker_wakes_and_commits_nothing_of_what_others_did(here: Place) -> None:
    here.hand_in({"a.md": "SLOW Alpha."})
    frozen = here.start()
    deadline = time.monotonic() + 60
    while here.states() != {"a.md": "doing"}:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    frozen.send_signal(signal.SIGSTOP)
    time.sleep(2.2)
    assert here.worker().run(once=True).done == 1
    frozen.send_signal(signal.SIGCONT)
    frozen.send_signal(signal.SIGTERM)
    frozen.wait(30)
    assert here.rows("SELECT count(*) FROM generations WHERE number > 0") == [(1,)]
    assert [job.attempts for job in here.board.jobs()] == [2]


def kill_while_working(here: Place, *, workers: int, kills: int, every: float, seconds: float) -> None:
    """Kill workers at random and start others in their place, until all has ended."""
    chance = random.Random(7)
    running: list[forked.Process] = []
    try:
        killed, deadline = 0, time.monotonic() + seconds
        while True:
            running = [each for each in running if each.poll() is None]
            while len(running) < workers:
                running.append(here.start())
            if killed < kills:
                time.sleep(every * chance.uniform(0.5, 1.5))
                chance.choice(running).kill()
                killed += 1
            elif not {"todo", "doing"} & set(here.board.counts().states):
                return
            else:
                time.sleep(0.2)
            assert time.monotonic() < deadline, here.board.counts()
    finally:
        for each in running:
            each.kill()
            each.wait(10)


def check_each_effect_once(here: Place, given: dict[str, dict[str, str]]) -> None:
    """Hold the index against what was handed in: all of it, once, but for what kills and what is empty."""
    for tenant, files in given.items():
        good = {uri: text for uri, text in files.items() if "POISON" not in text and text.strip()}
        assert here.texts(tenant) == good
    born = here.rows(
        "SELECT d.tenant, d.uri, count(*) FROM documents d JOIN lives l ON l.document = d.row GROUP BY 1, 2"
    )
    assert {count for _, _, count in born} == {1}
    ended = here.rows("SELECT tenant, uri, state, reason FROM jobs")
    dead = {(tenant, uri): reason for tenant, uri, state, reason in ended if state == "failed"}
    expected = {
        (tenant, uri): "worker_lost" if "POISON" in text else "no_text"
        for tenant, files in given.items()
        for uri, text in files.items()
        if "POISON" in text or not text.strip()
    }
    assert dead == expected
    assert len(ended) == sum(map(len, given.values()))
    # Who dies between the commit and the deleting of a file leaves it to whoever tidies, a minute later.
    with here.database.connection() as connection, connection.transaction("UNLOCKED"):
        connection.run("UPDATE jobs SET ended = ended - interval '1 hour' WHERE ended IS NOT NULL")
    here.worker()._tidy()
    assert incoming(here) == sorted(
        str(file) for (file,) in here.rows("SELECT file FROM jobs WHERE state = 'failed' ORDER BY file")
    )


def documents_of(tenants: int, each: int, *, poison: int) -> dict[str, dict[str, str]]:
    given: dict[str, dict[str, str]] = {}
    for number in range(tenants * each):
        tenant = f"tenant-{number % tenants}"
        kind = "POISON" if number < poison else " " if number < 2 * poison else "About"
        text = f"{kind} {number} of {tenant}." if kind != " " else " "
        given.setdefault(tenant, {})[f"docs/{number}.md"] = text
    return given


def hand_in_all(here: Place, given: dict[str, dict[str, str]]) -> None:
    for tenant, files in given.items():
        here.hand_in(files, tenant=tenant)


def test_each_document_goes_in_once_however_often_workers_are_killed(
    postgresql_url: str, tmp_path: Path
) -> None:
    given = documents_of(6, 10, poison=1)
    with place(postgresql_url, tmp_path, queue_lease_seconds=1.0) as here:
        hand_in_all(here, given)
        kill_while_working(here, workers=2, kills=8, every=0.8, seconds=120)
        check_each_effect_once(here, given)


@pytest.mark.slow
@pytest.mark.timeout(3_000)
def test_each_of_2000_documents_goes_in_once_through_500_kills(postgresql_url: str, tmp_path: Path) -> None:
    given = documents_of(50, 40, poison=10)
    # A document that 500 kills hit five times while it was alone would be put aside as if it were the cause.
    with place(postgresql_url, tmp_path, queue_lease_seconds=2.0, queue_attempts=6) as here:
        hand_in_all(here, given)
        kill_while_working(here, workers=3, kills=500, every=0.6, seconds=2_800)
        check_each_effect_once(here, given)


def one_behind_many(here: Place, many: int) -> float:
    """Return how many seconds a tenant's only document waits behind another tenant's many."""
    texts = {f"many/{n}.md": f"Text {n}." for n in range(many)}
    [first, *_] = here.hand_in(dict(list(texts.items())[:1]), tenant="large")
    job = here.board.job(first.id)
    # the same file for each: what counts is how many wait
    for start in range(1, many, 20_000):
        here.queue.add(
            [
                Wanted(
                    f"many/{n}.md",
                    "add",
                    digest=f"d{n}",
                    step=job.step.replace("many/0.md", f"many/{n}.md"),
                    file=job.file,
                )
                for n in range(start, min(start + 20_000, many))
            ],
            tenant="large",
        )
    worker = here.start()
    try:
        deadline = time.monotonic() + 60
        while here.board.counts().states.get("done", 0) < 8:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        started = time.monotonic()
        [only] = here.hand_in({"only.md": "Only."}, tenant="small")
        [ended] = here.desk.follow([only], seconds=60)
        assert ended.state == "done"
        return time.monotonic() - started
    finally:
        worker.kill()
        worker.wait(10)


def test_a_tenant_with_5000_documents_hardly_delays_anothers_only_one(here: Place) -> None:
    assert one_behind_many(here, 5_000) < 10


@pytest.mark.slow
def test_a_tenant_with_100000_documents_hardly_delays_anothers_only_one(here: Place) -> None:
    waited = one_behind_many(here, 100_000)
    print(f"\nwaited {waited:.2f} s behind 100,000")
    assert waited < 10
