"""Make a follow-up stand alone: by a language model, or by carrying over what the conversation is about."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeAlias

from app.answer.answerer import ModelFailure
from app.answer.messages import defused, without_notes
from app.answer.spoken import refuses
from app.language.facts import facts, names
from app.language.phrases import language_of, listed, quoted, say
from app.question import Message, Part, Question, Understood
from app.understand.smalltalk import ASKING, only_talk
from prompts.loader import load
from vectorstore.language.marks import cited, unmarked
from vectorstore.language.sentences import sentence_spans
from vectorstore.language.words import STOPWORDS, fold, rarity, stem, word_set, words
from vectorstore.types import Hit

_TELLS_LITTLE = 5.0
"""Summed rarity of a question's content below which it names no subject: `limit?`, `how long is it?`."""
_NEAR = 0.55
"""Share of the best score from which a document counts as meant as well."""


def which(question: str, hits: Sequence[Hit]) -> tuple[str, ...]:
    """Return the titles between which the question does not choose; empty for one that says what it means."""
    content = _content(question)
    if len(content) > 2 or _weight(content) >= _TELLS_LITTLE or not hits:
        return ()
    best = max(map(_found, hits))
    titles = dict.fromkeys(
        hit.document.title or hit.document.uri for hit in hits if _found(hit) >= _NEAR * best
    )
    return tuple(titles)[:3] if len(titles) > 1 else ()


def _found(hit: Hit) -> float:
    """Return how well the search found a hit: a reranker's scores lie closer together."""
    return next((stage.score for stage in hit.stages if stage.name == "fused"), hit.score)


def asking_back(titles: Sequence[str], language: str) -> str:
    """Word the question back."""
    return say("which", language, topics=listed([quoted(title) for title in titles], language, word="or"))


Condense: TypeAlias = Callable[[str, Sequence[Message]], Awaitable[Part]]
"""Turns a follow-up and its history into a question that stands alone."""
_POINTING = word_set(
    "it its itself they them their theirs he him his she her hers er ihn ihm ihr sie ihnen deren dessen davon dafür daran damit "
    "ello ella ellos ellas il elle ils elles"
)
_SHOWING = word_set("this that these those das dies eso esto aquello cela ça")
"""They point where they stand alone: at either end of a question, or after its verb."""
_ENDING = word_set("there one ones")
"""They point at the end of a question."""
_JOINS = word_set("and but or so also ok okay und aber oder auch y pero o et mais ou")
_ANY = word_set("a an any ein eine einen un una une")
"""What they stand before is new to the conversation."""
_THE = word_set("the der die das el la los las le les")
_ABOUT = word_set("about mit")
_ASKERS = word_set("i we ich wir yo je nous")
_NAMED = 4
"""Words that name another thing."""
_CARRIED = 6
"""Words that carry a topic."""
_JOINT = re.compile(
    r"(?<=[?!])\s++|;\s++|(?:,|(?<![\s,]))\s++(?:and|or|but|und|oder|y|et|ou)\s++", re.IGNORECASE
)
_DIGIT = re.compile(r"\d")
_SET_OFF = ", "
_MARKS = '?!.,;:¿¡()"“”'
_LONGEST = 8_000
"""Characters of a model's wording that are a question."""
_THIN = 9.0
"""Summed rarity of a question's own content below which it hardly says what it is about."""
_NEW = 6.0
"""The same where it asks about something new: `is there a canteen?`."""
_BACK = 4
"""Earlier questions that are read."""


async def understand(question: Question, condense: Condense, *, rewords: bool = False) -> Understood:
    """Make a question stand alone and part it. A history and a question may be long: they are read in a thread.

    One that `rewords` asks for the last answer in other words: it is the question before that is searched again.
    """
    asked, history = question.text, question.history
    if rewords:
        asked, history = await asyncio.to_thread(_before, question)
    alone = await condense(asked, history)
    return await asyncio.to_thread(_understood, question, alone, rewords=rewords)


def _before(question: Question) -> tuple[str, tuple[Message, ...]]:
    """Return the last question of the conversation that asked for something, and what came before it."""
    for place, message in reversed(tuple(enumerate(question.history))):
        if message.role == "user" and not only_talk(message.text):
            return message.text, question.history[:place]
    return question.text, question.history


def _understood(question: Question, alone: Part, *, rewords: bool) -> Understood:
    return Understood(question, alone, parts_of(alone), language_of(alone.whole), rewords)


def parts_of(alone: Part) -> tuple[Part, ...]:
    """Return the parts of a question that ask something, at most three; one that asks one thing comes back alone.

    The first has what earlier turns gave the whole; a later one that does not say itself what it is about has that and
    what was said first.
    """
    first, asking = _pieces(alone.text)
    if len(asking) < 2:
        return (alone,)
    given = tuple(dict.fromkeys((*alone.given, *_content(first))))
    return tuple(
        Part(piece, alone.given if piece == first else given if _leans(piece) else ()) for piece in asking[:3]
    )


def _pieces(question: str) -> tuple[str, list[str]]:
    """Return what is said first, and what asks something."""
    pieces, begun = list[str](), 0
    for joint in _JOINT.finditer(question):
        # What a word joins on is a part of its own where it begins as a question does.
        if joint[0].strip(" ;") and not _opens(question[joint.end() :]):
            continue
        pieces.append(question[begun : joint.start()])
        begun = joint.end()
    pieces = [piece for each in (*pieces, question[begun:]) if (piece := each.strip(" ,;")).strip("?")]
    return next(iter(pieces), question), [piece for piece in pieces if _content(piece) and _asks(piece)]


def _asks(piece: str) -> bool:
    """Say whether a piece asks something, be it after a sentence that only tells: `My badge is gone. Who helps`."""
    return piece.endswith("?") or any(_opens(piece[start:end]) for start, end in sentence_spans(piece))


def _opens(text: str) -> bool:
    """Say whether a text begins as questions do, be it after a word as in `by when`."""
    begins = words(text[:80])[:3]
    while begins and begins[0] not in ASKING and begins[0] in STOPWORDS | _JOINS:
        begins = begins[1:]
    return bool(begins) and begins[0] in ASKING


def standalone(question: str, history: Sequence[Message]) -> Part:
    """Make a follow-up that leans on earlier questions stand alone.

    `And site A?` is the earlier question about another thing; what else leans on it is given its content. A first
    question and one that stands alone come back unchanged.
    """
    before: Part | None = None
    for message in [message for message in history if message.role == "user"][-_BACK:]:
        if not only_talk(message.text):
            before = _after(before, message.text)
    return _after(before, question)


def _after(before: Part | None, question: str) -> Part:
    if before is None:
        return Part(question)
    question = _bare(question)
    first, asking = _pieces(question)
    leans = _leans(question) if len(asking) < 2 else _leans(first) or _points_back(first, asking[1:])
    if not leans:
        return Part(question)
    if len(asking) < 2 and (other := _about_another(before.text, question)):
        return Part(other, before.given)
    return Part(question.strip(), _carried(question, before.whole))


async def by_model(
    complete: Callable[[str], Awaitable[str]], question: str, history: Sequence[Message]
) -> Part:
    """Have a language model word a follow-up so that it stands alone; where it fails, carry words over without it.

    A model that is down must not keep the answerer that stands in for it from answering.
    """
    if not history:
        return Part(question)
    texts = ((message.role, without_notes(unmarked(message.text))) for message in history[-6:])
    conversation = defused("\n".join(f"{role}: {text[:800]}" for role, text in texts))
    prompt = load("condense").fill(conversation=conversation, question=defused(question))
    try:
        said = (await complete(prompt)).strip()
        if said and not refuses(said) and _keeps(said, question):
            return Part(said[:_LONGEST])
    except ModelFailure:
        pass
    return await by_words(question, history)


def _keeps(said: str, question: str) -> bool:
    """Say whether a rewording is one: without a marker, and with most of what the question says."""
    asked, kept = ({*map(stem, _content(text))} for text in (question, said))
    return not cited(said) and len(asked - kept) * 2 <= len(asked)


async def by_words(question: str, history: Sequence[Message]) -> Part:
    """Carry words over, in a thread: a conversation may be long."""
    return await asyncio.to_thread(standalone, question, history)


def _bare(question: str) -> str:
    """Leave out what people set off around a question in a conversation: `I see, …`, `…, right?`."""
    pieces = question.strip().split(_SET_OFF)
    while len(pieces) > 1 and _says_nothing(pieces[0]):
        pieces = pieces[1:]
    while len(pieces) > 1 and _says_nothing(pieces[-1]):
        pieces = pieces[:-1]
    asked = "?" if question.rstrip().endswith("?") else ""
    return _SET_OFF.join(pieces).rstrip("?") + asked


def _says_nothing(piece: str) -> bool:
    if _opens(piece):
        return False
    return only_talk(piece) or (
        _JOINS.isdisjoint(words(piece)[:1]) and _weight(_content(piece)) < _TELLS_LITTLE
    )


def _leans(question: str) -> bool:
    """Say whether the question needs what was said before it."""
    content = _content(question)
    spoken = words(question)
    if len(content) < 3 and _weight(content) < (_THIN if _ANY.isdisjoint(spoken) else _NEW):
        return True
    if points(question):
        return len(content) <= 5
    return bool(spoken) and spoken[0] in _JOINS and len(content) <= 3 and not _opens(question)


def points(question: str) -> bool:
    """Say whether a question points at something that it does not name: `it`, `that one`."""
    # `Sie` and `Ihr` are the asked one's.
    spoken = words(" ".join(word for word in question.split() if word not in ("Sie", "Ihr", "Ihnen", "Ihre")))
    for place, word in enumerate(spoken):
        last = place == len(spoken) - 1
        if word == "it" and not {"to", "that", "if"}.isdisjoint(spoken[place + 2 : place + 5]):
            continue
        if word in _POINTING or (word in _ENDING and last):
            return True
        if word in _SHOWING and (last or not place or spoken[place - 1] in ASKING | _JOINS):
            return True
    return False


def _points_back(first: str, others: Sequence[str]) -> bool:
    """Say whether what others point at is rather the conversation's topic than what is said first."""
    return _weight(_content(first)) < 1.5 * _THIN and any(map(points, others))


def _weight(content: Iterable[str]) -> float:
    return sum(rarity(stem(word)) for word in content)


def _content(text: str) -> tuple[str, ...]:
    """Return the words of a text that are not function words, each once."""
    return tuple(dict.fromkeys(word for word in words(text) if word not in STOPWORDS))


def _about_another(before: str, question: str) -> str:
    """Return the earlier question about what the later one only names (`And in Spain?`); empty where it does more."""
    named = [word for each in question.split() if (word := each.strip(_MARKS))]
    while named and fold(named[0]) in _JOINS:
        named = named[1:]
    if named and fold(named[0]) in ASKING:
        about = [place for place, word in enumerate(named[:4]) if fold(word) in _ABOUT]
        named = named[about[-1] + 1 :] if about else []
    if not 0 < len(named) <= _NAMED or not (ASKING | _POINTING | _SHOWING | _ENDING | _ASKERS).isdisjoint(
        map(fold, named)
    ):
        return ""
    if named[1:] and fold(named[0]) in _ANY | _THE:
        named = named[1:]
    lead, thing = (named[:1], named[1:]) if named[1:] and fold(named[0]) in STOPWORDS else ([], named)
    old = before.split()
    found = _counterpart([word.strip(_MARKS) for word in old], lead, thing)
    if found is None:
        return f"{before.rstrip(' ?')} {' '.join(named)}?" if lead else ""
    start, end, new = found
    replaced = old[end - 1]
    closing = replaced[len(replaced.rstrip(_MARKS)) :]
    return " ".join((*old[:start], *new)) + " ".join((closing, *old[end:]))


def _counterpart(
    words_: Sequence[str], lead: Sequence[str], thing: Sequence[str]
) -> tuple[int, int, Sequence[str]] | None:
    """Return which words [start, end) of an earlier question another thing takes the place of, and its words there."""
    backwards = range(len(words_) - 1, 0, -1)
    for place in backwards:
        if (
            thing[1:]
            and fold(words_[place - 1]) == fold(thing[-2])
            and _names(words_[place]) == _names(thing[-1])
        ):
            return place, place + 1, thing[-1:]
    for place in backwards:
        if (shape := _shape(thing[-1])) and shape == _shape(words_[place]):
            return place, place + 1, thing[-1:]
    named = any(map(_names, thing))
    if not lead:
        runs = [place for place in backwards if _names(words_[place])]
        return (runs[0], runs[0] + 1, thing) if named and len(runs) == 1 else None
    for place in backwards:
        end = place
        while (
            end < len(words_)
            and fold(words_[end]) not in STOPWORDS
            and not (end > place and _names(words_[end - 1]) > _names(words_[end]))
        ):
            end += 1
        before = place - 1
        while before and fold(words_[before]) != fold(lead[0]) and fold(words_[before]) in STOPWORDS:
            before -= 1
        if (
            end > place
            and fold(words_[before]) == fold(lead[0])
            and any(map(_names, words_[place:end])) == named
        ):
            return before + 1, end, thing
    return None


def _names(word: str) -> bool:
    """Say whether a word is a name, a number or a code by its looks."""
    return word[:1].isupper() or any(map(str.isdigit, word))


def _carried(question: str, before: str) -> tuple[str, ...]:
    """Return the words that carry the topic of an earlier question into one that leans on it."""
    known = {stem(word) for word in words(question)}
    fresh = [word for word in _content(before) if stem(word) not in known]
    firm = names(before) | facts(before).codes
    best = sorted(fresh, key=lambda word: -rarity(stem(word)) * (1.5 if word in firm else 1.0))[:_CARRIED]
    return tuple(word for word in fresh if word in best)


def _shape(word: str) -> str:
    """Return a code or number with its digits made equal (`p0` for `P1`), so that like ones agree; else nothing."""
    return _DIGIT.sub("0", fold(word)) if any(map(str.isdigit, word)) else ""
