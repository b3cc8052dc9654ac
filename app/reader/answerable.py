"""Whether the passages hold an answer: one calibrated probability, and what is missing.

The weights are fitted by `benchmarks/answers/refusal.py --fit`; the settings `answer_threshold` and
`unsure_threshold` are compared with the probability.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from app.events import Outcome, Passage
from app.language.phrases import listed, say
from app.language.quotation import quoted
from app.language.reading import Reading, joined, lines, read, whole
from app.question import Part
from app.reader.asked import HOLDS, STRICT, Asked, ask
from app.reader.rank import Candidate, rank
from app.support.ground import OPPOSITES
from vectorstore.errors import BadInput
from vectorstore.language.words import UNKNOWN, fold, rarity
from vectorstore.models.embed import Embedder
from vectorstore.types import Vector

_RARE = 5.0
_BIAS = 0.5
"""The fitted one plus ln 3: three of four questions that people ask have their answer in the documents."""
WEIGHTS: Mapping[str, float] = {
    "cosine": 1.8, "nearest": 1.2, "margin": 0.15, "missing_in_sentence": -0.1, "missing_near": -0.9,
    "missing_in_passage": -0.7, "missing_anywhere": -0.1, "rarest_missing_near": -0.1, "rarest_missing_anywhere": -0.3,
    "kind": 0.1, "opposed": -1.1, "pairs": 0.2, "length": -0.1,
    # By hand: in SQuAD, unanswerable questions name what the paragraph names, and ask for what it holds.
    "form": -1.5, "missing_beside_value": -0.5, "fleeting": -2.0, "negation": -1.0,
    "specifics_missing": -2.0, "specifics_unknown": -1.5, "names_missing": -0.3, "names_unknown": -2.0,
}  # fmt: skip
_FLEETING = re.compile(
    r"\b(?:tomorrow|tonight|right now|at the moment|currently|at present|this week's|today's|this morning|"
    r"morgen|heute|gerade|mañana|hoy|demain|aujourd'hui)\b"
)
"""Policies and manuals hold rules, not the state of this hour."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From `sure` on a confidence is that of an answer, below `unsure` of none, and between them of either."""

    sure: float
    unsure: float

    def outcome(self, confidence: float) -> Outcome:
        """Say what a confidence amounts to."""
        if confidence >= self.sure:
            return "answered"
        return "unsure" if confidence >= self.unsure else "refused"


@dataclass(frozen=True, slots=True)
class Answerability:
    """The decision. `missing` are telling words, names and numbers of the question that no passage holds."""

    outcome: Outcome
    confidence: float
    thresholds: Thresholds
    missing: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PartRead:
    """One part of a question as the passages answer it: their best sentences, and whether they hold the answer."""

    part: Part
    asked: Asked
    ranked: Sequence[Candidate]
    decision: Answerability

    @property
    def lacks(self) -> bool:
        """Whether the passages do not surely answer it and lack something that its own words name."""
        return self.decision.outcome != "answered" and bool(
            read(self.part.text).stems & set(self.decision.missing)
        )


@dataclass(frozen=True, slots=True)
class PassagesRead:
    """A question as the passages answer it, part by part."""

    parts: tuple[PartRead, ...]

    @property
    def decision(self) -> Answerability:
        """The parts' decisions as one: there is an answer, in part at least, if there is one to any of them."""
        decisions = [each.decision for each in self.parts]
        missing = dict.fromkeys(word for decision in decisions for word in decision.missing)
        return replace(max(decisions, key=lambda each: each.confidence), missing=tuple(missing))

    @property
    def unanswered(self) -> tuple[str, ...]:
        """The parts of a question in several parts that stay open, in the asker's words."""
        return tuple(each.part.text for each in self.parts if each.lacks) if len(self.parts) > 1 else ()


def read_passages(
    parts: Sequence[Part],
    vectors: Sequence[Vector],
    passages: Sequence[Passage],
    *,
    embedder: Embedder,
    thresholds: Thresholds,
) -> PassagesRead:
    """Rank the passages' sentences for each part, once, and decide whether they hold its answer.

    `vectors` are the parts' embeddings, each of shape (d,).
    """
    read_: list[PartRead] = []
    for part, vector in zip(parts, vectors, strict=True):
        asked = ask(part)
        ranked = rank(asked, passages, embedder=embedder, vector=vector)
        read_.append(PartRead(part, asked, ranked, decide(asked, ranked, passages, thresholds=thresholds)))
    return PassagesRead(tuple(read_))


def decide(
    asked: Asked, ranked: Sequence[Candidate], passages: Sequence[Passage], *, thresholds: Thresholds
) -> Answerability:
    """Decide whether the ranked sentences of the passages hold an answer."""
    missing = _missing(asked, passages)
    if not ranked:
        return Answerability("refused", 0.0, thresholds, missing, ("nothing was found",))
    if not asked.telling:
        return Answerability("refused", 0.0, thresholds, missing, ("the question names nothing",))
    found = signals(asked, ranked, passages)
    value = confidence(found)
    return Answerability(thresholds.outcome(value), value, thresholds, missing, _reasons(found))


def confidence(found: Mapping[str, float]) -> float:
    """Return the probability that the answer is there."""
    return 1 / (1 + math.exp(-_BIAS - sum(WEIGHTS[name] * value for name, value in found.items())))


def signals(asked: Asked, ranked: Sequence[Candidate], passages: Sequence[Passage]) -> dict[str, float]:
    """Return what speaks for and against an answer in the best-ranked sentence and around it."""
    best = _best(asked, ranked)
    home = passages[best.passage]
    near, around = _near(best, home), whole(home.text, home.context)
    everything = [whole(item.text, item.context) for item in passages]
    stems = frozenset[str]().union(*(reading.stems for reading in everything))
    spoken = frozenset[str]().union(*(reading.words for reading in everything))
    specifics = asked.specifics
    if best.signals["ranges"]:
        specifics = asked.reading.facts.codes
    absent_near = asked.telling - near.stems
    names = frozenset(name for name in asked.reading.names if len(name) > 3)
    return {
        "cosine": best.signals["cosine"],
        "nearest": max(candidate.signals["cosine"] for candidate in ranked),
        "margin": min(5.0, best.score - ranked[1].score if len(ranked) > 1 else 5.0),
        "missing_in_sentence": 1 - asked.coverage(best.framed.stems),
        "missing_near": 1 - asked.coverage(near.stems),
        "missing_in_passage": 1 - asked.coverage(around.stems),
        "missing_anywhere": 1 - asked.coverage(stems),
        "rarest_missing_near": _rarest(asked, near.stems),
        "rarest_missing_anywhere": _rarest(asked, stems),
        "specifics_missing": float(not specifics <= _known(best.framed) | _known(near)),
        "specifics_unknown": float(not specifics <= frozenset[str]().union(*map(_known, everything))),
        "names_missing": len(names - near.words) / len(names) if names else 0.0,
        "names_unknown": float(not names <= spoken),
        "kind": best.signals["kind"],
        "form": _form(asked, ranked),
        "missing_beside_value": (1 - asked.coverage(best.framed.stems)) * (asked.kind in STRICT),
        "fleeting": float(bool(_FLEETING.search(fold(asked.text)))),
        "opposed": float(any(OPPOSITES.get(item) in near.stems for item in absent_near)),
        "negation": float(asked.reading.negated and not near.negated),
        "pairs": best.signals["pairs"],
        "length": len(asked.telling) / 10,
    }


def calibrated_threshold(
    probabilities: Sequence[float], answerable: Sequence[bool], *, over_refusal: float
) -> float:
    """Return the threshold that refuses most unanswerable questions and at most this share of answerable ones.

    `probabilities` are `Answerability.confidence` of labelled questions. Between two observed values the middle
    is taken; of equally good thresholds the lowest. Raises BadInput unless both kinds of question are there.
    """
    found = sorted(zip(probabilities, answerable, strict=True))
    open_ = sum(answerable)
    if not 0 < open_ < len(found):
        raise BadInput(
            "A threshold needs questions that the documents answer and questions that they do not.",
            "Label some of each with `answerable`.",
        )
    best, most, wrongly, rightly = 0.0, 0, 0, 0
    for place, (value, holds) in enumerate(found):
        wrongly, rightly = wrongly + holds, rightly + (not holds)
        if wrongly > over_refusal * open_:
            break
        following = found[place + 1][0] if place + 1 < len(found) else 1.0
        if rightly > most and following > value:
            best, most = (value + following) / 2, rightly
    return best


def refusal_text(passages: Sequence[Passage], language: str) -> str:
    """Say that the documents do not hold the answer, and name the nearest ones."""
    titles = list(dict.fromkeys(passage.document.title or passage.document.uri for passage in passages))[:3]
    if not titles:
        return say("nothing", language)
    return say("refused", language, titles=listed([quoted(title) for title in titles], language))


def _best(asked: Asked, ranked: Sequence[Candidate]) -> Candidate:
    """Return the best sentence, in questions for a number, date, name or code the best that holds one."""
    if asked.kind in STRICT:
        return next((candidate for candidate in ranked if candidate.signals["kind"] >= HOLDS), ranked[0])
    return ranked[0]


def _form(asked: Asked, ranked: Sequence[Candidate]) -> float:
    """Return how far the best sentence with the asked form of answer ranks behind the best; at most 5."""
    if asked.kind not in STRICT:
        return 0.0
    fitting = (candidate.score for candidate in ranked if candidate.signals["kind"] >= HOLDS)
    return min(5.0, ranked[0].score - max(fitting, default=-99.0))


def _near(best: Candidate, passage: Passage) -> Reading:
    """Read the sentence with the one before and the one after it; a table's rows have nothing to do with each other."""
    if best.line.kind == "row":
        return best.framed
    around = lines(passage.text, passage.context)[max(0, best.place - 1) : best.place + 2]
    return joined((read(best.line.frame), *(line.bare for line in around)))


def _known(reading: Reading) -> frozenset[str]:
    return reading.facts.specifics | reading.facts.counted


def _rarest(asked: Asked, stems: frozenset[str]) -> float:
    """Return the rarity of the telling word that the stems hold least."""
    lacking = ((1 - held) * rarity(item) for item, held in asked.held(stems).items())
    return max(lacking, default=0.0) / UNKNOWN


def _missing(asked: Asked, passages: Sequence[Passage]) -> tuple[str, ...]:
    held: set[str] = set()
    for passage in passages:
        held |= whole(passage.text, passage.context).stems
    absent = asked.telling - held
    return tuple(
        item for item in dict.fromkeys(asked.reading.order) if item in absent and rarity(item) >= _RARE
    )


def _reasons(found: Mapping[str, float]) -> tuple[str, ...]:
    """Name what weighed against an answer, the heaviest first."""
    against = sorted((WEIGHTS[name] * value, name) for name, value in found.items())
    return tuple(f"{name} {found[name]:.2f}" for weight, name in against if weight < -0.3)
