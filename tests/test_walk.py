"""The two walks in docs/architecture.md name what a question and a document really pass, in order."""

import re
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from app import cli
from app.build import build_service
from app.settings import Settings
from tests.app.edge import serve
from tests.fakes.handbook import small_handbook, write_documents
from tests.fakes.trace import traced
from vectorstore.settings import StoreSettings

PAGE = (Path(__file__).parents[1] / "docs" / "architecture.md").read_text(encoding="utf-8")
STEP = re.compile(r"^\d+\. `([\w.]+)`", re.MULTILINE)


def walk(heading: str) -> list[str]:
    """Return the functions that the page names under a heading, each as module.qualified_name."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return STEP.findall(section)


def assert_in_order(named: list[str], called: list[str]) -> None:
    assert len(named) >= 15
    places = [called.index(name) if name in called else name for name in named]
    assert [place for place in places if isinstance(place, str)] == []
    assert places == sorted(places, key=int), [name for _, name in sorted(zip(places, named, strict=True))]


def test_a_question_walks_as_the_page_says(tmp_path: Path) -> None:
    # Asked nowhere else: what a question asks for is remembered, and would not be worked out again.
    asked = {"role": "user", "content": "How many days of leave may our interns take?"}
    body = {"messages": [asked], "fresh": True}
    with small_handbook(tmp_path) as parts:
        service = build_service(parts, Settings(store=StoreSettings(data_dir=tmp_path / "data")))
        with traced("app", "ingest", "vectorstore") as called, serve(service) as served:
            assert "12 days" in httpx.post(f"{served.url}/v1/chat", json=body).text
    assert_in_order(walk("A question's way"), called)


def test_a_document_walks_as_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTNOTE_DATA_DIR", str(tmp_path / "data"))
    command = ["ingest", str(write_documents(tmp_path))]
    with traced("app", "ingest", "vectorstore") as called:
        done = CliRunner().invoke(cli.build(command), command)
    assert done.exit_code == 0, done.output
    assert_in_order(walk("A document's way"), called)
