"""A document is the same whichever way it came: out of a folder, uploaded, or fetched by its URL."""

import io
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest

import ingest.pipeline
from ingest.run import Ingestion, Request
from ingest.settings import IngestSettings
from ingest.sources.elsewhere import fetched_sources
from ingest.uploads import Upload, Uploads
from tests.fakes.trace import traced
from tests.ingest.test_fetch import OUTSIDE, fetcher, listening, response
from vectorstore.models.embed import Embedder
from vectorstore.open import open_embedder, open_store
from vectorstore.settings import StoreSettings
from vectorstore.types import Document, Scope

OPERATOR = Scope(unrestricted=True)
ROWS = "".join(f"| {year} | {year % 7} days | by hand |\n" for year in range(1990, 2026))
FILES = {
    "leave.md": b"---\ntitle: Leave\ndate: 2026-02-03\ntags: [hr, pay]\n---\n\n# Leave\n\n28 days.\n\n## Sick\n\nBy nine.\n",
    "years.md": f"# Years\n\n| year | leave | kept |\n|---|---|---|\n{ROWS}".encode(),
    "closed.md": b"---\nreaders: [hr]\n---\n\n# Pay\n\nPay day is the 25th.\n",
    "travel.html": b"<html><head><title>Travel</title></head><body><h1>Travel</h1><p>By rail.</p></body></html>",
    "pay.csv": b"name;grade\nAda;7\nBob;6\n",
    "spoilt.md": b"---\ntitle: [Tea\n---\n\n# Tea\n\nTea is paid.\n",
    "long.txt": b"\n\n".join(
        b"Paragraph %d says that rule %d holds until it is changed." % (n, n) for n in range(40)
    ),
}
FAILING = {
    "empty.md": b" \n",
    "broken.pdf": b"%PDF-1.4\nnothing",
    "odd.md": b"---\nreaders: 5\n---\n\nText.\n",
}


@dataclass
class Came:
    """What one way made of the files, by name."""

    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    chunks: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    failures: dict[str, tuple[str, str]] = field(default_factory=dict)


def by_folder(
    files: dict[str, bytes], space: Path, readers: frozenset[str] | None
) -> dict[str, tuple[str, str]]:
    docs = space / "docs"
    docs.mkdir()
    for name, content in files.items():
        (docs / name).write_bytes(content)
    ingestion = Ingestion(IngestSettings(), StoreSettings(data_dir=space / "data"))
    report = ingestion.carry_out(ingestion.plan(Request((docs,), readers=readers)))
    return {
        Path(each.uri).name: (each.reason, each.message) for each in (*report.failed, *report.without_text)
    }


def by_url(
    files: dict[str, bytes], space: Path, readers: frozenset[str] | None
) -> dict[str, tuple[str, str]]:
    kinds = {".html": "text/html", ".csv": "text/csv", ".pdf": "application/pdf", ".md": "text/markdown"}
    with listening(OUTSIDE) as server:
        for name, content in files.items():
            server.answers[f"/{name}"] = response(content, kind=kinds.get(Path(name).suffix, "text/plain"))
        urls = space / "urls.txt"
        urls.write_text("".join(f"http://docs.example.org:{server.port}/{name}\n" for name in files))
        ingestion = Ingestion(IngestSettings(), StoreSettings(data_dir=space / "data"))
        with fetched_sources(urls, fetcher()) as fetched:
            plan = ingestion.plan(Request((), readers=readers), fetched=fetched)
            report = ingestion.carry_out(plan)
    return {
        Path(each.uri).name: (each.reason, each.message) for each in (*report.failed, *report.without_text)
    }


def by_upload(
    files: dict[str, bytes], space: Path, readers: frozenset[str] | None
) -> dict[str, tuple[str, str]]:
    embedder = embedder_in(space)
    store = open_store(StoreSettings(data_dir=space / "data"), embedder)
    uploads = Uploads(store, embedder, data_dir=space / "data", settings=IngestSettings())
    sent = [Upload(name, io.BytesIO(content)) for name, content in files.items()]
    shown = uploads.add(sent, scope=OPERATOR, readers=readers)
    store.close()
    return {each.name: (each.failure.reason, each.failure.message) for each in shown if each.failure}


WAYS: list[Callable[[dict[str, bytes], Path, frozenset[str] | None], dict[str, tuple[str, str]]]] = [
    by_folder, by_upload, by_url,
]  # fmt: skip


def embedder_in(space: Path) -> Embedder:
    return open_embedder(StoreSettings().embedder, cache_dir=StoreSettings().cache)


def came(space: Path, failures: dict[str, tuple[str, str]]) -> Came:
    found = Came(failures=failures)
    store = open_store(StoreSettings(data_dir=space / "data"), None)
    with store.snapshot() as snapshot:
        for document in snapshot.documents(scope=OPERATOR):
            name = Path(document.uri).name
            found.rows[name] = row_of(document) | {"text": snapshot.text(document.id)}
            found.chunks[name] = [
                {key: value for key, value in asdict(chunk).items() if key not in ("id", "document")}
                for chunk in snapshot.chunks(document.id)
            ]
    store.close()
    return found


def row_of(document: Document) -> dict[str, Any]:
    row = asdict(document)
    del row["id"], row["uri"]  # the id is made of the address
    row["metadata"] = {key: value for key, value in row["metadata"].items() if key != "found_on"}
    if document.title != "Leave":
        del row["modified"]  # the file's, where the document names no date
    return row


def test_a_file_becomes_the_same_document_whichever_way_it_comes(tmp_path: Path) -> None:
    readers = frozenset(["hr", "board"])
    seen = []
    for way in WAYS:
        space = tmp_path / way.__name__
        space.mkdir()
        seen.append(came(space, way(FILES | FAILING, space, readers)))
    folder = seen[0]
    assert set(folder.rows) == set(FILES)
    assert set(folder.failures) == set(FAILING)
    assert len(folder.chunks["years.md"]) > 1
    assert folder.rows["spoilt.md"]["metadata"]["findings"]
    assert folder.rows["closed.md"]["readers"] == {"hr"}
    for other in seen[1:]:
        assert other.rows == folder.rows
        assert other.chunks == folder.chunks
        assert other.failures == folder.failures


DRAWN = ["take_in", "parse_all", "prepare", "chunks_of", "vectors", "publish"]
"""The drawing at the head of ingest/pipeline.py, from where the three ways are one."""


@pytest.mark.parametrize("way", WAYS)
def test_a_document_goes_the_way_that_is_drawn(
    tmp_path: Path, way: Callable[[dict[str, bytes], Path, None], object]
) -> None:
    with traced("ingest") as order:
        way({"leave.md": FILES["leave.md"]}, tmp_path, None)
    assert ingest.pipeline.__doc__
    assert " ─▶ ".join(["take_in", "parse_all (worker processes)", *DRAWN[2:]]) in ingest.pipeline.__doc__
    names = [name.rpartition(".")[2] for name in order]
    assert [name for name in dict.fromkeys(names) if name in ("make_plan", *DRAWN)] == ["make_plan", *DRAWN]
