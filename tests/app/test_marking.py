"""Every dialect says that a machine answers and marks what it wrote; what is open is told by `doctor --security`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from app.commands.security import _database, openings
from app.identity.keys import Keys
from app.settings import ClientSettings, Settings
from tests.app.edge import Served, serve, service
from vectorstore.settings import StoreSettings

ASKED = "How much leave do I get?"
MESSAGES = [{"role": "user", "content": ASKED}]
DIALECTS: dict[str, tuple[str, dict[str, Any]]] = {
    "native": ("/v1/chat", {"message": ASKED}),
    "AI SDK": ("/api/chat", {"messages": MESSAGES}),
    "AG-UI": ("/agui", {"messages": MESSAGES}),
    "chat completions, streamed": ("/v1/chat/completions", {"messages": MESSAGES, "stream": True}),
    "chat completions": ("/v1/chat/completions", {"messages": MESSAGES}),
    "responses, streamed": ("/v1/responses", {"input": ASKED, "stream": True}),
    "responses": ("/v1/responses", {"input": ASKED}),
}


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serve(service()) as running:
        yield running


def marks(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every object in a JSON value that carries the mark."""
    if isinstance(value, dict):
        if "ai_generated" in value:
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from marks(each)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_dialect_marks_the_text_as_a_machines(served: Served, dialect: str) -> None:
    path, body = DIALECTS[dialect]
    text = httpx.post(served.url + path, json=body).text
    lines = [line[6:] for line in text.splitlines() if line.startswith("data: {")] or [text]
    found = [mark for line in lines for mark in marks(json.loads(line))]
    assert found
    assert all(mark["ai_generated"] is True for mark in found)
    assert found[-1]["model"] == "scripted"


@pytest.mark.parametrize(("base_url", "told"), [("https://footnote.example", True), ("", False)])
def test_browsers_are_told_to_stay_with_tls(base_url: str, told: bool) -> None:
    settings = Settings(client=ClientSettings(base_url=base_url))
    with serve(service(settings=settings)) as running:
        assert ("strict-transport-security" in httpx.get(running.url + "/healthz").headers) == told


def test_the_doctor_tells_what_is_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "data"
    keys = Keys(data / "keys.json")
    keys.create("everything", kind="operator")
    keys.create("site", kind="page", origins=["https://www.example.org"], groups=["public"])
    settings = Settings(store=StoreSettings(data_dir=data), client=ClientSettings(cors_origins="*"))
    told = {opening.says: opening.state for opening in openings(settings)}
    said = " ".join(told)
    assert "never expires" in said
    assert "https://www.example.org are answered" in said
    assert [says for says, state in told.items() if state == "wrong" and "every page on the web" in says]
    assert "2 API keys" in said
    data.chmod(0o755)
    assert "other users of this machine" in " ".join(opening.says for opening in openings(settings))

    from app.cli import build

    monkeypatch.setenv("FOOTNOTE_DATA_DIR", str(tmp_path / "none"))
    result = CliRunner().invoke(build(["doctor"]), ["doctor", "--security"])
    assert "without keys any program" in result.output
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("address", "state"),
    [
        ("postgresql://ann:a%40b@localhost/footnote", "ok"),
        ("postgresql://ann@[::1]/footnote?schema=other", "ok"),
        ("postgresql://ann@127.0.0.1:5433,localhost:5432/footnote", "ok"),
        ("postgresql:///footnote?host=/var/run/postgresql", "ok"),
        ("postgresql:///footnote?host=db.example.org", "wrong"),
        ("postgresql://ann@localhost,db.example.org/footnote", "wrong"),
        ("postgresql://ann@localhost/footnote?hostaddr=192.0.2.1", "wrong"),
        ("postgresql://ann@db.example.org/footnote?sslmode=require", "note"),
        ("postgresql://ann@db.example.org/footnote?sslmode=verify-full", "ok"),
    ],
)
def test_the_doctor_reads_an_address_as_the_database_client_does(address: str, state: str) -> None:
    pytest.importorskip("psycopg")
    assert _database(address).state == state
