"""Make a follow-up stand alone: by a language model, or by carrying over what the conversation is about."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Literal, TypeAlias

from app.answer.answerer import ModelFailure
from app.answer.spoken import refuses
from app.language.facts import facts, names
from app.language.phrases import language_of, listed, say
from app.language.quotation import quoted
from app.question import Message, Part, Question, Understood
from prompts.loader import load
from vectorstore.language.words import STOPWORDS, fold, rarity, stem, word_set, words
from vectorstore.types import Hit

_TELLS_LITTLE = 5.0
"""Summed rarity of a question's content below which it names no subject: `limit?`, `how long is it?`."""
_NEAR = 0.55
"""Share of the best score from which a document counts as meant as well."""


def which(question: str, hits: Sequence[Hit]) -> tuple[str, ...]:
    """Return the titles between which the question does not choose; empty for one that says what it means."""
    content = dict.fromkeys(_content_words(question))
    if len(content) > 2 or _weight(content) >= _TELLS_LITTLE or not hits:
        return ()
    best = max(hit.score for hit in hits)
    titles = dict.fromkeys(
        hit.document.title or hit.document.uri for hit in hits if hit.score >= _NEAR * best
    )
    return tuple(titles)[:3] if len(titles) > 1 else ()


def asking_back(titles: Sequence[str], language: str) -> str:
    """Word the question back."""
    return say("which", language, topics=listed([quoted(title) for title in titles], language, word="or"))


Condense: TypeAlias = Callable[[str, Sequence[Message]], Awaitable[Part]]
"""Turns a follow-up and its history into a question that stands alone."""
_Leaning: TypeAlias = Literal["alone", "partly", "wholly"]
_DEGREES: Sequence[_Leaning] = ("alone", "partly", "wholly")

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
_ASKS = (
    r"(?:(?:(?:about|after|at|before|by|for|from|in|of|on|since|to|under|until|up to|with|within) )?(?:what|who|whom|whose|when|where|why|how|which)|is|are|was|were|do|does|did|can|"
    r"could|may|must|should|will|would|has|have|had|wer|wem|wen|wie|was|wann|wo|warum|welche[rsmn]?|qué|quién|cuándo|cuánt[oa]s?|"
    r"cómo|dónde|cuál|qui|quand|comment|combien|où|pourquoi|quel(?:le)?s?)"
)
_CUT = re.compile(
    rf"(?<=[?!])\s++(?=\S)|(?:,|(?<![\s,]))\s++(?:and|or|but|und|y|et)(?:,? also)?\s++(?={_ASKS}\s)|;\s++",
    re.IGNORECASE,
)
_OPENS = re.compile(rf"{_ASKS}\b", re.IGNORECASE)
_LONGEST = 8_000
"""Characters of a model's wording that are a question."""
_DIGITS = re.compile(r"\d++")
_THIN = 9.0
"""Summed rarity of a question's own content below which it hardly says what it is about."""


async def understand(question: Question, condense: Condense) -> Understood:
    """Make a question stand alone and part it. A history and a question may be long: they are read in a thread."""
    alone = await condense(question.text, question.history)
    return await asyncio.to_thread(_understood, question, alone)


def _understood(question: Question, alone: Part) -> Understood:
    return Understood(question, alone, parts_of(alone), language_of(alone.whole))


def parts_of(alone: Part) -> tuple[Part, ...]:
    """Return the parts of a question that ask something, at most three; one that asks one thing comes back alone.

    Each has what earlier turns gave the whole, and one that does not say what it is about what was said first.
    """
    first, asking = _pieces(alone.text)
    if len(asking) < 2:
        return (alone,)
    given = tuple(dict.fromkeys((*alone.given, *_content_words(first))))
    return tuple(
        Part(piece, alone.given if piece == first or not _needs_content_words(piece) else given)
        for piece in asking[:3]
    )


def _pieces(question: str) -> tuple[str, list[str]]:
    """Return what is said first, and what asks something."""
    pieces = [piece.strip(" ,") for piece in _CUT.split(question) if piece and piece.strip(" ,?!")]
    return next(iter(pieces), question), [piece for piece in pieces if _asks(piece)]


def _asks(piece: str) -> bool:
    return bool(_content_words(piece)) and (piece.endswith("?") or _OPENS.search(piece) is not None)


def _needs_content_words(piece: str) -> bool:
    """Say whether a part does not say itself what it is about."""
    return _points(piece) or _weight(dict.fromkeys(_content_words(piece))) < _THIN


def _content_words(text: str) -> tuple[str, ...]:
    """Return the words of a text that are not function words."""
    return tuple(word for word in words(text) if word not in STOPWORDS)


def standalone(question: str, history: Sequence[Message]) -> Part:
    """Carry entities and constraints of earlier questions into a follow-up that leans on them.

    A first question and one that stands alone come back unchanged.
    """
    earlier = [message.text for message in history if message.role == "user"]
    if earlier:
        question = _bare(question)
    _, asking = _pieces(question)
    leaning = max(map(_leaning, asking if len(asking) > 1 else [question]), key=_DEGREES.index)
    if not earlier or leaning == "alone":
        return Part(question)
    return Part(question.strip(), _carried(question, earlier, most=6 if leaning == "wholly" else 4))


async def by_model(
    complete: Callable[[str], Awaitable[str]], question: str, history: Sequence[Message]
) -> Part:
    """Have a language model word a follow-up so that it stands alone; where it fails, carry words over without it.

    A model that is down must not keep the answerer that stands in for it from answering.
    """
    if not history:
        return Part(question)
    conversation = "\n".join(f"{message.role}: {message.text[:800]}" for message in history[-6:])
    prompt = load("condense").fill(conversation=conversation, question=question)
    try:
        said = (await complete(prompt)).strip()
        if said and not refuses(said):
            return Part(said[:_LONGEST])
    except ModelFailure:
        pass
    return await by_words(question, history)


async def by_words(question: str, history: Sequence[Message]) -> Part:
    """Carry words over, in a thread: a conversation may be long."""
    return await asyncio.to_thread(standalone, question, history)


def _bare(question: str) -> str:
    """Leave out what people say around a question in a conversation: `I see, tell me more about`, `, right?`."""
    bare = _TAIL.sub("", _LEAD.sub("", question.strip(), count=1))
    return bare if _content(bare) else question


def _leaning(question: str) -> _Leaning:
    """Say how far the question needs the conversation before it."""
    content = _content(question)
    weight = _weight(content)
    if weight < _THIN and len(content) < 3:
        return "wholly"
    if _points(question) and len(content) <= 5:
        return "wholly" if weight < 2 * _THIN else "partly"
    return "partly" if _OPENER.match(fold(question).strip()) and len(content) <= 3 else "alone"


def _points(question: str) -> bool:
    """Say whether a question points at something that it does not name: `it`, `that one`."""
    plain = fold(question).strip()
    return bool(_POINTING.search(plain) or _PRONOUNS.search(_EXPLETIVE.sub(" ", plain)))


def _weight(content: Iterable[str]) -> float:
    return sum(rarity(stem(word)) for word in content)


def _content(text: str) -> list[str]:
    return [word for word in dict.fromkeys(_content_words(text)) if word not in _CHATTER]


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
