"""Whether the passages hold an answer: one calibrated probability, and what is missing.

The weights are fitted by `python -m benchmarks.answers.fit`; the settings `answer_threshold` and
`unsure_threshold` are compared with the probability.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import pairwise

from app.events import Outcome, Passage
from app.language.phrases import listed, quoted, say
from app.language.reading import read, whole
from app.question import Part
from app.reader.asked import Asked, ask
from app.reader.rank import MOST, Candidate, Fitted, fitted, held, lay, rank
from vectorstore.errors import BadInput
from vectorstore.language.detect import language
from vectorstore.language.words import rarity
from vectorstore.models.late_interaction import Near
from vectorstore.types import Hit

_RARE = 5.0
"""Rarity from which a word that no passage holds is named."""
_FORMED = 0.5
"""From what `Asked.formed` says on, a sentence has the form that the question wants."""


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
    """A question as the passages answer it, part by part. `also` reads the same passages for other questions."""

    parts: tuple[PartRead, ...]
    passages: tuple[Passage, ...] = ()
    also: Callable[[Sequence[Part]], tuple[PartRead, ...]] = field(default=lambda parts: (), repr=False)

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
    passages: Sequence[Passage],
    hits: Sequence[Hit],
    *,
    near: Near,
    sure: float | None = None,
    unsure: float | None = None,
) -> PassagesRead:
    """Rank the passages' sentences for each part, once, and decide whether they hold its answer.

    `hits` are those that the passages were made of; `sure` and `unsure` are thresholds, None the fitted ones.
    """
    chunks = {hit.chunk.id: hit.chunk for hit in hits}
    texts = [chunk.embedded_text for chunk in chunks.values()]
    laid = cache(lambda reader: lay(passages, reader, chunks))

    def part_read(part: Part) -> PartRead:
        reader = near.of(part.whole, texts)
        weights = fitted(reader.embedder, across=_across(part.whole, passages))
        thresholds = Thresholds(
            weights.sure if sure is None else sure, weights.unsure if unsure is None else unsure
        )
        asked, tokens = ask(part), reader.asked(part.whole)
        ranked = rank(asked, laid(reader), tokens=tokens, weights=weights)
        return PartRead(
            part, asked, ranked, decide(asked, ranked, passages, weights=weights, thresholds=thresholds)
        )

    def read_for(parts: Sequence[Part]) -> tuple[PartRead, ...]:
        return tuple(map(part_read, parts))

    return PassagesRead(read_for(parts), tuple(passages), read_for)


def _across(question: str, passages: Sequence[Passage]) -> bool:
    """Say whether the best passage is in another language than the question, where that can be told of both."""
    spoken = {language(question), language(passages[0].text)} if passages else set()
    return len(spoken) > 1 and "" not in spoken


def decide(
    asked: Asked,
    ranked: Sequence[Candidate],
    passages: Sequence[Passage],
    *,
    weights: Fitted,
    thresholds: Thresholds,
) -> Answerability:
    """Decide whether the ranked sentences of the passages hold an answer."""
    missing = _missing(asked, passages)
    if not ranked:
        return Answerability("refused", 0.0, thresholds, missing, ("nothing was found",))
    if not asked.telling:
        return Answerability("refused", 0.0, thresholds, missing, ("the question names nothing",))
    found = signals(asked, ranked)
    value = confidence(found, weights)
    return Answerability(thresholds.outcome(value), value, thresholds, missing, _reasons(found, weights))


def confidence(found: Mapping[str, float], weights: Fitted) -> float:
    """Return the probability that the answer is there."""
    return 1 / (
        1 + math.exp(-weights.bias - sum(weight * found[name] for name, weight in weights.answer.items()))
    )


def signals(asked: Asked, ranked: Sequence[Candidate]) -> dict[str, float]:
    """Return what speaks for and against an answer in the best-ranked sentence and in how it stands out."""
    best, first = ranked[0], ranked[:MOST]
    wanted = asked.form not in ("other", "way", "whether")
    return {
        **best.signals,
        "nearest": sum(each.signals["near"] for each in first) / len(first),
        "held": held(first, ranked),
        "formless": float(wanted and best.signals["form"] < _FORMED),
    }


def calibrated(
    confidences: Sequence[float], answerable: Sequence[bool], *, over_refusal: float, false_answers: float
) -> Thresholds:
    """Return the thresholds that fit labelled questions.

    `confidences` are `Answerability.confidence` of each. `sure` is the lowest from which at most the share
    `false_answers` of the unanswerable ones is answered; `unsure` the highest below which at most the share
    `over_refusal` of the answerable ones is refused, or `sure`, where that is lower. Between two observed values the
    middle is taken. Raises BadInput unless both kinds of question are there.
    """
    holding = sorted(value for value, holds in zip(confidences, answerable, strict=True) if holds)
    lacking = sorted(value for value, holds in zip(confidences, answerable, strict=True) if not holds)
    if not holding or not lacking:
        raise BadInput(
            "Thresholds need questions that the documents answer and questions that they do not.",
            "Label some of each with `answerable`.",
        )
    values = sorted({*holding, *lacking})
    cuts = [0.0, *((low + high) / 2 for low, high in pairwise(values)), 1.0]
    sure = next(
        cut
        for cut in cuts
        if sum(value >= cut for value in lacking) <= false_answers * len(lacking) or cut == 1.0
    )
    unsure = max(cut for cut in cuts if sum(value < cut for value in holding) <= over_refusal * len(holding))
    return Thresholds(sure, min(sure, unsure))


def refusal_text(passages: Sequence[Passage], language: str) -> str:
    """Say that the documents do not hold the answer, and name the nearest ones."""
    titles = list(dict.fromkeys(passage.document.title or passage.document.uri for passage in passages))[:3]
    if not titles:
        return say("nothing", language)
    return say("refused", language, titles=listed([quoted(title) for title in titles], language))


def _missing(asked: Asked, passages: Sequence[Passage]) -> tuple[str, ...]:
    held: set[str] = set()
    for passage in passages:
        held |= whole(passage.text, passage.context).stems
    absent = asked.telling - held
    return tuple(
        item for item in dict.fromkeys(asked.reading.order) if item in absent and rarity(item) >= _RARE
    )


def _reasons(found: Mapping[str, float], weights: Fitted) -> tuple[str, ...]:
    """Name what weighed against an answer, the heaviest first."""
    against = sorted((weight * found[name], name) for name, weight in weights.answer.items())
    return tuple(f"{name} {found[name]:.2f}" for weight, name in against if weight < -0.3)
