"""`footnote doctor` where other machines take part: it says which of them fails, and what is to be done."""

import re
from pathlib import Path

import pytest

from app.commands import elsewhere
from app.commands.doctor import _attempt
from app.commands.finding import Finding
from app.commands.security import openings
from app.settings import RunSettings, Settings
from ingest.jobs.job import Wanted
from ingest.jobs.open import required_desk
from tests.postgresql import Server, free_port, needs_postgresql
from tests.vectorstore.sample import SPACE
from vectorstore.errors import Unavailable
from vectorstore.index.create import MOVING
from vectorstore.index.postgresql.address import read_address
from vectorstore.index.postgresql.database import PostgreSQL
from vectorstore.index.postgresql.search.tables import lacking
from vectorstore.models.embed import Space
from vectorstore.objects.settings import ObjectSettings
from vectorstore.open import open_database, open_upkeep
from vectorstore.settings import StoreSettings


def found() -> dict[str, Finding]:
    return {about: _attempt(about, check) for about, check in elsewhere.checks()}


@pytest.fixture
def stored(postgresql_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StoreSettings:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FOOTNOTE_STORE", postgresql_url)
    monkeypatch.setenv("FOOTNOTE_DATA_DIR", str(tmp_path / "data"))
    return StoreSettings()


def begin(stored: StoreSettings, space: Space = SPACE) -> None:
    database = open_database(stored)
    with database.writer(wait=True, space=space):
        pass
    database.close()


def change(stored: StoreSettings, statement: str) -> None:
    import psycopg

    address, _, schema = stored.store.get_secret_value().partition("?schema=")
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"SET search_path = {schema}".encode())
        connection.execute(statement.encode())


@needs_postgresql
def test_the_doctor_tells_that_no_worker_takes_what_waits(stored: StoreSettings) -> None:
    assert found()["Queue"].says == "nothing was ever queued."
    desk = required_desk(stored)
    desk.queue.add([Wanted("a.md", "remove"), Wanted("b.md", "remove")], tenant="default")
    assert found()["Queue"].state == "ok"
    change(
        stored,
        "UPDATE jobs SET created = now() - interval '5 minutes', not_before = now() - interval '5 minutes'",
    )
    waiting = found()["Queue"]
    assert waiting.state == "wrong"
    assert "waiting for 300 s, and no worker takes them (2 waiting)" in waiting.says
    assert "footnote worker" in waiting.do
    [first] = desk.queue.claim("one", most=1)
    assert found()["Queue"] == Finding("Queue", "ok", "1 waiting, 1 being done.")
    desk.queue.fail(first, worker="one", reason="broken", error="It is broken.", final=True)
    desk.queue.done([job.id for job in desk.queue.claim("one", most=9)], worker="one")
    assert "jobs ls --state failed" in found()["Queue"].do
    desk.close()


@needs_postgresql
def test_the_doctor_tells_of_an_index_that_is_half_there(stored: StoreSettings) -> None:
    nothing = found()["Database"]
    assert "holds no index yet" in nothing.says
    assert "footnote index move" in nothing.do
    begin(stored)
    assert found()["Database"].state == "ok"
    change(stored, f"UPDATE meta SET value = '{MOVING}' WHERE key = 'schema'")
    moving = found()["Database"]
    assert "not all of it is there yet" in moving.says
    assert "footnote index move" in moving.do
    database = open_database(stored)
    with pytest.raises(Unavailable, match="not all of it is there yet"):
        database.upgrade()
    database.close()


@needs_postgresql
def test_the_doctor_tells_that_the_schema_of_conversations_cannot_be_made(
    stored: StoreSettings, postgresql_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(stored)
    schema = stored.store.get_secret_value().partition("?schema=")[2]
    database = stored.store.get_secret_value().rpartition("/")[2].partition("?")[0]
    change(stored, "DROP ROLE IF EXISTS narrow")
    change(stored, "CREATE ROLE narrow LOGIN PASSWORD 'narrow'")
    change(stored, f"GRANT USAGE, CREATE ON SCHEMA {schema} TO narrow")
    change(stored, f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO narrow")
    address = f"postgresql://narrow:narrow@127.0.0.1:{postgresql_server.port}/{database}?schema={schema}"
    monkeypatch.setenv("FOOTNOTE_STORE", address)
    refused = found()["Database"]
    assert f"make tables in the schema '{schema}_records'" in refused.says
    monkeypatch.setenv("FOOTNOTE_RECORDS_URL", "sqlite://")
    assert found()["Database"].state == "ok"
    # In a database of its own: in the one that tests share, another may have made the extension.
    other = postgresql_server.database().rpartition("/")[2]
    monkeypatch.setenv("FOOTNOTE_STORE", address.replace(f"/{database}?", f"/{other}?"))
    opened = open_database(StoreSettings())
    with opened.connection() as connection:
        problem = lacking(connection)
    opened.close()
    assert problem is not None
    # Debian's server has no pgvector at all.
    assert re.search("may not make it|does not have", problem.what)
    change(stored, "DROP OWNED BY narrow")
    change(stored, "DROP ROLE narrow")


@needs_postgresql
def test_upkeep_names_the_database_that_holds_no_index(stored: StoreSettings) -> None:
    upkeep = open_upkeep(stored)
    with pytest.raises(Exception, match=r"no index in 'postgresql://.*correct FOOTNOTE_STORE"):
        upkeep.info()
    upkeep.close()


def test_a_pooler_that_drops_the_schema_is_named() -> None:
    pytest.importorskip("psycopg")
    database = PostgreSQL(read_address("postgresql://ann:secret@pool/footnote"))
    told = database._away("FATAL: unsupported startup parameter: options")
    assert "pooler" in told.what
    assert "server itself" in told.hint
    assert "secret" not in str(told)


def test_the_doctor_asks_redis_and_milvus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("redis")
    monkeypatch.chdir(tmp_path)
    assert "Redis" not in found()
    monkeypatch.setenv("FOOTNOTE_BUDGETS_URL", f"redis://:pass@127.0.0.1:{free_port()}/0")
    away = found()["Redis"]
    assert away.state == "wrong"
    assert "does not answer" in away.says
    assert "FOOTNOTE_BUDGETS_URL" in away.do
    assert "pass" not in away.says
    monkeypatch.setenv("FOOTNOTE_SEARCH", "milvus")
    assert "needs the address" in found()["Milvus"].says


def test_security_tells_what_can_be_read_on_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://minio.example:9000")
    far = Settings(
        store=StoreSettings(data_dir=tmp_path, search="milvus", milvus="http://milvus.example:19530"),
        objects=ObjectSettings(objects="s3://bucket/footnote"),
        runs=RunSettings(runs_url="redis://redis.example:6379/0"),
    )
    told = [(each.about, each.state) for each in openings(far)]
    assert {("Redis", "wrong"), ("Redis", "note"), ("Object storage", "wrong"), ("Milvus", "wrong")} <= set(
        told
    )
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9000")
    near = Settings(
        store=StoreSettings(data_dir=tmp_path, search="milvus", milvus="https://milvus.example:19530"),
        objects=ObjectSettings(objects="s3://bucket/footnote"),
        runs=RunSettings(runs_url="rediss://:secret@redis.example:6379/0"),
    )
    assert not {"Redis", "Object storage", "Milvus"} & {each.about for each in openings(near)}
