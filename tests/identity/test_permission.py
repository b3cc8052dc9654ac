"""Users as readers, by each way that readers are written; and what an operator is told of them."""

import json
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import typer
from typer.testing import CliRunner

from app.commands import access
from app.commands.search import search
from app.identity.grant import LOCAL
from app.identity.keys import Keys
from app.identity.permission import verdict
from ingest.cli import ingest_command
from tests.app.edge import serve, service
from tests.vectorstore.sample import sample
from vectorstore.errors import BadInput, NotFound
from vectorstore.types import NOBODY, Scope

DOCUMENTS = {
    "hr/pay.md": "# Pay\n\nPay day is the 25th.\n",
    "hr/pay.md.meta.yaml": "readers: [user:ann]\n",
    "board.md": "---\nreaders: [user:bob, board]\n---\n# Board\n\nThe board meets on Mondays.\n",
    "plans/plan.md": "# Plan\n\nThe plan is to grow.\n",
    "open.md": "# Open\n\nThe office opens at eight.\n",
}
RULES = '[[rules]]\npath = "plans/**"\nreaders = ["user:cem"]\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FOOTNOTE_DATA_DIR", str(tmp_path / "data"))
    (tmp_path / "footnote.toml").write_text(RULES)
    for name, text in DOCUMENTS.items():
        path = tmp_path / "docs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    closed = tmp_path / "closed/note.md"
    closed.parent.mkdir()
    closed.write_text("# Note\n\nA note for one.\n")
    run(ingest_command, "docs", "--quiet")
    run(ingest_command, "closed", "--quiet", "--acl", "user:dee")
    return tmp_path / "data"


def run(command: typer.Typer | object, *arguments: str, code: int = 0) -> str:
    if not isinstance(command, typer.Typer):
        application = typer.Typer()
        application.command()(command)  # type: ignore[type-var]
        command = application
    result = CliRunner().invoke(command, list(arguments), catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.stdout


def may(uri: str, *who: str) -> bool:
    result = CliRunner().invoke(access.app, ["test", uri, "--json", *who], catch_exceptions=False)
    told = bool(json.loads(result.stdout)["may_read"])
    assert result.exit_code == (0 if told else 1)
    return told


def test_a_user_is_a_reader_by_side_car_front_matter_rule_and_flag(folder: Path) -> None:
    readers = {
        "docs/hr/pay.md": "ann",
        "docs/board.md": "bob",
        "docs/plans/plan.md": "cem",
        "closed/note.md": "dee",
    }
    for uri, reader in readers.items():
        assert [user for user in ("ann", "bob", "cem", "dee") if may(uri, "--user", user)] == [reader], uri
        assert not may(uri, "--group", reader)
        assert not may(uri, "--group", f"user:{reader}"), "a group is no user, whatever it is called"
    assert may("docs/board.md", "--group", "board")
    assert may("docs/open.md", "--user", "nobody")
    with pytest.raises(BadInput, match="no name"):
        may("docs/open.md", "--user", " ann")


def test_show_names_readers_and_by_whose_word(folder: Path) -> None:
    def said(uri: str) -> tuple[list[str], str]:
        told = json.loads(run(access.app, "show", uri, "--json"))
        return told["readers"], " ".join(told["said_by"])

    assert said("docs/plans/plan.md")[0] == ["user:cem"]
    assert "rule for 'plans/**' names the user 'cem'" in said("docs/plans/plan.md")[1]
    assert "--acl names the user 'dee'" in said("closed/note.md")[1]
    assert said("docs/board.md") == (["board", "user:bob"], "The document itself names its readers.")
    assert said("docs/open.md") == ([], "No readers are set: everyone in the tenant may read it.")
    with pytest.raises(NotFound, match="docs ls"):
        run(access.app, "show", "docs/none.md")


def test_a_preview_finds_what_the_user_would(folder: Path) -> None:
    def found(*who: str) -> set[str]:
        hits = json.loads(run(search, "pay day plan board", "-k", "20", "--json", *who))
        return {hit["uri"] for hit in hits}

    assert found("--as-user", "ann") == {"docs/hr/pay.md", "docs/open.md"}
    assert found("--as-group", "board") == {"docs/board.md", "docs/open.md"}
    assert len(found()) == 5
    for nobody in (["--as-user", ""], ["--as-group", ""]):
        with pytest.raises(BadInput, match="no name"):
            run(search, "pay", *nobody)


@pytest.mark.parametrize(
    ("readers", "scope", "allowed", "why"),
    [
        (frozenset(), Scope(), True, "Everyone in the tenant"),
        (NOBODY, Scope(groups=frozenset({"hr"})), False, "Nobody may read it"),
        (frozenset({"hr"}), Scope(tenant="other"), False, "of the tenant"),
        (frozenset({"hr"}), Scope(), False, "not nobody in particular"),
        (frozenset({"hr"}), Scope(groups=frozenset({"hr"})), True, "the group 'hr'"),
        (frozenset({"user:ann"}), Scope(groups=frozenset({"user:ann"})), False, "the user 'ann'"),
        (frozenset({"user:ann"}), Scope(user="ann"), True, "the user 'ann'"),
        (NOBODY, Scope(groups=NOBODY), False, "Nobody"),
    ],
)
def test_the_verdict_is_the_scopes_own(
    readers: frozenset[str], scope: Scope, allowed: bool, why: str
) -> None:
    document = sample("a.md", "A.", readers=readers).document
    found = verdict(document, scope)
    assert found.may_read == allowed == scope.allows(document)
    assert why in found.why


def test_operators_ask_over_http_and_nobody_else(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    operator = keys.create("op", rights=("operate",)).secret
    reader = keys.create("reader").secret
    with serve(service(keys=tmp_path / "keys.json")) as served:

        def ask(secret: str, **query: str) -> httpx.Response:
            return httpx.get(
                f"{served.url}/v1/access", params=query, headers={"Authorization": f"Bearer {secret}"}
            )

        told = ask(operator, id="doc_secret", user="ann", group="hr").json()
        assert (told["readers"], told["asked"]["may_read"]) == (["hr"], True)
        assert ask(operator, id="doc_secret").json()["asked"] is None
        assert not ask(operator, id="doc_secret", user="ann").json()["asked"]["may_read"]
        assert ask(reader, id="doc_secret").status_code == 403
        assert ask(operator).status_code == ask(operator, uri="a", id="b").status_code == 422
        assert ask(operator, id="doc_other").status_code == 404, "of another tenant"


def test_this_machine_without_keys_does_not_operate() -> None:
    """Any user of a shared machine reaches the loopback."""
    assert not {"operate", "act"} & LOCAL.rights
    assert replace(LOCAL.scope, unrestricted=False) == LOCAL.scope
