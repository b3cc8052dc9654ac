"""Keys are stored hashed, in a file of their own that survives everything but its loss."""

import asyncio
import hashlib
import json
import multiprocessing
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.commands.keys import app
from app.commands.serve import listen
from app.identity.grant import RIGHTS_OF
from app.identity.identity import Identity, Shown
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


@pytest.mark.parametrize(
    "names",
    [
        {"name": ""},
        {"name": "two\nlines"},
        {"tenant": ""},
        {"tenant": " acme"},
        {"groups": [""]},
        {"groups": ["hr", "new\nline"]},
        {"groups": ["user:ann"]},
    ],
)
def test_names_that_no_document_and_no_token_could_hold_are_refused(
    path: Path, names: dict[str, Any]
) -> None:
    with pytest.raises(BadInput):
        Keys(path).create(**{"name": "x", **names})
    assert not path.exists()


def test_groups_of_a_key_are_written_as_documents_write_them(path: Path) -> None:
    made = Keys(path).create("x", groups=["zoe\u0301", "hr", "hr"])
    assert Keys(path).check(made.secret).scope.groups == {"hr", "zo\u00e9"}


def test_a_damaged_file_closes_the_service_instead_of_opening_it(path: Path) -> None:
    Keys(path).create("x")
    path.write_text(path.read_text()[:-20])
    with pytest.raises(StoreDamaged):
        Keys(path).exist()


@pytest.mark.parametrize(
    "changed",
    [
        {"rights": "chat"},
        {"rights": ["root"]},
        {"groups": "hr"},
        {"groups": [1]},
        {"groups": {"hr": 1}},
        {"origins": "https://www.example.org"},
        {"tenant": None},
        {"tenant": 5},
        {"hash": None},
        {"expires": "2030-01-01"},
        {"kind": "admin"},
        {"more": 1},
    ],
)
def test_a_key_that_was_written_by_hand_and_wrongly_closes_the_service(
    path: Path, changed: dict[str, object]
) -> None:
    Keys(path).create("x", groups=["hr"])
    stored = json.loads(path.read_text())
    stored["keys"][0] |= changed
    path.write_text(json.dumps(stored))
    with pytest.raises(StoreDamaged):
        Keys(path).exist()


def test_a_key_that_stands_there_twice_does_not_open_what_was_revoked(path: Path) -> None:
    made = Keys(path).create("x")
    before = json.loads(path.read_text())["keys"]
    Keys(path).revoke(made.key.id)
    stored = json.loads(path.read_text())
    path.write_text(json.dumps({**stored, "keys": stored["keys"] + before}))
    with pytest.raises(StoreDamaged):
        Keys(path).check(made.secret)


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


def test_a_kind_has_its_rights_and_a_page_its_origins(path: Path) -> None:
    keys = Keys(path)
    for kind, rights in RIGHTS_OF.items():
        origins = ["https://www.Example.org:443", "https://www.example.org", "http://localhost:3000"]
        made = keys.create(kind, kind=kind, tenant="acme", origins=origins if kind == "page" else ())
        granted = Keys(path).check(made.secret)
        assert granted.rights == set(rights)
        assert granted.scope == Scope("acme", unrestricted=kind == "operator")
        wanted = {"https://www.example.org", "http://localhost:3000"} if kind == "page" else set()
        assert granted.origins == wanted
    assert keys.page_origins() == {"https://www.example.org", "http://localhost:3000"}
    with pytest.raises(BadInput, match="not both"):
        keys.create("x", kind="server", rights=["chat"])
    with pytest.raises(BadInput, match="no kind"):
        keys.create("x", kind="root")  # type: ignore[arg-type]  # on purpose
    with pytest.raises(BadInput, match="needs the page's origin"):
        keys.create("x", kind="page")
    with pytest.raises(BadInput, match="Only a page's key"):
        keys.create("x", kind="server", origins=["https://www.example.org"])
    assert len(keys.all()) == len(RIGHTS_OF)


@pytest.mark.parametrize(
    "origin",
    [
        "", "*", "null", "https://*", "https://*.example.org", "www.example.org", "https://www.example.org/",
        "https://www.example.org/page", "https://ann@www.example.org", "https://www.example.org:0", "https://x:99999",
        "http://www.example.org", "http://10.0.0.7", "http://127.0.0.1.example.org", "ftp://www.example.org",
        "https://müller.example", "https://a b", "https://-x", "https://www.example.org\n", "https://www.example.org#",
    ],
)  # fmt: skip
def test_what_is_no_origin_is_refused(path: Path, origin: str) -> None:
    with pytest.raises(BadInput, match=r"origin|not encrypted"):
        Keys(path).create("x", kind="page", origins=["https://www.example.org", origin])
    assert not path.exists()


def test_while_a_key_is_rotated_two_secrets_open_it(path: Path) -> None:
    keys = Keys(path)
    first = keys.create("x", groups=["hr"])
    second = keys.rotate(first.key.id, grace=timedelta(days=1))
    assert keys.check(first.secret) == Keys(path).check(second.secret)
    third = keys.rotate(first.key.id, grace=timedelta(days=1))
    with pytest.raises(NotAllowed):
        keys.check(first.secret)
    assert keys.check(second.secret) == keys.check(third.secret)
    fourth = keys.rotate(first.key.id, grace=timedelta(0))
    for dead in (first, second, third):
        with pytest.raises(NotAllowed):
            keys.check(dead.secret)
    assert keys.check(fourth.secret).scope.groups == {"hr"}
    assert len({each.secret for each in (first, second, third, fourth)}) == 4
    keys.revoke(first.key.id)
    with pytest.raises(NotAllowed):
        keys.check(fourth.secret)
    with pytest.raises(BadInput, match="closed"):
        keys.rotate(first.key.id, grace=timedelta(days=1))
    with pytest.raises(NotFound):
        keys.rotate("nope", grace=timedelta(days=1))


def test_the_earlier_secret_ends_when_its_time_is_over(path: Path) -> None:
    keys = Keys(path)
    first = keys.create("x")
    keys.rotate(first.key.id, grace=timedelta(days=1))
    stored = json.loads(path.read_text())
    stored["keys"][0]["earlier_until"] = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    path.write_text(json.dumps(stored))
    with pytest.raises(NotAllowed):
        keys.check(first.secret)


def test_files_of_earlier_releases_are_read_and_their_keys_keep_their_rights(path: Path) -> None:
    secret = "fn_0123abcd_" + "s" * 43
    old = {
        "id": "0123abcd",
        "hash": hashlib.sha256(secret.encode()).hexdigest(),
        "name": "old",
        "tenant": "acme",
    }
    old |= {"groups": ["hr"], "created": "2026-01-01T00:00:00+00:00", "expires": None, "revoked": None}
    path.parent.mkdir()
    for rights in ({"scopes": ["chat"]}, {"rights": ["chat"]}):
        path.write_text(json.dumps({"signing": "ab" * 32, "keys": [old | rights]}))
        granted = Keys(path).check(secret)
        assert (granted.rights, granted.scope) == ({"chat"}, Scope("acme", frozenset({"hr"})))
        assert not granted.cites_only
    keys = Keys(path)
    keys.create("new", kind="page", origins=["https://www.example.org"])
    assert Keys(path).check(secret).rights == {"chat"}


def test_the_last_use_is_kept_beside_the_keys_and_written_once_a_minute(path: Path) -> None:
    keys = Keys(path)
    made = keys.create("x")
    before = path.read_bytes(), path.stat().st_mtime_ns
    assert keys.last_use(made.key.id) is None
    identity = Identity(keys)
    for _ in range(3):
        asyncio.run(identity.grant(Shown(bearer=made.secret)))
    used = Keys(path).last_use(made.key.id)
    assert used is not None
    assert abs((datetime.now(UTC) - used).total_seconds()) < 30
    kept = path.with_suffix(".used") / made.key.id
    os.utime(kept, (1_000_000_000, 1_000_000_000))
    asyncio.run(identity.grant(Shown(bearer=made.secret)))
    assert kept.stat().st_mtime == 1_000_000_000
    asyncio.run(Identity(Keys(path)).grant(Shown(bearer=made.secret)))  # another process
    assert kept.stat().st_mtime > 1_000_000_000
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    kept.unlink()
    kept.parent.rmdir()
    kept.parent.write_text("in the way")  # and a use that cannot be written down harms nobody
    assert asyncio.run(Identity(Keys(path)).grant(Shown(bearer=made.secret)))


def test_the_command_line_makes_kinds_and_rotates_and_shows_the_last_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOOTNOTE_DATA_DIR", str(tmp_path))
    runner = CliRunner()
    origins = ["--origin", "https://www.example.org", "--origin", "http://localhost:3000"]
    made = runner.invoke(app, ["create", "site", "--kind", "page", *origins, "--json"])
    first = json.loads(made.stdout)
    keys = Keys(tmp_path / "keys.json")
    keys.write_use(first["id"])
    rotated = runner.invoke(app, ["rotate", first["id"], "--grace", "2", "--json"])
    assert keys.check(first["secret"]) == keys.check(json.loads(rotated.stdout)["secret"])
    assert "until now opens it until" in rotated.stderr
    (listed,) = json.loads(runner.invoke(app, ["ls", "--json"]).stdout)
    assert listed["kind"] == "page"
    assert listed["origins"] == "https://www.example.org,http://localhost:3000"
    assert datetime.fromisoformat(listed["used"])
    assert datetime.fromisoformat(listed["earlier_secret_until"]) > datetime.now(UTC) + timedelta(days=1)
    for wrong in (["create", "x", "--days", "99999999"], ["rotate", first["id"], "--grace", "nan"]):
        refused = runner.invoke(app, wrong)
        assert isinstance(refused.exception, SystemExit | BadInput), wrong
    at_once = runner.invoke(app, ["rotate", first["id"], "--grace", "0"])
    assert "opens nothing any more" in at_once.stderr
    shown = runner.invoke(app, ["ls"]).stdout
    assert "page" in shown
    assert "https://www.example.org" in shown


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
