"""Keys are stored hashed, in a file of their own that survives everything but its loss."""

import json
import multiprocessing
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.commands.keys import app
from app.commands.serve import listen
from app.identity.keys import Keys
from app.settings import ServeSettings
from vectorstore.errors import BadInput, NotAllowed, NotFound, StoreDamaged
from vectorstore.settings import StoreSettings
from vectorstore.types import Scope


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "keys.json"


def test_a_key_opens_what_it_was_made_for(path: Path) -> None:
    made = Keys(path).create("hr", tenant="acme", groups=["hr"], rights=["chat"])
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
        Keys(path).create("x", rights=["everything"])  # type: ignore[list-item]  # on purpose
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


LOSSES = (
    "remove",
    "remove all",
    "empty",
    "no keys",
    "no file of ours",
    "a folder",
    "unreadable dates",
    "a short secret",
)


def lose(path: Path, how: str) -> None:
    stored = json.loads(path.read_text())
    if how == "remove all":
        path.with_suffix(".lock").unlink()
    if how in {"remove", "remove all", "a folder"}:
        path.unlink()
    if how == "a folder":
        path.mkdir()
    elif how == "empty":
        path.write_text("")
    elif how == "no keys":
        path.write_text(json.dumps(stored | {"keys": []}))
    elif how == "no file of ours":
        path.write_text("[" * 100_000)
    elif how == "unreadable dates":
        path.write_text(json.dumps(stored | {"keys": [stored["keys"][0] | {"expires": "soon"}]}))
    elif how == "a short secret":
        path.write_text(json.dumps(stored | {"signing": ""}))


@pytest.mark.parametrize("how", LOSSES)
def test_losing_the_keys_while_it_runs_closes_the_service(path: Path, how: str) -> None:
    keys = Keys(path)
    secret = keys.create("x").secret
    assert keys.exist()
    kept = path.read_text()
    lose(path, how)
    for use in (keys.exist, keys.any_active, lambda: keys.check(secret), keys.signing_secret):
        with pytest.raises(StoreDamaged):
            use()
    if how == "a folder":
        path.rmdir()
    path.write_text(kept)
    assert keys.exist()
    assert keys.check(secret).rights


@pytest.mark.parametrize("how", [how for how in LOSSES if how != "remove all"])
def test_a_start_without_the_keys_that_were_made_is_refused(path: Path, how: str) -> None:
    Keys(path).create("x")
    lose(path, how)
    with pytest.raises(StoreDamaged):
        listen(ServeSettings(port=0), StoreSettings(data_dir=path.parent))


def test_a_new_key_opens_the_service_again_and_no_old_one_comes_back(path: Path) -> None:
    old = Keys(path).create("old").secret
    lose(path, "remove")
    new = Keys(path).create("new").secret
    assert Keys(path).check(new).rights
    with pytest.raises(NotAllowed):
        Keys(path).check(old)


def test_revoking_what_is_not_there_makes_no_keys(path: Path) -> None:
    with pytest.raises(NotFound):
        Keys(path).revoke("nope")
    assert not Keys(path).exist()
