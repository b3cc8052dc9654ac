"""What a question asks about: its telling words, and the form that its question word wants of an answer."""

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from math import fsum
from typing import Literal, TypeAlias

from app.language.reading import Line, Reading, read
from app.question import Part
from vectorstore.language.words import STOPWORDS, fold, rarity, stem, total, words

Form: TypeAlias = Literal["number", "time", "name", "way", "whether", "other"]
"""What is asked for: a figure, a time or date, a name, how something is done, yes or no, or anything else."""

_FORMS: tuple[tuple[Form, re.Pattern[str]], ...] = (
    (
        "time",
        re.compile(
            r"\b(?:when|what time|how (?:late|soon|early|recently)|(?:what|which) (?:day|date|month|year)"
            r"|wann|um wie viel uhr|cuándo|quand|когда)\b|什么时候|何时"
        ),
    ),
    (
        "number",
        re.compile(
            r"\bhow (?!do\b|does\b|did\b|can\b|could\b|should\b|must\b|would\b|will\b|to\b|is\b|are\b|was\b|were\b|come\b"
            r"|has\b|have\b|had\b)\w+|\bwie ?(?:viele?|lange|oft|hoch|groß|weit|alt|breit)\b"
            r"|\bcuánt[oa]s?\b|\bcombien\b|\bсколько\b|多少|几|多长|多久"
        ),
    ),
    ("name", re.compile(r"\b(?:who|whom|whose|wer|wem|wen|wessen|quién|quiénes|qui|кто|кому)\b|谁")),
    (
        "way",
        re.compile(r"\b(?:how (?:do|does|did|can|could|should|must|to)|wie|cómo|comment|как)\b|怎么|如何"),
    ),
    (
        "whether",
        re.compile(
            r"\A(?:(?:and|but|so|then) )?(?:is|are|was|were|do|does|did|can|could|may|must|should|shall|will|would|has|have|had|am"
            r"|(?:is|are|do|does|ca)n't|darf|kann|muss|soll|ist|sind|gibt|hat|puedo|puede|hay|es|está|est-ce|peut|dois|faut"
            r"|можно|нужно|есть)\b|\bли\b|吗"
        ),
    ),
)
_TIME = re.compile(
    r"\d|\b(?:noon|midnight|(?:mon|tues|wednes|thurs|fri|satur|sun)day)s?\b"
    r"|\b(?:before|after|until|during|since|when|if|once|within|every|daily|weekly|monthly|yearly)\b"
)
_RULED = re.compile(
    r"\b(?:must|may|can|cannot|could|should|shall|will|would|needs?|not|no|never|always|only|unless|except|yes|does|do|is|are"
    r"|was|were|has|have|had|muss|darf|kann|soll|nicht|keine?|nur|ja|nein|puede|debe|sí|solo|peut|doit|pas|oui|non|не|нет)\b"
    r"|不|可以|必须"
)
_COUNTED = re.compile(r"\bhow (?:many|much) ((?:\w+ ){0,2}+\w+)")


@dataclass(frozen=True)
class Asked:
    """A question as read: its words, the stems that an answer should share with it, and the form it wants."""

    text: str
    reading: Reading
    form: Form
    counted: frozenset[str]
    """The stems of what is counted (`days` in "how many days"); empty where a question counts nothing by name."""

    @property
    def telling(self) -> frozenset[str]:
        """The stems of its content words."""
        return self.reading.stems

    @cached_property
    def pairs(self) -> frozenset[tuple[str, str]]:
        """The telling words that stand beside each other."""
        return frozenset(pairwise(self.reading.order))

    def coverage(self, stems: frozenset[str]) -> float:
        """Return the share of the question's telling words that these stems hold, rare words weighing more."""
        return fsum(rarity(item) for item in self.telling & stems) / self._whole

    def formed(self, line: Line) -> float:
        """Say from 0 to 1 how far a sentence has, beside what the question says, the form that it wants."""
        facts, mine, plain = line.bare.facts, self.reading.facts, line.bare.plain
        new = (facts.numbers | facts.counted) - mine.numbers - mine.counted
        match self.form:
            case "number":
                return (1.0 if not self.counted or self.counted & line.bare.stems else 0.6) if new else 0.0
            case "time":
                dated = bool(facts.months - mine.months)
                return 1.0 if dated else (1.0 if new else 0.6) * bool(_TIME.search(plain))
            case "name":
                return float(bool(line.bare.names - self.reading.words))
            case "whether":
                return float(bool(_RULED.search(plain)))
            case _:
                return 0.5

    @cached_property
    def _whole(self) -> float:
        return total(self.telling) or 1.0


@lru_cache(maxsize=256)
def ask(part: Part) -> Asked:
    """Read what is asked: its form in its own words, and what it is about in all that it was given."""
    plain = fold(part.text)
    found = [(match.start(), form) for form, pattern in _FORMS[:-1] if (match := pattern.search(plain))]
    form: Form = min(found, key=lambda each: each[0])[1] if found else "other"
    if not found and _FORMS[-1][1].search(plain):
        form = "whether"
    match = _COUNTED.search(plain)
    counted = (
        frozenset(stem(word) for word in words(match[1]) if word not in STOPWORDS) if match else frozenset()
    )
    return Asked(part.text, read(part.whole), form, counted)
