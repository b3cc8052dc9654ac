"""What the two steps of a dense search cost: scanning one-bit codes, and ranking candidates by their vectors.

    python -m benchmarks.search.scan FOLDER [--count 100000]

FOLDER is one that `benchmarks.search` made its data in (FOLDER/vectors.npy, questions.npy). Each step is done in the
way that ships and in the way it was done before; processor time of all threads, mean over the questions.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import faiss
import numpy as np

from vectorstore.index.projection.faiss_codes import decode, nearest, train_codes

REPEATS = 3
RANKED = (400, 800, 1_600, 3_200)
DEPTH = 400


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=100_000)
    options = parser.parse_args()
    vectors = np.load(options.folder / "vectors.npy", mmap_mode="r")[: options.count].astype(np.float16)
    questions = np.load(options.folder / "questions.npy")
    print("| step | before, CPU ms | ships, CPU ms |\n|---|---:|---:|")

    fast = train_codes(vectors, reranked=DEPTH)
    plain = faiss.IndexRaBitQ(vectors.shape[1], faiss.METRIC_INNER_PRODUCT)
    plain.train(decode(vectors[:: max(1, len(vectors) // 50_000)]))
    for start in range(0, len(vectors), 50_000):
        plain.add(decode(vectors[start : start + 50_000]))
    parameters = faiss.RaBitQSearchParameters(qb=4)
    told(
        f"scanning {len(vectors):,} codes for {DEPTH}",
        before=lambda n: plain.search(questions[n : n + 1], DEPTH, params=parameters),
        ships=lambda n: fast.candidates(questions[n], DEPTH, None),
        count=len(questions),
    )
    chance = np.random.default_rng(0)
    for many in RANKED:
        places = np.sort(chance.integers(0, len(vectors), (len(questions), many)), axis=1)
        told(
            f"ranking {many:,} candidates",
            before=lambda n, places=places: decode(vectors[places[n]]) @ questions[n],
            ships=lambda n, places=places: nearest(vectors[places[n]], questions[n], 300),
            count=len(questions),
        )


def told(name: str, *, before: Callable[[int], object], ships: Callable[[int], object], count: int) -> None:
    print(f"| {name} | {milliseconds(before, count):.2f} | {milliseconds(ships, count):.2f} |")


def milliseconds(ask: Callable[[int], object], count: int) -> float:
    """Return the median of a few rounds' mean processor time."""
    rounds = []
    for _ in range(REPEATS):
        started = time.process_time()
        for number in range(count):
            ask(number)
        rounds.append((time.process_time() - started) / count * 1e3)
    return float(np.median(rounds))


if __name__ == "__main__":
    main()
