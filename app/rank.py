"""Which sentences of the passages answer the question: candidates, what speaks for each, one score.

The weights are fitted by `benchmarks/refusal.py` on questions whose answers are known.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from app.asked import Asked, answers_kind, ask
from app.rarity import rarity, total
from app.reading import Line, Reading, lines, read
from vectorstore.embed import Embedder
from vectorstore.types import Vector

MOST_CANDIDATES = 32
"""Sentences that are embedded for one question; it bounds the time to the first word."""

_BIAS = -4.5
_WEIGHTS = {
    "cosine": 4.0, "coverage": 2.0, "framed_coverage": 2.0, "passage_coverage": 0.5, "pairs": 0.8, "kind": 1.0, "new": 0.5,
    "names": 0.5, "specifics": 1.5, "place": 0.5, "asks": -2.0, "length": 0.2, "short": -1.0,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Source:
    """A stretch of a document to answer from: its text, and the title and headings above it."""

    text: str
    context: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence that may answer, with what speaks for it. `source` counts from 0."""

    source: int
    line: Line
    bare: Reading
    framed: Reading
    signals: dict[str, float]
    score: float


def rank(
    question: str, sources: Sequence[Source], *, embedder: Embedder, vector: Vector | None = None
) -> list[Candidate]:
    """Return the sentences most likely to answer, best first; `score` is a probability.

    `vector` is the question's embedding if it is known already.
    """
    asked = ask(question)
    chosen = _candidates(asked, sources)
    if not chosen:
        return []
    if vector is None:
        vector = embedder.embed_query(question)
    cosines = embedder.embed_documents([shown(line, sources[at]) for at, line in chosen]) @ vector
    passages = [read(f"{source.context}\n{source.text}") for source in sources]
    found = []
    for (at, line), cosine in zip(chosen, cosines, strict=True):
        bare, framed = read(line.text), read(f"{line.frame}\n{line.text}")
        signals = signals_of(asked, line, bare, framed, passage=passages[at], place=at, cosine=float(cosine))
        found.append(Candidate(at, line, bare, framed, signals, weigh(signals)))
    return sorted(found, key=lambda candidate: -candidate.score)


def shown(line: Line, source: Source) -> str:
    """Return what the embedder reads of a sentence: with its heading, table header or lead-in."""
    return f"{line.frame}\n{line.text}" if line.frame else line.text


def weigh(signals: dict[str, float]) -> float:
    """Return the probability that a sentence with these signals answers."""
    return 1 / (1 + math.exp(-_BIAS - sum(_WEIGHTS[name] * value for name, value in signals.items())))


def signals_of(
    asked: Asked, line: Line, bare: Reading, framed: Reading, *, passage: Reading, place: int, cosine: float
) -> dict[str, float]:
    """Return what speaks for and against one sentence."""
    telling = asked.telling
    whole = total(telling) or 1.0
    order = [item for item in asked.reading.order if item in telling]
    pairs = set(pairwise(order))
    specifics = asked.reading.facts.numbers | asked.reading.facts.codes | asked.reading.facts.months
    known = framed.facts.numbers | framed.facts.codes | framed.facts.months
    named = asked.reading.names
    return {
        "cosine": cosine,
        "coverage": total(telling & bare.stems) / whole,
        "framed_coverage": total(telling & framed.stems) / whole,
        "passage_coverage": total(telling & passage.stems) / whole,
        "pairs": len(pairs & framed.pairs) / len(pairs) if pairs else 0.0,
        "kind": answers_kind(asked, line.text, bare),
        "new": min(1.0, len(bare.stems - asked.reading.stems) / 4),
        "names": len(named & framed.words) / len(named) if named else 0.5,
        "specifics": len(specifics & known) / len(specifics) if specifics else 0.5,
        "place": 1 / (1 + place),
        "asks": float(line.text.rstrip("* _").endswith("?")),
        "length": min(1.0, len(bare.order) / 30),
        "short": float(len(bare.order) < 3),
    }


def _candidates(asked: Asked, sources: Sequence[Source]) -> list[tuple[int, Line]]:
    """Return at most MOST_CANDIDATES sentences, by the question's words and the passages' order."""
    found: list[tuple[float, int, Line]] = []
    for at, source in enumerate(sources):
        for line in lines(source.text, source.context):
            if line.kind in ("heading", "rule", "header"):
                continue
            shared = asked.telling & read(f"{line.frame}\n{line.text}").stems
            found.append((sum(map(rarity, shared)) - at, at, line))
    best = sorted(found, key=lambda item: -item[0])[:MOST_CANDIDATES]
    return [(at, line) for _, at, line in best]
