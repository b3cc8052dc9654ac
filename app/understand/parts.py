"""Split a question that asks several things, such as `What is the limit, and who approves more?`."""

import re

from app.language.words import STOPWORDS, rarity, stem, words

_ASKS = (
    r"(?:what|who|whom|whose|when|where|why|how|which|until when|by when|from when|at what|is|are|was|were|do|does|did|can|"
    r"could|may|must|should|will|would|has|have|und wer|und wie|und was)"
)
_CUT = re.compile(
    rf"(?<=[?!])\s++(?=\S)|(?:,|(?<![\s,]))\s++(?:and|or|but|und|y|et)(?:,? also)?\s++(?={_ASKS}\s)|;\s++",
    re.IGNORECASE,
)
_OPENS = re.compile(rf"{_ASKS}\b", re.IGNORECASE)

_TELLING = 9.0
"""Summed rarity from which a part says itself what it is about."""


def subquestions(question: str) -> tuple[str, ...]:
    """Return the parts of a question that ask something, each with what was said before it; at most three.

    A question that asks one thing comes back alone.
    """
    pieces = [piece.strip(" ,") for piece in _CUT.split(question) if piece and piece.strip(" ,?!")]
    asking = [piece for piece in pieces if _asks(piece)]
    if len(asking) < 2:
        return (question,)
    said = pieces[0]
    return tuple(piece if piece == said else f"{piece} ({_subject(said)})" for piece in asking[:3])


def own_words(part: str) -> str:
    """Return a part without the subject it was given for searching, where it says itself what it is about."""
    own, given, _ = part.partition(" (")
    weight = sum(rarity(stem(word)) for word in dict.fromkeys(words(own)) if word not in STOPWORDS)
    return own if given and weight >= _TELLING else part


def _asks(piece: str) -> bool:
    content = [word for word in words(piece) if word not in STOPWORDS]
    return bool(content) and (piece.endswith("?") or _OPENS.search(piece) is not None)


def _subject(said: str) -> str:
    """Keep what the first part is about, without its question words."""
    return " ".join(word for word in words(said) if word not in STOPWORDS)
