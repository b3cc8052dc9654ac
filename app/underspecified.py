"""Ask back when a question says too little to tell which of several places it means."""

from collections.abc import Sequence

from app.language.phrases import language_of, listed, say
from app.language.quotation import quoted
from app.language.rarity import rarity
from app.language.words import STOPWORDS, stem, words
from vectorstore.types import Hit

_THIN = 5.0
"""Summed rarity of a question's content below which it names no subject: `limit?`, `how long is it?`."""
_NEAR = 0.55
"""Share of the best score from which a document counts as meant as well."""


def which(question: str, hits: Sequence[Hit]) -> tuple[str, ...]:
    """Return the titles between which the question does not choose; empty for one that says what it means."""
    content = [word for word in dict.fromkeys(words(question)) if word not in STOPWORDS]
    if len(content) > 2 or sum(rarity(stem(word)) for word in content) >= _THIN or not hits:
        return ()
    best = max(hit.score for hit in hits)
    titles = dict.fromkeys(
        hit.document.title or hit.document.uri for hit in hits if hit.score >= _NEAR * best
    )
    return tuple(titles)[:3] if len(titles) > 1 else ()


def asking_back(question: str, titles: Sequence[str]) -> str:
    """Word the question back, in the language of the question."""
    language = language_of(question)
    return say("which", language, topics=listed([quoted(title) for title in titles], language, word="or"))
