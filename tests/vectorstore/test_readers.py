"""Readers outlive compaction, and a backup that takes the place of an index."""

from pathlib import Path

import pytest

from tests.backups import back_up, restore
from tests.contract.test_readers import ANYONE, HR, OPERATOR, PAY, PLAN, at, commit, seen, with_readers
from tests.vectorstore.conftest import OpenStore
from tests.vectorstore.sample import sample
from vectorstore.errors import StoreDamaged
from vectorstore.index.upkeep import IndexUpkeep
from vectorstore.open import open_upkeep
from vectorstore.settings import StoreSettings
from vectorstore.types import NOBODY, Generation, Scope, both


@pytest.mark.parametrize(
    ("first", "second", "admitted"),
    [
        ((), (), ()),
        (("hr",), (), ("hr",)),
        ((), ("hr",), ("hr",)),
        (("hr", "board"), ("board",), ("board",)),
        (("hr",), ("board",), tuple(NOBODY)),
    ],
)
def test_two_lists_admit_whom_both_admit(
    first: tuple[str, ...], second: tuple[str, ...], admitted: tuple[str, ...]
) -> None:
    assert both(frozenset(first), frozenset(second)) == frozenset(admitted)


def test_compaction_opens_nothing(folder: Path, open_index: OpenStore) -> None:
    store = open_index()
    commit(store, PAY, PLAN)
    commit(store, with_readers(PAY, "hr"))
    commit(store, without=("pay.md",))
    open_upkeep(StoreSettings(data_dir=folder)).compact(keep=2)
    store.rollback(Generation(2))
    for snapshot in at(store, None):
        assert not seen(snapshot, ANYONE)
        assert seen(snapshot, HR)


@pytest.mark.parametrize("ending", ["stands", "is gone", "has other words"])
def test_a_restored_backup_has_the_readers_of_the_index_that_it_replaces(
    folder: Path, open_index: OpenStore, tmp_path: Path, ending: str
) -> None:
    store = open_index()
    commit(store, PAY, PLAN)
    back_up(StoreSettings(data_dir=folder), tmp_path / "backup")
    commit(store, with_readers(PAY, "hr"))
    if ending == "is gone":
        commit(store, without=("pay.md",))
    if ending == "has other words":
        commit(store, sample("pay.md", "Other words.", readers=frozenset({"hr"})))
    restore(StoreSettings(data_dir=folder), tmp_path / "backup")
    for number in (None, 1):
        for snapshot in at(store, number):
            assert not seen(snapshot, ANYONE)
            assert seen(snapshot, HR)
            assert seen(snapshot, ANYONE, PLAN.document)
    store.rollback(Generation(1))
    for snapshot in at(store, None):
        assert not seen(snapshot, ANYONE)
    assert IndexUpkeep(store).verify().sound


def test_what_was_deleted_before_a_backup_is_not_opened_by_a_rollback_after_it(
    folder: Path, open_index: OpenStore, tmp_path: Path
) -> None:
    store = open_index()
    commit(store, PAY, PLAN)
    commit(store, without=("pay.md",))
    back_up(StoreSettings(data_dir=folder), tmp_path / "backup")
    commit(store, with_readers(PAY, "hr"))
    restore(StoreSettings(data_dir=folder), tmp_path / "backup")
    store.rollback(Generation(1))
    for snapshot in at(store, None):
        assert not seen(snapshot, ANYONE)
        assert seen(snapshot, HR)


def test_on_an_empty_machine_the_readers_of_the_backup_stand(
    folder: Path, open_index: OpenStore, tmp_path: Path
) -> None:
    store = open_index()
    commit(store, PAY, with_readers(PLAN, "hr"))
    back_up(StoreSettings(data_dir=folder), tmp_path / "backup")
    settings = StoreSettings(data_dir=tmp_path / "fresh")
    restore(settings, tmp_path / "backup", replaces=False)
    fresh = open_upkeep(settings)
    for snapshot in at(fresh.store, None):
        assert seen(snapshot, ANYONE)
        assert not seen(snapshot, ANYONE, PLAN.document)
    fresh.close()


def test_an_index_whose_readers_cannot_be_read_is_replaced_only_if_that_is_said(
    folder: Path, open_index: OpenStore, tmp_path: Path
) -> None:
    store = open_index()
    commit(store, PAY)
    back_up(StoreSettings(data_dir=folder), tmp_path / "backup")
    opened = store.opened()
    assert opened is not None
    with opened.database.connection() as connection:
        connection.run("UPDATE documents SET readers = 'hr\"]'")
    store.close()
    with pytest.raises(StoreDamaged, match="--accept-readers"):
        restore(StoreSettings(data_dir=folder), tmp_path / "backup")
    assert (folder / "index.db").exists()
    restore(StoreSettings(data_dir=folder), tmp_path / "backup", accept_readers=True)
    upkeep = open_upkeep(StoreSettings(data_dir=folder))
    for snapshot in at(upkeep.store, None):
        assert seen(snapshot, OPERATOR)
    upkeep.close()


def test_a_group_that_is_called_like_nobody_reads_nothing_by_it() -> None:
    scope = Scope(groups=NOBODY)
    assert not scope.admits(both(frozenset({"hr"}), frozenset({"board"})))
    assert Scope(groups=NOBODY | {"hr"}).admits(NOBODY | {"hr"})
    assert Scope(unrestricted=True).admits(NOBODY)
