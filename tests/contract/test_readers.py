"""Who may read is decided today, whichever generation is read and whichever is published again."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.vectorstore.sample import OPERATOR, Sample, embed, find, put, sample, uris
from vectorstore.errors import NotFound
from vectorstore.expect import find_expected
from vectorstore.store import Snapshot, Store
from vectorstore.types import Document, Generation, Scope

ANYONE = Scope()
HR = Scope(groups=frozenset({"hr"}))
BOARD = Scope(groups=frozenset({"board"}))
PAY = sample("pay.md", "Salaries are paid monthly. The director earns most.")
PLAN = sample("plan.md", "The plan is open to everybody.")


def with_readers(made: Sample, *readers: str) -> Sample:
    return replace(made, document=replace(made.document, readers=frozenset(readers)))


def commit(store: Store, *samples: Sample, without: tuple[str, ...] = ()) -> None:
    with store.draft() as draft:
        for each in samples:
            put(draft, each)
        for uri in without:
            draft.remove(tenant="default", uri=uri)


def seen(snapshot: Snapshot, scope: Scope, document: Document = PAY.document) -> bool:
    """Say whether a caller sees a document, and see that every way of looking agrees."""
    ways = {
        document.uri in uris(find(snapshot, "salaries director plan", scope=scope, limit=50)),
        document.uri in {each.uri for each in snapshot.documents(scope=scope)},
        any(
            hit.document.uri == document.uri
            for hit in snapshot.trace("salaries", embed("salaries"), scope=scope, limit=50).hits
        ),
        _has(snapshot, document, scope),
    }
    (answer,) = ways
    return answer


def _has(snapshot: Snapshot, document: Document, scope: Scope) -> bool:
    try:
        snapshot.document(document.id, scope=scope)
    except NotFound:
        return False
    return True


def at(store: Store, number: int | None) -> Iterator[Snapshot]:
    with store.snapshot(None if number is None else Generation(number)) as snapshot:
        yield snapshot


def test_a_document_restricted_today_is_hidden_in_every_generation(store: Store) -> None:
    commit(store, PAY, PLAN)
    commit(store, with_readers(PAY, "hr"))
    for number in (1, 2, None):
        for snapshot in at(store, number):
            assert not seen(snapshot, ANYONE)
            assert seen(snapshot, HR)
            assert seen(snapshot, OPERATOR)
            assert {each.uri: each.readers for each in snapshot.documents(scope=HR)}["pay.md"] == {"hr"}
            assert snapshot.readable([PAY.document.id], scope=HR)
            assert not snapshot.readable([PLAN.document.id, PAY.document.id], scope=ANYONE)


def test_a_document_opened_today_is_open_in_every_generation(store: Store) -> None:
    commit(store, with_readers(PAY, "hr"))
    commit(store, PAY)
    for number in (1, 2):
        for snapshot in at(store, number):
            assert seen(snapshot, ANYONE)


def test_a_document_that_is_gone_today_is_gone_for_all_but_the_operator(store: Store) -> None:
    commit(store, PAY, PLAN)
    commit(store, without=("pay.md",))
    for snapshot in at(store, 1):
        assert not seen(snapshot, ANYONE)
        assert not seen(snapshot, HR)
        assert seen(snapshot, OPERATOR)
        assert snapshot.text(PAY.document.id) == PAY.text
        assert not snapshot.readable([PAY.document.id], scope=ANYONE)
        assert snapshot.readable([PAY.document.id], scope=OPERATOR)


def test_a_document_that_was_moved_is_gone_at_its_old_address(store: Store) -> None:
    commit(store, PAY)
    moved = sample("board/pay.md", PAY.text, readers=frozenset({"board"}))
    commit(store, moved, without=("pay.md",))
    for snapshot in at(store, 1):
        assert not seen(snapshot, ANYONE)
        assert not seen(snapshot, BOARD)
    store.rollback(Generation(1))
    for snapshot in at(store, None):
        assert seen(snapshot, ANYONE)


def test_a_shortened_version_for_everyone_does_not_open_the_whole_one(store: Store) -> None:
    commit(store, with_readers(PAY, "hr"))
    short = sample("pay.md", "Salaries are paid monthly.")
    commit(store, short)
    for snapshot in at(store, 1):
        assert not seen(snapshot, ANYONE)
        assert not snapshot.readable([PAY.document.id], scope=ANYONE)
        assert seen(snapshot, HR)
    store.rollback(Generation(1))
    for snapshot in at(store, None):
        assert not seen(snapshot, ANYONE)
        assert seen(snapshot, HR)


def test_what_was_open_once_and_restricted_later_is_not_opened_by_a_shortened_version(store: Store) -> None:
    commit(store, PAY)
    commit(store, with_readers(PAY, "hr"))
    commit(store, sample("pay.md", "Salaries are paid monthly."))
    for number in (1, 2):
        for snapshot in at(store, number):
            assert not seen(snapshot, ANYONE)


def test_lists_that_have_no_reader_in_common_let_nobody_in(store: Store) -> None:
    commit(store, with_readers(PAY, "hr"))
    commit(store, sample("pay.md", "Something else entirely.", readers=frozenset({"board"})))
    for snapshot in at(store, 1):
        for scope in (ANYONE, HR, BOARD):
            assert not seen(snapshot, scope)
    store.rollback(Generation(1))
    for snapshot in at(store, None):
        assert not any(seen(snapshot, scope) for scope in (ANYONE, HR, BOARD))
        assert seen(snapshot, OPERATOR)


def test_rollback_keeps_the_readers_of_today(store: Store) -> None:
    commit(store, PAY, PLAN)
    commit(store, with_readers(PAY, "hr"))
    store.rollback(Generation(1))
    for snapshot in at(store, None):
        assert not seen(snapshot, ANYONE)
        assert seen(snapshot, HR)
        assert snapshot.text(PAY.document.id) == PAY.text
        assert snapshot.chunks(PAY.document.id) == list(PAY.chunks)
        best = find(snapshot, "Salaries are paid monthly.", scope=HR)[0]
        assert best.chunk == PAY.chunks[0]
        assert best.document.readers == {"hr"}
        assert snapshot.info().documents == 2


def test_rollback_brings_a_document_back_with_the_readers_it_had_last(store: Store) -> None:
    commit(store, PAY, PLAN)
    commit(store, with_readers(PAY, "hr"))
    commit(store, without=("pay.md",))
    store.rollback(Generation(1))
    for number in (None, 1, 2):
        for snapshot in at(store, number):
            assert not seen(snapshot, ANYONE)
            assert seen(snapshot, HR)


def test_a_reader_who_has_pinned_a_generation_behind_the_newest_obeys_the_newest(store: Store) -> None:
    commit(store, PAY)
    with store.snapshot() as snapshot:
        commit(store, with_readers(PAY, "hr"))
        assert snapshot.generation == 1
        assert not snapshot.readable([PAY.document.id], scope=ANYONE)
    for later in at(store, 1):
        assert not seen(later, ANYONE)


def test_versions_that_are_unknown_or_another_tenants_are_not_readable(store: Store) -> None:
    commit(store, PAY)
    for snapshot in at(store, None):
        assert snapshot.readable([], scope=ANYONE)
        assert snapshot.readable([PAY.document.id], scope=ANYONE)
        assert not snapshot.readable([PAY.document.id, PLAN.document.id], scope=ANYONE)
        assert not snapshot.readable([PAY.document.id], scope=Scope("other", unrestricted=True))


def test_empty_index_has_nothing_readable(store: Store) -> None:
    for snapshot in at(store, None):
        assert snapshot.readable([], scope=ANYONE)
        assert not snapshot.readable([PAY.document.id], scope=OPERATOR)


@pytest.mark.parametrize("reveal", [False, True])
def test_looking_for_an_expected_document_says_no_more_than_may_be_known_today(
    store: Store, reveal: bool
) -> None:
    commit(store, PAY, PLAN)
    commit(store, with_readers(PAY, "hr"))
    question = "salaries"
    for snapshot in at(store, 1):
        trace = snapshot.trace(question, embed(question), scope=ANYONE, limit=5)
        found = find_expected("pay.md", trace, snapshot, scope=ANYONE, where=(), limit=5, reveal=reveal)
        assert found.lost_at == ("scope" if reveal else "ingestion")
        assert found.hit is None
