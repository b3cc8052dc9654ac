"""`footnote index`, `footnote docs` and `footnote search` on a real index."""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from app.commands import docs, index
from app.commands.ask import ask
from app.commands.search import search
from ingest.originals import Originals
from tests.postgresql import Server, needs_postgresql
from tests.vectorstore.sample import DIMENSION, FINGERPRINT, OPERATOR, SPACE, embed, put, sample
from vectorstore.errors import BadInput, Busy, NotFound
from vectorstore.index.truth.files import writer_lock
from vectorstore.open import open_store
from vectorstore.settings import StoreSettings
from vectorstore.types import Vector, Vectors


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FOOTNOTE_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def filled(folder: Path) -> Path:
    store = open_store(StoreSettings(data_dir=folder), SPACE)
    with store.draft(note="first") as draft:
        put(draft, sample("a.md", "Fact a. Another a.", readers=frozenset({"hr"})))
        put(draft, sample("b/b.md", "Fact b.", metadata={"year": 2026}))
    with store.draft(note="second") as draft:
        put(draft, sample("a.md", "Fact a has changed."))
    store.close()
    return folder


def run(application: typer.Typer, *arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(application, list(arguments), catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.stdout


def test_info_generations_and_verify(filled: Path) -> None:
    assert "2 of" in run(index.app, "info")
    shown = json.loads(run(index.app, "info", "--json"))
    assert (shown["newest"]["chunks"], shown["generations"], shown["searchable"]) == (2, 3, 2)
    listed = run(index.app, "generations").splitlines()
    assert [line.split()[0] for line in listed] == ["2", "1", "0"]
    assert listed[0].endswith("second")
    assert json.loads(run(index.app, "verify", "--json"))["sound"]


def test_verify_says_what_is_wrong_and_rebuild_mends_it(filled: Path) -> None:
    next(filled.glob("dense-*/vectors.f16")).write_bytes(b"")
    assert "damaged" in run(index.app, "verify", code=1)
    run(index.app, "rebuild")
    run(index.app, "verify")


def test_rollback_and_diff(filled: Path) -> None:
    assert run(index.app, "diff", "1", "2") == "~ a.md\n"
    run(index.app, "rollback")
    assert run(index.app, "diff", "1", "3") == ""
    assert json.loads(run(index.app, "diff", "0", "1", "--json"))["added"] == [
        ["default", "a.md"],
        ["default", "b/b.md"],
    ]


def test_compact_keeps_as_many_generations_as_it_is_told(filled: Path) -> None:
    run(index.app, "compact", "--keep", "1")
    assert len(run(index.app, "generations").splitlines()) == 1


def test_the_commands_that_backups_had_say_where_they_went(filled: Path) -> None:
    for name in ("backup", "restore"):
        with pytest.raises(BadInput, match="footnote backup DEST"):
            run(index.app, name, "somewhere", "--wait")


def test_documents_are_listed_shown_and_removed(filled: Path) -> None:
    assert run(docs.app, "ls") == "a.md  a.md\nb/b.md  b/b.md\n"
    assert run(docs.app, "ls", "b/") == "b/b.md  b/b.md\n"
    assert run(docs.app, "ls", "--at", "1").startswith("a.md  a.md  [hr]")
    assert run(docs.app, "show", "a.md", "--text") == "Fact a has changed.\n"
    assert "Fact b." in run(docs.app, "show", "b/b.md")
    assert json.loads(run(docs.app, "show", "b/b.md", "--json"))["metadata"] == {"year": 2026}
    run(docs.app, "rm", "a.md")
    assert run(docs.app, "ls") == "b/b.md  b/b.md\n"
    with pytest.raises(NotFound):
        run(docs.app, "rm", "a.md")
    with pytest.raises(NotFound):
        run(docs.app, "show", "none.md")


def test_erase_asks_and_prints_a_certificate(filled: Path) -> None:
    run(docs.app, "erase", "a.md", code=1)
    certificate = json.loads(run(docs.app, "erase", "a.md", "--yes"))
    assert (certificate["documents"], certificate["left"]) == (2, [])
    assert run(docs.app, "ls", "--at", "1") == "b/b.md  b/b.md\n"


def test_a_certificate_can_be_shown_again(filled: Path) -> None:
    with pytest.raises(NotFound):
        run(index.app, "certificate")
    first = json.loads(run(docs.app, "erase", "a.md", "--yes"))
    assert first["complete"]
    assert json.loads(run(index.app, "certificate")) == first
    run(docs.app, "erase", "b/b.md", "--yes")
    assert run(index.app, "certificate", "--all").count('"epoch"') == 2


def test_an_index_is_moved_into_another_folder(filled: Path, tmp_path: Path) -> None:
    listed = run(docs.app, "ls", "--json")
    with pytest.raises(BadInput, match="nowhere"):
        run(index.app, "move")
    run(index.app, "move", "--to", str(tmp_path / "other"))
    assert CliRunner().invoke(docs.app, ["ls", "--json"]).stdout == listed
    moved = CliRunner(env={"FOOTNOTE_DATA_DIR": str(tmp_path / "other")})
    assert moved.invoke(docs.app, ["ls", "--json"]).stdout == listed
    assert moved.invoke(index.app, ["verify"]).exit_code == 0


@needs_postgresql
def test_an_index_moved_by_command_shows_no_password(
    filled: Path, postgresql_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = postgresql_server.schema()
    listed = run(docs.app, "ls", "--json")
    without = address.replace(address.partition("//")[2].rpartition("@")[0], "footnote")
    monkeypatch.setenv("PGPASSWORD", postgresql_server.password)
    moved = CliRunner().invoke(index.app, ["move", "--to", without], catch_exceptions=False)
    assert moved.exit_code == 0
    monkeypatch.delenv("PGPASSWORD")
    monkeypatch.setenv("FOOTNOTE_STORE", address)
    again = CliRunner().invoke(index.app, ["move"], catch_exceptions=False)
    shown = CliRunner().invoke(index.app, ["info"], catch_exceptions=False)
    assert run(docs.app, "ls", "--json") == listed
    run(index.app, "verify")
    for each in (moved, again, shown):
        assert "secret" not in each.output
        assert "index_" in each.output


def test_an_erasure_that_is_turned_away_leaves_the_kept_upload_where_it_is(filled: Path) -> None:
    store = open_store(StoreSettings(data_dir=filled), SPACE)
    with store.draft() as draft:
        put(draft, sample("upload/c.md", "Fact c."))
    with store.snapshot() as snapshot:
        uploaded = next(each for each in snapshot.documents(scope=OPERATOR) if each.uri == "upload/c.md")
    store.close()
    originals = Originals(filled)
    originals.keep(uploaded.tenant, uploaded.uri, uploaded.digest, Path(__file__))
    with writer_lock(filled / "index.lock", wait=False), pytest.raises(Busy):
        run(docs.app, "erase", "upload/c.md", "--yes")
    assert originals.of(uploaded) is not None
    assert json.loads(run(docs.app, "erase", "upload/c.md", "--yes"))["left"] == []
    assert originals.of(uploaded) is None


def test_one_document_is_not_called_documents(filled: Path) -> None:
    said = CliRunner().invoke(docs.app, ["rm", "a.md"]).stderr
    assert said == "Removed 1 document.\n"


@pytest.mark.parametrize("flags", [("--top-k", "0"), ("--top-k", "51"), ("--at", "-1")])
def test_ask_takes_what_the_service_takes(flags: tuple[str, str]) -> None:
    application = typer.Typer()
    application.command()(ask)
    run(application, "How much leave?", *flags, code=2)


def test_commands_on_nothing_say_that_there_is_nothing(folder: Path) -> None:
    assert run(docs.app, "ls") == ""
    assert run(index.app, "generations") == ""
    for command in ("info", "verify"):
        with pytest.raises(NotFound):
            run(index.app, command)
    assert not folder.exists()


class HashedWords:
    """The sample's embedder, with the face of a real one."""

    name = fingerprint = FINGERPRINT
    dimension = DIMENSION
    max_tokens = 256

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        return [match.span() for match in re.finditer(r"\S+", text)]

    def embed_query(self, text: str) -> Vector:
        return embed(text)

    def embed_documents(
        self, texts: Sequence[str], *, on_batch: Callable[[int], None] | None = None
    ) -> Vectors:
        del on_batch
        return np.stack([embed(text) for text in texts])

    def token_states(
        self, texts: Sequence[str], *, query: bool = False
    ) -> list[tuple[list[tuple[int, int]], Vectors]]:
        del query
        found = []
        for text in texts:
            offsets = self.token_offsets(text)
            words = [text[start:end] for start, end in offsets]
            found.append((offsets, np.array([embed(word) for word in words]).reshape(-1, DIMENSION)))
        return found


@pytest.fixture
def searching(filled: Path, monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    monkeypatch.setattr("app.build.open_configured_embedder", lambda _: HashedWords())
    application = typer.Typer()
    application.command()(search)
    return application


def test_search_shows_what_every_stage_ranked_and_what_was_left_out(searching: typer.Typer) -> None:
    plain = run(searching, "fact b")
    assert plain.startswith("1. b/b.md")
    assert "lexical #1" not in plain
    told = run(searching, "fact b", "--explain", "--limit", "1")
    assert "lexical #1" in told
    assert "left out: 1" in told
    assert "a.md  behind the limit" in told
    shown = json.loads(run(searching, "fact b", "--explain", "--json", "-k", "1"))
    assert [each["uri"] for each in shown["results"]] == ["b/b.md"]
    assert [(each["uri"], each["reason"]) for each in shown["left_out"]] == [("a.md", "limit")]
    assert shown["generation"] == 2
    assert isinstance(json.loads(run(searching, "fact b", "--json")), list)


@pytest.mark.parametrize(
    ("options", "lost_at"),
    [
        ([], "nowhere"),
        (["--limit", "1"], "limit"),
        (["--where", "year=2026"], "where"),
        (["--where", "uri^=b/"], "where"),
        (["--at", "1", "--group", "sales"], "scope"),
        (["--at", "0"], "ingestion"),
        (["--tenant", "other"], "ingestion"),
    ],
)
def test_search_names_the_stage_that_lost_a_document(
    searching: typer.Typer, options: list[str], lost_at: str
) -> None:
    told = run(searching, "fact b", "--expect", "a.md", *options)
    assert f"lost at: {lost_at}\n" in told
    assert (
        json.loads(run(searching, "fact b", "--expect", "a.md", "--json", *options))["expected"]["lost_at"]
        == lost_at
    )


def test_document_that_an_answer_would_have_no_room_for_is_said(
    searching: typer.Typer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOOTNOTE_PASSAGES", "1")
    told = run(searching, "fact b", "--expect", "a.md")
    assert "lost at: budget" in told
    assert "at rank 2" in told


def test_filters_of_a_search_are_read_from_the_command_line(searching: typer.Typer) -> None:
    assert "a.md" not in run(searching, "fact", "--where", "year=2026")
    assert "b/b.md" in run(searching, "fact", "--where", "year=2026", "--where", "uri=b/b.md")
    with pytest.raises(BadInput):
        run(searching, "fact", "--where", "year")
    with pytest.raises(BadInput):
        run(searching, " ")
    with pytest.raises(NotFound):
        run(searching, "fact", "--at", "9")
