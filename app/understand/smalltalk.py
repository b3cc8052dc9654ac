"""What needs no documents: small talk, what is no question, and the housekeeping prompts of chat front ends."""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

import numpy as np

from app.language.phrases import inside, language_of, say
from app.question import Message, Question
from vectorstore.language.marks import unmarked
from vectorstore.language.words import STOPWORDS, fold, rarity, stem, word_set, words
from vectorstore.models.embed import Embedder
from vectorstore.printable import printable
from vectorstore.types import Vectors

Kind: TypeAlias = str
"""What a line is to be answered with: a phrase of Footnote's, or something of the conversation (`asked_last`)."""
EXAMPLES = Path(__file__).with_name("smalltalk.toml")
_LONGEST = 300
"""Characters of a line that is small talk."""
_TELLS_LITTLE = 6.0
"""Summed rarity up to which words that no example holds do not make a line one about documents: `today`."""
_CLEARLY = 1.0
"""How much nearer, in standard deviations of the line's nearness to all examples."""
_OPEN = "request"
"""The one kind whose lines may be about anything."""
ASKING = word_set(
    "what which who whom whose when where why how is are was were am do does did can could may must should will would has have had "
    "wer wem wen was wann wo wohin warum wieso wie welche welcher welches welchen ist sind hat kann darf muss gibt "
    "qué quién cuál cuándo cuánto cuánta cuántos cuántas dónde cómo es hay puedo "
    "qui que quel quelle quels quelles quand où comment pourquoi combien"
)
"""What questions begin with."""
_embedded: dict[str, Vectors] = {}
"""The examples' vectors by embedder."""
_YOU = word_set(
    "you your yours u du dir dich dein deine sie ihr ihnen tú te tu tus usted vous votre vos toi tes"
)


@dataclass(frozen=True, slots=True)
class Talk:
    """A line that is about no document."""

    kind: Kind
    language: str

    def answer(self, history: Sequence[Message]) -> str:
        """Word the answer, about this conversation where it asks about it."""
        asked = [message.text for message in history if message.role == "user"]
        said = [message.text for message in history if message.role == "assistant"]
        match self.kind:
            case "asked_first":
                return _quoted("asked", asked[:1], self.language)
            case "asked_all":
                return _quoted("asked", asked, self.language)
            case "asked_last":
                return _quoted("asked", asked[-1:], self.language)
            case "answered":
                return _quoted("answered", said[-1:], self.language)
            case "reword" if not said:
                return say("nothing_said", self.language)
        return say(self.kind, self.language)


def talk(text: str, embedder: Embedder) -> Talk | None:
    """Say what a line is that needs no documents; None for one that does."""
    if len(text) > _LONGEST:
        return None
    if not words(text):
        return Talk("what", language_of(text))
    if known := _known().get(tuple(words(text))):
        return known if known.kind != "question" else None
    told, asks, bare = _told(text), _asks(text), (STOPWORDS | _YOU).isdisjoint(words(text))
    if told and (asks or bare):
        return None
    kinds, languages, vectors = _examples(embedder)
    near = vectors @ embedder.embed_query(text)
    # What holds words of its own, or asks as questions do, must be clearly nearer to small talk than to a question.
    near = near + _CLEARLY * near.std() * bool(told or asks) * (kinds == "question")
    if told > _TELLS_LITTLE:
        near = np.where(np.isin(kinds, ("question", _OPEN)), near, -1.0)
    nearest = int(near.argmax())
    if kinds[nearest] == "question":
        return None
    spoken, example = language_of(text), list(_known())[nearest]
    # Who says all of an example says it in its language: two words alone may be of several.
    held = languages[nearest] != "en" and set(example) <= set(words(text))
    return Talk(str(kinds[nearest]), languages[nearest] if held or spoken == "en" else spoken)


def only_talk(text: str) -> bool:
    """Say whether a line has no words but those that small talk is made of."""
    return not _told(text)


def _told(text: str) -> float:
    """Return the summed rarity of the words of which small talk is not made."""
    return sum(rarity(stem(word)) for word in set(words(text)) - STOPWORDS - _vocabulary())


def _asks(text: str) -> bool:
    """Say whether a line has the form of a question, and not of one to Footnote itself."""
    spoken = words(text)
    return ("?" in text or spoken[0] in ASKING) and _YOU.isdisjoint(spoken)


@lru_cache(maxsize=1)
def _known() -> Mapping[tuple[str, ...], Talk]:
    """Return the examples themselves, which need no embedder."""
    return {
        tuple(words(line)): Talk(kind, language)
        for language, kinds in tomllib.loads(EXAMPLES.read_text(encoding="utf-8")).items()
        for kind, lines in kinds.items()
        for line in lines
    }


@lru_cache(maxsize=1)
def _vocabulary() -> frozenset[str]:
    talked = (line for line, each in _known().items() if each.kind not in ("question", _OPEN))
    return frozenset(word for line in talked for word in line)


def _examples(embedder: Embedder) -> tuple[np.typing.NDArray[np.str_], Sequence[str], Vectors]:
    examples = _known()
    if (vectors := _embedded.get(embedder.fingerprint)) is None:
        vectors = _embedded[embedder.fingerprint] = embedder.embed_documents([*map(" ".join, examples)])
    kinds = np.array([each.kind for each in examples.values()])
    return kinds, [each.language for each in examples.values()], vectors


def _quoted(phrase: str, texts: Sequence[str], language: str) -> str:
    if not texts:
        return say("nothing_said", language)
    # The markers of an earlier answer name passages that this one does not have.
    bare = [unmarked(text).strip() for text in texts]
    said = ["\n".join(map(inside, text.splitlines())) for text in bare]
    if len(said) == 1:
        return say(phrase, language, words=f"“{said[0]}”")
    return say(phrase, language, words="".join(f"\n- “{text}”" for text in said))


_TASK = re.compile(r"\A\s*+### Task:\s", re.IGNORECASE)
_HISTORY_BEGINS = re.compile(r"<chat_history>", re.IGNORECASE)
_HISTORY_ENDS = re.compile(r"</chat_history>", re.IGNORECASE)
_USER_LINE = re.compile(r"^[^\S\n]*+user\s*+:\s*+(.+)$", re.IGNORECASE | re.MULTILINE)


def without_documents(question: Question, talked: Talk | None) -> str | None:
    """Answer what needs no documents: a front end's housekeeping, and what `talk` says of the line."""
    return housekeeping(question.text) or (talked.answer(question.history) if talked else None)


def housekeeping(text: str) -> str | None:
    """Answer a front end's own prompt (title, tags, follow-ups, search queries) as the JSON it asks for."""
    if not _TASK.match(text):
        return None
    asked = [_bare(line) for line in _USER_LINE.findall(_history(text))]
    task = fold(text[:1_200])
    if "follow-up" in task or "follow_ups" in task or "follow up" in task:
        return json.dumps({"follow_ups": []})
    if "tags" in task:
        return json.dumps({"tags": _tags(asked)}, ensure_ascii=False)
    if "title" in task:
        return json.dumps({"title": _title(asked)}, ensure_ascii=False)
    if "quer" in task:
        return json.dumps({"queries": asked[-1:]}, ensure_ascii=False)
    if "autocomplet" in task or "completion" in task:
        return json.dumps({"text": ""})
    return json.dumps({})


def _history(text: str) -> str:
    """Return the conversation that the prompt quotes."""
    begins = _HISTORY_BEGINS.search(text)
    ends = _HISTORY_ENDS.search(text, begins.end()) if begins else None
    return text[begins.end() : ends.start()] if begins and ends else ""


def _bare(line: str) -> str:
    """Take out what the guard would escape, which JSON has no room for."""
    return " ".join(printable(line).translate({ord("`"): "'", ord("\\"): "/", ord("~"): "∼"}).split())


def _title(asked: list[str]) -> str:
    """Name the conversation by its first real question, in at most six words."""
    question = next((line for line in asked if not only_talk(line)), "")
    if not question:
        return "New conversation"
    kept = question.rstrip(" ?!.").split()
    while len(kept) > 3 and fold(kept[0]).strip("'") in STOPWORDS | _TOO_PLAIN:
        kept = kept[1:]
    kept = kept[:6]
    while len(kept) > 2 and fold(kept[-1]) in STOPWORDS:
        kept = kept[:-1]
    title = " ".join(kept)[:60]
    return title[:1].upper() + title[1:]


def _tags(asked: list[str]) -> list[str]:
    found = {word for line in asked for word in words(line) if word not in _TOO_PLAIN and len(word) > 3}
    content = sorted(found - STOPWORDS, key=lambda word: (-rarity(stem(word)), word))
    return ["General", *(word.capitalize() for word in content[:2])]


_TOO_PLAIN = word_set("many much long often does there about")
