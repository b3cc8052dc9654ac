"""What a question asks for: its kind, its telling words, and whether a sentence holds that kind of answer."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import fsum
from pathlib import Path
from typing import Literal, TypeAlias

from app.language.phrasal import meant
from app.language.reading import Reading, read
from app.question import Part
from vectorstore.language.words import STOPWORDS, fold, rarity, stem, total, word_set, words

_TABLE = Path(__file__).with_name("near_words.txt")
_NOTHING, _EVERYTHING = 0.4, 1.0
"""Cosines between which nearness counts from nothing to as much as the word itself."""


@lru_cache(maxsize=4_096)
def near(stem: str) -> Mapping[str, float]:
    """Return the stems that can stand for this one, itself with 1, others with what they count for."""
    return {**_near().get(stem, {}), stem: 1.0}


@lru_cache(maxsize=1)
def _near() -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for line in _TABLE.read_text(encoding="utf-8").splitlines():
        stem, *others = line.split()
        for other in others:
            name = other.rstrip("0123456789")
            value = (int(other[len(name) :]) / 100 - _NOTHING) / (_EVERYTHING - _NOTHING)
            found.setdefault(stem, {})[name] = value
            found.setdefault(name, {})[stem] = value
    return found


Kind: TypeAlias = Literal[
    "when", "how_many", "how_much", "who", "name", "code", "where", "why", "how_to", "list", "yes_no", "what"
]
STRICT: frozenset[Kind] = frozenset({"when", "how_many", "how_much", "who", "name", "code"})
"""Kinds whose answer has a form that can be seen: a sentence without it does not answer."""
HOLDS = 0.6
"""From what `answers_kind` says on, a sentence holds the kind of answer."""

_KINDS: tuple[tuple[Kind, str], ...] = (
    ("when", r"(?:^|[,;.!?] |\b(?:and|or|but|so|since|until|by|from|know) )when\b|\b(?:(?:what|which) (?:(?:calendar |working )?day|year|month|date|time|century|decade|quarter|deadline)"
     r"|what is the (?:date|deadline)|how (?:recently|early|late)|wann|bis wann|cuándo|quand)\b"),
    ("how_much", r"\b(?:how much(?! (?:\w+ )?(?:holiday|leave|time|notice|vacation|space|memory|storage))|what (?:do|does|did|will|would|should) (?:[\w'-]+ ){1,9}(?:cost|earn|pay)\b|(?:cost|price) of|list price|(?:what|which) (?:is|are|was|were|does|do) (?:the |our |my |a )?(?:\w+ ){0,3}"
     r"(?:price|prices|cost|costs|fee|rate|amount|budget|cap|limit|salary|allowance|charge|discount)|(?:what|which) (?:amount|price|percentage|share|budget)"
     r"|wie ?viel (?:kostet|geld)|cuánto|combien)\b"),
    ("how_many", r"\b(?:how (?:many|much (?:\w+ )?(?:holiday|leave|time|notice|vacation|space|memory|storage)|long|often|far|old|big|large|tall|high|deep|wide|fast|heavy|soon|frequently)|what (?:number|percentage|percent|temperature|population|size|length|age)"
     r"|(?:maximum|minimum|number) of|wie ?(?:viele|lange|oft|hoch|groß)|cuánt[oa]s)\b"),
    ("code", r"\b(?:what(?:'s|s| is| was| are)? (?:the |our |my |this week's |today's )?(?:[\w-]+ ){0,3}(?:code|password|pin|extension|phone number|"
     r"telephone number|number|address|e-?mail|url|link|port|ports|version|part number|serial number|iban)\b|which (?:\w+ )?(?:port|ports|number|extension|version|profile|part)\b)"),
    ("name", r"\b(?:which|what) (?:[\w-]+ )?(?:countries|country|company|companies|supplier|suppliers|provider|insurer|bank|vendor|brand|person|colleague|airline|airlines|city|cities)\b"),
    ("why", r"\b(?:why|for what reason|what (?:is|was) the reason|what (?:causes|caused)|how come|warum|weshalb|por qué|pourquoi)\b"),
    ("who", r"\b(?:who|whom|whose|(?:which|what) (?:person|team|department|role|manager|people|company|group)|wer|wem|wen|quién|qui)\b"),
    ("where", r"\b(?:where|(?:in|at|to|on) (?:which|what) (?:\w+ )?(?:country|city|place|office|room|folder|directory|location|floor|building|region|state|page|site)"
     r"|(?:which|what) (?:country|city|office|room|location|region)|wo|wohin|dónde|où)\b"),
    ("how_to", r"\b(?:how (?:do|can|should|must|would|to|does one)|what (?:should|must|do) (?:i|we|you|one) do|(?:what|which) steps|what is the (?:process|procedure)|wie (?:kann|muss|soll|geht)|cómo|comment)\b"),
    ("list", r"\b(?:(?:what|which) (?:are|were) (?:the |our )?|list|name (?:the|all|three|two|four)|(?:what|which) (?:\w+ ){0,2}(?:items|documents|steps|types|kinds|options|benefits|things|countries|products|tools|categories)|welche)\b"),
)  # fmt: skip
_PATTERNS = tuple((kind, re.compile(pattern)) for kind, pattern in _KINDS)
_YES_NO = re.compile(
    r"(?:and |but |so |then )?(?:is|are|was|were|do|does|did|can|could|may|must|should|shall|will|would|has|have|had|am|"
    r"isn't|aren't|don't|doesn't|can't|darf|kann|muss|ist|sind|gibt|hat|puedo|es|hay|est-ce)\b"
)
_COUNTED = re.compile(r"\bhow many ((?:\w+ ){0,2}?\w+)")
_QUESTION_NOUNS = word_set(
    "many much long often far old year month day date time number amount percentage percent kind type sort name person "
    "place country city reason way thing process procedure step price cost mean called known term definition happen"
)
_UNIT_NOUNS = word_set(
    "day week month year hour minut second person employe euro dollar percent mile km time"
)
_TIME = re.compile(
    r"\b(?:1[0-9]{3}|20[0-9]{2}|\d{1,2}(?::\d\d)? ?(?:am|pm|a\.m|p\.m|uhr|o'clock)|\d{1,2}:\d\d|\d{1,2}(?:st|nd|rd|th)(?: century)?|"
    r"monday|tuesday|wednesday|thursday|friday|saturday|sunday|mondays|tuesdays|wednesdays|thursdays|fridays|"
    r"daily|weekly|monthly|quarterly|annually|yearly|every (?:day|week|month|quarter|year)|noon|midnight|century|"
    r"within \w+ (?:working |business |calendar )?(?:day|week|month|hour|minute|year)s?|(?:before|after|until|during|since|end of|start of|beginning of|when|if|once|as soon as) )"
)
_NTH_DAY = re.compile(
    r"\b(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|last) (?:full |working |business |calendar )?(?:day|week|month|year)\b"
)
_DEADLINE = re.compile(r"\b(?:how (?:late|soon|early|quickly)|until when|by when|deadline|bis wann)\b")
_WITHIN = re.compile(
    r"\b(?:within|after|at least|no later than|before the end of|up to) \w+ (?:full |working |business |calendar )?(?:minute|hour|day|week|month|year)s?\b"
)
_MONEY = re.compile(
    r"[€$£]|\b(?:eur|usd|gbp|chf|euros?|dollars?|pounds?|percent|per cent|free|nothing|price|fee)\b|%"
)
_REASON = re.compile(
    r"\b(?:because|since|due to|so that|in order to|as a result|therefore|reason|owing to|caused?s?|leads? to|led to|"
    r"thus|hence|result(?:s|ed)? (?:in|from)|to (?:avoid|prevent|ensure|protect|allow|keep|reduce|make)|weil|damit|porque|car)\b"
)
_PLACE = re.compile(
    r"\b(?:in|at|on|from|near|to|under|within|inside|of|between|across|im|en|à) (?:the )?[A-Z/~]|(?:^|\s)[~/]\w|https?:"
)
_BESIDE = re.compile(r"\b(?:in|at|on|near|under)\b")
_ROLE = re.compile(
    r"\b(?:manager|team|director|officer|lead|head|department|hr|finance|legal|security|committee|council|board|engineer|"
    r"ceo|cto|cfo|president|minister|king|queen|emperor|administrator|owner|supervisor|employees?|staff|desk|office|"
    r"governor|professor|author|founder|army|government|company|people)\b"
)
_STEP = re.compile(
    r"\b(?:use|open|click|select|enter|submit|send|fill|go to|press|run|install|contact|ask|request|create|log in|call|"
    r"hold|set|choose|check|sign|upload|report|book|must|should|need to|by \w+ing|via|through)\b"
)
_MODAL = re.compile(
    r"\b(?:must|may|can|cannot|should|shall|not|no|never|always|only|allowed|permitted|forbidden|required|prohibited|"
    r"requires?|needs?|has to|have to|expires?|entitled|eligible|available|included|excluded|covered|yes|does|do|is|are|will|was|were)\b"
)


@dataclass(frozen=True)
class Asked:
    """A question as read: its kind, its reading, and the stems that an answer should share with it."""

    kind: Kind
    text: str
    reading: Reading
    telling: frozenset[str]
    unit: str
    """The stem of what is counted in how-many questions (`day`), else empty."""
    wanted: Mapping[str, Mapping[str, float]]
    """For each telling stem the stems that can stand for it, with what each counts for."""

    def held(self, stems: frozenset[str]) -> dict[str, float]:
        """Return for each telling stem how far these stems hold it, from 0 to 1."""
        return dict.fromkeys(self.wanted, 0.0) | self._held(stems)

    def coverage(self, stems: frozenset[str]) -> float:
        """Return the share of the question's telling words that these stems hold, rare words weighing more."""
        return fsum(rarity(item) * value for item, value in self._held(stems).items()) / self._whole

    def _held(self, stems: frozenset[str]) -> dict[str, float]:
        found: dict[str, float] = {}
        for other in self._stand_ins.keys() & stems:
            for item, value in self._stand_ins[other]:
                if value > found.get(item, 0.0):
                    found[item] = value
        return found

    @cached_property
    def specifics(self) -> frozenset[str]:
        """The numbers, codes, months and days that the question hinges on."""
        return self.reading.facts.specifics

    @cached_property
    def numbers(self) -> frozenset[str]:
        """Its numbers, in digits or words."""
        return self.reading.facts.numbers | self.reading.facts.counted

    @cached_property
    def _stand_ins(self) -> dict[str, list[tuple[str, float]]]:
        """For each stem that stands for telling ones, those and what it counts for."""
        turned: dict[str, list[tuple[str, float]]] = {}
        for item, stands in self.wanted.items():
            for other, value in stands.items():
                turned.setdefault(other, []).append((item, value))
        return turned

    @cached_property
    def _whole(self) -> float:
        return total(self.telling) or 1.0


@lru_cache(maxsize=256)
def ask(part: Part) -> Asked:
    """Read what is asked: its form in its own words, and what it is about in all that it was given."""
    plain = fold(part.text)
    reading = read(part.whole)
    telling = frozenset(item for item in reading.stems if item not in _QUESTION_STEMS) or reading.stems
    fixed = {stem(name) for name in reading.names} | {item for item in telling if not item.isalpha()}
    wanted = {item: {item: 1.0} if item in fixed else dict(near(item)) for item in telling}
    for verb in meant(plain):
        for item in wanted.keys() & {stem(verb.verb), stem(verb.particle)}:
            wanted[item] |= {stem(verb.word): 1.0}
    return Asked(_kind(plain), part.text, reading, telling, _unit(plain), wanted)


_QUESTION_STEMS = frozenset(stem(word) for word in _QUESTION_NOUNS)


def _kind(plain: str) -> Kind:
    stripped = plain.strip()
    if _YES_NO.match(stripped) and " or " not in stripped:
        return "yes_no"
    found = [(match.start(), kind) for kind, pattern in _PATTERNS if (match := pattern.search(stripped))]
    return min(found, key=lambda item: item[0])[1] if found else "what"


def _unit(plain: str) -> str:
    match = _COUNTED.search(plain)
    if match is None:
        return "day" if "how long" in plain else ""
    nouns = [stem(word) for word in words(match[1]) if word not in STOPWORDS]
    return next((noun for noun in nouns if noun in _UNIT_NOUNS), nouns[-1] if nouns else "")


def answers_kind(asked: Asked, sentence: str, reading: Reading) -> float:
    """Say from 0 to 1 whether the sentence holds the kind of thing that is asked for."""
    return _TESTS[asked.kind](asked, sentence, reading)


def _holds_time(asked: Asked, sentence: str, reading: Reading) -> float:
    if reading.facts.months - asked.reading.facts.months:
        return 1.0
    plain = fold(sentence)
    found = {match[0].strip() for match in _TIME.finditer(plain)}
    if _NTH_DAY.search(plain):
        return 1.0
    if _DEADLINE.search(fold(asked.text)) and _WITHIN.search(plain):
        return 1.0
    if any(item[0].isdigit() and item not in asked.reading.words for item in found):
        return 1.0
    return 0.6 * any(not item[0].isdigit() for item in found)


def _new_numbers(asked: Asked, reading: Reading) -> frozenset[str]:
    return (reading.facts.numbers | reading.facts.counted) - asked.numbers


def _holds_count(asked: Asked, _: str, reading: Reading) -> float:
    if not _new_numbers(asked, reading):
        return 0.0
    if asked.unit == "day" and "how long" in fold(asked.text):
        spans = ("day", "week", "month", "year", "hour", "minut", "second")
        return 1.0 if any(unit in reading.stems for unit in spans) else 0.5
    return 1.0 if not asked.unit or asked.unit in reading.stems else 0.6


def _holds_amount(asked: Asked, sentence: str, reading: Reading) -> float:
    if not _new_numbers(asked, reading):
        return 0.0
    money = any(item.endswith(("|eur", "|usd", "|gbp", "|chf", "|%")) for item in reading.facts.measures)
    if money or _MONEY.search(fold(sentence)):
        return 1.0
    return 0.7 if sentence.startswith("|") else 0.4


def _holds_person(asked: Asked, sentence: str, reading: Reading) -> float:
    if reading.names - asked.reading.words:
        return 1.0
    return 0.7 * bool(_ROLE.search(fold(sentence)))


def _holds_name(asked: Asked, _: str, reading: Reading) -> float:
    return float(bool(reading.names - asked.reading.words))


def _holds_code(asked: Asked, sentence: str, reading: Reading) -> float:
    new = (
        (reading.facts.numbers | reading.facts.codes)
        - asked.reading.facts.numbers
        - asked.reading.facts.codes
    )
    return float(bool(new) or "@" in sentence or "`" in sentence or "://" in sentence)


def _holds_place(asked: Asked, sentence: str, reading: Reading) -> float:
    if _PLACE.search(sentence) and reading.names - asked.reading.words:
        return 1.0
    return 0.4 * bool(_BESIDE.search(fold(sentence)))


def _holds_reason(_: Asked, sentence: str, __: Reading) -> float:
    return float(bool(_REASON.search(fold(sentence))))


def _holds_step(_: Asked, sentence: str, __: Reading) -> float:
    return float(bool(_STEP.search(fold(sentence))))


def _holds_list(_: Asked, sentence: str, __: Reading) -> float:
    return min(
        1.0, sentence.count(",") / 2 + 0.5 * (" and " in sentence) + sentence.startswith(("-", "*", "|"))
    )


def _holds_judgement(_: Asked, sentence: str, __: Reading) -> float:
    return float(bool(_MODAL.search(fold(sentence))))


def _holds_anything(_: Asked, __: str, ___: Reading) -> float:
    return 0.5


_TESTS = {
    "when": _holds_time, "how_many": _holds_count, "how_much": _holds_amount, "who": _holds_person, "name": _holds_name, "code": _holds_code, "where": _holds_place,
    "why": _holds_reason, "how_to": _holds_step, "list": _holds_list, "yes_no": _holds_judgement, "what": _holds_anything,
}  # fmt: skip
