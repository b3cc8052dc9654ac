"""Measure what more characters of evidence would bring: how much of WiCE's claims they hold, in how many tokens.

python -m benchmarks.checker.evidence
"""

import numpy as np

from app.language.reading import read
from app.support.ground import gather
from benchmarks.answers.support import load
from vectorstore.language.words import total
from vectorstore.models.minilm import WordPieces

BUDGETS = (480, 600, 700, 900, 1_000_000)


def main() -> None:
    """Print one row a budget: the share of the claims' words, weighed by rarity, and tokens a pair."""
    claims = [item for item in load()["wice"] if total(read(item.text).stems)]
    pieces = WordPieces()
    for budget in BUDGETS:
        shares, tokens = [], []
        for item in claims:
            claim = read(item.text)
            evidence = gather(claim, item.evidence, budget=budget)
            shares.append(total(claim.stems & read(evidence).stems) / total(claim.stems))
            tokens.append(len(pieces.ids(item.text)) + len(pieces.ids(evidence)) - 1)
        print(
            f"{budget:9,} characters: {np.mean(shares):.3f} of the words, {np.mean(tokens):.0f} tokens a pair"
        )


if __name__ == "__main__":
    main()
