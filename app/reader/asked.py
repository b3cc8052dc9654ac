"""What a question asks about: its telling words, and the form that its question word wants of an answer."""

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import fsum
from typing import Literal, TypeAlias

from app.language.reading import Reading, read
from app.question import Part
from vectorstore.language.words import fold, rarity, total

Form: TypeAlias = Literal["number", "time", "name", "other"]
"""What can be seen of an answer: a figure, a time or date, a name, or nothing of the kind."""

_FORMS: tuple[tuple[Form, re.Pattern[str]], ...] = (
    ("time", re.compile(r"\b(?:when|what time|which day|wann|um wie viel uhr|cuándo|quand|когда)\b|什么时候|何时")),
    (
        "number",
        re.compile(
            r"\bhow (?!do\b|does\b|did\b|can\b|to\b|is\b|are\b|was\b|come\b)\w+|\bwie ?(?:viele?|lange|oft|hoch|groß|weit|alt|breit)\b"
            r"|\bcuánt[oa]s?\b|\bcombien\b|\bсколько\b|多少|几|多长|多久"
        ),
    ),
    ("name", re.compile(r"\b(?:who|whom|whose|wer|wem|wen|wessen|quién|quiénes|qui|кто|кому)\b|谁")),
)  # fmt: skip
_STEPS = re.compile(r"\b(?:how (?:do|does|did|can|could|should|to)|wie|cómo|comment|как)\b|怎么|如何")
_TIME = re.compile(r"\d|\b(?:noon|midnight|(?:mon|tues|wednes|thurs|fri|satur|sun)day)s?\b")


@dataclass(frozen=True)
class Asked:
    """A question as read: its words, the stems that an answer should share with it, and the form it wants."""

    text: str
    reading: Reading
    form: Form
    steps: bool
    """Whether it asks how something is done."""

    @property
    def telling(self) -> frozenset[str]:
        """The stems of its content words."""
        return self.reading.stems

    def coverage(self, stems: frozenset[str]) -> float:
        """Return the share of the question's telling words that these stems hold, rare words weighing more."""
        return fsum(rarity(item) for item in self.telling & stems) / self._whole

    def formed(self, sentence: Reading) -> bool:
        """Say whether a sentence holds, beside what the question says, the form that it wants."""
        facts, mine = sentence.facts, self.reading.facts
        new = (facts.numbers | facts.counted) - mine.numbers - mine.counted
        match self.form:
            case "number":
                return bool(new)
            case "time":
                return bool(new or facts.months - mine.months or _TIME.search(sentence.plain))
            case "name":
                return bool(sentence.names - self.reading.words)
            case _:
                return True

    @cached_property
    def _whole(self) -> float:
        return total(self.telling) or 1.0


@lru_cache(maxsize=256)
def ask(part: Part) -> Asked:
    """Read what is asked: its form in its own words, and what it is about in all that it was given."""
    plain = fold(part.text)
    found = [(match.start(), form) for form, pattern in _FORMS if (match := pattern.search(plain))]
    form: Form = min(found)[1] if found else "other"
    return Asked(part.text, read(part.whole), form, form == "other" and bool(_STEPS.search(plain)))
