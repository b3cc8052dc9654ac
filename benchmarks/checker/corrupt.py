"""Change a sentence so that what it says is no longer what its source says."""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.checker.lexicon import ANTONYMS, MODALS, UNITS, forms, groups

_NUMBER = re.compile(r"(?<![\w.,-])\d+(?:[.,]\d+)*(?![\w-])")
_NAME = re.compile(r"(?<=[\w,] )(?:[A-Z][\w’'-]+|[A-Z]{2,8})(?: (?:of |the )?[A-Z][\w’'-]+){0,3}")
_FIRST_NAME = re.compile(
    r"\A[A-Z][a-z’'-]+(?: [A-Z][\w’'-]+){1,3}(?= (?:is|was|has|had|are|were|will|can)\b)"
)
_PHRASE = re.compile(
    r"\b(?:the|its|his|her|our|your|any|for|new|an?|of|by|in|on|to|or|and|with|from|that|this) "
    r"([a-z]{4,}(?: [a-z]{4,})?)"
    r"(?=[,.;]| (?:of|in|for|to|with|and|that|which|is|are|was|were|from|by|on|at|or)\b)"
)
_PREDICATE = re.compile(r"\b(?:is|are|was|were|has|have|had|can|must|will|should|may|does|did|provides?|uses?|requires?|became|includes?|contains?)\b")  # fmt: skip
CLAUSE = re.compile(r"(?:,| )(?: ?)(?:which|who|where|because|as|although|after|before|when|including|with|in order to|so that|unless|if|for|during|in|and|at|by) [^,;:.()]{12,80}(?=\.\Z)")  # fmt: skip
_WORD = re.compile(r"[A-Za-z][a-z]+")

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Change:
    """A changed sentence, what kind of change it was, and where it is."""

    text: str
    kind: str
    span: Span


@dataclass
class Pool:
    """What other sentences hold, to put in place of what this one holds."""

    names: dict[int, list[str]] = field(default_factory=dict)
    numbers: list[str] = field(default_factory=list)
    phrases: dict[int, list[str]] = field(default_factory=dict)
    clauses: list[str] = field(default_factory=list)
    predicates: list[str] = field(default_factory=list)

    def add(self, sentence: str) -> None:
        """Take in a sentence."""
        sentence = " ".join(sentence.split())
        for name in _NAME.findall(sentence):
            self.names.setdefault(len(name.split()), []).append(name)
        for phrase in _PHRASE.findall(sentence):
            self.phrases.setdefault(len(phrase.split()), []).append(phrase)
        self.numbers += _NUMBER.findall(sentence)
        clause = CLAUSE.search(sentence)
        if clause:
            self.clauses.append(clause[0])
        halves = _halves(sentence)
        if halves:
            self.predicates.append(halves[1])


def changes(sentence: str, draw: random.Random, *, near: Pool, far: Pool) -> list[Change]:
    """Return one change of each kind that the sentence allows; `near` is its own passage, `far` its corpus."""
    pool = near if draw.random() < 0.5 else far
    found = (rule(sentence, draw, pool) or rule(sentence, draw, far) for rule in _RULES)
    return [change for change in found if change and change.text != sentence]


def _put(sentence: str, span: Span, other: str, kind: str) -> Change:
    text = sentence[: span[0]] + other + sentence[span[1] :]
    return Change(text, kind, (span[0], span[0] + max(1, len(other))))


def _number(sentence: str, draw: random.Random, pool: Pool) -> Change | None:
    found = list(_NUMBER.finditer(sentence))
    if not found:
        return None
    old = draw.choice(found)
    alike = [n for n in pool.numbers if n != old[0] and len(n) == len(old[0]) and n not in sentence]
    if alike and draw.random() < 0.6:
        return _put(sentence, old.span(), draw.choice(alike), "number")
    digits = list(old[0])
    places = [n for n, digit in enumerate(digits) if digit.isdigit()]
    place = draw.choice(places[-2:])
    digits[place] = draw.choice([d for d in "123456789" if d != digits[place]])
    return _put(sentence, old.span(), "".join(digits), "number")


def _unit(sentence: str, draw: random.Random, _: Pool) -> Change | None:
    for group in draw.sample(UNITS, len(UNITS)):
        for word in draw.sample(group, len(group)):
            found = re.search(rf"\b{word}(s?)\b", sentence)
            if found:
                other = draw.choice([item for item in group if item != word])
                return _put(sentence, found.span(), other + found[1], "unit")
    return None


def _name(sentence: str, draw: random.Random, pool: Pool) -> Change | None:
    found = [*_NAME.finditer(sentence), *_FIRST_NAME.finditer(sentence)]
    if not found:
        return None
    old = draw.choice(found)
    length = len(old[0].split())
    alike = [n for n in pool.names.get(length, ()) if n not in sentence and n.isupper() == old[0].isupper()]
    return _put(sentence, old.span(), draw.choice(alike), "name") if alike else None


def _phrase(sentence: str, draw: random.Random, pool: Pool) -> Change | None:
    found = list(_PHRASE.finditer(sentence))
    if not found:
        return None
    old = draw.choice(found)
    choices = pool.phrases.get(len(old[1].split()), [])
    alike = [
        item
        for item in draw.sample(choices, min(40, len(choices)))
        if item not in sentence and item.endswith("s") == old[1].endswith("s") and item[-3:] != "ing"
    ]
    return _put(sentence, old.span(1), draw.choice(alike), "phrase") if alike else None


def _modal(sentence: str, draw: random.Random, _: Pool) -> Change | None:
    for word in draw.sample(list(MODALS), len(MODALS)):
        found = re.search(rf"(?<![\w'-]){word}(?![\w'-])", sentence)
        if found and not sentence[found.end() :].startswith(" not"):
            other = draw.choice(MODALS[word])
            end = found.end() + (not other and sentence[found.end() : found.end() + 1] == " ")
            return _put(sentence, (found.start(), end), other, "modality")
    return None


def _antonym(sentence: str, draw: random.Random, _: Pool) -> Change | None:
    found = [word for word in _WORD.finditer(sentence) if word[0].lower() in OPPOSED]
    if not found:
        return None
    old = draw.choice(found)
    other = draw.choice(OPPOSED[old[0].lower()])
    return _put(sentence, old.span(), other.capitalize() if old[0][0].isupper() else other, "antonym")


def _mixed(sentence: str, draw: random.Random, pool: Pool) -> Change | None:
    halves = _halves(sentence)
    others = [item for item in pool.predicates if item not in sentence]
    if not halves or not others:
        return None
    start = len(halves[0]) + 1
    other = draw.choice(others)
    return _put(sentence, (start, len(sentence)), other, "mix")


def _appended(sentence: str, draw: random.Random, pool: Pool) -> Change | None:
    others = [item for item in pool.clauses if item not in sentence]
    if not others or not sentence.endswith(".") or len(sentence) > 200:
        return None
    return _put(sentence, (len(sentence) - 1, len(sentence)), draw.choice(others) + ".", "appended")


def _swapped(sentence: str, draw: random.Random, _: Pool) -> Change | None:
    """Let two names of the sentence change places."""
    found = list(_NAME.finditer(sentence))
    if len(found) < 2:
        return None
    first, second = sorted(draw.sample(found, 2), key=lambda match: match.start())
    if first[0] == second[0] or re.search(r"\A(?:,| and| or) ", sentence[first.end() : second.start()] + " "):
        return None
    text = sentence[: first.start()] + second[0] + sentence[first.end() : second.start()] + first[0] + sentence[second.end() :]  # fmt: skip
    return Change(text, "swap", (first.start(), second.end()))


def _halves(sentence: str) -> tuple[str, str] | None:
    found = _PREDICATE.search(sentence, 8)
    if not found or found.start() > len(sentence) * 0.6 or len(sentence) - found.start() < 20:
        return None
    return sentence[: found.start() - 1], sentence[found.start() :]


Rule = Callable[[str, random.Random, Pool], Change | None]
_RULES: Sequence[Rule] = (_number, _unit, _name, _phrase, _modal, _antonym, _mixed, _appended, _swapped)
KINDS = {"number": 0.7, "unit": 1.0, "name": 1.5, "phrase": 1.7, "modality": 1.3, "antonym": 1.5, "mix": 0.8, "appended": 1.2, "swap": 1.2}  # fmt: skip
"""How often each kind is chosen where it is possible, against the others."""


def _opposed() -> dict[str, tuple[str, ...]]:
    found: dict[str, set[str]] = {}
    for first, second in groups(ANTONYMS):
        for word, other in (*forms(first, second), *forms(second, first)):
            found.setdefault(word, set()).add(other)
    return {word: tuple(sorted(others)) for word, others in found.items()}


OPPOSED = _opposed()
