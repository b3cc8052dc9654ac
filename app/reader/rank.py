"""Which sentences of the passages answer the question: every one of them, what speaks for each, one score.

The weights are fitted by `python -m benchmarks.answers.fit`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from app.events import Passage
from app.language.reading import Line, Reading, lines, whole
from app.reader.asked import Asked
from app.reader.weights import SENTENCE
from vectorstore.models.late_interaction import AskedTokens, LateInteraction, Offsets, States, Tokens
from vectorstore.types import Chunk, ChunkId, Vectors

_ASKING = ("?", "？", "؟", "?”", '?"')
_FLOOR = 0.03
"""Added to a signal's spread: among two sentences that hardly differ, a hair's breadth tells nothing."""
_SIDE = ("near", "mean")
"""What is told of the sentences before and after one, too."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence that may answer, with what speaks for it. `passage` and `place` (in its passage) count from 0.

    Scores are log-odds against the other candidates of the same question; they compare within it only.
    """

    passage: int
    place: int
    line: Line
    signals: Mapping[str, float]
    score: float = 0.0

    @property
    def bare(self) -> Reading:
        """The sentence alone."""
        return self.line.bare

    @property
    def framed(self) -> Reading:
        """The sentence under its headings, table header or lead-in."""
        return self.line.framed


def rank(
    asked: Asked,
    passages: Sequence[Passage],
    *,
    near: LateInteraction,
    tokens: AskedTokens,
    chunks: Mapping[ChunkId, Chunk],
) -> list[Candidate]:
    """Return the sentences that may answer, the likeliest first; `chunks` are those of the passages."""
    found = sorted_by(candidates(asked, passages, near=near, tokens=tokens, chunks=chunks), SENTENCE)
    return sorted(found, key=lambda each: _of_another(asked, each, found))


def _of_another(asked: Asked, one: Candidate, found: Sequence[Candidate]) -> bool:
    """Say whether a sentence names another code or day than the question, while one names the same."""
    wanted = _keys(asked.reading)
    return bool(
        wanted
        and (held := _keys(one.framed))
        and held.isdisjoint(wanted)
        and any(wanted <= _keys(each.framed) for each in found)
    )


def _keys(reading: Reading) -> frozenset[str]:
    return reading.facts.codes | reading.facts.ordinals


def candidates(
    asked: Asked,
    passages: Sequence[Passage],
    *,
    near: LateInteraction,
    tokens: AskedTokens,
    chunks: Mapping[ChunkId, Chunk],
) -> list[Candidate]:
    """Return every sentence that may answer, one of each wording, with its signals."""
    read = _tokens_of(passages, near, chunks)
    found: dict[str, Candidate] = {}
    for at, (passage, seen) in enumerate(zip(passages, read, strict=True)):
        for candidate in _candidates(asked, tokens, passage, seen, at):
            found.setdefault(candidate.line.text, candidate)
    return list(found.values())


def sorted_by(found: Sequence[Candidate], weights: Mapping[str, float]) -> list[Candidate]:
    """Weigh the signals and return the candidates, the likeliest first."""
    scores = deviations([each.signals for each in found], list(weights)) @ np.array(list(weights.values()))
    scored = [replace(each, score=float(score)) for each, score in zip(found, scores, strict=True)]
    return sorted(scored, key=lambda each: -each.score)


def deviations(signals: Sequence[Mapping[str, float]], names: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return the signals as deviations from what a question's candidates have on the average, shape (n, names)."""
    if not signals:
        return np.zeros((0, len(names)))
    table = np.array([[each[name] for name in names] for each in signals])
    found: npt.NDArray[np.float64] = (table - table.mean(axis=0)) / (table.std(axis=0) + _FLOOR)
    return found


def _tokens_of(
    passages: Sequence[Passage], near: LateInteraction, chunks: Mapping[ChunkId, Chunk]
) -> list[Tokens]:
    """Return each passage's tokens, offsets counted in its text: what stands above it comes first, below 0."""
    parts = [[chunks[chunk] for chunk in passage.chunks] for passage in passages]
    read = iter(near.read([chunk.embedded_text for part in parts for chunk in part]))
    return [
        _laid([(chunk, next(read)) for chunk in part], passage.span.start)
        for part, passage in zip(parts, passages, strict=True)
    ]


def _laid(read: Sequence[tuple[Chunk, Tokens]], start: int) -> Tokens:
    """Lay the chunks' tokens one after the other, where chunks overlap the first one's."""
    offsets: list[Offsets] = []
    states: list[States] = []
    end = -1_000_000
    for chunk, tokens in read:
        above = len(chunk.embedded_text) - len(chunk.text)
        places = tokens.offsets + (chunk.span.start - start - above)
        fresh = places[:, 0] >= end if offsets else np.ones(len(places), bool)
        fresh &= (tokens.offsets[:, 0] >= above) | (not offsets)
        offsets.append(places[fresh])
        states.append(tokens.states[fresh])
        end = max([end, *places[fresh][-1:, 1].tolist()])
    return Tokens(np.concatenate(offsets), np.concatenate(states))


def _candidates(
    asked: Asked, tokens: AskedTokens, passage: Passage, seen: Tokens, at: int
) -> Iterator[Candidate]:
    if not len(seen.offsets) or not len(tokens.worth):
        return
    closeness = tokens.closeness(seen)
    around = _likeness(tokens, seen, closeness, np.ones(len(seen.offsets), bool))
    passage_signals = {f"passage_{name}": value for name, value in around.items()}
    passage_signals["passage_words"] = asked.coverage(whole(passage.text, passage.context).stems)
    passage_signals["place"] = 1 / (1 + at)
    lines_ = [line for line in lines(passage.text, passage.context) if line.kind != "rule"]
    likeness = [_likeness(tokens, seen, closeness, _within(seen, line)) for line in lines_]
    nothing = dict.fromkeys(_SIDE, 0.0)
    for place, line in enumerate(lines_):
        if line.kind in ("heading", "title", "header") or line.text.rstrip("* _").endswith(_ASKING):
            continue
        before = likeness[place - 1] if place else nothing
        after = likeness[place + 1] if place + 1 < len(lines_) else nothing
        signals = {
            **likeness[place],
            **passage_signals,
            **{f"before_{name}": before[name] for name in _SIDE},
            **{f"after_{name}": after[name] for name in _SIDE},
            **_by_words(asked, line),
        }
        yield Candidate(at, place, line, signals)


def _within(seen: Tokens, line: Line) -> npt.NDArray[np.bool_]:
    return (seen.offsets[:, 0] >= line.start) & (seen.offsets[:, 1] <= line.end)


def _likeness(
    asked: AskedTokens,
    seen: Tokens,
    closeness: Vectors,
    chosen: npt.NDArray[np.bool_],
) -> dict[str, float]:
    """Return how near the chosen tokens come to the question's: on the average, at the worst, and as a whole."""
    if not chosen.any():
        return {"near": 0.0, "least": 0.0, "mean": 0.0}
    best = closeness[:, chosen].max(axis=1)
    middle, question = (
        tokens.astype(np.float32).mean(axis=0) for tokens in (seen.states[chosen], asked.states)
    )
    length = float(np.linalg.norm(middle) * np.linalg.norm(question))
    return {
        "near": float(best @ asked.weights),
        "least": float(best[asked.telling].min()),
        "mean": float(middle @ question) / max(length, 1e-6),
    }


def _by_words(asked: Asked, line: Line) -> dict[str, float]:
    size, specifics = len(line.bare.words), asked.reading.facts.specifics
    return {
        "words": asked.coverage(line.bare.stems),
        "framed_words": asked.coverage(line.framed.stems),
        "length": min(1.0, len(line.bare.order) / 20),
        "short": float(size < 4 and line.kind != "row"),
        "specifics": len(specifics & line.framed.facts.specifics) / len(specifics) if specifics else 0.5,
        "row": float(line.kind == "row"),
        "item": float(line.kind == "item"),
        "figure": float(bool(line.bare.facts.numbers)),
        "form": float(asked.formed(line.bare)) if asked.form != "other" else 0.5,
    }
