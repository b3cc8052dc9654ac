"""Search inside PostgreSQL beside search in a replica's own files, in one run over one index.

    python -m benchmarks.search.database postgresql://user:password@host/database [--chunks 100000]
    python -m benchmarks.search.database URL --scifact FOLDER        # nDCG@10 of both; vectors are kept in FOLDER

Chunks are made up: vectors around 1,000 centres and, for every fifth, of no centre at all; sixty words a chunk, as often
as words are in a language. Questions are chunks moved by noise, for which exact search is the truth. Groups of readers
may read 49 %, 1 % and 0.1 % of the documents. The schema `benchmark` of the database is made anew.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import SecretStr

from tests.vectorstore.sample import Space
from vectorstore.index.snapshot import CANDIDATES
from vectorstore.index.store import IndexStore
from vectorstore.index.truth.arrays import Rows
from vectorstore.open import open_store
from vectorstore.settings import StoreSettings
from vectorstore.types import Chunk, Document, DocumentId, Scope, Span, Vector, Vectors, chunk_id

PER_DOCUMENT = 20
DIMENSION = 384
WORDS = 30_000
QUESTIONS = 40
SHARES = {"everything": 1_000, "49 %": 490, "1 %": 10, "0.1 %": 1}
"""Of a thousand documents, how many a group may read."""
PER_COMMIT = 500
SEARCHES: tuple[Literal["local", "database"], ...] = ("local", "database")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--scifact", type=Path, default=None, help="folder to keep SciFact's vectors in")
    options = parser.parse_args()
    if options.scifact is not None:
        scifact(options.url, options.scifact)
        return
    for line in measured(options.url, options.chunks):
        print(line, flush=True)


def measured(url: str, count: int) -> Iterator[str]:
    """Make an index of so many chunks and yield the lines of a table."""
    vectors = made_up(count)
    local, within, _ = opened(url, Space("benchmark", DIMENSION))
    started = time.perf_counter()
    fill(local, vectors)
    yield f"{count:,} chunks written into the truth in {time.perf_counter() - started:.0f} s."
    for name, store in (("A replica's own files", local), ("The database's search tables", within)):
        started = time.perf_counter()
        with store.snapshot() as snapshot:
            snapshot.search("word1", vectors[0], scope=scope("everything"))
        yield f"{name}: made from it in {time.perf_counter() - started:.0f} s."
    yield "| may read | engine | recall@10 | shortest list of 300 | meaning p50 | words p50 | whole search p50 | p95 |"
    yield "|---|---|---:|---:|---:|---:|---:|---:|"
    for name in SHARES:
        for engine, store in (("local", local), ("database", within)):
            yield row(name, engine, store, vectors)
    for store in (local, within):
        store.close()


def row(name: str, engine: str, store: IndexStore, vectors: Vectors) -> str:
    """Ask all questions as somebody who may read so much."""
    chance = np.random.default_rng(7)
    asked = [
        (text_of(chance, 9), question_near(vectors[place], chance))
        for place in chance.integers(0, len(vectors), QUESTIONS)
    ]
    index = store.opened()
    assert index is not None
    with store.snapshot() as snapshot:
        catalog = index.catalog(index.pin(None)[1])
        dense, words = index.indexes(snapshot.generation, "default")
        documents = catalog.select(scope(name), ())
        alone = len(documents) == catalog.count
        assert words is not None
        found: list[Rows] = []
        near = times(
            lambda n: found.append(dense.nearest(asked[n][1], CANDIDATES, documents, alone=alone).rows)
        )
        found = found[-QUESTIONS:]
        said = times(lambda n: words.search(asked[n][0], CANDIDATES, readable=documents))
        whole = times(lambda n: snapshot.search(asked[n][0], asked[n][1], scope=scope(name)))
    readable = np.flatnonzero(np.isin(np.arange(len(vectors)) // PER_DOCUMENT + 1, documents))
    halves = vectors[readable].astype(np.float16).astype(np.float32)
    true = [readable[np.argsort(-(halves @ vector), kind="stable")[:10]] + 1 for _, vector in asked]
    recall = np.mean([np.isin(best, rows[:10]).mean() for best, rows in zip(true, found, strict=True)])
    shortest = min(map(len, found))
    full = "full" if shortest == min(CANDIDATES, len(readable)) else str(shortest)
    cells = (f"{recall:.3f}", full, *(f"{np.median(each):.1f} ms" for each in (near, said, whole)))
    return f"| {name} | {engine} | {' | '.join(cells)} | {np.percentile(whole, 95):.1f} ms |"


def opened(url: str, space: Space) -> tuple[IndexStore, IndexStore, tempfile.TemporaryDirectory[str]]:
    """Open a new index twice: searched in this machine's files, and in the database."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS benchmark CASCADE")
    folder = tempfile.TemporaryDirectory(prefix="footnote-database-")
    store = SecretStr(f"{url}{'&' if '?' in url else '?'}schema=benchmark")
    root = Path(folder.name)
    # Copies stay: SciFact's judgements know each by its own name.
    local, within = (
        open_store(
            StoreSettings(data_dir=root / search, store=store, search=search, deduplicate=False), space
        )
        for search in SEARCHES
    )
    return local, within, folder


def made_up(count: int) -> Vectors:
    """Make vectors up: around centres, and every fifth around none."""
    chance = np.random.default_rng(1)
    centres = chance.normal(size=(1_000, DIMENSION)).astype(np.float32)
    vectors = chance.normal(size=(count, DIMENSION)).astype(np.float32)
    crowded = np.arange(count) % 5 != 0
    vectors[crowded] = vectors[crowded] * 0.8 + centres[chance.integers(0, 1_000, int(crowded.sum()))]
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def question_near(vector: Vector, chance: np.random.Generator) -> Vector:
    """Make a question up: as far from a chunk as questions are."""
    moved = vector + chance.normal(size=DIMENSION).astype(np.float32) * 0.8 / np.sqrt(DIMENSION)
    return np.asarray(moved / np.linalg.norm(moved), np.float32)


def text_of(chance: np.random.Generator, count: int) -> str:
    """Return words, of which the first are in nearly every text."""
    return " ".join(f"word{number}" for number in np.minimum(chance.zipf(1.2, count), WORDS))


def scope(name: str) -> Scope:
    return Scope(groups=frozenset({name}))


def fill(store: IndexStore, vectors: Vectors) -> None:
    chance = np.random.default_rng(2)
    count = len(vectors) // PER_DOCUMENT
    place_of = chance.permutation(count) % 1_000
    for start in range(0, count, PER_COMMIT):
        with store.draft(note="benchmark") as draft:
            for number in range(start, min(count, start + PER_COMMIT)):
                readers = frozenset(name for name, share in SHARES.items() if place_of[number] < share)
                ident = DocumentId(f"doc-{number}")
                texts = [text_of(chance, 60) for _ in range(PER_DOCUMENT)]
                chunks = [
                    Chunk(
                        chunk_id(document=ident, position=at, text=text), ident, at, text, Span(0, len(text))
                    )
                    for at, text in enumerate(texts)
                ]
                draft.put(
                    Document(ident, str(ident), "", "text/plain", str(ident), readers=readers),
                    text="\n".join(texts),
                    chunks=chunks,
                    vectors=vectors[number * PER_DOCUMENT : (number + 1) * PER_DOCUMENT],
                )


def times(ask: Callable[[int], object]) -> list[float]:
    """Return milliseconds a question, after a few that warm up."""
    for number in range(3):
        ask(number)
    spent = []
    for number in range(QUESTIONS):
        started = time.perf_counter()
        ask(number)
        spent.append((time.perf_counter() - started) * 1e3)
    return spent


def scifact(url: str, keep: Path) -> None:
    """Measure nDCG@10 of each stage on SciFact, in both engines over one index."""
    from benchmarks.kept_vectors import KeptVectors
    from benchmarks.search import retrieval

    tests, embedder = retrieval.scifact("test"), KeptVectors(keep, "all-MiniLM-L6-v2")
    local, within, folder = opened(url, Space(embedder.fingerprint, embedder.dimension))
    retrieval.fill(within, tests, embedder)
    for name, store in (("local", local), ("database", within)):
        scores = retrieval.scored(store, tests, embedder)
        print(name, {stage: round(value, 4) for stage, value in scores.items()})
        store.close()
    folder.cleanup()


if __name__ == "__main__":
    main()
