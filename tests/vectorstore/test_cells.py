"""Small things that must last are the same for everybody who looks, in a folder and in a database."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.postgresql import Server, needs_postgresql
from tests.state import database_state
from vectorstore.errors import Unavailable
from vectorstore.state.cell import State


def test_what_was_changed_is_kept_whole_or_not_at_all(state: State) -> None:
    cell = state.cell("keys.json")
    assert (cell.read(), cell.stamp()) == (None, None)
    with cell.changing() as change:
        assert change.content is None
        change.content = b"one\0"
    stamp = cell.stamp()
    assert cell.read() == b"one\0"
    with pytest.raises(ZeroDivisionError), cell.changing() as change:
        change.content = str(1 // 0).encode()
    assert (cell.read(), cell.stamp()) == (b"one\0", stamp)
    with cell.changing():
        pass
    assert cell.stamp() == stamp
    with cell.changing() as change:
        change.content = b"three"
    assert cell.stamp() != stamp
    assert state.cell("keys.json").read() == b"three"
    assert state.cell("people.json").read() is None


def test_changes_at_once_follow_one_another(state: State) -> None:
    def add(number: int) -> None:
        with state.cell("people.json").changing() as change:
            change.content = (change.content or b"") + f"{number} ".encode()

    with ThreadPoolExecutor(30) as threads:
        list(threads.map(add, range(60)))
    assert sorted(map(int, (state.cell("people.json").read() or b"").split())) == list(range(60))


def test_a_cell_has_neighbours_and_rooms(state: State) -> None:
    audit = state.below("audit")
    with audit.cell("heads.txt").changing() as change:
        change.content = b"head"
    assert state.cell("audit/heads.txt").read() == b"head"
    with audit.cell("key.pem").beside("anchor.txt").changing() as change:
        change.content = b"anchor"
    assert audit.cell("anchor.txt").read() == b"anchor"


def test_a_use_is_known_to_the_minute(state: State) -> None:
    cell = state.cell("keys.json")
    with cell.changing() as change:
        change.content = b"keys"
    assert cell.last_use("k1") is None
    for _ in range(2):
        cell.note_use("k1")
    used = cell.last_use("k1")
    assert used is not None
    assert abs(used.timestamp() - time.time()) < 60
    assert cell.last_use("k2") is None


@needs_postgresql
def test_a_database_that_goes_away_is_one_sentence_and_comes_back_by_itself(tmp_path: Path) -> None:
    server = Server()
    try:
        server.make()
        server.start()
        opened = database_state(server.database(), tmp_path)
        cell = opened.cell("keys.json")
        with cell.changing() as change:
            change.content = b"kept"
        server.stop()
        for use in (cell.read, cell.stamp, lambda: cell.changing().__enter__()):
            with pytest.raises(Unavailable) as away:
                use()
            assert server.password not in str(away.value)
            assert "%3A" not in str(away.value)
        cell.note_use("k1")
        server.start()
        time.sleep(0.6)
        assert cell.read() == b"kept"
        with cell.changing() as change:
            change.content = b"changed"
        assert cell.read() == b"changed"
        opened.database.close()
    finally:
        server.discard()
