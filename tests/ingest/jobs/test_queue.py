"""The queue: who is served next, what ends a job, and what becomes of those whose worker died."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.jobs.job import Wanted
from ingest.jobs.queue import Queued
from tests.ingest.jobs.desk import Place, place, wanted
from tests.postgresql import needs_postgresql
from vectorstore.errors import BadInput, FootnoteError, LostLease, NotFound, QueueFull

pytestmark = needs_postgresql


@pytest.fixture
def here(postgresql_url: str, tmp_path: Path) -> Iterator[Place]:
    with place(postgresql_url, tmp_path) as opened:
        yield opened


def uris(jobs: object) -> list[str]:
    return [job.uri for job in jobs]  # type: ignore[attr-defined]


def lose(here: Place, worker: str) -> None:
    """Let a worker's leases run out."""
    here.run("UPDATE jobs SET lease = clock_timestamp() - interval '1 s' WHERE worker = ?", (worker,))
    here.queue.reap()


def test_a_tenants_jobs_are_taken_by_priority_and_then_in_turn(here: Place) -> None:
    here.queue.add(wanted("a", "b"), tenant="t")
    here.queue.add(wanted("urgent"), tenant="t", priority=10)
    assert uris(here.queue.claim("w", most=2)) == ["urgent", "a"]
    assert uris(here.queue.claim("w", most=2)) == ["b"]
    assert here.queue.claim("w", most=2) == []


def test_tenants_take_turns_however_much_one_has(here: Place) -> None:
    here.queue.add(wanted(*(f"big/{n}" for n in range(5_000))), tenant="big")
    for number in range(20):
        here.queue.add(wanted("only"), tenant=f"small-{number}")
    served = [here.queue.claim("w", most=8)[0].tenant for _ in range(21)]
    assert sorted(served) == sorted(["big", *(f"small-{n}" for n in range(20))])
    assert {here.queue.claim("w", most=8)[0].tenant for _ in range(5)} == {"big"}
    here.queue.add(wanted("late"), tenant="late")
    assert "late" in {here.queue.claim("w", most=8)[0].tenant for _ in range(2)}


def test_two_workers_never_get_the_same_job(here: Place) -> None:
    here.queue.add(wanted(*map(str, range(40))), tenant="t")
    taken = [uri for n in range(10) for uri in uris(here.queue.claim(f"w{n % 2}", most=8))]
    assert sorted(taken) == sorted(map(str, range(40)))


def test_a_newer_version_replaces_the_waiting_one_and_keeps_its_place(here: Place) -> None:
    [old] = here.queue.add(wanted("a"), tenant="t")
    here.queue.add(wanted("b"), tenant="t")
    [new] = here.queue.add(wanted("a", digest="d2"), tenant="t")
    [same] = here.queue.add(wanted("a", digest="d2"), tenant="t")
    assert (new.is_new, same.is_new, same.id) == (True, False, new.id)
    assert here.board.job(old.id).state == "replaced"
    assert [(job.uri, job.digest) for job in here.queue.claim("w", most=8)] == [("a", "d2"), ("b", "d1")]


def test_a_newer_version_waits_until_the_older_one_has_ended(here: Place) -> None:
    here.queue.add(wanted("a"), tenant="t")
    [doing] = here.queue.claim("w", most=8)
    here.queue.add(wanted("a", digest="d2"), tenant="t")
    assert here.queue.claim("w2", most=8) == []
    here.queue.done([doing.id], worker="w")
    assert [job.digest for job in here.queue.claim("w2", most=8)] == ["d2"]


def test_deletions_keep_the_order_of_their_address(here: Place) -> None:
    here.queue.add(wanted("a"), tenant="t")
    [doing] = here.queue.claim("w", most=8)
    here.queue.add([Wanted("a", "remove")], tenant="t")
    assert here.queue.claim("w2", most=8) == []
    here.queue.done([doing.id], worker="w")
    assert [job.action for job in here.queue.claim("w2", most=8)] == ["remove"]


def test_what_leaves_an_address_goes_before_what_comes_there_later(here: Place) -> None:
    here.queue.add([Wanted("new", "move", digest="d1", moved_from="old")], tenant="t")
    here.queue.add(wanted("old", digest="d9"), tenant="t")
    [move] = here.queue.claim("w", most=8)
    assert move.uri == "new"
    assert here.queue.claim("w2", most=8) == []
    here.queue.done([move.id], worker="w")
    assert uris(here.queue.claim("w2", most=8)) == ["old"]


def test_a_newer_version_of_what_was_to_move_moves_still(here: Place) -> None:
    here.queue.add([Wanted("b", "move", digest="d1", moved_from="a")], tenant="t")
    here.queue.add([Wanted("b", "update", digest="d2")], tenant="t")
    here.queue.add([Wanted("c", "move", digest="d2", moved_from="b")], tenant="t")
    [job] = here.queue.claim("w", most=8)
    assert (job.uri, job.digest, job.moved_from) == ("c", "d2", "a")


def test_a_worker_frozen_past_its_lease_cannot_commit(here: Place) -> None:
    here.queue.add(wanted("a", "b"), tenant="t")
    taken = here.queue.claim("frozen", most=8)
    lose(here, "frozen")
    [first] = here.queue.claim("other", most=8)
    with pytest.raises(LostLease):
        here.queue.done([job.id for job in taken], worker="frozen")
    here.queue.done([first.id], worker="other")
    assert here.states() == {"a": "done", "b": "todo"}


def test_a_batch_dies_with_its_worst_member_and_is_then_tried_one_at_a_time(here: Place) -> None:
    here.queue.add(wanted("poison", *map(str, range(7))), tenant="t")
    assert len(here.queue.claim("w", most=8)) == 8
    lose(here, "w")
    for _ in range(30):
        taken = here.queue.claim("w", most=8)
        assert len(taken) <= 1
        for job in taken:
            if job.uri == "poison":
                lose(here, "w")
            else:
                here.queue.done([job.id], worker="w")
    states = here.states()
    assert states.pop("poison") == "failed"
    assert set(states.values()) == {"done"}
    [dead] = here.board.jobs(states=["failed"])
    assert (dead.reason, dead.attempts) == ("worker_lost", 3)


def test_the_claim_itself_refuses_what_was_tried_often_enough(here: Place) -> None:
    here.queue.add(wanted("a", "b"), tenant="t")
    here.run("UPDATE jobs SET attempts = 3 WHERE uri = 'a'")
    assert uris(here.queue.claim("w", most=8)) == ["b"]
    assert here.queue.claim("w", most=8) == []


def test_what_fails_is_tried_again_after_a_while_and_put_aside_at_last(
    postgresql_url: str, tmp_path: Path
) -> None:
    with place(postgresql_url, tmp_path, queue_retry_seconds=0.2) as here:
        here.queue.add(wanted("a"), tenant="t")
        for attempt in range(3):
            deadline = time.monotonic() + 10
            while not (taken := here.queue.claim("w", most=8)):
                assert time.monotonic() < deadline
                time.sleep(0.02)
            here.queue.fail(taken[0], worker="w", reason="timeout", error=f"Slow {attempt}.")
            assert here.queue.claim("w", most=8) == []
        [dead] = here.board.jobs(states=["failed"])
        assert (dead.error, dead.attempts) == ("Slow 2.", 3)
        [again] = here.queue.add(wanted("a"), tenant="t")
        assert (again.id, again.state, again.error) == (dead.id, "failed", "Slow 2.")
        here.board.retry(dead.id)
        assert uris(here.queue.claim("w", most=8)) == ["a"]


def test_what_is_given_back_was_never_begun(here: Place) -> None:
    here.queue.add(wanted("a"), tenant="t")
    for _ in range(5):
        here.queue.give_back(here.queue.claim("w", most=8), worker="w")
    [job] = here.queue.claim("w", most=8)
    assert (job.attempts, job.alone) == (1, False)


def test_what_is_given_back_when_a_newer_version_waits_is_replaced(here: Place) -> None:
    here.queue.add(wanted("a"), tenant="t")
    taken = here.queue.claim("w", most=8)
    here.queue.add(wanted("a", digest="d2"), tenant="t")
    here.queue.give_back(taken, worker="w")
    assert here.board.job(taken[0].id).state == "replaced"
    assert [job.digest for job in here.queue.claim("w", most=8)] == ["d2"]


def test_a_lease_is_kept_while_it_is_renewed(here: Place) -> None:
    here.queue.add(wanted("a"), tenant="t")
    here.queue.claim("w", most=8)
    here.run("UPDATE jobs SET lease = clock_timestamp() + interval '10 ms'")
    assert here.queue.renew("w") == 1
    time.sleep(0.05)
    assert here.queue.reap() == 0


def test_a_tenant_may_have_so_many_waiting_and_no_more(postgresql_url: str, tmp_path: Path) -> None:
    with place(postgresql_url, tmp_path, queue_limit=3) as here:
        here.hand_in({"a.md": "A.", "b.md": "B."}, tenant="t")
        with pytest.raises(QueueFull, match="2 of at most 3 documents wait"):
            here.hand_in({"c.md": "C.", "d.md": "D."}, tenant="t")
        here.hand_in({"e.md": "E.", "f.md": "F."}, tenant="other")
        assert here.states() == dict.fromkeys(["a.md", "b.md", "e.md", "f.md"], "todo")
        assert len(list((tmp_path / "data" / "incoming").iterdir())) == 4


def test_a_full_queue_refuses_no_removal(postgresql_url: str, tmp_path: Path) -> None:
    with place(postgresql_url, tmp_path, queue_limit=1) as here:
        here.hand_in({"a.md": "A."}, tenant="t")
        here.desk.remove("t", ["old.md"])
        assert here.states() == {"a.md": "todo", "old.md": "todo"}


def test_who_waits_for_room_gets_in_what_is_more_than_there_ever_is(
    postgresql_url: str, tmp_path: Path
) -> None:
    with place(postgresql_url, tmp_path, queue_limit=2) as here:
        taken: list[str] = []

        def handed(one: Queued) -> None:
            taken.extend(uris(here.queue.claim("w", most=8)))

        here.hand_in({f"{n}.md": f"{n}." for n in range(5)}, wait=True, handed=handed)
        assert sorted(taken) == [f"{n}.md" for n in range(5)]


def test_an_address_may_be_longer_than_a_tree_of_the_database_holds(here: Place) -> None:
    long = "docs/" + "".join(chr(0x4E00 + n * 7 % 20_000) for n in range(1_500))
    here.queue.add(wanted(long), tenant="t")
    here.queue.add(wanted(long, digest="d2"), tenant="t")
    here.queue.put_aside(Wanted(f"{long}/x", "add"), tenant="t", reason="unfetchable", error="Away.")
    [job] = here.queue.claim("w", most=8)
    assert (job.uri, job.digest) == (long, "d2")
    with pytest.raises(FootnoteError):  # one waits for each address of a tenant, whoever asks for it
        here.run("INSERT INTO jobs (tenant, uri, action) VALUES ('t', 'b', 'add'), ('t', 'b', 'add')")


def test_what_cannot_be_queued_is_noted_once_for_each_address(here: Place) -> None:
    for _ in range(3):
        here.queue.put_aside(Wanted("a", "add"), tenant="t", reason="unfetchable", error="Away.")
    assert len(here.board.jobs(states=["failed"])) == 1


def test_an_older_version_that_was_cancelled_does_not_come_back_over_a_newer_one(here: Place) -> None:
    [old] = here.queue.add(wanted("a"), tenant="t")
    here.board.cancel(old.id)
    here.queue.add(wanted("a", digest="d2"), tenant="t")
    [new] = here.queue.claim("w", most=8)
    here.queue.done([new.id], worker="w")
    with pytest.raises(BadInput, match="A newer version"):
        here.board.retry(old.id)


def test_the_file_of_a_job_that_waits_again_is_not_let_go(here: Place) -> None:
    [job] = here.hand_in({"a.md": "A."})
    here.board.cancel(job.id)
    here.board.retry(job.id)
    assert not here.board.let_go(job.id)
    here.board.cancel(job.id)
    assert here.board.let_go(job.id)
    with pytest.raises(BadInput, match="nothing is kept of it"):
        here.board.retry(job.id)


def test_cancelling_ends_what_waits_and_what_a_worker_is_at(here: Place) -> None:
    here.queue.add(wanted("a", "b"), tenant="t")
    [doing] = here.queue.claim("w", most=1)
    for number in (doing.id, doing.id + 1):
        assert here.board.cancel(number).state == "cancelled"
        with pytest.raises(BadInput, match="nothing to cancel"):
            here.board.cancel(number)
    with pytest.raises(LostLease):
        here.queue.done([doing.id], worker="w")
    with pytest.raises(NotFound):
        here.board.cancel(99)


def test_a_plan_is_made_against_what_will_be_there(here: Place) -> None:
    here.queue.add(wanted("a", digest="d2"), tenant="t")
    here.queue.add(
        [Wanted("gone", "remove"), Wanted("new", "move", digest="n", moved_from="old")], tenant="t"
    )
    known = {"a": "d1", "gone": "g", "old": "n", "stays": "s"}
    assert here.board.pending("t", known) == {"a": "d2", "new": "n", "stays": "s"}
    assert here.board.pending("other", known) == known


def test_jobs_are_counted_by_state_with_the_age_of_the_oldest(here: Place) -> None:
    here.queue.add(wanted("a", "b", "c"), tenant="t")
    here.queue.claim("w", most=1)
    here.run("UPDATE jobs SET created = clock_timestamp() - interval '100 s' WHERE uri = 'b'")
    counts = here.board.counts()
    assert counts.states == {"todo": 2, "doing": 1}
    assert 100 <= counts.oldest_seconds < 130


def test_nothing_is_left_of_jobs_whose_documents_are_erased(here: Place) -> None:
    here.hand_in({"secret.md": "Secret."}, tenant="t")
    here.desk.forget("t", ["secret.md"])
    assert here.rows("SELECT * FROM jobs") == []
    assert list((here.folder / "data" / "incoming").iterdir()) == []
    here.hand_in({"secret.md": "Secret."}, tenant="t")
    here.queue.claim("w", most=1)
    with pytest.raises(BadInput, match="A worker is reading"):
        here.desk.forget("t", ["secret.md"])
    assert here.states() == {"secret.md": "doing"}


def test_nothing_is_left_of_an_erased_address_that_a_document_moved_away_from(here: Place) -> None:
    here.queue.add([Wanted("new.md", "move", digest="d1", moved_from="secret.md")], tenant="t")
    here.desk.forget("t", ["secret.md"])
    assert here.rows("SELECT * FROM jobs") == []
