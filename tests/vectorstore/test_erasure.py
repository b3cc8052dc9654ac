"""Erasing in PostgreSQL: no byte in tables, indexes, statistics, log and the folders of replicas; and the traps."""

import hashlib
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.postgresql import Server, needs_postgresql
from tests.vectorstore.sample import SPACE, Sample, find, put, sample
from vectorstore.errors import Busy
from vectorstore.index import upkeep as upkeep_module
from vectorstore.index.maintenance import erasure
from vectorstore.index.maintenance.byte_search import files_holding
from vectorstore.index.postgresql import replicas, storage
from vectorstore.index.postgresql.database import PostgreSQLConnection
from vectorstore.index.store import IndexStore
from vectorstore.index.truth.database import Value
from vectorstore.open import open_store, open_upkeep
from vectorstore.settings import StoreSettings
from vectorstore.upkeep import Certificate

pytestmark = needs_postgresql


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server of its own: other tests' databases need not be searched."""
    made = Server(settings={"min_wal_size": "32MB"})
    try:
        made.make()
        made.start()
        yield made
    finally:
        made.discard()


@pytest.fixture
def settings(server: Server, tmp_path: Path) -> StoreSettings:
    return StoreSettings(data_dir=tmp_path / "first", store=server.database())


def secret(number: int) -> Sample:
    """A document that nothing else shares a word with; some are so long that PostgreSQL keeps them apart.

    Each test has its own: the server looks after the databases of all, and writes of them into its one log.
    """
    word = hashlib.sha256(f"secret {number}".encode()).hexdigest()
    more = " ".join(
        hashlib.sha256(f"{word} {n}".encode()).hexdigest() for n in range(80 if number % 3 else 1)
    )
    return sample(f"people/{word[:20]}.md", f"Record {word} in Zürich. {more}.", title=f"On {word[::-1]}")


def needles_of(made: Sequence[Sample]) -> list[bytes]:
    needles = []
    for each in made:
        for text in (*re.findall(r"[0-9a-f]{64}", each.text), each.document.uri, each.document.title):
            needles += [text.encode(), text.encode("utf-16-le"), text.upper().encode()]
        needles += [row.astype(kind).tobytes() for row in each.vectors for kind in ("<f2", "<f4")]
    return needles


def holding(folder: Path, needles: Sequence[bytes]) -> dict[str, int]:
    """Where under a folder which of them are, by our own search of every file."""
    found = files_holding([path for path in folder.rglob("*") if path.is_file()], needles)
    return {str(path.relative_to(folder)): len(which) for path, which in found.items()}


def fill(settings: StoreSettings, private: Sequence[Sample]) -> IndexStore:
    store = open_store(settings, SPACE)
    half = len(private) // 2
    with store.draft() as draft:
        for each in (*private[: half + 5], *(sample(f"{n}.md", f"Public fact {n}.") for n in range(20))):
            put(draft, each)
    with store.draft() as draft:
        for each in private[half:]:
            put(draft, each)
        draft.remove(tenant="default", uri=private[0].document.uri)
    return store


def erase_all(server: Server, settings: StoreSettings, tmp_path: Path, count: int) -> None:
    private = [secret(number) for number in range(count)]
    needles = needles_of(private)
    second = settings.model_copy(update={"data_dir": tmp_path / "second"})
    with closing(fill(settings, private)) as store, closing(open_store(second, SPACE)) as other:
        for each in (store, other):
            with each.snapshot() as snapshot:
                assert find(snapshot, private[-1].chunks[0].text)
            each.database.storage.acknowledge(each.folder)
        with store.database.connection() as connection:
            # What the planner remembers of columns is a copy too.
            connection.run("ANALYZE")
            connection.run("CHECKPOINT")
        assert {name.partition("/")[0] for name in holding(server.data, needles)} == {"base", "pg_wal"}
        with closing(open_upkeep(settings)) as upkeep:
            certificate = upkeep.erase([each.document.uri for each in private])
            assert (certificate.documents, certificate.left) == (count + 5, ())
            assert certificate.unsearched == ()
            assert certificate.searched_files > 100
            assert holding(server.data, needles) == {}
            assert holding(settings.data_dir, needles) == {}
            # The other replica still holds its projections, and has not said otherwise.
            assert holding(second.data_dir, needles) != {}
            assert certificate.outstanding == (replicas.replica_name(second.data_dir),)
            assert not certificate.complete
            with other.snapshot() as snapshot:
                assert {hit.document.uri for hit in find(snapshot, "record", limit=500)} == {
                    f"{n}.md" for n in range(20)
                }
            other.database.storage.acknowledge(other.folder)
            assert holding(second.data_dir, needles) == {}
            assert upkeep.certificates()[-1].complete
            assert upkeep.verify().sound


def test_erased_documents_leave_no_byte_on_the_server_and_its_replicas(
    server: Server, settings: StoreSettings, tmp_path: Path
) -> None:
    erase_all(server, settings, tmp_path, 20)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_hundred_erased_documents_leave_no_byte(
    server: Server, settings: StoreSettings, tmp_path: Path
) -> None:
    erase_all(server, settings, tmp_path, 200)


def test_a_plain_vacuum_leaves_every_byte(server: Server, settings: StoreSettings) -> None:
    """Why an erasure writes tables and log anew: DELETE, VACUUM and VACUUM FULL alone are no erasure."""
    private = [secret(number) for number in range(12)]
    words = [re.findall(r"[0-9a-f]{64}", each.text)[0].encode() for each in private]
    with closing(fill(settings, private)) as store, store.database.connection() as connection:
        gone = "(SELECT row FROM documents WHERE uri LIKE 'people/%')"
        with connection.transaction():
            connection.run(
                f"DELETE FROM vectors WHERE chunk IN (SELECT row FROM chunks WHERE document IN {gone})"
            )
            for table in ("chunks", "texts", "lives"):
                connection.run(f"DELETE FROM {table} WHERE document IN {gone}")
            connection.run("DELETE FROM documents WHERE uri LIKE 'people/%'")
        connection.run("VACUUM")
        connection.run("CHECKPOINT")
        found = files_holding([path for path in server.data.rglob("*") if path.is_file()], words)
        assert set().union(*found.values()) == set(words)
        assert any(path.parts[-3] == "base" for path in found)
        connection.run("VACUUM (FULL)")
        found = files_holding([path for path in server.data.rglob("*") if path.is_file()], words)
        assert {path.parent.name for path in found} == {"pg_wal"}
        assert set().union(*found.values()) == set(words)


def test_an_old_reader_stands_in_the_way_before_anything_is_erased(
    settings: StoreSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "_PATIENCE", 0.2)
    private = [secret(number) for number in range(1000, 1012)]
    with closing(fill(settings, private)) as store, closing(open_upkeep(settings)) as upkeep:
        with store.database.connection() as reader, reader.transaction("DEFERRED"):
            assert reader.rows("SELECT count(*) FROM documents")
            with pytest.raises(Busy):
                upkeep.erase([private[1].document.uri])
        assert upkeep.certificates() == []
        assert upkeep.erase([private[1].document.uri]).complete


def test_what_a_reader_keeps_who_came_later_is_certified_and_the_next_writer_finishes(
    server: Server, settings: StoreSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "_PATIENCE", 0.2)
    private = [secret(number) for number in range(1100, 1112)]
    words = needles_of(private[:3])
    with closing(fill(settings, private)) as store, closing(open_upkeep(settings)) as upkeep:
        with ExitStack() as reading:

            def read() -> list[str]:
                reader = reading.enter_context(store.database.connection())
                reading.enter_context(reader.transaction("DEFERRED"))
                assert reader.rows("SELECT count(*) FROM documents")
                return []

            certificate = upkeep.erase([each.document.uri for each in private[:3]], also=read)
            assert settings.store.get_secret_value().rpartition("@")[2] in certificate.left[-1]
            assert not certificate.complete
        assert upkeep.certificates() == [certificate]
        assert holding(server.data, words) != {}
        with store.draft() as draft:
            put(draft, sample("next.md", "The next."))
        assert holding(server.data, words) == {}


def test_of_two_erasures_at_once_each_has_its_certificate(
    settings: StoreSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = [secret(number) for number in range(1200, 1212)]
    first, second = private[1], private[2]
    finish = upkeep_module.finish_erasure
    with closing(fill(settings, private)), closing(open_upkeep(settings)) as one:

        def meanwhile(*given: object) -> None:
            monkeypatch.setattr(upkeep_module, "finish_erasure", finish)
            finish(*given)  # type: ignore[arg-type]
            with closing(open_upkeep(settings)) as other:
                made.append(other.erase([second.document.uri]))

        made: list[Certificate] = []
        monkeypatch.setattr(upkeep_module, "finish_erasure", meanwhile)
        made.insert(0, one.erase([first.document.uri]))
        assert [each.generation for each in made] == [3, 4]
        assert one.certificates() == made


def test_an_erasure_says_that_it_is_under_way_until_the_last_is_finished(
    settings: StoreSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = [secret(number) for number in range(1300, 1312)]
    expunge = storage.PostgreSQLStorage.expunge
    with closing(fill(settings, private)) as store, closing(open_upkeep(settings)) as one:

        def killed(*_: object) -> None:
            raise KeyboardInterrupt

        def meanwhile(self: storage.PostgreSQLStorage) -> None:
            expunge(self)
            monkeypatch.setattr(storage.PostgreSQLStorage, "expunge", killed)
            with closing(open_upkeep(settings)) as other, pytest.raises(KeyboardInterrupt):
                other.erase([private[2].document.uri])
            monkeypatch.setattr(storage.PostgreSQLStorage, "expunge", expunge)

        monkeypatch.setattr(storage.PostgreSQLStorage, "expunge", meanwhile)
        one.erase([private[1].document.uri])
        with store.database.connection() as connection:
            assert erasure.is_under_way(connection)
        with store.draft() as draft:
            put(draft, sample("next.md", "The next."))
        with store.database.connection() as connection:
            assert not erasure.is_under_way(connection)


def test_a_folder_that_was_searched_but_once_is_known_to_whoever_erases(
    settings: StoreSettings, tmp_path: Path
) -> None:
    private = [secret(number) for number in range(1400, 1412)]
    once = settings.model_copy(update={"data_dir": tmp_path / "once"})
    with closing(fill(settings, private)), closing(open_upkeep(settings)) as upkeep:
        with closing(open_store(once, SPACE)) as store, store.snapshot() as snapshot:
            assert find(snapshot, "record")
        assert upkeep.erase([private[1].document.uri]).outstanding == (replicas.replica_name(once.data_dir),)


def test_the_servers_own_check_is_asked_where_it_is_to_be_had(
    settings: StoreSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(fill(settings, [secret(number) for number in range(12)])) as store:
        with store.database.connection() as connection:
            connection.run("CREATE EXTENSION amcheck SCHEMA public")
        asked: list[str] = []
        rows = PostgreSQLConnection.rows

        def heard(self: PostgreSQLConnection, sql: str, values: Sequence[Value] = ()) -> list[tuple]:  # type: ignore[type-arg]
            asked.append(sql)
            return rows(self, sql, values)

        monkeypatch.setattr(PostgreSQLConnection, "rows", heard)
        with closing(open_upkeep(settings)) as upkeep:
            assert upkeep.verify().damage == ()
        assert sum("verify_heapam" in each for each in asked) >= 7
        assert sum("bt_index_check" in each for each in asked) >= 7


def test_a_certificate_says_what_it_could_not_search(
    settings: StoreSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a managed server: its files lie elsewhere, and its users may not write the log anew."""
    monkeypatch.setattr(storage, "_data_folder", lambda connection: None)
    monkeypatch.setattr(storage, "_may_renew_log", lambda connection: False)
    private = [secret(number) for number in range(1500, 1512)]
    told = settings.model_copy(update={"store_retention_days": 35})
    with closing(fill(settings, private)), closing(open_upkeep(told)) as upkeep:
        certificate = upkeep.erase([private[0].document.uri])
    assert certificate.complete
    said = " ".join(certificate.unsearched)
    assert "35 days" in said
    assert "pg_switch_wal" in said
    assert "secret" not in said


def test_a_replica_that_went_silent_is_named_and_not_waited_for(
    settings: StoreSettings, tmp_path: Path
) -> None:
    private = [secret(number) for number in range(1600, 1612)]
    second = settings.model_copy(update={"data_dir": tmp_path / "second"})
    with closing(fill(settings, private)) as store, closing(open_store(second, SPACE)) as other:
        with other.snapshot() as snapshot:
            assert find(snapshot, "record")
        other.database.storage.acknowledge(other.folder)
        with store.database.connection() as connection:
            connection.run("UPDATE replicas SET seen = now() - interval '2 hours'")
        with closing(open_upkeep(settings)) as upkeep:
            certificate = upkeep.erase([private[0].document.uri])
    assert certificate.outstanding == ()
    assert any(str(second.data_dir) in each for each in certificate.unsearched)


def test_a_replica_that_only_waits_follows_an_erasure_by_itself(
    settings: StoreSettings, tmp_path: Path
) -> None:
    private = [secret(number) for number in range(1700, 1712)]
    second = settings.model_copy(update={"data_dir": tmp_path / "second"})
    with closing(fill(settings, private)), closing(open_store(second, SPACE)) as replica:
        replica.follow()
        until = time.monotonic() + 30
        while not holding(second.data_dir, needles_of(private)) and time.monotonic() < until:
            time.sleep(0.1)
        with closing(open_upkeep(settings)) as upkeep:
            upkeep.erase([each.document.uri for each in private])
            while not upkeep.certificates()[-1].complete and time.monotonic() < until:
                time.sleep(0.1)
            assert upkeep.certificates()[-1].complete
    assert holding(second.data_dir, needles_of(private)) == {}
