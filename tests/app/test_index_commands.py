"""`footnote index` and `footnote docs` on a real index."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from app.commands import docs, index
from tests.vectorstore.sample import DIMENSION, FINGERPRINT, put, sample
from vectorstore.errors import NotFound
from vectorstore.open import open_store


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FOOTNOTE_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def filled(folder: Path) -> Path:
    store = open_store(folder, embedder_fingerprint=FINGERPRINT, dimension=DIMENSION)
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


def test_compact_backup_and_restore(filled: Path, tmp_path: Path) -> None:
    run(index.app, "backup", str(tmp_path / "copy"))
    run(index.app, "compact", "--keep", "1")
    assert len(run(index.app, "generations").splitlines()) == 1
    run(index.app, "restore", str(tmp_path / "copy"))
    assert len(run(index.app, "generations").splitlines()) == 3


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


def test_commands_on_nothing_say_that_there_is_nothing(folder: Path) -> None:
    assert run(docs.app, "ls") == ""
    assert run(index.app, "generations") == ""
    with pytest.raises(NotFound):
        run(index.app, "info")
    assert not folder.exists()
