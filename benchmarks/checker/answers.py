"""Measure whether a trained model tells answered questions from others, on SQuAD's half that no training sees.

    python -m benchmarks.checker.answers --model checkpoint --limit 800

Each question with its own paragraph (unanswerable ones were written close to it on purpose), and each answerable
one with another paragraph of the article. A seeded sample where `--limit` is under the half's 3,000 questions.
"""

import argparse
import random
from pathlib import Path

import numpy as np

from benchmarks.answers.support import auroc, interval
from benchmarks.checker.measure import torch_predict
from benchmarks.checker.pairs import SEED, Pair, question_pair
from benchmarks.checker.sources import paragraphs


def pairs(draw: random.Random) -> list[Pair]:
    """Return every question of the reporting half with its own paragraph, answerable ones with another one too."""
    found: list[Pair] = []
    known: dict[str, list[str]] = {}
    for title, paragraph, questions in paragraphs(fitting=False):
        shown = title.replace("_", " ")
        for asked in questions:
            text, label = str(asked["question"]).strip(), int(bool(asked["answers"]))
            found.append(question_pair(text, paragraph, shown, label, "question"))
            if label and known.get(title):
                found.append(question_pair(text, draw.choice(known[title]), shown, 0, "withheld"))
        known.setdefault(title, []).append(paragraph)
    return [pair for pair in found if pair.evidence]


def main() -> None:
    """Print AUROC with intervals over questions."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=10_000)
    arguments = parser.parse_args()
    draw = random.Random(SEED)
    found = pairs(draw)
    found = draw.sample(found, min(arguments.limit, len(found)))
    scores = torch_predict(arguments.model, head=1)([(pair.claim, pair.evidence) for pair in found])
    labels = np.array([pair.label == 1 for pair in found])
    for kind in ("question", "withheld"):
        chosen = np.array([pair.label == 1 or pair.kind == kind for pair in found])
        groups = [pair.claim for pair, kept in zip(found, chosen, strict=True) if kept]
        low, high = interval(scores[chosen], labels[chosen], groups)
        print(
            f"{kind:9} {labels[chosen].sum()} answered, {(~labels[chosen]).sum()} not: "
            f"AUROC {auroc(scores[chosen], labels[chosen]):.3f} [{low:.3f} {high:.3f}]"
        )


if __name__ == "__main__":
    main()
