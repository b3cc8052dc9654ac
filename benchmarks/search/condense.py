"""Measure what resolving follow-ups gains, on MT-RAG conversations with dense search (nDCG@5).

    python -m benchmarks.search.condense --cache FOLDER [--embedder NAME] [--sample 3000] [clapnq fiqa]

Three ways to ask the last question: as it stands, condensed from the raw history, and as people rewrote it.
`--sample N` searches the relevant passages and N others instead of all (quicker, easier).
"""

import argparse
import json
import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.question import Message
from app.understand.condense import standalone
from benchmarks.kept_vectors import KeptVectors
from vectorstore.settings import DEFAULT_EMBEDDER
from vectorstore.types import Vectors

DATA = Path(__file__).parents[2] / "../shared/data/mtrag"
_BLOCK = 2_048


@dataclass(frozen=True, slots=True)
class Turn:
    """One question with the earlier ones, and what is relevant to it."""

    id: str
    turns: tuple[str, ...]
    rewritten: str
    relevant: frozenset[str]

    @property
    def first(self) -> bool:
        return len(self.turns) == 1


def load(name: str) -> list[Turn]:
    """Read the conversations of one set."""
    folder = DATA / name
    relevant: dict[str, set[str]] = {}
    for line in (folder / "dev.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        query, passage, score = line.split("\t")
        if int(score) > 0:
            relevant.setdefault(query, set()).add(passage)
    rewritten = {row["_id"]: _turns(row["text"])[-1] for row in _rows(folder / f"{name}_rewrite.jsonl")}
    return [
        Turn(row["_id"], tuple(_turns(row["text"])), rewritten[row["_id"]], frozenset(relevant[row["_id"]]))
        for row in _rows(folder / f"{name}_questions.jsonl")
        if row["_id"] in relevant
    ]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _turns(text: str) -> list[str]:
    return [turn.strip() for turn in text.split("|user|:") if turn.strip()]


def corpus(name: str, turns: list[Turn], *, sample: int) -> tuple[list[str], list[str]]:
    """Return ids and texts of the passages to search."""
    rows = _rows(DATA / name / "corpus.jsonl")
    if sample:
        needed = frozenset[str]().union(*(turn.relevant for turn in turns))
        others = [row for row in rows if row["_id"] not in needed]
        kept = random.Random(0).sample(others, min(sample, len(others)))
        rows = [row for row in rows if row["_id"] in needed] + kept
    return [row["_id"] for row in rows], [row["text"] for row in rows]


def embedded(embedder: KeptVectors, texts: list[str]) -> Vectors:
    """Embed block by block, so that an interrupted run goes on where it was."""
    blocks = []
    for start in range(0, len(texts), _BLOCK):
        blocks.append(embedder.embed_documents(texts[start : start + _BLOCK]))
        embedder.save()
    return np.vstack(blocks)


def ndcg(ids: list[str], order: list[int], relevant: frozenset[str], *, depth: int = 5) -> float:
    """Return nDCG at a depth, every relevant passage counting the same."""
    gained = sum(
        1 / math.log2(rank + 2) for rank, place in enumerate(order[:depth]) if ids[place] in relevant
    )
    return gained / sum(1 / math.log2(rank + 2) for rank in range(min(depth, len(relevant))))


def condensed(turn: Turn) -> str:
    """Ask as the product does, with the earlier questions as history."""
    return standalone(turn.turns[-1], [Message("user", text) for text in turn.turns[:-1]]).whole


WAYS: dict[str, Callable[[Turn], str]] = {
    "last turn": lambda turn: turn.turns[-1],
    "condensed": condensed,
    "human rewrite": lambda turn: turn.rewritten,
}


def main() -> None:
    """Print nDCG@5 for first and later turns, and the share of the human gain that ours reaches."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--embedder", default=DEFAULT_EMBEDDER, help="each needs a folder of its own")
    parser.add_argument("--sample", type=int, default=0)
    parser.add_argument("--show", action="store_true", help="print what each follow-up became")
    parser.add_argument("sets", nargs="*", default=["clapnq", "fiqa"])
    arguments = parser.parse_args()
    embedder = KeptVectors(arguments.cache, arguments.embedder)
    for name in arguments.sets:
        turns = load(name)
        ids, texts = corpus(name, turns, sample=arguments.sample)
        vectors = embedded(embedder, texts)
        scores: dict[str, list[float]] = {}
        for way, asked in WAYS.items():
            queries = np.stack([embedder.embed_query(asked(turn)) for turn in turns])
            best = np.argsort(-(queries @ vectors.T), axis=1)[:, :5]
            scores[way] = [
                ndcg(ids, list(order), turn.relevant) for order, turn in zip(best, turns, strict=True)
            ]
        embedder.save()
        report(name, turns, scores, show=arguments.show)


def report(name: str, turns: list[Turn], scores: dict[str, list[float]], *, show: bool) -> None:
    """Print one set."""
    first = np.array([turn.first for turn in turns])
    means = {way: np.array(values) for way, values in scores.items()}
    if show:
        for place, turn in enumerate(turns):
            change = means["condensed"][place] - means["last turn"][place]
            print(
                f"{change:+.2f} ({means['human rewrite'][place] - means['last turn'][place]:+.2f}) {turn.turns[-1]!r} → {condensed(turn)!r} | {turn.rewritten!r}"
            )
    print(f"{name}: {len(turns)} questions, {int(first.sum())} of them first turns")
    for way, values in means.items():
        print(
            f"  {way:14} all {values.mean():.3f}  first {values[first].mean():.3f}  later {values[~first].mean():.3f}"
        )
    gain = means["condensed"].mean() - means["last turn"].mean()
    human = means["human rewrite"].mean() - means["last turn"].mean()
    print(f"  gained {gain:+.3f} of {human:+.3f} ({gain / human:.0%})")


if __name__ == "__main__":
    main()
