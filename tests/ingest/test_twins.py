"""Documents that say nearly the same are found and said."""

import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from app.commands.docs import app as docs
from ingest.report import inspect
from ingest.run import Ingestion, Request
from ingest.settings import IngestSettings
from ingest.twins import alike, shingles, sketch_of
from vectorstore.settings import StoreSettings
from vectorstore.types import Document, DocumentId

WORDS = [f"word{number}" for number in range(500)]


def text_of(seed: int, length: int = 300) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=length))


def changed(text: str, edits: int, seed: int = 1) -> str:
    words, dice = text.split(), random.Random(seed)
    for at in dice.sample(range(len(words)), edits):
        words[at] = "other"
    return " ".join(words)


def test_pairs_that_share_most_of_their_words_agree_in_a_band_and_others_do_not() -> None:
    found = 0
    for seed in range(200):
        text = text_of(seed)
        near = changed(text, 3, seed)
        assert alike(shingles(text), shingles(near)) > 0.85
        found += bool((sketch_of(shingles(text)) == sketch_of(shingles(near))).any())
        assert not (sketch_of(shingles(text)) == sketch_of(shingles(text_of(seed + 1_000)))).any()
    assert found >= 197


@given(st.text(max_size=400), st.text(max_size=400))
def test_alikeness_is_symmetric_and_between_none_and_all(one: str, other: str) -> None:
    a, b = shingles(one), shingles(other)
    assert alike(a, b) == alike(b, a)
    assert 0 <= alike(a, b) <= 1
    assert alike(a, a) in {0.0, 1.0}


def test_a_near_identical_document_is_reported_in_this_run_and_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, data = tmp_path / "docs", tmp_path / "data"
    folder.mkdir()
    (folder / "first.md").write_text(text_of(1))
    (folder / "second.md").write_text(changed(text_of(1), 3))
    (folder / "far.md").write_text(text_of(2))
    ingestion = Ingestion(IngestSettings(), StoreSettings(data_dir=data))
    report = ingestion.carry_out(ingestion.plan(Request((folder,))))
    assert {frozenset({uri, *others}) for uri, others in report.near_duplicates.items()} == {
        frozenset({"docs/first.md", "docs/second.md"})
    }
    assert "nearly the same" in report.summary()
    (folder / "third.md").write_text(changed(text_of(2), 2))
    again = Ingestion(IngestSettings(), StoreSettings(data_dir=data))
    report = again.carry_out(again.plan(Request((folder,))))
    assert list(report.near_duplicates) == ["docs/third.md"]
    assert list(report.near_duplicates["docs/third.md"]) == ["docs/far.md"]
    monkeypatch.setenv("FOOTNOTE_DATA_DIR", str(data))
    shown = CliRunner().invoke(docs, ["show", "docs/far.md"])
    assert "docs/third.md (9" in shown.output
    whole = json.loads(CliRunner().invoke(docs, ["show", "docs/first.md", "--json"]).output)
    assert list(whole["report"]["near_duplicates"]) == ["docs/second.md"]
    (folder / "third.md").unlink()
    gone = Ingestion(IngestSettings(), StoreSettings(data_dir=data))
    gone.carry_out(gone.plan(Request((folder,), prune=True)))
    assert "third" not in CliRunner().invoke(docs, ["show", "docs/far.md"]).output


def test_an_inspection_counts_pages_tables_and_lost_characters() -> None:
    text = "One.\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n\nTwo \ufffd."
    document = Document(DocumentId("doc_1"), "a.pdf", "A", "application/pdf", "0", pages=(0, 4, 4))
    seen = inspect(document, text)
    assert seen.characters_per_page == (4, 0, len(text[4:].strip()))
    assert seen.pages_without_text == (2,)
    assert (seen.tables, seen.unreadable, seen.characters) == (1, 1, len(text))
    assert (
        inspect(Document(DocumentId("d"), "a.md", "A", "text/markdown", "0"), text).characters_per_page == ()
    )
