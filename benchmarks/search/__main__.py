"""Search speed side by side in one run: Footnote's store and what people use instead, each in its own process.

    python -m venv PEERS && PEERS/bin/pip install -r benchmarks/requirements.txt
    python -m benchmarks.search --chunks 100000 --peers PEERS/bin/python --keep FOLDER
    python -m benchmarks.search --chunks 1000000 --peers PEERS/bin/python --keep FOLDER --limit 3600 [--again]

The vectors are real embeddings of passages (SciFact, MT-RAG), multiplied up to the wanted number with noise; the
questions are the test sets' own. Every index is built by one process, and searched by another that opens it: memory
is what that one holds for itself, files read into the page cache aside. One question at a time; every engine is as
thorough as it takes to find 0.98 of the exact nearest ten, or as thorough as it gets. What was built is kept in
--keep, so that a run can be interrupted; --again searches once more, on a machine that has gone quiet. At a million
the builds take an hour and more on two cores, and the searches 40 minutes, of which 34 are Qdrant's.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.kept_vectors import KeptVectors
from benchmarks.search.one import NEAREST, PER_DOCUMENT, SHARES
from benchmarks.search.peers import ENGINES
from benchmarks.search.report import plot, table
from benchmarks.search.retrieval import DATA, TestSet, as_document, mtrag, scifact
from vectorstore.types import Vectors

DIMENSION = 384
QUESTIONS = 200
ADDED = 1_000
ROOT = Path(__file__).parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument(
        "--peers", type=Path, help="the Python that has the other engines; without it: Footnote"
    )
    parser.add_argument("--only", default="", help="engines, separated by commas")
    parser.add_argument("--keep", type=Path, help="folder for vectors, indexes and results")
    parser.add_argument(
        "--vectors", type=Path, help="folder that benchmarks.search.retrieval kept its vectors in"
    )
    parser.add_argument("--passages", type=int, help="real passages to multiply; without it: all of them")
    parser.add_argument("--limit", type=float, default=600, help="seconds that an engine may take to build")
    parser.add_argument("--again", action="store_true", help="search again what has been built")
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    keep = options.keep or Path(tempfile.mkdtemp(prefix="footnote-search-"))
    folder = keep / str(options.chunks)
    make_data(folder, options.chunks, kept=options.vectors or keep, passages=options.passages)
    wanted = options.only.split(",") if options.only else ["footnote", *(ENGINES if options.peers else ())]
    for engine in wanted:
        python = str(options.peers) if options.peers and engine != "footnote" else sys.executable
        for phase in ("build", "search"):
            run(engine, phase, python=python, folder=folder, limit=options.limit, again=options.again)
    results = [json.loads(path.read_text()) for path in sorted(folder.glob("*.search.json"))]
    sys.stdout.write(table(results, chunks=options.chunks) + "\n")
    if options.plot:
        options.plot.write_text(plot(results, chunks=options.chunks), encoding="utf-8")


def run(engine: str, phase: str, *, python: str, folder: Path, limit: float, again: bool) -> None:
    """Run one phase of an engine in a process of its own, unless its result is there."""
    result = folder / f"{engine}.{phase}.json"
    built = folder / f"{engine}.build.json"
    if result.exists() and not (again and phase == "search"):
        return
    if phase == "search" and "why" in json.loads(built.read_text()):
        result.write_text(built.read_text())
        return
    command = [python, "-m", "benchmarks.search.one", engine, phase, str(folder)]
    try:
        done = subprocess.run(
            command, cwd=ROOT, timeout=limit, check=False, stderr=subprocess.PIPE, text=True
        )
        why = "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["died"])[-1][:120]
    except subprocess.TimeoutExpired:
        why = f"not done after {limit:.0f} s ({phase})"
    if why:
        result.write_text(json.dumps({"engine": engine, "name": engine, "why": why}))
    sys.stderr.write(f"{engine} {phase}: {why or 'done'}\n")


def make_data(folder: Path, count: int, *, kept: Path, passages: int | None) -> None:
    """Write vectors, texts, questions and their true nearest, for the unfiltered search and each filter."""
    if (folder / "truth.npz").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    chance = np.random.default_rng(0)
    base, questions = real(kept, chance, passages)
    vectors = multiplied(base, count + ADDED, chance)
    np.save(folder / "vectors.npy", vectors)
    np.save(folder / "questions.npy", questions)
    (folder / "texts.json").write_text(json.dumps(sentences(chance, count + ADDED, words=20)))
    (folder / "asked.json").write_text(json.dumps(sentences(chance, len(questions), words=6)))
    shares = np.arange(count) // PER_DOCUMENT % SHARES
    truth = {"all": nearest(vectors[:count], questions, np.arange(count))}
    for below in (10, 1):
        allowed = np.flatnonzero(shares < below)
        truth[str(below)] = nearest(vectors[allowed], questions, allowed)
    np.savez(folder / "truth.npz", **truth)


def real(kept: Path, chance: np.random.Generator, passages: int | None) -> tuple[Vectors, Vectors]:
    if not DATA.is_dir():
        sys.stderr.write(f"No test sets at {DATA}: the vectors are drawn at random, which is harder.\n")
        drawn = unit(chance.normal(size=(5_000 + QUESTIONS, DIMENSION)))
        return drawn[QUESTIONS:], drawn[:QUESTIONS]
    embedder = KeptVectors(kept)
    sets: list[TestSet] = [scifact("test"), mtrag("mtrag/clapnq"), mtrag("mtrag/fiqa")]
    texts = [as_document(passage)[1].embedded_text for each in sets for passage in each.passages]
    asked = [each.questions[name] for each in sets for name in each.relevant]
    texts = texts if passages is None else [texts[n] for n in chance.permutation(len(texts))[:passages]]
    order = chance.permutation(len(asked))[:QUESTIONS]
    made = embedder.embed_documents(texts), embedder.embed_documents([asked[n] for n in order])
    embedder.save()
    return made


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


def nearest(vectors: Vectors, questions: Vectors, names: np.ndarray) -> np.ndarray:
    best = np.empty((len(questions), 0), dtype=np.float32)
    places = np.empty((len(questions), 0), dtype=np.int64)
    for start in range(0, len(vectors), 50_000):
        scores = questions @ vectors[start : start + 50_000].T
        best = np.concatenate([best, scores], axis=1)
        here = np.broadcast_to(np.arange(start, start + scores.shape[1]), scores.shape)
        places = np.concatenate([places, here], axis=1)
        order = np.argsort(-best, axis=1)[:, :NEAREST]
        best, places = np.take_along_axis(best, order, axis=1), np.take_along_axis(places, order, axis=1)
    return np.asarray(names[places])


def sentences(chance: np.random.Generator, count: int, *, words: int) -> list[str]:
    """Draw words as language does: the n-th most frequent one n times less often than the first."""
    drawn = np.minimum(chance.zipf(1.2, size=(count, words)), 200_000)
    names = {word: _spelled(word) for word in np.unique(drawn).tolist()}
    return [" ".join(names[word] for word in row) for row in drawn.tolist()]


def _spelled(number: int) -> str:
    """Write a number in letters: with digits it would be an identifier, which is looked up twice."""
    return "".join(chr(ord("a") + int(digit)) for digit in str(number)) + "k"


if __name__ == "__main__":
    main()
