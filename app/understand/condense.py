"""Make a follow-up stand alone: by a language model, or by carrying over what the conversation is about."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from app.answer.answerer import ModelFailure
from app.language.facts import facts, names
from app.language.phrases import language_of, listed, say
from app.language.quotation import quoted
from app.language.words import STOPWORDS, fold, rarity, stem, word_set, words
from app.question import Message
from prompts.loader import load
from vectorstore.types import Hit

_TELLS_LITTLE = 5.0
"""Summed rarity of a question's content below which it names no subject: `limit?`, `how long is it?`."""
_NEAR = 0.55
"""Share of the best score from which a document counts as meant as well."""


def which(question: str, hits: Sequence[Hit]) -> tuple[str, ...]:
    """Return the titles between which the question does not choose; empty for one that says what it means."""
    content = [word for word in dict.fromkeys(words(question)) if word not in STOPWORDS]
    if len(content) > 2 or sum(rarity(stem(word)) for word in content) >= _TELLS_LITTLE or not hits:
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


_Leaning: TypeAlias = Literal["alone", "partly", "wholly"]

_PRONOUNS = re.compile(
    r"\b(?:it|its|itself|they|them|their|theirs|he|him|his|she|her|hers|those|these|the (?:former|latter|same(?! as)|other|others|first|"
    r"second|last)(?: one)?|(?:that|this|which|another|any|each) one|ones|er|ihn|ihm|ihr|ihnen|deren|dessen|davon|dafür|daran|"
    r"ello|ella|ellos|ellas|aquello|elles?|ils?)\b"
)
_EXPLETIVE = re.compile(
    r"\b(?:is|was|would|will) it (?:\w+ ){0,2}(?:\w+ )(?:to|that|for|if)\b|\bit(?:'s| is| was| would be) (?:\w+ ){0,2}\w+ (?:to|that|if|when)\b|"
    r"\bit(?:'s| is| was| would be) (?:better|best|worse|important|possible|necessary|safe|advisable|good|bad|common|normal)\b|"
    r"\bthere (?:is|are|was|were|any)\b|\b(?:is|are|was|were) there\b|\b(?:which|this|that|those|these) \w{4,}"
)
_POINTING = re.compile(
    r"^(?:(?:and|but|so) )?(?:that|this)(?:'s| |$)|\b(?:is|does|about|like|for|of|with|do|mean) (?:that|this)\W*$|\bthere\W*$"
)
_OPENER = re.compile(
    r"(?:and|but|or|also|what about|how about|what if|same for|and (?:what|how) about|und|aber|was ist mit|wie ist es mit|y|pero|"
    r"qué tal|et|mais)\b"
)
_CHATTER = word_set(
    "please tell know want like understand explain elaborate example more detail details mean means sure think information "
    "info question answer thanks thank help interesting hi hello great okay ok omg aha i'll i'm what's it's that's let make made "
    "put sounds maybe good bad much many still kind really speaking reason back thing things way go say said just"
)
_LEAD = re.compile(
    r"\A(?:(?:ok(?:ay)?|i see|aha|well|hm+|great|thanks?(?: you)?|by the way|in other words|in that case|speaking (?:about|of) [^,]{1,60}|"
    r"so|then|also|alright|all right|now|anyway|actually|sorry)[,.!…]+ *|"
    r"(?:please |can you |could you |i (?:would|'d) like (?:you )?to |i want (?:you )?to )*(?:tell me|know|explain)(?: (?:a bit |a little )?more)?(?: about)? +(?=\w+ \w+)|"
    r"(?:do you mean|you mean|i mean|i meant)(?: that)?,? +)++",
    re.IGNORECASE,
)
_TAIL = re.compile(
    r"(?:,? (?:right|then|though|please|of course|no|correct|what do you think|how do you think)){1,6}+(?=\W{0,12}\Z)",
    re.IGNORECASE,
)
_LONGEST = 8_000
"""Characters of a model's wording that are a question."""
_DIGITS = re.compile(r"\d++")
_THIN = 9.0
"""Summed rarity of a question's own content below which it hardly says what it is about."""


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
    if earlier:
        question = _bare(question)
    leaning = _leaning(question)
    if not earlier or leaning == "alone":
        return Condensed(question)
    carried = _carried(question, earlier, most=6 if leaning == "wholly" else 4)
    if not carried:
        return Condensed(question)
    return Condensed(f"{question.strip()} ({' '.join(carried)})", carried)


async def by_model(
    complete: Callable[[str], Awaitable[str]], question: str, history: Sequence[Message]
) -> str:
    """Have a language model word a follow-up so that it stands alone; where it fails, carry words over without it.

    A model that is down must not keep the answerer that stands in for it from answering.
    """
    if not history:
        return question
    conversation = "\n".join(f"{message.role}: {message.text[:800]}" for message in history[-6:])
    prompt = load("condense").fill(conversation=conversation, question=question)
    try:
        if said := (await complete(prompt)).strip():
            return said[:_LONGEST]
    except ModelFailure:
        pass
    return await by_words(question, history)


async def by_words(question: str, history: Sequence[Message]) -> str:
    """Carry words over, in a thread: a conversation may be long."""
    return (await asyncio.to_thread(standalone, question, history)).text


def _bare(question: str) -> str:
    """Leave out what people say around a question in a conversation: `I see, tell me more about`, `, right?`."""
    bare = _TAIL.sub("", _LEAD.sub("", question.strip(), count=1))
    return bare if _content(bare) else question


def _leaning(question: str) -> _Leaning:
    """Say how far the question needs the conversation before it."""
    plain = fold(question).strip()
    content = _content(question)
    weight = sum(rarity(stem(word)) for word in content)
    points = bool(_POINTING.search(plain) or _PRONOUNS.search(_EXPLETIVE.sub(" ", plain)))
    if weight < _THIN and len(content) < 3:
        return "wholly"
    if points and len(content) <= 5:
        return "wholly" if weight < 2 * _THIN else "partly"
    return "partly" if _OPENER.match(plain) and len(content) <= 3 else "alone"


def _content(text: str) -> list[str]:
    return [word for word in dict.fromkeys(words(text)) if word not in STOPWORDS and word not in _CHATTER]


def _carried(question: str, earlier: Sequence[str], *, most: int) -> tuple[str, ...]:
    """Return the words that carry the topic: of the last question, and back to the last that stood alone."""
    known = {stem(word) for word in words(question)}
    # `And P2?` puts another code in the place of the one that was asked about.
    replaced = {_shape(word) for word in words(question)} - {""}
    chosen: list[str] = []
    weights: dict[str, float] = {}
    for back, turn in enumerate(list(reversed(earlier))[:4]):
        fresh = [word for word in _content(turn) if stem(word) not in known]
        known |= {stem(word) for word in fresh}
        fresh = [word for word in fresh if _shape(word) not in replaced]
        firm = names(turn) | facts(turn).codes
        for word in fresh:
            weights[word] = rarity(stem(word)) * (1.5 if word in firm else 1.0) * 0.8**back
        chosen += fresh
        if _leaning(turn) == "alone":
            break
    best = sorted(chosen, key=lambda word: -weights[word])[:most]
    return tuple(word for word in chosen if word in best)


def _shape(word: str) -> str:
    """Return a code with its digits made equal (`p0` for `p1`), so that like codes agree; empty for other words."""
    coded = any(character.isdigit() for character in word) and any(character.isalpha() for character in word)
    return _DIGITS.sub("0", word) if coded else ""
