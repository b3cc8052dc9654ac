"""E. Answer relevance without a reference: does the answer fit its own question better than the others?

A rank score, so that no cosine threshold has to be guessed: the share of the set's other questions that are
farther from the answer than its own. It detects answers that are off the topic and nothing else (its
agreement with human preference is near zero otherwise), so it never gates.
"""

from collections.abc import Sequence

import numpy as np

from eval.metrics.answer import answers_of
from eval.outcome import Outcome
from eval.score import NOT_APPLICABLE, Score, ok
from vectorstore.embed import Embedder


def relevance(outcomes: Sequence[Outcome], embedder: Embedder) -> list[Score]:
    """Return one score per outcome; refusals and empty answers have none."""
    if len(outcomes) < 2:
        return [NOT_APPLICABLE] * len(outcomes)
    questions = embedder.embed_documents([outcome.case.question for outcome in outcomes])
    answers = embedder.embed_documents(answers_of(outcomes))
    nearness = answers @ questions.T
    own = np.diagonal(nearness)
    nearer = (nearness < own[:, None]).sum(axis=1) / (len(outcomes) - 1)
    return [
        NOT_APPLICABLE if outcome.refused or not outcome.answer.strip() else ok(float(share))
        for outcome, share in zip(outcomes, nearer, strict=True)
    ]
