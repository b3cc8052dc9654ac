"""/readyz of a replica goes by how far it is behind; /healthz does not. No page shows a password."""

import time
from contextlib import suppress
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.build import behind, build, build_service
from app.cli import main
from app.http.application import create_app
from app.settings import Settings
from tests.app.library import EMBEDDER
from tests.postgresql import Server, needs_postgresql
from tests.vectorstore.sample import sample
from vectorstore.open import open_store
from vectorstore.settings import StoreSettings
from vectorstore.store import Lag


@pytest.mark.parametrize(
    ("lag", "said"),
    [
        (Lag(0), ""),
        (Lag(1), ""),
        (Lag(2), "2 generations behind"),
        (Lag(None), "not read yet"),
        (Lag(0, 59.0), ""),
        (Lag(0, 61.0), "away for 61 seconds"),
    ],
)
def test_a_replica_that_is_behind_gets_no_questions(lag: Lag, said: str) -> None:
    found = behind(lag, away=60.0)
    assert said in found
    assert bool(found) == bool(said)


@needs_postgresql
def test_a_replica_is_not_ready_while_its_database_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.build.open_configured_embedder", lambda _: EMBEDDER)
    server = Server()
    try:
        server.make()
        server.start()
        stored = StoreSettings(data_dir=tmp_path / "data", store=server.database(), store_away_seconds=0.5)
        store = open_store(stored, EMBEDDER)
        made = sample("a.md", "The fox sleeps.")
        with store.draft() as draft:
            draft.put(
                made.document,
                text=made.text,
                chunks=made.chunks,
                vectors=EMBEDDER.embed_documents([each.embedded_text for each in made.chunks]),
            )
        store.close()
        parts = build(Settings(store=stored))
        with TestClient(create_app(build_service(parts, Settings(store=stored)))) as client:
            until(client, 200)
            server.stop(9)
            told = until(client, 503)
            assert client.get("/healthz").status_code == 200
            assert server.password not in told
            server.restart()
            until(client, 200)
        parts.close()
    finally:
        server.discard()


def until(client: TestClient, status: int) -> str:
    end = time.monotonic() + 30
    while (answer := client.get("/readyz")).status_code != status:
        assert time.monotonic() < end, answer.text
        time.sleep(0.1)
    return answer.text


@needs_postgresql
def test_doctor_and_the_index_commands_look_at_the_database_and_show_no_password(
    postgresql_server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    url = postgresql_server.schema()
    monkeypatch.setenv("FOOTNOTE_STORE", url)
    monkeypatch.setenv("FOOTNOTE_DATA_DIR", str(tmp_path / "data"))

    def said(*arguments: str) -> str:
        monkeypatch.setattr("sys.argv", ["footnote", *arguments])
        with suppress(SystemExit):
            main()
        output = "".join(capsys.readouterr())
        assert postgresql_server.password not in output
        assert "%2F" not in output
        return output

    assert "holds no index yet" in said("doctor")
    # What starts a new installation waits until this has ended well.
    assert "There is no index yet" in said("index", "upgrade")
    store = open_store(StoreSettings(), EMBEDDER)
    made = sample("a.md", "The fox sleeps.")
    vectors = EMBEDDER.embed_documents([each.embedded_text for each in made.chunks])
    with store.draft() as draft:
        draft.put(made.document, text=made.text, chunks=made.chunks, vectors=vectors)
    store.close()
    assert "generation 1; the search index here reaches 0" in said("doctor")
    assert "The index has all that this version needs" in said("index", "upgrade")
    assert '"documents": 1' in said("index", "info", "--json")
    assert "generation   1 of" in said("index", "info")
    assert "1 documents, 1 chunks" in said("index", "verify")
    said("index", "rollback", "0")
    assert "rollback to generation 0" in said("index", "generations")
    said("config", "show")
    monkeypatch.setenv("FOOTNOTE_STORE", url.replace(f":{postgresql_server.port}/", ":1/"))
    assert "does not answer" in said("index", "info") + said("doctor")
    monkeypatch.setenv("FOOTNOTE_STORE", "postgresql://u:p@ss/w%zzord@[bad/x")
    assert "p@ss" not in said("index", "info")
