"""A folder ingested every night: what is gone, without text or failed is said each time, kept, and listed."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from app.commands.docs import app as docs
from ingest.cli import ingest_command
from tests.fakes.word_embedder import WordEmbedder
from vectorstore.errors import NotFound

GONE = "1 document's file is gone; --prune removes it"


class Night:
    """A folder, an index, and the two commands."""

    def __init__(self, folder: Path) -> None:
        self.docs = folder / "docs"
        self.docs.mkdir()
        self._ingest = typer.Typer()
        self._ingest.command()(ingest_command)

    def write(self, **files: str) -> None:
        for name, text in files.items():
            (self.docs / f"{name}.md").write_text(text)

    def ingest(self, *options: str) -> Result:
        return CliRunner().invoke(self._ingest, ["docs", *options])

    def asked(self, *arguments: str) -> Result:
        return CliRunner().invoke(docs, list(arguments))

    def json(self, *options: str) -> Any:
        return json.loads(self.ingest("--json", *options).stdout)


@pytest.fixture
def night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Night]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FOOTNOTE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("FOOTNOTE_INGEST_JOBS", "1")
    monkeypatch.setattr("ingest.run.open_configured_embedder", lambda _: WordEmbedder())
    return Night(tmp_path)


def test_a_file_that_is_gone_is_said_in_every_output_and_a_finding_for_strict(night: Night) -> None:
    night.write(a="# A\n\nText.", b="# B\n\nMore.")
    night.ingest()
    assert GONE not in night.ingest().stdout
    (night.docs / "b.md").unlink()
    for options in ((), ("-q",), ("-v",)):
        done = night.ingest(*options)
        assert (done.exit_code, done.stdout) == (0, f"1 unchanged; {GONE}\n")
        assert ("gone   docs/b.md" in done.stderr) == (options != ("-q",))
    assert night.ingest("--strict").exit_code == 1
    report = night.json()
    assert (report["gone"], report["unchanged"]) == (["docs/b.md"], 1)
    assert GONE in report["summary"]
    planned = night.ingest("--dry-run")
    assert (planned.exit_code, planned.stdout) == (0, "")
    assert f"0 to do, 1 unchanged; {GONE}; nothing was changed." in planned.stderr
    assert json.loads(night.ingest("-n", "--json").stdout)["gone"] == ["docs/b.md"]
    assert night.ingest("-n", "--strict").exit_code == 1
    assert night.ingest("--prune", "--yes", "--strict").stdout == "1 removed, 1 unchanged\n"
    assert night.ingest("--strict").stdout == "1 unchanged\n"


def test_a_folder_that_is_empty_now_says_how_many_documents_stay(night: Night) -> None:
    night.write(a="# A\n\nText.", b="# B\n\nMore.")
    night.ingest()
    for file in night.docs.iterdir():
        file.unlink()
    done = night.ingest()
    assert "2 documents' files are gone; --prune removes them." in str(done.exception)


def test_a_file_that_only_moved_is_not_gone(night: Night) -> None:
    night.write(a="# A\n\nText.", b="# B\n\nMore.")
    night.ingest()
    (night.docs / "b.md").rename(night.docs / "c.md")
    assert night.ingest("--strict").stdout == "1 moved, 1 unchanged\n"


def test_no_text_is_a_finding_and_damage_a_failure_on_every_night(night: Night) -> None:
    night.write(a="# A\n\nText.", empty=" \n")
    (night.docs / "title.html").write_text("<html><head><title>Only this</title></head><body></body></html>")
    for _ in range(2):
        done = night.ingest()
        assert done.exit_code == 0
        assert "2 without text (docs/" in done.stdout
        assert "failed" not in done.stdout
        assert "no text docs/empty.md: The file is empty; there is nothing to read." in done.stderr
        assert night.ingest("-q").exit_code == 0
        assert night.ingest("--strict").exit_code == 1
    assert sorted(each["uri"] for each in night.json()["without_text"]) == [
        "docs/empty.md",
        "docs/title.html",
    ]
    (night.docs / "broken.pdf").write_bytes(b"%PDF-1.7\nnothing of the kind")
    for _ in range(2):
        assert night.ingest().exit_code == 1
    night.write(empty="# Now\n\nThere is text.")
    assert [each["uri"] for each in night.json()["without_text"]] == ["docs/title.html"]


def test_findings_are_told_again_and_listed(night: Night) -> None:
    night.write(a="# A\n\nText.")
    (night.docs / "odd.txt").write_bytes("Prix fixé à l'entrée, été comme hiver.".encode("cp1252"))
    first = night.ingest("-v")
    [note] = [line for line in first.stderr.splitlines() if line.startswith("note   docs/odd.txt")]
    assert note in night.ingest("-v").stderr
    assert "Findings: 1; --verbose lists them." in night.ingest().stderr
    assert night.ingest("--strict").exit_code == 1
    listed = night.asked("findings")
    assert listed.exit_code == 0
    assert "docs/odd.txt  20" in listed.stdout
    assert note.partition(": ")[2] in listed.stdout
    assert "docs/a.md" not in listed.stdout
    found = json.loads(night.asked("findings", "--json").stdout)
    assert [each["uri"] for each in found["documents"]] == ["docs/odd.txt"]
    assert found["documents"][0]["when"].startswith("20")
    assert night.asked("findings", "other/").stdout == ""


def test_a_failed_file_is_listed_and_shown_with_why_and_since_when(night: Night) -> None:
    night.write(a="# A\n\nText.", empty="")
    (night.docs / "broken.pdf").write_bytes(b"%PDF-1.7\nnothing of the kind")
    night.ingest()
    first = json.loads(night.asked("findings", "--json").stdout)["failed"]
    assert [(each["uri"], each["reason"]) for each in first] == [
        ("docs/broken.pdf", "corrupt"),
        ("docs/empty.md", "no_text"),
    ]
    assert all(each["when"].startswith("20") for each in first)
    night.ingest()
    assert json.loads(night.asked("findings", "--json").stdout)["failed"] == first
    shown = night.asked("show", "docs/broken.pdf").exception
    assert isinstance(shown, NotFound)
    assert "'docs/broken.pdf' is not in the index, [corrupt] since 20" in shown.what
    assert "The PDF is damaged" in shown.what
    assert "--retry-failed" in shown.hint
    nothing = night.asked("show", "docs/other.md").exception
    assert isinstance(nothing, NotFound)
    assert nothing.what == "There is no document at 'docs/other.md'."
    (night.docs / "broken.pdf").unlink()
    night.write(empty="# Text\n\nNow.")
    night.ingest()
    assert json.loads(night.asked("findings", "--json").stdout)["failed"] == []


def test_a_document_whose_new_file_is_damaged_says_so(night: Night) -> None:
    night.write(a="# A\n\nText.")
    night.ingest()
    night.write(a="")
    night.ingest()
    shown = night.asked("show", "docs/a.md").stdout
    assert "failed       [no_text] since 20" in shown
    assert "The file is empty" in shown
    assert json.loads(night.asked("show", "docs/a.md", "--json").stdout)["failed"]["reason"] == "no_text"


def test_what_was_refused_before_it_was_read_is_listed_until_it_is_mended(night: Night) -> None:
    night.write(a="# A\n\nText.")
    side_car = night.docs / "a.md.meta.yaml"
    side_car.write_text("readers: no\n")
    assert night.ingest().exit_code == 1
    [failed] = json.loads(night.asked("findings", "--json").stdout)["failed"]
    assert (failed["uri"], failed["reason"]) == ("docs/a.md", "metadata")
    side_car.unlink()
    assert night.ingest().exit_code == 0
    assert json.loads(night.asked("findings", "--json").stdout)["failed"] == []


def test_the_account_is_shown(night: Night) -> None:
    night.write(a="# A\n\nText of a note.")
    night.ingest()
    assert (
        "account      12 of 12 letters and digits of the file kept" in night.asked("show", "docs/a.md").stdout
    )


def test_documents_that_share_a_title_are_told_apart_whenever_they_come(night: Night) -> None:
    form = "# Quarterly report\n\nFiled as the law asks. {}"
    night.write(acme_2024=form.format("Acme sold shoes."), leave="# Leave\n\nTwenty-eight days.")
    night.ingest()
    assert titles(night) == {"docs/acme_2024.md": "Quarterly report", "docs/leave.md": "Leave"}
    night.write(bolt_2024=form.format("Bolt sold bolts."))
    night.ingest()
    assert titles(night) == {
        "docs/acme_2024.md": "Quarterly report (acme 2024)",
        "docs/bolt_2024.md": "Quarterly report (bolt 2024)",
        "docs/leave.md": "Leave",
    }
    chunks = json.loads(night.asked("show", "docs/acme_2024.md", "--json").stdout)["chunks"]
    assert chunks[0]["context"] == "Quarterly report (acme 2024)"
    assert (
        json.loads(night.asked("show", "docs/leave.md", "--json").stdout)["chunks"][0]["context"] == "Leave"
    )
    (night.docs / "bolt_2024.md").unlink()
    night.ingest("--prune", "--yes")
    assert titles(night)["docs/acme_2024.md"] == "Quarterly report"


def titles(night: Night) -> dict[str, str]:
    return {each["uri"]: each["title"] for each in json.loads(night.asked("ls", "--json").stdout)}
