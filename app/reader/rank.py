"""Which sentences of the passages answer the question: every one of them, what speaks for each, one score.

The weights are fitted by `python -m benchmarks.answers.fit`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import exp, fsum
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from app.events import Passage
from app.language.amounts import in_range
from app.language.reading import Line, Reading, lines, read
from app.reader.asked import Asked
from vectorstore.models.late_interaction import AskedTokens, LateInteraction, Tokens
from vectorstore.types import Chunk, ChunkId, Vector, Vectors

_ASKING = ("?", "？", "؟", "?”", '?"')
MOST = 3
"""How many sentences an answer quotes at most, with what belongs to them."""
_FLOOR = 0.03
"""Added to a signal's spread: among two sentences that hardly differ, a hair's breadth tells nothing."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """The weights for what one embedder reads, made by `python -m benchmarks.answers.fit`, never by hand.

    `sentence` weighs a sentence's signals as deviations from the other candidates' average; `answer` and `bias` what
    the likeliest sentence tells of whether it answers; from `sure` on it does, by default, and below `unsure` it
    does not.
    """

    sentence: Mapping[str, float]
    answer: Mapping[str, float]
    bias: float
    sure: float
    unsure: float


ACROSS: Final = " across languages"
"""What the weights' name ends with that are for questions in another language than the passages."""
FITTED: Final = {
    name: Fitted(**table)
    for name, table in json.loads(
        Path(__file__).with_name("weights.json").read_text(encoding="utf-8")
    ).items()
}
"""The weights by embedder; another one goes by the first."""


def fitted(embedder: str, *, across: bool = False) -> Fitted:
    """Return the weights for an embedder by name, for one language or across languages where there are such."""
    apart = FITTED.get(embedder + ACROSS) if across else None
    return apart or FITTED.get(embedder) or next(iter(FITTED.values()))


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


@dataclass(frozen=True)
class Laid:
    """A passage as it is read for a question: its tokens, and its lines that may answer.

    `lines` are each line, the one before it, and which of the tokens lie within it.
    """

    tokens: Tokens
    lines: tuple[tuple[int, Line, Line | None, slice], ...]

    @cached_property
    def middles(self) -> list[tuple[Vector, float]]:
        """The average of the states and its length, of each line's tokens and last of all of them."""
        places = [*(within for _, _, _, within in self.lines), slice(None)]
        return [_middle(self.tokens.states[within]) for within in places]


def _middle(states: Vectors) -> tuple[Vector, float]:
    middle: Vector = states.mean(axis=0) if len(states) else np.zeros(states.shape[1], np.float32)
    return middle, float(np.linalg.norm(middle))


def lay(passages: Sequence[Passage], near: LateInteraction, chunks: Mapping[ChunkId, Chunk]) -> list[Laid]:
    """Read passages, for any number of questions; `chunks` are those of the passages.

    Offsets of tokens are counted in the passage's text: what stands above it comes first, below 0.
    """
    parts = [[chunks[chunk] for chunk in passage.chunks] for passage in passages]
    read = iter(near.read([chunk.embedded_text for part in parts for chunk in part]))
    tokens = [
        _joined([(chunk, next(read)) for chunk in part], passage.span.start)
        for part, passage in zip(parts, passages, strict=True)
    ]
    return [
        Laid(each, tuple(_answering(passage, each))) for passage, each in zip(passages, tokens, strict=True)
    ]


def _answering(passage: Passage, tokens: Tokens) -> Iterator[tuple[int, Line, Line | None, slice]]:
    before: Line | None = None
    told = (line for line in lines(passage.text, passage.context) if line.kind != "rule")
    starts, ends = tokens.offsets[:, 0], tokens.offsets[:, 1]
    for place, line in enumerate(told):
        if line.kind not in ("heading", "title", "header") and not line.text.rstrip("* _").endswith(_ASKING):
            first, last = starts.searchsorted(line.start), ends.searchsorted(line.end, "right")
            yield place, line, before, slice(int(first), int(last))
        before = line


def rank(asked: Asked, passages: Sequence[Laid], *, tokens: AskedTokens, weights: Fitted) -> list[Candidate]:
    """Return the sentences that may answer, the likeliest first."""
    found = sorted_by(candidates(asked, passages, tokens=tokens), weights.sentence)
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


def candidates(asked: Asked, passages: Sequence[Laid], *, tokens: AskedTokens) -> list[Candidate]:
    """Return every sentence that may answer, one of each wording, with its signals."""
    found: dict[str, Candidate] = {}
    for at, passage in enumerate(passages):
        for candidate in _candidates(asked, tokens, passage, at):
            found.setdefault(candidate.line.text, candidate)
    return list(found.values())


def sorted_by(found: Sequence[Candidate], weights: Mapping[str, float]) -> list[Candidate]:
    """Weigh the signals and return the candidates, the likeliest first."""
    scores = deviations([each.signals for each in found], list(weights)) @ np.array(list(weights.values()))
    scored = [replace(each, score=float(score)) for each, score in zip(found, scores, strict=True)]
    return sorted(scored, key=lambda each: -each.score)


def held(some: Sequence[Candidate], ranked: Sequence[Candidate]) -> float:
    """Return the probability that one of these sentences answers, if any of the ranked ones does."""
    return fsum(exp(each.score) for each in some) / fsum(exp(each.score) for each in ranked)


def deviations(signals: Sequence[Mapping[str, float]], names: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return the signals as deviations from what a question's candidates have on the average, shape (n, names)."""
    if not signals:
        return np.zeros((0, len(names)))
    table = np.array([[each[name] for name in names] for each in signals])
    found: npt.NDArray[np.float64] = (table - table.mean(axis=0)) / (table.std(axis=0) + _FLOOR)
    return found


def _joined(read: Sequence[tuple[Chunk, Tokens]], start: int) -> Tokens:
    """Put the chunks' tokens one after the other, where chunks overlap the first one's."""
    parts: list[Tokens] = []
    end = -1_000_000
    for chunk, tokens in read:
        above = len(chunk.embedded_text) - len(chunk.text)
        places = tokens.offsets + (chunk.span.start - start - above)
        first = 0
        if parts:
            starts = tokens.offsets[:, 0].searchsorted(above), places[:, 0].searchsorted(end)
            first = int(max(starts))
        parts.append(Tokens(places[first:], tokens.directions[first:], tokens.lengths[first:]))
        end = max([end, *places[first:][-1:, 1].tolist()])
    if len(parts) == 1:
        return parts[0]
    return Tokens(
        np.concatenate([each.offsets for each in parts]),
        np.concatenate([each.directions for each in parts]),
        np.concatenate([each.lengths for each in parts]),
    )


def _candidates(asked: Asked, tokens: AskedTokens, passage: Laid, at: int) -> Iterator[Candidate]:
    if not len(passage.tokens.offsets) or not len(tokens.worth):
        return
    closeness = tokens.closeness(passage.tokens)
    *middles, whole = passage.middles
    around = _likeness(tokens, closeness, *whole)
    passage_signals = {"passage_near": around["near"], "passage_mean": around["mean"]}
    for (place, line, before, within), middle in zip(passage.lines, middles, strict=True):
        likeness = _likeness(tokens, closeness[:, within], *middle)
        yield Candidate(at, place, line, likeness | passage_signals | _by_words(asked, line, before))


def _likeness(asked: AskedTokens, closeness: Vectors, middle: Vector, length: float) -> dict[str, float]:
    """Return how near some tokens come to the question's: on the average, at the worst, and as a whole."""
    if not closeness.shape[1]:
        return {"near": 0.0, "least": 0.0, "mean": 0.0}
    best = closeness.max(axis=1)
    return {
        "near": float(best @ asked.weights),
        "least": float(best[asked.telling].min()),
        "mean": float(middle @ asked.middle) / max(length * asked.length, 1e-6),
    }


def _by_words(asked: Asked, line: Line, before: Line | None) -> dict[str, float]:
    bare, framed, own = line.bare, line.framed, asked.reading
    around = framed.stems | before.bare.stems if before else framed.stems
    return {
        "words": asked.coverage(bare.stems),
        "framed_words": asked.coverage(framed.stems),
        "words_around": asked.coverage(around),
        "pairs": len(asked.pairs & framed.pairs) / len(asked.pairs) if asked.pairs else 0.0,
        "new": min(1.0, len(bare.stems - own.stems) / 4),
        "length": min(1.0, len(bare.order) / 30),
        "short": float(len(bare.words) < 4 and line.kind != "row"),
        "figure": float(bool(bare.facts.numbers)),
        "form": asked.formed(line),
        "range": float(in_range(own.facts.numbers | own.facts.counted, _ranged(line))),
        "key": _names_row(asked, line),
    }


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
