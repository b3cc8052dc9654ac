"""Keys are stored hashed, in a file of their own that survives everything but its loss."""

import json
import multiprocessing
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.commands.keys import app
from app.keys import Keys
from vectorstore.errors import BadInput, NotAllowed, NotFound, StoreDamaged
from vectorstore.types import Scope


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "keys.json"


def test_a_key_opens_what_it_was_made_for(path: Path) -> None:
    made = Keys(path).create("hr", tenant="acme", groups=["hr"], scopes=["chat"])
    grant = Keys(path).check(made.secret)
    assert grant.scope == Scope("acme", frozenset({"hr"}))
    assert grant.rights == {"chat"}
    assert grant.key == made.key.id


def test_the_secret_is_nowhere_in_the_file_and_the_file_is_private(path: Path) -> None:
    secret = Keys(path).create("x").secret
    assert secret.split("_", 2)[2] not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(secret.split("_", 2)[2]) == 43


@pytest.mark.parametrize(
    "wrong", ["", "fn_", "fn__", "x", "fn_zz_zz", "fn_00000000_" + "a" * 43, "\ud800", "é" * 50]
)
def test_a_wrong_secret_is_refused(path: Path, wrong: str) -> None:
    keys = Keys(path)
    made = keys.create("x")
    for secret in (wrong, made.secret + "x", made.secret[:-2], made.secret.replace("fn_", "fm_")):
        with pytest.raises(NotAllowed):
            keys.check(secret)


def test_revoked_and_expired_keys_open_nothing(path: Path) -> None:
    keys = Keys(path)
    revoked = keys.create("revoked")
    expired = keys.create("expired", expires=datetime.now(UTC) - timedelta(seconds=1))
    keys.revoke(revoked.key.id)
    for made in (revoked, expired):
        with pytest.raises(NotAllowed):
            keys.check(made.secret)
        assert keys.grant_of(made.key.id) is None
    assert not keys.any_active()
    assert keys.exist()


def test_without_a_file_there_are_no_keys(path: Path) -> None:
    assert not Keys(path).exist()
    assert not Keys(path).any_active()
    assert not path.parent.exists()


def test_bad_requests_are_refused_with_a_hint(path: Path) -> None:
    with pytest.raises(BadInput, match="chat, search, documents"):
        Keys(path).create("x", scopes=["everything"])  # type: ignore[list-item]  # on purpose
    with pytest.raises(BadInput, match="time zone"):
        Keys(path).create("x", expires=datetime(2030, 1, 1))  # noqa: DTZ001 - on purpose
    with pytest.raises(NotFound):
        Keys(path).revoke("nope")
    assert not path.exists()


def test_a_damaged_file_closes_the_service_instead_of_opening_it(path: Path) -> None:
    Keys(path).create("x")
    path.write_text(path.read_text()[:-20])
    with pytest.raises(StoreDamaged):
        Keys(path).exist()


def test_keys_made_at_the_same_time_by_several_processes_are_all_kept(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    makers = [context.Process(target=_make, args=(path,)) for _ in range(3)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join(30)
    assert [maker.exitcode for maker in makers] == [0, 0, 0]
    assert len(Keys(path).all()) == 30


def _make(path: Path) -> None:
    keys = Keys(path)
    for number in range(10):
        keys.create(str(number))


def test_the_command_line_makes_lists_and_revokes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTNOTE_DATA_DIR", str(tmp_path))
    runner = CliRunner()
    made = runner.invoke(app, ["create", "laptop", "--group", "hr", "--scope", "chat", "--days", "7"])
    assert made.exit_code == 0
    secret = made.stdout.strip()
    keys = Keys(tmp_path / "keys.json")
    assert keys.check(secret).rights == {"chat"}
    listed = json.loads(runner.invoke(app, ["ls", "--json"]).stdout)
    assert [(key["name"], key["state"], key["groups"]) for key in listed] == [("laptop", "active", "hr")]
    assert secret not in json.dumps(listed)
    assert runner.invoke(app, ["revoke", listed[0]["id"]]).exit_code == 0
    assert "revoked" in runner.invoke(app, ["ls"]).stdout
    assert not keys.any_active()
