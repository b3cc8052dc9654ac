"""What a server may refuse or forbid, and what is said of it: rights, room, time, names, and what stands between."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from ingest.jobs.open import open_desk
from tests.postgresql import Server, needs_postgresql
from tests.vectorstore.postgresql.conftest import Replica
from tests.vectorstore.postgresql.test_replicas import commit, find_uris, plain
from vectorstore.errors import BadInput, StoreDamaged, Unavailable
from vectorstore.index.postgresql.address import read_address
from vectorstore.index.postgresql.database import PostgreSQL
from vectorstore.index.postgresql.driver import in_our_words
from vectorstore.open import open_upkeep
from vectorstore.settings import StoreSettings
from vectorstore.state.open import open_state

pytestmark = needs_postgresql


@pytest.fixture
def narrow(postgresql_server: Server) -> Iterator[str]:
    """The address of a schema whose owner owns nothing else, and may make no other."""
    address = postgresql_server.database()
    with psycopg.connect(address, autocommit=True) as admin:
        admin.execute("CREATE ROLE narrow LOGIN PASSWORD 'narrow'")
        admin.execute("CREATE SCHEMA footnote AUTHORIZATION narrow")
        yield f"postgresql://narrow:narrow@{address.rpartition('@')[2]}"
        admin.execute("DROP OWNED BY narrow")
        admin.execute("DROP ROLE narrow")


def test_a_user_who_owns_but_a_schema_has_all_that_is_needed(
    narrow: str, replica: Replica, tmp_path: Path
) -> None:
    settings = StoreSettings(data_dir=tmp_path / "data", store=narrow)
    with closing(open_desk(settings) or pytest.fail("There is no queue.")):
        open_state(settings).cell("keys.json").read()
    store = replica("one", narrow)
    commit(store, "a.md", "The fox.")
    commit(store, "b.md", "The fox and the dog.")
    with closing(open_upkeep(settings)) as upkeep:
        certificate = upkeep.erase(["a.md"])
        assert certificate.complete
        assert any("pg_switch_wal" in each for each in certificate.unsearched)
        assert upkeep.compact(keep=1).documents == 0
        assert upkeep.verify().sound
    assert find_uris(store) == {"b.md"}


def test_a_schema_may_be_called_by_a_word_of_the_language(
    postgresql_server: Server, replica: Replica, tmp_path: Path
) -> None:
    url = f"{postgresql_server.database()}?schema=user"
    settings = StoreSettings(data_dir=tmp_path / "data", store=url)
    with closing(open_desk(settings) or pytest.fail("There is no queue.")):
        open_state(settings).cell("keys.json").read()
    store = replica("one", url)
    commit(store, "a.md", "The fox.")
    with closing(open_upkeep(settings)) as upkeep:
        upkeep.compact(keep=1)
        upkeep.erase(["a.md"])
        assert upkeep.verify().sound


@pytest.mark.parametrize(
    "name", ["", "Ünï", "My-Index", "a.b", '"a"', "a;b", "pg_mine", "information_schema", "n" * 56]
)
def test_a_schema_that_cannot_be_is_told(name: str) -> None:
    with pytest.raises(BadInput, match="cannot be called"):
        read_address(f"postgresql://u:secret@host/db?schema={name}")


def test_what_the_address_says_of_the_connection_holds(postgresql_url: str) -> None:
    url = f"{postgresql_url}&application_name=mine&options=-c%20statement_timeout%3D7000%20-c%20search_path%3Dother"
    with closing(PostgreSQL(read_address(url))) as server, server.connection() as connection:
        for name, value in (
            ("statement_timeout", "7s"),
            ("application_name", "mine"),
            ("search_path", read_address(url).schema),
        ):
            assert connection.rows(f"SHOW {name}") == [(value,)]


def test_nothing_is_read_where_a_pooler_keeps_the_schema_for_itself(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PostgreSQL, "_session", lambda _: {})
    with (
        closing(PostgreSQL(read_address(postgresql_url))) as server,
        pytest.raises(Unavailable, match="in which schema to look"),
        server.connection(),
    ):
        pass


def test_a_server_that_takes_no_writes_says_so_and_is_read_on(
    postgresql_server: Server, replica: Replica
) -> None:
    url = postgresql_server.database()
    commit(replica("one", url), "a.md", "The fox.")
    with plain(url) as admin:
        name = url.rpartition("/")[2]
        admin.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")  # type: ignore[arg-type]
    reader = replica("two", url)
    assert find_uris(reader) == {"a.md"}
    with pytest.raises(Unavailable, match="takes no writes"):
        commit(reader, "b.md", "The dog.")


def test_a_statement_that_takes_too_long_is_called_so(postgresql_url: str) -> None:
    url = f"{postgresql_url}&options=-c%20statement_timeout%3D50"
    with (
        closing(PostgreSQL(read_address(url))) as server,
        server.connection() as connection,
        pytest.raises(Unavailable, match="took too long"),
    ):
        connection.rows("SELECT pg_sleep(5)")


def test_a_right_that_is_missing_is_named(postgresql_server: Server, replica: Replica) -> None:
    url = postgresql_server.database()
    commit(replica("one", url), "a.md", "The fox.")
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("CREATE ROLE stranger LOGIN PASSWORD 'stranger'")
        try:
            with pytest.raises(StoreDamaged, match="its rights on the index"):
                find_uris(replica("two", f"postgresql://stranger:stranger@{url.rpartition('@')[2]}"))
        finally:
            admin.execute("DROP ROLE stranger")


def test_a_full_disk_is_no_server_that_does_not_answer() -> None:
    told = in_our_words(psycopg.errors.DiskFull("could not extend file"), "postgresql://host/db")
    assert isinstance(told, Unavailable)
    assert "has no space left" in told.what
