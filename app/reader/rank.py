"""Which sentences of the passages answer the question: candidates, what speaks for each, one score.

Words choose the candidates, then words and meaning rank them. The weights are fitted by
`benchmarks/answers/refusal.py --fit` on questions whose answering sentence is known.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from app.events import Passage
from app.language.amounts import in_range
from app.language.reading import Line, Reading, lines, read, whole
from app.reader.asked import Asked, answers_kind
from vectorstore.models.embed import Embedder
from vectorstore.types import Vector

MOST_CANDIDATES = 8
"""Sentences that are embedded for one decision; it bounds the time to the first word."""

WEIGHTS: Mapping[str, float] = {
    "cosine": 9.0, "coverage": 2.4, "framed_coverage": 0.9, "window_coverage": 3.4, "passage_coverage": 2.1, "pairs": 1.4,
    "kind": 1.9, "new": 0.1, "specifics": 1.5, "ranges": 2.0, "place": 1.7, "length": 0.3, "short": -1.5,
    "key": 2.5,
}  # fmt: skip
WORD_WEIGHTS: Mapping[str, float] = {
    "cosine": 0.0, "coverage": 2.2, "framed_coverage": 1.8, "window_coverage": 3.6, "passage_coverage": 1.8, "pairs": 1.5,
    "kind": 2.0, "new": 0.0, "specifics": 1.5, "ranges": 2.0, "place": 2.1, "length": 0.0, "short": -1.5,
    "key": 2.5,
}  # fmt: skip
"""The same without meaning, for choosing the candidates. `short`, `specifics`, `ranges` and `key` are set by hand: SQuAD
has neither headings nor tables."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence that may answer, with what speaks for it. `passage` and `place` (in its passage) count from 0.

    Scores are log-odds against the other candidates of the same question; they compare within it only.
    """

    passage: int
    place: int
    line: Line
    bare: Reading
    framed: Reading
    signals: Mapping[str, float]
    score: float

    @property
    def shown(self) -> str:
        """What the embedder reads: the sentence under its headings, table header or lead-in."""
        return f"{self.line.frame}\n{self.line.text}" if self.line.frame else self.line.text


def rank(asked: Asked, passages: Sequence[Passage], *, embedder: Embedder, vector: Vector) -> list[Candidate]:
    """Return the sentences most likely to answer, best first; `vector` is the question's embedding, shape (d,)."""
    chosen = candidates(asked, passages)[:MOST_CANDIDATES]
    if not chosen:
        return []
    cosines = embedder.embed_documents([candidate.shown for candidate in chosen]) @ vector
    weighed = []
    for candidate, cosine in zip(chosen, cosines, strict=True):
        signals = {**candidate.signals, "cosine": float(cosine)}
        weighed.append(replace(candidate, signals=signals, score=weigh(signals, WEIGHTS)))
    return sorted(weighed, key=lambda candidate: -candidate.score)


def candidates(asked: Asked, passages: Sequence[Passage]) -> list[Candidate]:
    """Return every sentence that could answer, judged by words alone, best first. A sentence stands once."""
    found: list[Candidate] = []
    seen: set[str] = set()
    telling = [item for item in asked.reading.order if item in asked.telling]
    pairs = frozenset(pairwise(telling))
    for at, passage in enumerate(passages):
        covered = asked.coverage(whole(passage.text, passage.context).stems)
        before: Line | None = None
        for place, line in enumerate(lines(passage.text, passage.context)):
            if _may_answer(line) and line.text not in seen:
                seen.add(line.text)
                found.append(
                    _candidate(asked, line, before, pairs=pairs, covered=covered, passage=at, place=place)
                )
            before = line
    return sorted(found, key=lambda candidate: -candidate.score)


def _may_answer(line: Line) -> bool:
    return line.kind not in ("heading", "title", "rule", "header") and not line.text.rstrip("* _").endswith(
        "?"
    )


def weigh(signals: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """Return a sentence's log-odds."""
    return sum(weights[name] * value for name, value in signals.items())


def _candidate(
    asked: Asked,
    line: Line,
    before: Line | None,
    *,
    pairs: frozenset[tuple[str, str]],
    covered: float,
    passage: int,
    place: int,
) -> Candidate:
    """Weigh one sentence; `pairs` are the question's telling words beside each other, `covered` is its passage's."""
    bare, framed = line.bare, line.framed
    near = framed.stems | before.bare.stems if before else framed.stems
    specifics = asked.specifics
    signals = {
        "cosine": 0.0,
        "coverage": asked.coverage(bare.stems),
        "framed_coverage": asked.coverage(framed.stems),
        "window_coverage": asked.coverage(near),
        "passage_coverage": covered,
        "pairs": len(pairs & framed.pairs) / len(pairs) if pairs else 0.0,
        "kind": answers_kind(asked, line.text, bare),
        "new": min(1.0, len(bare.stems - asked.reading.stems) / 4),
        "specifics": len(specifics & framed.facts.specifics) / len(specifics) if specifics else 0.5,
        "ranges": float(in_range(asked.numbers, _ranged(line))),
        "place": 1 / (1 + passage),
        "length": min(1.0, len(bare.order) / 30),
        "short": float(len(bare.order) < 4 and line.kind != "row"),
        "key": _names_row(asked, line),
    }
    return Candidate(passage, place, line, bare, framed, signals, weigh(signals, WORD_WEIGHTS))


def _ranged(line: Line) -> str:
    """Return where a line's ranges stand: for a table row in its header as well, as in price per quantity."""
    return f"{line.text}\n{line.frame.rpartition(chr(10))[2]}" if line.kind == "row" else line.text


def _names_row(asked: Asked, line: Line) -> float:
    """Say whether the question names a table row by its first cell: a code, a place, a day, a step."""
    if line.kind != "row":
        return 0.0
    key = read(line.text.strip("| ").split("|")[0])
    dated = key.facts.ordinals
    named = dated <= asked.reading.facts.ordinals if dated else key.stems <= asked.reading.stems
    return float(bool(key.stems) and named)
