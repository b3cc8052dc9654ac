"""Footnote as an engine of the search benchmark: through the store's own face, documents, texts and all."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.search.engine import Engine, Ids
from tests.vectorstore.sample import Space
from vectorstore.open import open_store
from vectorstore.settings import StoreSettings
from vectorstore.types import Chunk, Condition, Document, DocumentId, Hit, Scope, Span, Where, chunk_id

PER_DOCUMENT = 25
OPERATOR = Scope(unrestricted=True)


class Footnote(Engine):
    """`search` is dense only: the words of an empty question find nothing. `more` measures the whole search."""

    name = "Footnote"

    def build(self, ids: np.ndarray, vectors: np.ndarray, shares: np.ndarray, texts: list[str]) -> None:
        self._open()
        self.add(ids, vectors, shares, texts)

    def open(self) -> None:
        self._open()

    def _open(self) -> None:
        self.store = open_store(StoreSettings(data_dir=self.folder), Space("benchmark", self.dimension))

    def search(self, vector: np.ndarray, k: int, *, below: int | None = None) -> Ids:
        return [_id(hit) for hit in self._hits("", vector, k, below)]

    def _hits(self, text: str, vector: np.ndarray, k: int, below: int | None) -> list[Hit]:
        where: Where = () if below is None else (Condition("share", "range", (0, below - 1)),)
        with self.store.snapshot() as snapshot:
            return snapshot.search(text, vector, scope=OPERATOR, where=where, limit=k)

    def add(self, ids: np.ndarray, vectors: np.ndarray, shares: np.ndarray, texts: list[str]) -> None:
        with self.store.draft(note="benchmark") as draft:
            for start in range(0, len(ids), PER_DOCUMENT):
                part = slice(start, start + PER_DOCUMENT)
                name = f"doc-{ids[start]}"
                document = Document(
                    DocumentId(name), name, "", "text/plain", name, metadata={"share": int(shares[start])}
                )
                chunks = [_chunk(document.id, place, text) for place, text in enumerate(texts[part])]
                draft.put(document, text="\n".join(texts[part]), chunks=chunks, vectors=vectors[part])

    def remove(self, ids: np.ndarray) -> None:
        with self.store.draft(note="benchmark") as draft:
            for first in ids[::PER_DOCUMENT]:
                draft.remove(tenant="default", uri=f"doc-{first}")

    def more(self, folder: Path) -> dict[str, Any]:
        """Measure words and vectors together, filtered too, and the bare dense search."""
        questions = np.load(folder / "questions.npy")
        asked = json.loads((folder / "asked.json").read_text())
        result: dict[str, Any] = {}
        for label, below in (("hybrid", None), ("hybrid 1 %", 10), ("hybrid 0.1 %", 1)):

            def ask(n: int, below: int | None = below) -> object:
                return self._hits(asked[n], questions[n], 10, below)

            result |= _times(label, ask, len(questions))
        opened = self.store.opened()
        assert opened is not None
        with self.store.snapshot() as snapshot:
            dense = opened.projections(snapshot.generation).dense
        result |= _times("rows only", lambda n: dense.search(questions[n], 10, None), len(questions))
        codes = dense.codes
        result["codes"] = (
            f"{type(codes).__name__}, {codes.reranked} reranked, {getattr(codes, 'probes', 0)} probes"
        )
        return result

    def close(self) -> None:
        self.store.close()


def _chunk(document: DocumentId, place: int, text: str) -> Chunk:
    ident = chunk_id(document=document, position=place, text=text)
    return Chunk(ident, document, place, text, Span(0, len(text)))


def _id(hit: Hit) -> int:
    return int(hit.document.uri.removeprefix("doc-")) + hit.chunk.position


def _times(label: str, ask: Callable[[int], object], count: int) -> dict[str, float]:
    for number in range(5):
        ask(number)
    times = []
    worked = time.process_time()
    for number in range(count):
        started = time.perf_counter()
        ask(number)
        times.append(time.perf_counter() - started)
    worked = time.process_time() - worked
    times.sort()
    return {
        f"{label} cpu_ms": round(worked / count * 1e3, 2),
        f"{label} p50_ms": round(times[count // 2] * 1e3, 3),
        f"{label} p99_ms": round(times[int(count * 0.99)] * 1e3, 3),
    }
