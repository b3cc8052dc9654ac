"""Every default stands once, every setting is told, and the values of the classes reach what they rule."""

import ast
import re
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from app.configuration import CLASSES, check
from app.configuration import settings as all_settings
from app.http.application import create_app
from app.identity.keys import Keys
from app.settings import Settings
from ingest.run import Ingestion, Request
from ingest.settings import IngestSettings
from tests.app.edge import ScriptedTurn, service
from tests.fakes.word_embedder import WordEmbedder
from tests.test_architecture import ROOT, sources
from vectorstore.errors import BadInput
from vectorstore.index.projection import projections
from vectorstore.open import open_upkeep
from vectorstore.settings import StoreSettings

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
PLACES = {"settings", "stored", *(part.name for part in fields(Settings))}
"""What settings are called where they are read."""
NAMES = frozenset(key for kind in CLASSES for key in kind.model_fields)


def holds_a_value(node: ast.expr | None) -> bool:
    """Say whether a default is a number or words, also inside `Field(...)` and `field(...)`."""
    if isinstance(node, ast.UnaryOp):
        return holds_a_value(node.operand)
    if isinstance(node, ast.BinOp):
        return holds_a_value(node.left) and holds_a_value(node.right)
    if isinstance(node, ast.Call):
        called = ast.unparse(node.func).rpartition(".")[2]
        first = next((each.value for each in node.keywords if each.arg == "default"), None)
        return called in {"Field", "field", "Option"} and holds_a_value(first or next(iter(node.args), None))
    value = node.value if isinstance(node, ast.Constant) else None
    return bool(value) if isinstance(value, str) else isinstance(value, int | float) and value is not False


def defaults(tree: ast.AST) -> Iterator[tuple[str, str, int]]:
    """Yield (function or class, parameter or field, line) of each default that is a value."""
    for node in ast.walk(tree):
        if isinstance(node, FUNCTIONS) and getattr(node, "name", "") != "__init__":
            for name, line in parameters(node):
                yield getattr(node, "name", "lambda"), name, line
        elif isinstance(node, ast.ClassDef) and "FootnoteSettings" not in map(ast.unparse, node.bases):
            for each in node.body:
                if isinstance(each, ast.AnnAssign) and holds_a_value(each.value):
                    yield node.name, ast.unparse(each.target), each.lineno
                elif isinstance(each, ast.FunctionDef) and each.name == "__init__":
                    for name, line in parameters(each):
                        yield node.name, name, line


def parameters(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> Iterator[tuple[str, int]]:
    """Yield a function's parameters with a value for a default, and their lines."""
    plain = [*node.args.posonlyargs, *node.args.args]
    placed = zip(plain[len(plain) - len(node.args.defaults) :], node.args.defaults, strict=True)
    named = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    for parameter, default in [*placed, *named]:
        if holds_a_value(default):
            yield parameter.arg, parameter.lineno


def fed(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield (what is called, keyword) wherever a setting is handed on by keyword."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.args[0] if ast.unparse(node.func) == "partial" and node.args else node.func
        for keyword in node.keywords:
            read = {
                each.attr
                for each in ast.walk(keyword.value)
                if isinstance(each, ast.Attribute)
                and ast.unparse(each.value).rpartition(".")[2].lstrip("_") in PLACES
            }
            if keyword.arg and read & NAMES:
                yield ast.unparse(called).rpartition(".")[2], keyword.arg


def second_defaults(files: dict[str, str]) -> list[str]:
    """Return the places where the default of a setting stands again, under its name or the name it is handed to."""
    trees = {name: ast.parse(text) for name, text in files.items()}
    handed = {pair for tree in trees.values() for pair in fed(tree)}
    return [
        f"{file}:{line}: {owner}({name}=...)"
        for file, tree in trees.items()
        for owner, name, line in defaults(tree)
        if name in NAMES or (owner, name) in handed
    ]


def test_no_default_of_a_setting_is_written_a_second_time() -> None:
    assert second_defaults({str(p.relative_to(ROOT)): p.read_text(encoding="utf-8") for p in sources()}) == []


@pytest.mark.parametrize(
    "text",
    [
        "def search(text, top_k=6): ...",
        "async def search(text, *, top_k: int = 6): ...",
        "search = lambda text, top_k=6: ...",
        "class Question:\n    top_k: int = 6",
        "class Question:\n    top_k: int = field(default=6, kw_only=True)",
        "class Body(BaseModel):\n    top_k: int = Field(6, ge=1)",
        "class Turn:\n    def __init__(self, passages=6): ...",
        "def listen(host='127.0.0.1'): ...",
        "def limits(max_body_bytes=4 * 10**6): ...",
        "def decide(hits, threshold=0.5): ...\ndecide(hits, threshold=settings.answer_threshold)",
        "class Limits:\n    concurrent: int = 64\nLimits(concurrent=settings.runs.max_concurrent_runs)",
        "class Pack:\n    def __init__(self, most=6): ...\npartial(Pack, most=settings.passages)",
        "def read(size=1): ...\nread(size=settings.max_file_mb * 1_000_000)",
    ],
)
def test_a_default_written_again_is_found(text: str) -> None:
    assert len(set(second_defaults({"a.py": text}))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "def search(text, top_k): ...",
        "def search(text, top_k=None, strict=False, tenant=DEFAULT_TENANT): ...",
        "class Question:\n    top_k: int = field(kw_only=True)",
        "def near(limit=10): ...\nnear(limit=5)",
        "class AnswerSettings(FootnoteSettings):\n    top_k: int = Field(default=20)",
    ],
)
def test_what_is_no_second_default_is_let_be(text: str) -> None:
    assert second_defaults({"a.py": text}) == []


def test_a_setting_stands_in_one_class_and_says_what_it_is_and_within_which_bounds() -> None:
    found = [(kind, key, field) for kind in CLASSES for key, field in kind.model_fields.items()]
    assert len(found) == len(NAMES)
    for kind, key, field in found:
        assert (kind.__doc__ or "").endswith("."), kind
        assert field.description, key
        assert field.annotation not in {int, float} or field.metadata, f"{key} has no bounds"
    assert {each.names[0] for each in all_settings()} == {
        f"FOOTNOTE_{each.key.upper()}" for each in all_settings() if each.concern
    }


@pytest.mark.parametrize("part", fields(Settings), ids=lambda part: str(part.name))
@given(data=st.data())
@settings(max_examples=10)
def test_what_the_environment_says_is_what_the_service_gets(part: Any, data: st.DataObject) -> None:
    kind = part.default_factory
    key = data.draw(
        st.sampled_from([key for key, field in kind.model_fields.items() if field.annotation is int] or [""])
    )
    if not key:
        return
    bounds = {
        name: getattr(each, name)
        for each in kind.model_fields[key].metadata
        for name in ("ge", "le")
        if hasattr(each, name)
    }
    value = data.draw(st.integers(bounds.get("ge", 0), bounds.get("le", 2**31)))
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv(f"FOOTNOTE_{key.upper()}", str(value))
        assert getattr(getattr(Settings(), part.name), key) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HEARTBEAT_SECONDS", "0"),
        ("SEND_TIMEOUT_SECONDS", "inf"),
        ("DRAIN_SECONDS", "-1"),
        ("LINK_SECONDS", "nan"),
        ("LINK_SECONDS", "1e300"),
        ("GRACE_SECONDS", "soon"),
        ("MAX_BODY_BYTES", "0"),
        ("MAX_CONCURRENT_RUNS", "0"),
        ("MAX_QUEUED_RUNS", "-1"),
        ("MAX_QUESTION_CHARS", "0"),
        ("KEPT_RUNS", "0"),
    ],
)
def test_a_value_out_of_bounds_is_refused_by_name(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"FOOTNOTE_{name}", value)
    with pytest.raises(BadInput, match=f"FOOTNOTE_{name} is set to '{value}'"):
        check()


@pytest.mark.parametrize(
    "address",
    ["s3://key:sesame@bucket/x", "az://account/container?sig=sesame", "s3://bucket/x?X-Amz-Signature=sesame"],
)
def test_what_is_secret_in_an_address_that_is_refused_is_not_said(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOOTNOTE_OBJECTS", address)
    with pytest.raises(BadInput, match="FOOTNOTE_OBJECTS is set to") as raised:
        check()
    assert "sesame" not in str(raised.value)


def test_what_the_service_used_to_decide_alone_can_be_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "MAX_BODY_BYTES": 1_000,
        "MAX_QUESTION_CHARS": 20,
        "TOP_K": 7,
        "MCP": "false",
        "STATIC_DIR": tmp_path,
        "LINK_SECONDS": 60,
    }.items():
        monkeypatch.setenv(f"FOOTNOTE_{name}", str(value))
    turn, key = ScriptedTurn(), Keys(tmp_path / "keys.json").create("one").secret
    built = service(turn, keys=tmp_path / "keys.json", settings=Settings())
    headers = {"Authorization": f"Bearer {key}"}
    with TestClient(create_app(built), base_url="http://localhost", headers=headers) as client:

        def asked(message: str) -> httpx.Response:
            return client.post("/v1/chat", json={"message": message, "stream": False})

        assert [asked("x" * 2_000).status_code, asked("x" * 21).status_code] == [413, 413]
        answer = asked("How much leave?")
        assert turn.asked[0].top_k == 7
        until = int(re.findall(r"expires=([0-9]+)", answer.text)[0])
        assert time.time() + 40 < until < time.time() + 70
        assert [client.get("/").status_code, client.post("/mcp", json={}).status_code] == [404, 404]


def test_the_search_index_is_made_for_the_recall_that_is_set_whoever_makes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ingestion and upkeep make it, without a search in sight."""
    asked = []

    def extend(*given: Any, recall_target: float, **named: Any) -> Any:
        asked.append(recall_target)
        return made(*given, recall_target=recall_target, **named)

    made = projections.extend_dense
    monkeypatch.setattr(projections, "extend_dense", extend)
    monkeypatch.setattr("ingest.run.open_configured_embedder", lambda _: WordEmbedder())
    (tmp_path / "leave.md").write_text("Staff get 25 days of annual leave.")
    stored = StoreSettings(data_dir=tmp_path / "data", recall_target=0.75)
    ingestion = Ingestion(IngestSettings(), stored)
    ingestion.carry_out(ingestion.plan(Request((tmp_path / "leave.md",))))
    upkeep = open_upkeep(stored)
    upkeep.rebuild()
    upkeep.close()
    assert set(asked) == {0.75}
    assert len(asked) > 1
