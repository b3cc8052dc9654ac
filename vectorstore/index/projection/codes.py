"""Choosing how vectors are coded: as they are, one bit a dimension, or in lists; measured, not guessed."""

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import numpy as np

from vectorstore.index.projection.faiss_codes import HalfCodes, RaBitQCodes, decode, train_codes
from vectorstore.index.truth.arrays import Half, Positions
from vectorstore.types import Vector, Vectors

Codes: TypeAlias = HalfCodes | RaBitQCodes

CODED_FROM = 10_000
"""Below this many vectors a scan of the vectors themselves takes under a millisecond, and whoever may read no more
than that beside others has all of them scored."""
RERANKED_BESIDE_OTHERS = 800
"""How many candidates are reranked for a caller who may not read everything: a number that others do not move."""
LISTS_FROM = 200_000
"""Below this, scanning all codes takes a millisecond or two, and lists lose more than they save."""
_MARGIN = 4
"""How many times as deep a search in lists reranks as the made-up questions need. To those the codes' estimate is
kinder than to real ones. Measured with real questions and 1,000,000 vectors, 2,048 lists: 128 of them find 0.976
of the nearest reranking 300, 0.989 reranking 600, 0.993 reranking 1,000; four times as many lists, reranking 300,
find no more than 0.976 and take three times as long."""
_DEPTHS = (200, 400, 800, 1600)
_QUESTIONS = 64
_NEAREST = 10


def build_codes(vectors: Half, *, recall_target: float) -> RaBitQCodes:
    """Code vectors and choose how many candidates to rerank; a large index also gets lists to probe.

    Both are the least that find the target's share of the true nearest ten. Lists are left out when a quarter
    of them would still miss it.
    """
    questions = _made_up_questions(vectors)
    true = _true_nearest(vectors, questions)

    def recall(search: Callable[[Vector], Positions]) -> float:
        found = [search(question) for question in questions]
        return float(
            np.mean([np.isin(nearest, near).mean() for nearest, near in zip(true, found, strict=True)])
        )

    codes = train_codes(vectors, reranked=_DEPTHS[-1])
    depth = next(
        (
            each
            for each in _DEPTHS
            if recall(partial(codes.candidates, limit=each, allowed=None)) >= recall_target
        ),
        _DEPTHS[-1],
    )
    if len(vectors) < LISTS_FROM:
        return codes.tuned(reranked=depth)
    lists = 1 << round(np.log2(2 * np.sqrt(len(vectors))))
    listed = codes.with_lists(vectors, lists=lists)
    tries = [8 << step for step in range(20) if 8 << step <= lists // 4]
    probes = next(
        (
            each
            for each in tries
            if recall(partial(listed.probed, limit=_MARGIN * depth, probes=each)) >= recall_target
        ),
        0,
    )
    return listed.tuned(reranked=_MARGIN * depth if probes else depth, probes=probes)


def _made_up_questions(vectors: Half) -> Vectors:
    """Make up vectors that are as far from all passages as questions are.

    A passage itself is too easy a question: its neighbours share its list. Midway between two passages, and
    off by noise as long as a passage's vector, recall falls as it does for real questions.
    """
    chance = np.random.default_rng(len(vectors))
    first, second = (chance.integers(0, len(vectors), _QUESTIONS) for _ in range(2))
    middles = decode(vectors[first]) + decode(vectors[second])
    noise = chance.normal(size=middles.shape) / np.sqrt(middles.shape[1])
    questions = middles + noise
    lengths = np.linalg.norm(questions, axis=1, keepdims=True)
    return np.asarray(questions / lengths, dtype=np.float32)


def _true_nearest(vectors: Half, questions: Vectors) -> list[np.ndarray]:
    """Return the nearest positions to each question by exact cosine."""
    best_scores = np.empty((len(questions), 0), dtype=np.float32)
    best_places = np.empty((len(questions), 0), dtype=np.int64)
    for start in range(0, len(vectors), 50_000):
        scores = questions @ decode(vectors[start : start + 50_000]).T
        best_scores = np.concatenate([best_scores, scores], axis=1)
        places = np.broadcast_to(np.arange(start, start + scores.shape[1]), scores.shape)
        best_places = np.concatenate([best_places, places], axis=1)
        keep = np.argpartition(-best_scores, min(_NEAREST, best_scores.shape[1] - 1), axis=1)[:, :_NEAREST]
        best_scores = np.take_along_axis(best_scores, keep, axis=1)
        best_places = np.take_along_axis(best_places, keep, axis=1)
    return list(best_places)
