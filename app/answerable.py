"""Whether the passages hold an answer: one calibrated probability, and what is missing."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.asked import ask
from app.events import Passage
from app.rank import Candidate, Source, rank
from app.rarity import rarity
from app.reading import read
from vectorstore.embed import Embedder
from vectorstore.types import Hit, Vector

_RARE = 5.0


@dataclass(frozen=True, slots=True)
class Answerability:
    """The decision. `missing` are telling words, names and numbers of the question that no passage holds."""

    answerable: bool
    confidence: float
    missing: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


def decide(
    question: str,
    hits: Sequence[Hit],
    *,
    question_vector: Vector | None = None,
    embedder: Embedder,
    threshold: float = 0.5,
) -> Answerability:
    """Decide whether the hits hold an answer; `threshold` is the confidence below which they do not."""
    sources = [Source(hit.chunk.text, hit.chunk.context) for hit in hits]
    ranked = rank(question, sources, embedder=embedder, vector=question_vector)
    if not ranked:
        return Answerability(False, 0.0, _missing(question, sources), ("nothing was found",))
    confidence = _confidence(ranked)
    return Answerability(confidence >= threshold, confidence, _missing(question, sources))


def refusal_text(question: str, passages: Sequence[Passage]) -> str:
    """Say that the documents do not hold the answer, and name the nearest ones."""
    titles = list(dict.fromkeys(passage.document.title or passage.document.uri for passage in passages))[:3]
    if not titles:
        return "I found nothing about this in the documents I can search."
    named = titles[0] if len(titles) == 1 else f"{', '.join(titles[:-1])} and {titles[-1]}"
    return f"I could not find the answer in the documents I can search. The nearest are: {named}."


def _confidence(ranked: Sequence[Candidate]) -> float:
    return ranked[0].score


def _missing(question: str, sources: Sequence[Source]) -> tuple[str, ...]:
    asked = ask(question)
    held: set[str] = set()
    for source in sources:
        held |= read(f"{source.context}\n{source.text}").stems
    absent = asked.telling - held
    return tuple(
        item for item in dict.fromkeys(asked.reading.order) if item in absent and rarity(item) >= _RARE
    )
