"""The connection is cut at each statement of a commit: it stands whole or not at all, and the next one works."""

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.postgresql import needs_postgresql
from tests.vectorstore.postgresql.conftest import Replica
from tests.vectorstore.sample import find, put, sample, uris
from vectorstore.errors import Unavailable
from vectorstore.index.maintenance.verify import damage_of
from vectorstore.index.store import IndexStore

pytestmark = needs_postgresql


class Cutter:
    """Counts the statements of one thread, and has the server end the connection at one of them."""

    def __init__(self, admin: "psycopg.Connection[Any]") -> None:
        self.admin = admin
        self.seen = 0
        self.at = 0
        self.after = False
        self.thread: int | None = None

    def around(self, statement: Callable[..., Any], of: Callable[[Any], Any]) -> Callable[..., Any]:
        def run(this: Any, *arguments: Any, **more: Any) -> Any:
            if threading.get_ident() != self.thread or self.at == 0 or of(this) is self.admin:
                return statement(this, *arguments, **more)
            self.seen += 1
            mine = self.seen == self.at
            if mine and not self.after:
                self.cut(of(this))
            done = statement(this, *arguments, **more)
            if mine and self.after:
                self.cut(of(this))
            return done

        return run

    def cut(self, raw: "psycopg.Connection[Any]") -> None:
        at, self.at = self.at, 0
        pid = raw.info.backend_pid
        self.admin.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
        self.at = at


@pytest.fixture
def cutter(monkeypatch: pytest.MonkeyPatch, postgresql_url: str):  # type: ignore[no-untyped-def]
    with psycopg.connect(postgresql_url.partition("?")[0], autocommit=True) as admin:
        cutter = Cutter(admin)
        monkeypatch.setattr(
            psycopg.Connection, "execute", cutter.around(psycopg.Connection.execute, lambda this: this)
        )
        monkeypatch.setattr(
            psycopg.Cursor, "copy", cutter.around(psycopg.Cursor.copy, lambda this: this.connection)
        )
        yield cutter


def commit(store: IndexStore, number: int) -> None:
    with store.draft(wait=True) as draft:
        put(draft, sample("same.md", f"The fox says {number}. And more."))
        put(draft, sample(f"{number}.md", f"The dog says {number}."))
        draft.remove(tenant="default", uri=f"{number - 1}.md")


def test_a_commit_that_is_cut_anywhere_stands_whole_or_not_at_all(
    replica: Replica, postgresql_url: str, cutter: Cutter
) -> None:
    store, other = replica("one", postgresql_url), replica("other", postgresql_url)
    commit(store, 0)
    number, cuts, whole = 0, 0, 0
    for after in (False, True):
        for at in range(1, 200):
            newest = other.generations()[-1].number
            cutter.seen, cutter.at, cutter.after, cutter.thread = 0, at, after, threading.get_ident()
            try:
                commit(store, number + 1)
            except Unavailable:
                told = False
            else:
                told = True
            reached, cutter.at = cutter.seen >= at, 0
            now = other.generations()[-1].number
            assert now in {newest, newest + 1}
            assert now == newest + 1 or not told
            number += now - newest
            if not reached:
                break
            cuts += 1
            whole += now - newest
            with other.snapshot() as snapshot:
                assert sorted(set(uris(find(snapshot, "says")))) == [f"{number}.md", "same.md"]
                assert f"The fox says {number}." in [hit.chunk.text for hit in find(snapshot, "fox says")]
        else:
            raise AssertionError("it never came to an end")
    with store.database.connection() as connection:
        assert damage_of(connection) == []
    assert cuts > 40
    assert whole < cuts
