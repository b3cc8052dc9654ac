"""A standby takes over under load: with synchronous replication nothing is lost, without it the loss is noticed."""

import threading
import time
from collections.abc import Iterator

import psycopg
import pytest

from tests.postgresql import Server, needs_postgresql
from tests.vectorstore.postgresql.conftest import Replica
from tests.vectorstore.postgresql.test_kill import Load, searched
from tests.vectorstore.sample import put, sample
from vectorstore.index.maintenance.verify import damage_of
from vectorstore.index.store import IndexStore

pytestmark = needs_postgresql


@pytest.fixture
def pair() -> Iterator[tuple[Server, Server]]:
    """A primary, and a standby made from it that follows it."""
    primary, standby = Server(), Server()
    try:
        primary.make()
        with (primary.data / "pg_hba.conf").open("a") as rules:
            rules.write("host replication footnote 127.0.0.1/32 scram-sha-256\n")
        primary.start()
        standby.call(
            "pg_basebackup", "-D", standby.data, "-h", "127.0.0.1", "-p", primary.port, "-U", "footnote",
            "-R", "-X", "stream", "-c", "fast", "--no-sync",
        )  # fmt: skip
        with (standby.data / "postgresql.auto.conf").open("a") as settings:
            settings.write(f"primary_conninfo = '{connection_to(primary)}'\n")
        standby.start()
        yield primary, standby
    finally:
        standby.discard()
        primary.discard()


def connection_to(server: Server) -> str:
    password = server.password.replace("'", "''")
    return f"host=127.0.0.1 port={server.port} user=footnote application_name=standby password=''{password}''"


def both(primary: Server, standby: Server, database: str) -> str:
    """Return an address that finds whichever of the two takes writes."""
    name = database.rpartition("/")[2]
    front = primary.url(name).partition("@")[0]
    hosts = f"127.0.0.1:{primary.port},127.0.0.1:{standby.port}"
    return f"{front}@{hosts}/{name}?target_session_attrs=read-write"


def administer(server: Server, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        cursor = admin.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def commit(store: IndexStore, uri: str) -> int:
    with store.draft(wait=True) as draft:
        put(draft, sample(uri, f"The fox of {uri.removesuffix('.md')}."))
    return draft.number


def test_synchronous_failover_under_load_loses_nothing(pair: tuple[Server, Server], replica: Replica) -> None:
    primary, standby = pair
    url = both(primary, standby, primary.database())
    store, reader = replica("writer", url), replica("reader", url)
    commit(store, "first.md")
    administer(primary, "ALTER SYSTEM SET synchronous_standby_names = '*'")
    administer(primary, "SELECT pg_reload_conf()")
    until = time.monotonic() + 30
    while administer(primary, "SELECT sync_state FROM pg_stat_replication") != [("sync",)]:
        assert time.monotonic() < until
        time.sleep(0.05)
    load = Load(store, "w")
    failed: list[Exception] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            try:
                with reader.snapshot() as snapshot:
                    snapshot.info()
            except Exception as error:  # noqa: BLE001 - told by the test
                failed.append(error)
            time.sleep(0.02)

    reader.follow()
    searched(reader, "Fox")
    reading = threading.Thread(target=read)
    reading.start()
    time.sleep(1.5)
    primary.stop(9)
    time.sleep(0.3)
    administer(standby, "SELECT pg_promote()")
    before = len(load.acknowledged)
    until = time.monotonic() + 30
    while len(load.acknowledged) < before + 3:
        assert time.monotonic() < until
        time.sleep(0.05)
    load.stop()
    stop.set()
    reading.join()
    assert load.failures == failed == []
    fresh = replica("fresh", url)
    with fresh.snapshot() as snapshot:
        there = set(snapshot.digests(tenant="default"))
    assert {uri for _, uri in load.acknowledged} <= there
    with fresh.database.connection() as connection:
        assert damage_of(connection) == []
    assert searched(fresh, "Fox 2") == searched(store, "Fox 2") == searched(reader, "Fox 2")


def test_asynchronous_failover_that_loses_a_generation_is_noticed(
    pair: tuple[Server, Server], replica: Replica, caplog: pytest.LogCaptureFixture
) -> None:
    primary, standby = pair
    url = both(primary, standby, primary.database())
    store = replica("writer", url)
    commit(store, "first.md")
    until = time.monotonic() + 30
    caught_up = "SELECT replay_lsn = pg_current_wal_lsn() FROM pg_stat_replication"
    while administer(primary, caught_up) != [(True,)]:
        assert time.monotonic() < until
        time.sleep(0.05)
    # The standby hears no more of the primary, whose commits go on.
    administer(standby, "ALTER SYSTEM SET primary_conninfo = ''")
    administer(standby, "SELECT pg_reload_conf()")
    while administer(primary, "SELECT 1 FROM pg_stat_replication"):
        assert time.monotonic() < until
        time.sleep(0.05)
    reader = replica("reader", url)
    for uri in ("lost.md", "lost as well.md"):
        commit(store, uri)
    assert "fox of lost" in str(searched(reader, "fox lost"))
    primary.stop(9)
    administer(standby, "SELECT pg_promote()")
    time.sleep(0.6)
    later = replica("later", url)
    commit(later, "second.md")
    told = searched(reader, "fox")
    assert told == searched(later, "fox")
    assert "fox of lost" not in str(told)
    assert "fox of second" in str(told)
    assert "has lost generation 3" in caplog.text
