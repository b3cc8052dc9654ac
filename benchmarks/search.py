"""Search speed, side by side in one run: Footnote's store and FAISS as people use it.

    python -m benchmarks.search --chunks 100000 --vectors real.npy --questions questions.npy

`real.npy` holds real embeddings (float32, unit length), multiplied up to the wanted number with noise; the
questions are embedded questions. Without them both are drawn at random, which is harder than real text.
Everything runs on the cores it is given; one question at a time; recall is against an exact float32 scan.
"""

import argparse
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from vectorstore.embedded.store import EmbeddedStore
from vectorstore.open import open_store
from vectorstore.store import Snapshot
from vectorstore.types import (
    Chunk,
    Condition,
    Document,
    DocumentId,
    Hit,
    Scope,
    Span,
    Vectors,
    Where,
    chunk_id,
)

DIMENSION = 384
PER_DOCUMENT = 25
Found = TypeVar("Found")
NEAREST = 10
OPERATOR = Scope(unrestricted=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--vectors", type=Path)
    parser.add_argument("--questions", type=Path)
    parser.add_argument("--asked", type=int, default=200)
    parser.add_argument("--hnsw", action="store_true", help="build HNSW32 too: about a minute per 100,000")
    options = parser.parse_args()
    chance = np.random.default_rng(0)
    vectors = multiplied(real(options.vectors, chance), options.chunks, chance)
    questions = real(options.questions, chance)[: options.asked]
    texts = sentences(chance, options.chunks, words=20)
    asked = sentences(chance, len(questions), words=6)
    say(f"{options.chunks:,} chunks, {DIMENSION} dimensions, {len(questions)} questions")
    say("| what | build s | p50 ms | p99 ms | recall@10 |", "|---|---|---|---|---|")
    truth = raw_faiss(vectors, questions, hnsw=options.hnsw)
    footnote(vectors, texts, questions, asked, truth)


def real(path: Path | None, chance: np.random.Generator) -> Vectors:
    return (
        np.asarray(np.load(path), dtype=np.float32) if path else unit(chance.normal(size=(5_000, DIMENSION)))
    )


def multiplied(base: Vectors, count: int, chance: np.random.Generator) -> Vectors:
    """Add noise to real vectors so that copies of one have a cosine of about 0.7 to each other."""
    made = np.empty((count, DIMENSION), dtype=np.float32)
    for start in range(0, count, 50_000):
        rows = base[chance.integers(0, len(base), min(50_000, count - start))]
        noise = chance.normal(size=rows.shape).astype(np.float32) * (0.65 / np.sqrt(DIMENSION))
        made[start : start + len(rows)] = unit(rows + noise)
    return made


def unit(rows: np.ndarray) -> Vectors:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def sentences(chance: np.random.Generator, count: int, *, words: int) -> list[str]:
    """Draw words as language does: the n-th most frequent one n times less often than the first."""
    drawn = np.minimum(chance.zipf(1.2, size=(count, words)), 200_000)
    names = {word: _spelled(word) for word in np.unique(drawn).tolist()}
    return [" ".join(names[word] for word in row) for row in drawn.tolist()]


def _spelled(number: int) -> str:
    """Write a number in letters: with digits it would be an identifier, which is looked up twice."""
    return "".join(chr(ord("a") + int(digit)) for digit in str(number)) + "k"


def raw_faiss(vectors: Vectors, questions: Vectors, *, hnsw: bool) -> np.ndarray:
    import faiss

    started = time.perf_counter()
    flat = faiss.IndexFlatIP(DIMENSION)
    flat.add(vectors)
    built = time.perf_counter() - started
    _, truth = flat.search(questions, NEAREST)
    for threads in (1, faiss.omp_get_max_threads()):
        faiss.omp_set_num_threads(threads)
        found, times = timed(
            lambda n: flat.search(questions[n : n + 1], NEAREST)[1][0], min(50, len(questions))
        )
        row(f"FAISS flat float32, {threads} thread(s)", built, times, recall(found, truth))
    if hnsw:
        started = time.perf_counter()
        graph = faiss.IndexHNSWFlat(DIMENSION, 32, faiss.METRIC_INNER_PRODUCT)
        graph.add(vectors)
        built = time.perf_counter() - started
        faiss.omp_set_num_threads(1)
        for breadth in (64, 128, 256):
            graph.hnsw.efSearch = breadth
            found, times = timed(lambda n: graph.search(questions[n : n + 1], NEAREST)[1][0], len(questions))
            row(f"FAISS HNSW32, ef {breadth}", built, times, recall(found, truth))
    return truth


def footnote(
    vectors: Vectors, texts: list[str], questions: Vectors, asked: list[str], truth: np.ndarray
) -> None:
    folder = Path(tempfile.mkdtemp(prefix="footnote-benchmark-"))
    try:
        _footnote(folder, vectors, texts, questions, asked, truth)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _footnote(
    folder: Path, vectors: Vectors, texts: list[str], questions: Vectors, asked: list[str], truth: np.ndarray
) -> None:
    store = new_store(folder)
    started = time.perf_counter()
    put(store, vectors, texts, first=0)
    built = time.perf_counter() - started
    store.close()

    store = new_store(folder)
    started = time.perf_counter()
    with store.snapshot() as snapshot:
        snapshot.search(asked[0], questions[0], scope=OPERATOR)
    opened = time.perf_counter() - started
    in_use = store.opened()
    assert in_use is not None

    with store.snapshot() as snapshot:
        projections = in_use.projections(snapshot.generation)
        dense = projections.dense
        found, times = timed(lambda n: dense.search(questions[n], NEAREST, None).rows - 1, len(questions))
        row("Footnote dense", built, times, recall(found, truth))
        _, times = timed(
            lambda n: projections.lexical.search(asked[n], 100, documents=None, share=1.0).rows,
            len(questions),
        )
        row("Footnote lexical (six words)", built, times, None)
        for label, where in FILTERS.items():
            ask = partial(hybrid, snapshot, asked, questions, where)
            _, times = timed(ask, len(questions))
            row(f"Footnote hybrid{label}", built, times, None)
    commit_cost(store, vectors, texts, questions, asked)
    sizes = {
        kind: sum(path.stat().st_size for path in folder.glob(pattern) if path.is_file()) / 1e6
        for kind, pattern in (("truth", "index.db*"), ("dense", "dense-*/*"), ("lexical", "lexical-*/*"))
    }
    say("", f"open to first answer {opened:.2f} s; codes {type(dense.codes).__name__},"
        f" reranked {dense.codes.reranked}, probes {getattr(dense.codes, 'probes', 0)}")  # fmt: skip
    say("on disk: " + ", ".join(f"{kind} {size:,.0f} MB" for kind, size in sizes.items()))
    say(f"private memory of this process, vectors of the benchmark included: {private_memory():,.0f} MB"
        f" (they are {vectors.nbytes / 1e6:,.0f} MB)")  # fmt: skip
    store.close()


def hybrid(snapshot: Snapshot, asked: list[str], questions: Vectors, where: Where, number: int) -> list[Hit]:
    return snapshot.search(asked[number], questions[number], scope=OPERATOR, where=where)


FILTERS: dict[str, tuple[Condition, ...]] = {
    "": (),
    ", filter 50 %": (Condition("share", "range", (0, 499)),),
    ", filter 1 %": (Condition("share", "range", (0, 9)),),
    ", filter 0.1 %": (Condition("share", "eq", (0,)),),
}


def new_store(folder: Path) -> EmbeddedStore:
    return open_store(folder, embedder_fingerprint="benchmark", dimension=DIMENSION)


def put(store: EmbeddedStore, vectors: Vectors, texts: list[str], *, first: int) -> None:
    with store.draft(note="benchmark") as draft:
        for start in range(0, len(vectors), PER_DOCUMENT):
            name = f"doc-{first + start}"
            ident = DocumentId(name)
            document = Document(
                id=ident,
                uri=name,
                title="",
                media_type="text/plain",
                digest=name,
                metadata={"share": (first + start) // PER_DOCUMENT % 1000},
            )
            chunks = [
                Chunk(
                    chunk_id(document=ident, position=place, text=text),
                    ident,
                    place,
                    text,
                    Span(0, len(text)),
                )
                for place, text in enumerate(texts[start : start + PER_DOCUMENT])
            ]
            draft.put(
                document, text="\n".join(c.text for c in chunks), chunks=chunks,
                vectors=vectors[start : start + PER_DOCUMENT],
            )  # fmt: skip


def commit_cost(
    store: EmbeddedStore, vectors: Vectors, texts: list[str], questions: Vectors, asked: list[str]
) -> None:
    started = time.perf_counter()
    put(store, vectors[:1000], texts[:1000], first=len(vectors) * 2)
    added = time.perf_counter() - started
    started = time.perf_counter()
    with store.snapshot() as snapshot:
        snapshot.search(asked[0], questions[0], scope=OPERATOR)
    followed = time.perf_counter() - started
    started = time.perf_counter()
    with store.draft() as draft:
        for start in range(0, 1000, PER_DOCUMENT):
            draft.remove(tenant="default", uri=f"doc-{len(vectors) * 2 + start}")
    removed = time.perf_counter() - started
    with store.snapshot() as snapshot:
        _, times = timed(
            lambda n: snapshot.search(asked[n], questions[n], scope=OPERATOR), min(50, len(questions))
        )
    row("Footnote hybrid, after removing 1,000", 0, times, None)
    say(
        "",
        f"commit of 1,000 chunks {added:.2f} s; first search after it {followed:.2f} s; removing them {removed:.2f} s",
    )


def timed(ask: Callable[[int], Found], count: int) -> tuple[list[Found], list[float]]:
    for number in range(min(5, count)):
        ask(number)
    found, times = [], []
    for number in range(count):
        started = time.perf_counter()
        found.append(ask(number))
        times.append(time.perf_counter() - started)
    return found, sorted(times)


def recall(found: list[np.ndarray], truth: np.ndarray) -> float:
    return float(np.mean([np.isin(true, near).mean() for near, true in zip(found, truth, strict=False)]))


def row(name: str, built: float, times: list[float], found: float | None) -> None:
    p50, p99 = times[len(times) // 2] * 1e3, times[min(len(times) - 1, int(len(times) * 0.99))] * 1e3
    say(f"| {name} | {built:.1f} | {p50:.2f} | {p99:.2f} | {'' if found is None else f'{found:.3f}'} |")


def private_memory() -> float:
    try:
        lines = Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines()
        kilobytes = sum(int(line.split()[1]) for line in lines if line.startswith("Private"))
    except OSError:
        kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes / 1e3


def say(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
