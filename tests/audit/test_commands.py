"""`footnote audit`, and what the log says of the other commands."""

import csv
import io
import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.access_settings import AuditSettings
from app.audit.audit import Audit
from app.audit.journal import entries_of
from app.audit.log import segments_of
from app.cli import COMMANDS, UNTOLD, main, names_of
from app.commands.audit import app, written_down
from app.identity.grant import Grant, person_id
from app.identity.keys import Keys
from tests.test_command_line import footnote
from vectorstore.types import Scope

NAMES = [name for called in COMMANDS for name in names_of(called)]


def told(data: Path) -> list[dict[str, object]]:
    return [dict(each.facts) for each in entries_of(data / "audit")]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with a log of what Ann and Bob asked."""
    monkeypatch.setenv("FOOTNOTE_DATA_DIR", str(tmp_path))
    audit = Audit(tmp_path / "audit", AuditSettings(audit="contents"), keys=Keys(tmp_path / "keys.json"))
    for user in ("ann", "bob"):
        grant = Grant("ab12cd34", Scope(user=user), frozenset(), person_id("default", user))
        for run in range(3):
            noted = {"grant": grant, "run": f"run_{user}{run}", "contents": {"question": f"={user}?"}}
            audit.request("POST /v1/search", 200, noted)
    audit.sync()
    return tmp_path


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, list(arguments))
    return done.exit_code, done.output


@pytest.mark.parametrize("name", [name for name in NAMES if name not in UNTOLD])
def test_every_command_is_written_down(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that is new is here by itself. It is called wrongly, because only that it was called is of interest."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["footnote", *name.split(), "--no-such-option"])
    (tmp_path / "data").mkdir()
    with pytest.raises(SystemExit):
        main()
    states = [(each["command"], each["state"], each.get("outcome")) for each in told(tmp_path / "data")]
    assert states == [(name, "begins", None), (name, "ends", 2)]


def test_commands_that_are_left_out_exist() -> None:
    assert set(NAMES) >= UNTOLD


def test_where_there_is_no_data_a_command_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with written_down("search"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_log_as_it_was_written_verifies_and_a_changed_line_is_named(data: Path) -> None:
    code, said = run("verify")
    assert code == 0
    assert "Checked 6 entries (1 to 6)" in said
    path = segments_of(data / "audit")[0].path
    path.write_bytes(path.read_bytes().replace(b"run_ann1", b"run_ann9"))
    code, said = run("verify")
    assert code == 1
    assert f"{path.name}:2: Entry 2 was changed." in said
    code, said = run("verify", "--json")
    assert json.loads(said)["findings"][0]["line"] == 2


def test_a_head_that_was_printed_finds_a_cut_end(data: Path, tmp_path: Path) -> None:
    kept = tmp_path / "head.txt"
    kept.write_text(run("head")[1])
    assert run("verify", "--head", str(kept))[0] == 0
    path = segments_of(data / "audit")[0].path
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:4]))
    assert run("verify")[0] == 0
    code, said = run("verify", "--head", str(kept))
    assert code == 1
    assert "its end was cut off, entries 5 to 6 are missing" in said


def test_people_are_named_until_they_are_forgotten(data: Path) -> None:
    code, said = run("show")
    assert code == 0
    assert said.count("name=ann") == said.count("name=bob") == 3
    shown = [json.loads(line) for line in run("export", "--user", "ann")[1].splitlines()]
    assert [each["run"] for each in shown] == ["run_ann0", "run_ann1", "run_ann2"]
    assert shown[0]["question"] == "=ann?"
    audit = Audit(data / "audit", AuditSettings(), keys=Keys(data / "keys.json"))
    assert audit.people.forget(person_id("default", "ann"))
    assert "ann" not in run("export")[1].replace("run_ann", "")
    assert "knows no user 'ann'" in str(CliRunner().invoke(app, ["export", "--user", "ann"]).exception)
    assert run("verify")[0] == 0


def test_an_export_is_bounded_in_time_and_safe_in_a_spreadsheet(data: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(run("export", "--csv")[1])))
    assert [row["n"] for row in rows] == [str(n) for n in range(1, 7)]
    assert json.loads(rows[0]["more"])["question"] == "=ann?"
    assert not any(cell.startswith(("=", "+", "@")) for row in rows for cell in row.values())
    moments = [str(each["at"]) for each in told(data)]
    at = moments[3]
    # several may be of one millisecond
    assert len(run("export", "--since", at)[1].splitlines()) == sum(each >= at for each in moments) < 6
    assert len(run("export", "--until", at)[1].splitlines()) == sum(each < at for each in moments)
    assert run("export", "--since", "2999-01-01")[1] == ""
    assert "is no day or time" in str(CliRunner().invoke(app, ["export", "--since", "soon"]).exception)


def test_one_run_is_shown(data: Path) -> None:
    assert "run_bob1" in run("show", "run_bob1")[1]
    assert "No entry is about" in str(CliRunner().invoke(app, ["show", "run_no"]).exception)


def test_what_commands_change_is_written_down(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    for name in ("leave", "pay"):
        (tmp_path / "docs" / f"{name}.md").write_text(f"# {name}\n\nStaff get 25 days of {name}.\n")
    assert footnote(tmp_path, "ingest", "docs", "-q").returncode == 0
    assert footnote(tmp_path, "docs", "rm", "docs/pay.md").returncode == 0
    assert footnote(tmp_path, "search", "leave", "--no-color").returncode == 0
    made = json.loads(footnote(tmp_path, "keys", "create", "secret-project", "--json").stdout)
    assert footnote(tmp_path, "docs", "rm", "docs/none.md").returncode == 2
    entries = told(tmp_path / "data")
    ends = [each for each in entries if each.get("state") == "ends"]
    ingest, removed, searched, key, failed = ends
    assert (ingest["command"], ingest["outcome"], ingest["generation"]) == ("ingest", 0, 1)
    assert (removed["generation"], removed["removed"], len(removed["documents"])) == (2, 1, 1)  # type: ignore[arg-type]
    assert (searched["generation"], len(searched["documents"])) == (2, 1)  # type: ignore[arg-type]
    assert failed["outcome"] == "NotFound"
    assert [list(each["names"]) for each in entries if each["what"] == "changed"] == [[made["id"]]]  # type: ignore[call-overload]
    assert key["key"] == "command"
    assert footnote(tmp_path, "audit", "verify").returncode == 0
    kept = b"".join(each.read_bytes() for each in (tmp_path / "data" / "audit").rglob("*.jsonl"))
    for word in (made["secret"], "secret-project", "leave.md", "docs/none.md"):
        assert word.encode() not in kept


def test_a_command_that_cannot_be_written_down_does_nothing(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "audit").write_text("in the way")
    done = footnote(tmp_path, "keys", "create", "x")
    assert done.returncode == 3
    assert "The audit log cannot be written" in done.stderr
    assert not (tmp_path / "data" / "keys.json").exists()
    assert footnote(tmp_path, "keys", "create", "x", FOOTNOTE_AUDIT="off").returncode == 0
