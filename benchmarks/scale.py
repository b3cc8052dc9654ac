"""What one truth and several replicas do: questions a second, latency, memory, a commit, a cold start.

    python -m benchmarks.scale fill  FOLDER [--store URL] [--chunks 1000000]
    python -m benchmarks.scale ask   FOLDER [--store URL] [--replicas 1 2 3] [--seconds 20]
    python -m benchmarks.scale commit FOLDER [--store URL] [--chunks 1000] [--times 5]
    python -m benchmarks.scale erase FOLDER [--store URL]
    python -m benchmarks.scale cold  FOLDER NEW [--store URL] [--objects URL]
    python -m benchmarks.scale simulate FOLDER [--chunks 10000000]

Without `--store` the truth lies in FOLDER, as one machine has it; with it, in PostgreSQL, and FOLDER/replica-N holds
each replica's own files. Passages are made, not read: words after Zipf's law, vectors around centres that share them,
twenty passages a document, a tenth of the documents for readers of one of ten groups. A question is a passage's vector
with noise, and six of its words. Nothing is embedded: what is measured is the index.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import SecretStr

from vectorstore.index.projection.dense_files import DenseBatch, extend_dense, load_dense
from vectorstore.index.projection.manifest import Covered
from vectorstore.open import open_store, open_upkeep
from vectorstore.settings import StoreSettings
from vectorstore.types import Chunk, ChunkId, Document, DocumentId, Scope, Span

DIMENSION = 384
A_DOCUMENT = 20
WORDS_A_CHUNK = 60
VOCABULARY = 60_000
CENTRES = 4_000
A_COMMIT = 1_000
"""Documents that are committed at once while filling."""


@dataclass(frozen=True)
class Made:
    """Stands in for the embedder of vectors that nothing embeds."""

    fingerprint: str = "made"
    dimension: int = DIMENSION


SPACE = Made()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["fill", "ask", "commit", "erase", "cold", "simulate", "replica"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("new", type=Path, nargs="?")
    parser.add_argument("--store", default="")
    parser.add_argument("--objects", default="")
    parser.add_argument("--search", default="local")
    parser.add_argument("--chunks", type=int, default=1_000_000)
    parser.add_argument("--replicas", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    steps = {
        "fill": fill,
        "ask": ask,
        "commit": commit,
        "erase": erase,
        "cold": cold,
        "simulate": simulate,
        "replica": replica,
    }
    steps[options.what](options)


def settings(options: argparse.Namespace, folder: Path) -> StoreSettings:
    more: dict[str, object] = {"store": SecretStr(options.store)} if options.store else {}
    if options.search != "local":
        more["search"] = options.search
    if options.objects:
        os.environ["FOOTNOTE_OBJECTS"] = options.objects
    return StoreSettings(data_dir=folder, deduplicate=False, **more)  # type: ignore[arg-type]


def document(number: int) -> tuple[Document, str, list[Chunk], np.ndarray]:
    """Make one document; the same number gives the same one."""
    chance = np.random.default_rng(number)
    identity = DocumentId(f"{number:016x}")
    ranks = np.minimum(chance.zipf(1.15, (A_DOCUMENT, WORDS_A_CHUNK)), VOCABULARY)
    texts = [" ".join(f"w{rank}" for rank in row) + "." for row in ranks.tolist()]
    chunks, start = [], 0
    for position, text in enumerate(texts):
        span = Span(start, start + len(text))
        chunks.append(Chunk(ChunkId(f"{number:x}-{position}"), identity, position, text, span))
        start = span.end + 1
    centres = np.random.default_rng(chance.integers(0, CENTRES)).normal(size=DIMENSION)
    vectors = centres + chance.normal(size=(A_DOCUMENT, DIMENSION)) * 0.9
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    readers = frozenset({f"g{number % 100 // 10}"}) if number % 10 == 0 else frozenset[str]()
    made = Document(
        identity, f"made/{number}.md", f"Document {number}", "text/markdown", f"{number:x}", readers=readers
    )
    return made, "\n".join(texts), chunks, vectors.astype(np.float32)


def fill(options: argparse.Namespace) -> None:
    store = open_store(settings(options, options.folder / "replica-0"), SPACE)
    started, total = time.perf_counter(), options.chunks // A_DOCUMENT
    with store.snapshot() as snapshot:
        first = snapshot.info().documents
    for start in range(first, total, A_COMMIT):
        with store.draft(wait=True) as draft:
            for number in range(start, min(start + A_COMMIT, total)):
                made, text, chunks, vectors = document(number)
                draft.put(made, text=text, chunks=chunks, vectors=vectors)
        done = (min(start + A_COMMIT, total) - first) * A_DOCUMENT
        print(f"{done:,} chunks, {done / (time.perf_counter() - started):,.0f} a second", flush=True)
    store.close()


def questions(total: int) -> Iterator[tuple[str, np.ndarray]]:
    chance = np.random.default_rng(7)
    while True:
        _, _, chunks, vectors = document(int(chance.integers(0, total)))
        place = int(chance.integers(0, A_DOCUMENT))
        noisy = vectors[place] + chance.normal(size=DIMENSION).astype(np.float32) * 0.02
        words = chance.choice(chunks[place].text.rstrip(".").split(), 6, replace=False)
        yield " ".join(words), (noisy / np.linalg.norm(noisy)).astype(np.float32)


def ask(options: argparse.Namespace) -> None:
    """Have one, two, three replicas asked at once, each by one caller who never waits."""
    print(
        "| replicas | questions a second | p50 ms | p95 ms | CPU ms | memory MB each |\n|---|---:|---:|---:|---:|---:|"
    )
    for count in options.replicas:
        commands = [
            [sys.executable, "-m", "benchmarks.scale", "replica", str(options.folder / f"replica-{number}")]
            + (["--store", options.store] if options.store else [])
            + ["--search", options.search, "--seconds", str(options.seconds)]
            for number in range(count)
        ]
        running = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for command in commands
        ]
        for each in running:
            assert each.stdout is not None
            each.stdout.readline()
        for each in running:
            assert each.stdin is not None
            each.stdin.write("go\n")
            each.stdin.flush()
        told = [json.loads(each.communicate()[0]) for each in running]
        times = np.concatenate([each["ms"] for each in told])
        memory = ", ".join(f"{each['memory']:.0f}" for each in told)
        rate, cpu = sum(each["rate"] for each in told), float(np.mean([each["cpu"] for each in told]))
        p50, p95 = np.percentile(times, [50, 95])
        print(f"| {count} | {rate:.0f} | {p50:.1f} | {p95:.1f} | {cpu:.1f} | {memory} |", flush=True)


def replica(options: argparse.Namespace) -> None:
    store = open_store(settings(options, options.folder), SPACE)
    scope = Scope()
    with store.snapshot() as snapshot:
        total = snapshot.info().documents
        made = questions(total)
        asked = [next(made) for _ in range(300)]
        for text, vector in asked[:20]:
            snapshot.search(text, vector, scope=scope)
    print("ready", flush=True)
    sys.stdin.readline()
    times, started, used = [], time.perf_counter(), time.process_time()
    while time.perf_counter() - started < options.seconds:
        text, vector = asked[20 + len(times) % 280]
        before = time.perf_counter()
        with store.snapshot() as snapshot:
            hits = snapshot.search(text, vector, scope=scope)
        assert hits
        times.append((time.perf_counter() - before) * 1e3)
    spent = time.perf_counter() - started
    cpu = (time.process_time() - used) / len(times) * 1e3
    print(json.dumps({"ms": times, "rate": len(times) / spent, "cpu": cpu, "memory": resident()}))


def commit(options: argparse.Namespace) -> None:
    """Add passages to what is there, several times over, and search for the last of them."""
    store = open_store(settings(options, options.folder / "replica-0"), SPACE)
    with store.snapshot() as snapshot:
        first = snapshot.info().documents
    count, spent, seen = options.chunks // A_DOCUMENT, [], []
    for time_ in range(options.times):
        many = [document(first + time_ * count + number) for number in range(count)]
        started = time.perf_counter()
        with store.draft(wait=True) as draft:
            for made, text, chunks, vectors in many:
                draft.put(made, text=text, chunks=chunks, vectors=vectors)
        spent.append(time.perf_counter() - started)
        with store.snapshot() as snapshot:
            snapshot.search("w1 w2", many[-1][3][0], scope=Scope())
        seen.append(time.perf_counter() - started)
    print(f"commit of {options.chunks:,}: {np.median(spent):.2f} s, searched after {np.median(seen):.2f} s")
    store.close()


def erase(options: argparse.Namespace) -> None:
    """Erase one document, whatever it takes until no byte of it is left in what can be searched here."""
    upkeep = open_upkeep(settings(options, options.folder / "replica-0"))
    with upkeep.store.snapshot() as snapshot:
        name = next(iter(snapshot.names(scope=Scope())))
    started = time.perf_counter()
    certificate = upkeep.erase([name.uri])
    print(
        f"erased one document after {time.perf_counter() - started:.0f} s: {certificate.searched_files} files searched,"
        f" left in {len(certificate.left)}, outstanding {certificate.outstanding}"
    )
    upkeep.close()


def cold(options: argparse.Namespace) -> None:
    """Time a replica with an empty folder until it has answered its first question."""
    started = time.perf_counter()
    store = open_store(settings(options, options.new), SPACE)
    text, vector = next(questions(1_000))
    with store.snapshot() as snapshot:
        assert snapshot.search(text, vector, scope=Scope())
    print(f"first answer of a replica that had nothing after {time.perf_counter() - started:.1f} s")
    store.close()


def simulate(options: argparse.Namespace) -> None:
    """Make the index of vectors alone, of more than a database is filled with here, and search it."""
    options.folder.mkdir(parents=True, exist_ok=True)
    total, a_batch = options.chunks, 20_000
    centres = np.random.default_rng(1).normal(size=(CENTRES, DIMENSION)).astype(np.float32)

    def batches() -> Iterator[DenseBatch]:
        for start in range(0, total, a_batch):
            chance = np.random.default_rng(start)
            vectors = centres[chance.integers(0, CENTRES, a_batch)]
            vectors += chance.standard_normal((a_batch, DIMENSION), np.float32) * 0.9
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            rows = np.arange(start, start + a_batch, dtype=np.int64) + 1
            yield DenseBatch(rows, rows // A_DOCUMENT + 1, vectors.astype(np.float16))

    started, used = time.perf_counter(), time.process_time()
    manifest = extend_dense(
        options.folder,
        None,
        batches(),
        covered=Covered("made", "made", 0, 1, "", total),
        dimension=DIMENSION,
        recall_target=0.98,
    )
    print(
        f"made in {time.perf_counter() - started:.0f} s, {time.process_time() - used:.0f} s of processor time",
        flush=True,
    )
    started = time.perf_counter()
    dense = load_dense(options.folder, manifest, dimension=DIMENSION)
    assert dense is not None
    size = sum(each.stat().st_size for each in options.folder.rglob("*") if each.is_file()) / 1e9
    print(
        f"opened in {time.perf_counter() - started:.1f} s, {resident():.0f} MB of its own, {size:.1f} GB on disk",
        flush=True,
    )
    chance, times, recall = np.random.default_rng(2), [], []
    path = options.folder / manifest.folder / "vectors.f16"
    vectors = np.memmap(path, dtype="<f2", mode="r", shape=(total, DIMENSION))
    everything = dense.allowed(np.arange(1, total // A_DOCUMENT + 2, dtype=np.int64))
    for number in range(220):
        near = vectors[int(chance.integers(0, total))].astype(np.float32)
        question = near + chance.normal(size=DIMENSION).astype(np.float32) * 0.02
        question /= np.linalg.norm(question)
        before = time.perf_counter()
        found = dense.search(question, 300, everything, alone=True)
        if number >= 20:
            times.append((time.perf_counter() - before) * 1e3)
        if number >= 200:
            scores = np.concatenate(
                [vectors[at : at + 100_000].astype(np.float32) @ question for at in range(0, total, 100_000)]
            )
            recall.append(np.isin(np.argpartition(-scores, 10)[:10] + 1, found.rows[:12]).mean())
    p50, p95 = np.percentile(times, [50, 95])
    print(
        f"by meaning, 300 best: p50 {p50:.1f} ms, p95 {p95:.1f} ms, recall@10 {np.mean(recall):.3f}, {resident():.0f} MB"
    )


def resident() -> float:
    """Return this process's memory in MB that is its own: mapped files are shared and can be dropped."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1_024


if __name__ == "__main__":
    main()
