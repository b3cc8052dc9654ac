"""Retrieval quality through the store itself: nDCG of every stage on published test sets.

    python -m benchmarks.search.retrieval --keep FOLDER           # SciFact, MT-RAG clapnq and fiqa
    python -m benchmarks.search.retrieval scifact --split train
    python -m benchmarks.search.retrieval --reranker FOLDER_OF_A_CROSS_ENCODER

Nothing is fitted on these queries: what is measured is what `footnote search` does, one chunk per passage.
SciFact is measured at nDCG@10, MT-RAG with the last turn only at nDCG@5. Vectors are kept in the folder given by
--keep, so that an interrupted run goes on where it was and a second run takes seconds.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.kept_vectors import KeptVectors
from vectorstore.index.store import IndexStore
from vectorstore.open import open_store
from vectorstore.refine import Rerank, open_reranker
from vectorstore.settings import DEFAULT_EMBEDDER, StoreSettings
from vectorstore.types import Chunk, Document, DocumentId, Hit, Scope, Span, StageName, chunk_id

DATA = Path(__file__).parents[2] / "../shared/data"
STAGES: tuple[StageName, ...] = ("dense", "lexical", "fused", "reranked")
OPERATOR = Scope(unrestricted=True)
DEPTH = 100
BATCH = 512


@dataclass(frozen=True)
class Passage:
    id: str
    title: str
    text: str


@dataclass(frozen=True)
class TestSet:
    """Passages, questions by id, and for each question the relevant passages with their grade."""

    name: str
    cut: int
    passages: list[Passage]
    questions: dict[str, str]
    relevant: dict[str, dict[str, int]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", default=["scifact", "mtrag/clapnq", "mtrag/fiqa"])
    parser.add_argument("--keep", type=Path, default=None, help="folder to keep the built indexes in")
    parser.add_argument("--embedder", default=DEFAULT_EMBEDDER, help="each needs a folder of its own")
    parser.add_argument("--reranker", default="", help="folder of a cross-encoder, to rerank the best 50")
    parser.add_argument("--split", default="test", help="SciFact only: test or train")
    options = parser.parse_args()
    if not DATA.is_dir():
        sys.exit(f"The test sets are not here: {DATA}")
    keep = options.keep or Path(tempfile.mkdtemp(prefix="footnote-retrieval-"))
    embedder = KeptVectors(keep, options.embedder)
    stages = STAGES if options.reranker else STAGES[:-1]
    say(f"| set | questions | {' | '.join(stages)} |", "|---|" + "---:|" * (len(stages) + 1))
    # Copies stay: the judgements know each by its own name.
    rerank = open_reranker(options.reranker)
    for name in options.sets:
        tests = scifact(options.split) if name == "scifact" else mtrag(name)
        measure(tests, embedder, keep / name, rerank=rerank, stages=stages)


def measure(
    tests: TestSet,
    embedder: KeptVectors,
    folder: Path,
    *,
    rerank: Rerank | None,
    stages: tuple[StageName, ...],
) -> None:
    store = open_store(StoreSettings(data_dir=folder, deduplicate=False), embedder, rerank=rerank)
    fill(store, tests, embedder)
    scores = scored(store, tests, embedder, stages)
    store.close()
    means = " | ".join(f"{scores[stage]:.4f}" for stage in stages)
    say(f"| {tests.name}, nDCG@{tests.cut} | {len(tests.relevant)} | {means} |")


def scored(
    store: IndexStore, tests: TestSet, embedder: KeptVectors, stages: tuple[StageName, ...] = STAGES[:-1]
) -> dict[StageName, float]:
    """Return the mean nDCG of each stage over all questions."""
    scores: dict[StageName, list[float]] = {stage: [] for stage in stages}
    with store.snapshot() as snapshot:
        for question, relevant in tests.relevant.items():
            text = tests.questions[question]
            hits = snapshot.search(text, embedder.embed_query(text), scope=OPERATOR, limit=DEPTH)
            for stage in stages:
                scores[stage].append(ndcg(ranked(hits, stage), relevant, tests.cut))
    return {stage: float(np.mean(each)) for stage, each in scores.items()}


def fill(store: IndexStore, tests: TestSet, embedder: KeptVectors) -> None:
    with store.snapshot() as snapshot:
        there = set(snapshot.digests(tenant="default"))
    missing = [passage for passage in tests.passages if passage.id not in there]
    for start in range(0, len(missing), BATCH):
        batch = missing[start : start + BATCH]
        made = [as_document(passage) for passage in batch]
        vectors = embedder.embed_documents([chunk.embedded_text for _, chunk in made])
        embedder.save()
        with store.draft(note=tests.name) as draft:
            for (document, chunk), vector in zip(made, vectors, strict=True):
                draft.put(document, text=chunk.text, chunks=[chunk], vectors=vector.reshape(1, -1))
        sys.stderr.write(f"\r{tests.name}: {start + len(batch)} of {len(missing)}")
    if missing:
        sys.stderr.write("\n")


def as_document(passage: Passage) -> tuple[Document, Chunk]:
    ident = DocumentId(passage.id)
    text = passage.text.removeprefix(passage.title).strip() if passage.title else passage.text.strip()
    document = Document(ident, passage.id, passage.title, "text/plain", digest=passage.id)
    chunk = Chunk(
        chunk_id(document=ident, position=0, text=text),
        ident,
        0,
        text,
        Span(0, len(text)),
        context=passage.title,
    )
    return document, chunk


def ranked(hits: list[Hit], stage: StageName) -> list[str]:
    found = [(seen.rank, hit.document.uri) for hit in hits if (seen := hit.stage(stage))]
    return [uri for _, uri in sorted(found)]


def ndcg(ranking: list[str], relevant: Mapping[str, int], cut: int) -> float:
    """Return the discounted gain of the first `cut` over the best possible (Järvelin and Kekäläinen 2002)."""
    discounts = 1 / np.log2(np.arange(2, cut + 2))
    gains = [relevant.get(uri, 0) for uri in ranking[:cut]]
    best = sorted(relevant.values(), reverse=True)[:cut]
    return float(np.dot(gains, discounts[: len(gains)]) / np.dot(best, discounts[: len(best)]))


def scifact(split: str) -> TestSet:
    folder = DATA / "scifact"
    passages = [Passage(each["_id"], each["title"], each["text"]) for each in lines(folder / "corpus.jsonl")]
    questions = {each["_id"]: each["text"] for each in lines(folder / "queries.jsonl")}
    return TestSet(f"SciFact {split}", 10, passages, questions, judgements(folder / "qrels" / f"{split}.tsv"))


def mtrag(name: str) -> TestSet:
    """Read a corpus of MT-RAG with the last turn only as the question."""
    folder = DATA / name
    passages = [Passage(each["_id"], each["title"], each["text"]) for each in lines(folder / "corpus.jsonl")]
    asked = lines(folder / f"{folder.name}_lastturn.jsonl")
    questions = {each["_id"]: each["text"].replace("|user|:", "").strip() for each in asked}
    return TestSet(f"{name}, last turn", 5, passages, questions, judgements(folder / "dev.tsv"))


def lines(path: Path) -> list[dict[str, str]]:
    # Not splitlines: the texts hold line separators of Unicode.
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def judgements(path: Path) -> dict[str, dict[str, int]]:
    relevant: dict[str, dict[str, int]] = {}
    for line in path.read_text(encoding="utf-8").splitlines()[1:]:
        question, passage, grade = line.split("\t")
        if int(grade) > 0:
            relevant.setdefault(question, {})[passage] = int(grade)
    return relevant


def say(*text: str) -> None:
    sys.stdout.write("\n".join(text) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
