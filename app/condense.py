"""Make a follow-up stand alone without a model: carry over what the conversation is about."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from app.question import Message
from app.rarity import rarity
from app.words import STOPWORDS, fold, stem, word_set, words

_POINTS_BACK = word_set(
    "it its itself they them their theirs he him his she her hers this that these those there then one ones former latter "
    "such same else another other others more previous above both "
    "er sie es ihn ihm ihr ihnen deren dessen dies dieser diese dieses das davon dafür daran dort "
    "ello eso esto ese esa aquello ellos ellas su sus allí il elle ils elles cela ça ce cette ces leur y en"
)
_OPENERS = re.compile(
    r"(?:and|but|or|so|also|then|ok(?:ay)?|what about|how about|what if|same for|and (?:what|how) about|why(?: not)?\W*$|"
    r"how so|how come|when\W*$|where\W*$|who\W*$|how\W*$|really|for (?:how|whom|which)|"
    r"und|aber|oder|was ist mit|wie ist es mit|y |pero |qué tal|et |mais )\b"
)
_CHATTER = word_set(
    "please tell know want like understand explain elaborate example more detail details mean means sure think information "
    "info question answer thanks thank help interesting hi hello great okay"
)
_MOST_CARRIED = 8


@dataclass(frozen=True, slots=True)
class Condensed:
    """A question that stands alone: `text` for both searches, `carried` the words that earlier turns gave."""

    text: str
    carried: tuple[str, ...] = ()


def standalone(question: str, history: Sequence[Message]) -> Condensed:
    """Carry entities and constraints of earlier questions into a follow-up that leans on them.

    A first question and one that stands alone come back unchanged.
    """
    earlier = [message.text for message in history if message.role == "user"]
    if not earlier or not _leans(question):
        return Condensed(question)
    carried = _carried(question, earlier)
    if not carried:
        return Condensed(question)
    return Condensed(f"{question.strip()} ({' '.join(carried)})", carried)


def _leans(question: str) -> bool:
    """Say whether the question points back or is too short to stand alone."""
    said = words(question)
    content = [word for word in said if word not in STOPWORDS and word not in _CHATTER]
    if _POINTS_BACK.intersection(said) or _OPENERS.match(fold(question).strip()):
        return True
    return len(content) <= 1


def _carried(question: str, earlier: Sequence[str]) -> tuple[str, ...]:
    known = {stem(word) for word in words(question)}
    chosen: list[str] = []
    for turn in list(reversed(earlier))[:3]:
        content = [
            word
            for word in dict.fromkeys(words(turn))
            if word not in STOPWORDS and word not in _CHATTER and stem(word) not in known
        ]
        known |= {stem(word) for word in content}
        chosen += content
        if not _leans(turn):
            break
    best = sorted(chosen, key=lambda word: -rarity(stem(word)))[:_MOST_CARRIED]
    return tuple(word for word in chosen if word in best)
