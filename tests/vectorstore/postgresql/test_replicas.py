"""Several stores with folders of their own on one truth: nothing lost, nothing mixed, every generation the same."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import psycopg
import pytest

from tests.postgresql import Server, needs_postgresql
from tests.vectorstore.postgresql.conftest import Replica
from tests.vectorstore.sample import OPERATOR, Space, find, put, sample, uris
from vectorstore.errors import Busy, EmbedderMismatch, Unavailable
from vectorstore.index import create
from vectorstore.index.following import Following
from vectorstore.index.postgresql import database as pool
from vectorstore.index.postgresql.replicas import replica_name
from vectorstore.index.projection import projections
from vectorstore.index.store import IndexStore
from vectorstore.index.truth import read
from vectorstore.index.truth.database import Connection
from vectorstore.index.truth.seal import next_epoch
from vectorstore.index.upkeep import IndexUpkeep
from vectorstore.open import open_store, open_upkeep
from vectorstore.settings import StoreSettings
from vectorstore.store import Lag
from vectorstore.types import Vectors

pytestmark = needs_postgresql


def commit(store: IndexStore, uri: str, text: str) -> int:
    with store.draft(note=uri, wait=True) as draft:
        put(draft, sample(uri, text))
    return draft.number


def plain(url: str) -> "psycopg.Connection[tuple[object, ...]]":
    """Connect past the store, into the index's own schema."""
    address, _, schema = url.partition("?schema=")
    return psycopg.connect(address, autocommit=True, options=f"-c search_path={schema or 'footnote'}")


def told(store: IndexStore, generation: int) -> list[str]:
    with store.snapshot(generation) as snapshot:  # type: ignore[arg-type]
        return [
            repr((hit.chunk, hit.document, hit.score)) for hit in find(snapshot, "fox commit one", limit=5)
        ]


@pytest.mark.parametrize("commits", [40, pytest.param(500, marks=[pytest.mark.slow, pytest.mark.timeout(0)])])
def test_two_replicas_commit_at_once_and_no_generation_is_lost_or_mixed(
    commits: int, replica: Replica, postgresql_url: str
) -> None:
    stores = [replica(name, postgresql_url) for name in ("one", "two")]
    made: list[tuple[int, str]] = []
    failures: list[BaseException] = []

    def work(store: IndexStore, name: str) -> None:
        try:
            for number in range(commits):
                uri = f"{name}-{number}.md"
                made.append((commit(store, uri, f"Fox {name} says commit {number}. And one more."), uri))
        except Exception as error:  # noqa: BLE001 - told by the test
            failures.append(error)

    threads = [
        threading.Thread(target=work, args=(s, n)) for s, n in zip(stores, ("one", "two"), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert sorted(number for number, _ in made) == list(range(1, 2 * commits + 1))
    by_number = dict(made)
    for store in stores:
        kept = store.generations()
        assert [(each.number, each.note) for each in kept[1:]] == sorted(by_number.items())
        assert [each.documents for each in kept] == list(range(2 * commits + 1))
    step = 1 if commits < 100 else 10
    for generation in range(1, 2 * commits + 1, step):
        assert told(stores[0], generation) == told(stores[1], generation)
    with stores[0].snapshot() as snapshot:
        assert {each.uri for each in snapshot.documents(scope=OPERATOR)} == {uri for _, uri in made}


def test_rows_that_a_waiting_writer_took_never_appear_below_a_later_generation(
    replica: Replica, postgresql_url: str
) -> None:
    """A sequence gives numbers before the commit: a replica that has passed them would miss the rows for good."""
    one, two, reader = (replica(name, postgresql_url) for name in ("one", "two", "reader"))
    commit(one, "first.md", "The first fox.")
    with one.draft(wait=True) as draft:
        put(draft, sample("slow.md", "The slow fox took its numbers. Then it waits."))
        with pytest.raises(Busy), two.draft():
            pass
        late: list[int] = []
        waiting = threading.Thread(target=lambda: late.append(commit(two, "late.md", "The late fox.")))
        waiting.start()
        time.sleep(0.3)
        # A third, which looks meanwhile, must not believe that it has all rows up to the newest number.
        assert find_uris(reader) == {"first.md"}
    waiting.join()
    assert (draft.number, late) == (2, [3])
    assert find_uris(reader) == {"first.md", "slow.md", "late.md"}
    with plain(postgresql_url) as database:
        beyond = database.execute(
            "SELECT g.number, c.row FROM generations g JOIN lives l ON l.added <= g.number"
            " JOIN chunks c ON c.document = l.document WHERE c.row > g.last_chunk"
        ).fetchall()
    assert beyond == []


def find_uris(store: IndexStore) -> set[str]:
    with store.snapshot() as snapshot:
        return set(uris(find(snapshot, "fox")))


def test_no_plan_is_kept_that_could_grow_stale(replica: Replica, postgresql_url: str) -> None:
    """Statements are planned each time: neither a migration nor grown tables meet a plan of yesterday."""
    store = replica("one", postgresql_url)
    commit(store, "a.md", "The fox.")
    with store.database.connection() as connection:
        for _ in range(10):
            connection.rows("SELECT row FROM chunks WHERE row = ?", (1,))
        assert connection.rows("SELECT name FROM pg_prepared_statements") == []
        with plain(postgresql_url) as other:
            other.execute("ALTER TABLE chunks ADD COLUMN later text")
        assert connection.rows("SELECT row FROM chunks WHERE row = ?", (1,)) == [(1,)]
    assert find_uris(store) == {"a.md"}
    commit(store, "b.md", "Another fox.")
    assert find_uris(store) == {"a.md", "b.md"}


def test_a_removal_touches_lives_and_no_row_of_chunks(replica: Replica, postgresql_url: str) -> None:
    store = replica("one", postgresql_url)
    commit(store, "a.md", "The fox. The dog. The cat.")
    rows = "SELECT ctid, xmin, xmax, row FROM {} ORDER BY row"
    with plain(postgresql_url) as database:
        before = [database.execute(rows.format(table)).fetchall() for table in ("chunks", "documents")]
        with store.draft() as draft:
            assert draft.remove(tenant="default", uri="a.md")
        assert [
            database.execute(rows.format(table)).fetchall() for table in ("chunks", "documents")
        ] == before
        assert database.execute("SELECT added, removed FROM lives").fetchall() == [(1, 2)]
    twice = "INSERT INTO lives (document, added) VALUES (1, 5), (1, 6)"
    with plain(postgresql_url) as database, pytest.raises(psycopg.errors.UniqueViolation):
        database.execute(twice)


def test_a_following_replica_hears_of_commits_without_being_asked(
    replica: Replica, postgresql_url: str
) -> None:
    one, two = replica("one", postgresql_url), replica("two", postgresql_url)
    commit(one, "a.md", "The fox.")
    two.follow()
    wait_for(lambda: two.lag() == Lag(0))
    began = time.monotonic()
    commit(one, "b.md", "Another fox.")
    wait_for(lambda: two._opened is not None and two._opened._projections.covered.generation == 2)  # type: ignore[union-attr]
    assert time.monotonic() - began < 2.0  # before the poll


def test_a_listening_connection_that_is_cut_is_made_anew(replica: Replica, postgresql_url: str) -> None:
    one, two = replica("one", postgresql_url), replica("two", postgresql_url)
    commit(one, "a.md", "The fox.")
    two.follow()
    wait_for(lambda: two.lag() == Lag(0))
    with plain(postgresql_url) as database:
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
        assert database.execute(cut).fetchall()
    commit(one, "b.md", "Another fox.")
    wait_for(lambda: two._opened is not None and two._opened._projections.covered.generation == 2)  # type: ignore[union-attr]


def test_a_replica_that_reads_for_the_first_time_is_waited_for_by_an_erasure(
    replica: Replica, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = replica("one", postgresql_url), replica("two", postgresql_url)
    commit(one, "a.md", "The fox.")
    begun, go_on, extend = threading.Event(), threading.Event(), projections.extend_dense

    def slow(parent, *asked, **more):  # type: ignore[no-untyped-def]
        if parent == two.folder:
            begun.set()
            assert go_on.wait(30)
        return extend(parent, *asked, **more)

    monkeypatch.setattr(projections, "extend_dense", slow)
    two.follow()
    assert begun.wait(30)
    certificate = IndexUpkeep(one).erase(["a.md"])
    assert certificate.outstanding == (replica_name(two.folder),)
    go_on.set()
    wait_for(lambda: not IndexUpkeep(one).certificates()[-1].outstanding)


def test_a_replica_that_makes_its_search_index_anew_says_so_and_leaves_connections_to_others(
    replica: Replica, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "_MOST", 4)
    monkeypatch.setattr(pool, "_PATIENCE", 3.0)
    one, two = replica("one", postgresql_url), replica("two", postgresql_url)
    commit(one, "a.md", "The fox.")
    two.follow()
    wait_for(lambda: two.lag() == Lag(0))
    go_on, extend = threading.Event(), projections.extend_dense

    def slow(*asked, **more):  # type: ignore[no-untyped-def]
        assert go_on.wait(30)
        return extend(*asked, **more)

    monkeypatch.setattr(projections, "extend_dense", slow)
    with one.database.writer(wait=True) as connection, connection.transaction():
        next_epoch(connection)
    wait_for(lambda: two.lag().behind is None)
    found: list[set[str]] = []
    asking = [threading.Thread(target=lambda: found.append(find_uris(two))) for _ in range(6)]
    for each in asking:
        each.start()
    time.sleep(0.5)
    with two.database.connection() as connection:
        assert connection.one("SELECT 1") == (1,)
    assert found == []
    go_on.set()
    for each in asking:
        each.join()
    assert found == [{"a.md"}] * 6
    wait_for(lambda: two.lag() == Lag(0))


def wait_for(holds, seconds: float = 30.0) -> None:  # type: ignore[no-untyped-def]
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_truth_without_its_last_generation_is_noticed_and_never_mixed(
    replica: Replica, postgresql_server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """A server that took over without the last commit gives its rows' numbers to others."""
    url = postgresql_server.database()
    name = url.rpartition("/")[2]
    writer, reader = replica("writer", url), replica("reader", url)
    commit(writer, "a.md", "The first fox.")
    assert find_uris(reader) == {"a.md"}
    writer.close()
    reader.database.close()
    with psycopg.connect(postgresql_server.url("postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}_standby TEMPLATE {name}")  # type: ignore[arg-type]
        lost = replica("writer", url)
        commit(lost, "lost.md", "The lost fox.")
        lost.close()
        assert find_uris(reader) == {"a.md", "lost.md"}
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        admin.execute(cut, (name,))
        admin.execute(f"ALTER DATABASE {name} RENAME TO {name}_old")  # type: ignore[arg-type]
        admin.execute(f"ALTER DATABASE {name}_standby RENAME TO {name}")  # type: ignore[arg-type]
    later = replica("later", url)
    commit(later, "b.md", "The second fox.")
    assert find_uris(reader) == find_uris(later) == {"a.md", "b.md"}
    assert "has lost generation 2" in caplog.text
    assert told(reader, 2) == told(later, 2)


def test_while_the_database_is_away_what_was_read_goes_on(replica: Replica) -> None:
    server = Server()
    try:
        server.make()
        server.start()
        store = replica("one", server.database())
        commit(store, "a.md", "The fox.")
        commit(store, "b.md", "The dog.")
        store.follow()
        wait_for(lambda: store.lag() == Lag(0))
        with store.snapshot() as snapshot:
            before = [hit.chunk for hit in find(snapshot, "fox", limit=1)]
        server.stop(9)
        with store.snapshot() as snapshot:
            assert snapshot.generation == 2
            assert [hit.chunk for hit in find(snapshot, "fox", limit=1)] == before
            with pytest.raises(Unavailable, match="does not answer"):
                find(snapshot, "dog", limit=1)
        with pytest.raises(Unavailable, match="does not answer") as away, store.draft():
            pass
        assert server.password not in str(away.value)
        assert "%2F" not in str(away.value)
        wait_for(lambda: store.lag().away_seconds > 0)
        server.restart()
        wait_for(lambda: store.lag() == Lag(0))
        commit(store, "c.md", "The second fox.")
        assert find_uris(store) == {"a.md", "b.md", "c.md"}
    finally:
        server.discard()


def test_whoever_has_begun_is_not_turned_away_half_way(replica: Replica, postgresql_url: str) -> None:
    one, two = replica("one", postgresql_url), replica("two", postgresql_url)
    commit(one, "a.md", "The fox.")
    with one.database.writer(wait=False) as connection:
        with connection.transaction():
            pass
        writing = threading.Event()

        def write() -> None:
            with two.draft() as draft:
                put(draft, sample("b.md", "The dog."))
                writing.set()
                time.sleep(0.3)

        other = threading.Thread(target=write)
        other.start()
        assert writing.wait(10)
        with connection.transaction():
            assert connection.rows("SELECT count(*) FROM documents") == [(2,)]
        other.join()


def test_of_two_embedders_an_empty_index_goes_to_the_first(
    replica: Replica, postgresql_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = replica("one", postgresql_url)
    commit(one, "a.md", "The fox.")
    with one.draft() as draft:
        draft.remove(tenant="default", uri="a.md")
    with closing(open_upkeep(StoreSettings(data_dir=tmp_path / "one", store=postgresql_url))) as upkeep:
        upkeep.compact(keep=1)
    other = open_store(StoreSettings(data_dir=tmp_path / "two", store=postgresql_url), Space("other", 16))
    is_empty = create._is_empty

    def meanwhile(connection: Connection) -> bool:
        found = is_empty(connection)
        if found and not late:
            late.append(commit(one, "b.md", "The dog."))
        return found

    late: list[int] = []
    monkeypatch.setattr(create, "_is_empty", meanwhile)
    with closing(other), pytest.raises(EmbedderMismatch), other.draft(wait=True):
        pass
    assert find_uris(one) == {"b.md"}


def test_of_two_embedders_that_give_new_vectors_at_once_one_is_told(
    replica: Replica, postgresql_url: str, tmp_path: Path
) -> None:
    commit(replica("one", postgresql_url), "a.md", "The fox. The dog.")
    settings = StoreSettings(data_dir=tmp_path / "one", store=postgresql_url)
    with closing(open_upkeep(settings)) as one, closing(open_upkeep(settings)) as two:

        def meanwhile(texts: Sequence[str]) -> Vectors:
            two.reembed(lambda texts: np.ones((len(texts), 8), np.float32), fingerprint="second", dimension=8)
            return np.ones((len(texts), 16), np.float32)

        with pytest.raises(Busy, match="new vectors"):
            one.reembed(meanwhile, fingerprint="first", dimension=16)
        assert two.info().embedder == "second"
        assert two.verify().sound


def test_a_replica_that_cannot_write_its_files_says_how_far_it_is_behind(
    replica: Replica, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = replica("one", postgresql_url), replica("two", postgresql_url)
    commit(one, "a.md", "The fox.")
    two.follow()
    wait_for(lambda: two.lag() == Lag(0))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vectorstore.index.projection.projections.catch_up", full)
    for number in range(3):
        commit(one, f"{number}.md", f"Fox {number}.")
    wait_for(lambda: two.lag() == Lag(3))
    assert find_uris(two) == {"a.md"}
    monkeypatch.undo()
    wait_for(lambda: two.lag() == Lag(0))


def test_whatever_goes_wrong_a_replica_goes_on_following() -> None:
    tries: list[int] = []

    def catch_up() -> int:
        tries.append(1)
        if len(tries) < 3:
            raise ValueError("nobody thought of it")
        return 0

    def always(stop: threading.Event) -> Iterator[None]:
        while not stop.wait(0.01):
            yield

    following = Following(catch_up, always)
    wait_for(lambda: following.lag() == Lag(0))
    following.stop()


def test_an_answer_that_was_overtaken_is_no_lost_generation(
    replica: Replica, postgresql_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Of two threads, the one that asked first may be the last to look at what it was told."""
    store = replica("one", postgresql_url)
    commit(store, "a.md", "The fox.")
    with store.database.connection() as connection:
        earlier = read.head(connection)
    commit(store, "b.md", "The second fox.")
    assert find_uris(store) == {"a.md", "b.md"}
    opened = store.opened()
    with monkeypatch.context() as late:
        late.setattr(read, "head", lambda _: earlier)
        assert find_uris(store) == {"a.md"}
    assert find_uris(store) == {"a.md", "b.md"}
    assert store.opened() is opened
    assert "has lost" not in caplog.text


def test_no_statement_asks_by_not_in() -> None:
    """Past some 250,000 rows PostgreSQL looks through all of them for each one: a check would take days."""
    root = Path(create.__file__).parents[2]
    asking = [path for room in ("app", "ingest", "vectorstore") for path in (root / room).rglob("*.py")]
    assert [str(path) for path in asking if "NOT IN (SELECT" in path.read_text(encoding="utf-8")] == []
