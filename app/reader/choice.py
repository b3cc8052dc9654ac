"""Choose which ranked sentences make the answer, in which order, and what to say about documents that disagree."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from app.events import Passage
from app.reader.asked import HOLDS, STRICT, Asked
from app.reader.rank import Candidate
from app.support.claim import lead

_MUCH = 4
"""Telling words of its own by which a sentence is about something else."""
_BEHIND = 7.0
"""How far behind the best a sentence may rank, in log-odds."""
_BEHIND_STRICT = 4.0
"""The same in questions for one number, date, name or code."""
_AGED = 1.5
"""What a document two years older than the newest loses, in log-odds."""
_SAME = 0.75
_LONGEST = 700
_SHORT = 250
"""Characters up to which one sentence more is said: the right one is often the fourth, seldom the fifth."""
_BRIEF = 300
"""Characters up to which the sentence beside the best one is said as well."""
_FORMED = STRICT | {"why"}
"""Kinds whose answer a sentence either holds or does not."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A sentence of the answer, its passage, and words to say before it."""

    candidate: Candidate
    passage: Passage
    lead: str = ""


def choose(
    asked: Asked,
    ranked: Sequence[Candidate],
    passages: Sequence[Passage],
    *,
    said: Sequence[Choice],
    most: int,
    language: str,
) -> list[Choice]:
    """Return the sentences to say, the best first, then in reading order.

    Where two documents of different dates state different values for the same thing, the newer comes first
    and both dates are named.
    """
    fresh = [one for one in ranked if not any(_repeats(one, choice.candidate) for choice in said)]
    fresh = _newer_first(fresh, passages)
    if not fresh:
        return []
    best, *others = _best(asked, fresh, most=most)
    chosen = [best, *sorted(others, key=_place)]
    choices = [
        Choice(one, passages[one.passage]) for one in (*chosen, *_more(asked, fresh, chosen, most=most))
    ]
    return _dated(asked, choices, fresh, passages, language=language)


def _newer_first(ranked: Sequence[Candidate], passages: Sequence[Passage]) -> list[Candidate]:
    """Raise the sentences of newer documents a little: rules are replaced more often than they are taken back."""
    dates = {one.passage: date_ for one in ranked if (date_ := _date(passages[one.passage]))}
    if not dates:
        return list(ranked)
    newest = max(dates.values())
    aged = [
        replace(one, score=one.score - _AGED * min(1.0, (newest - dates.get(one.passage, newest)).days / 730))
        for one in ranked
    ]
    return sorted(aged, key=lambda one: -one.score)


def _place(candidate: Candidate) -> tuple[int, int]:
    return candidate.passage, candidate.place


def _best(asked: Asked, ranked: Sequence[Candidate], *, most: int) -> list[Candidate]:
    best, *others = _near_enough(asked, ranked)
    chosen = [best]
    for one in others:
        if len(chosen) == most or _length(chosen) > _LONGEST:
            break
        if not any(_repeats(one, other) for other in chosen):
            chosen.append(one)
    return chosen


def _more(
    asked: Asked, ranked: Sequence[Candidate], chosen: Sequence[Candidate], *, most: int
) -> list[Candidate]:
    """Return what an answer still needs or has room for.

    That is a sentence with the form of answer asked for if none has it, the next best while the answer is short,
    and what stands beside the best sentence: its reason, its exception, what to do about it.
    """
    said = list(chosen)
    if asked.kind in _FORMED and not any(one.signals["kind"] >= HOLDS for one in said):
        formed = (one for one in ranked if one.passage == said[0].passage and one.signals["kind"] >= HOLDS)
        said += [one for one in formed if not any(_repeats(one, other) for other in said)][:1]
    near = [one for one in _near_enough(asked, ranked) if not any(_repeats(one, other) for other in said)]
    if len(chosen) == most and _length(said) <= _SHORT:
        said += near[:1]
        near = [one for one in near[1:] if not _repeats(one, said[-1])]
    if _length(said) <= _BRIEF:
        said += [one for one in near if _beside(one, chosen[0])][:1]
    return said[len(chosen) :]


def _near_enough(asked: Asked, ranked: Sequence[Candidate]) -> list[Candidate]:
    behind = _BEHIND_STRICT if asked.kind in STRICT else _BEHIND
    return [one for one in ranked if one.score >= ranked[0].score - behind]


def _length(said: Sequence[Candidate]) -> int:
    return sum(len(one.line.text) for one in said)


def _beside(one: Candidate, other: Candidate) -> bool:
    """Say whether the sentences follow each other; a table's rows have nothing to do with each other."""
    rows = "row" in (one.line.kind, other.line.kind)
    return one.passage == other.passage and abs(one.place - other.place) == 1 and not rows


def _repeats(one: Candidate, other: Candidate) -> bool:
    """Say whether one sentence says hardly more than the other, numbers included."""
    if one.line.text == other.line.text:
        return True
    if not one.bare.facts.numbers <= other.bare.facts.numbers or one.line.kind == "row":
        return False
    shared = len(one.bare.stems & other.bare.stems)
    return shared >= _SAME * max(1, len(one.bare.stems)) and len(one.bare.stems) <= len(other.bare.stems)


def _dated(
    asked: Asked,
    choices: list[Choice],
    ranked: Sequence[Candidate],
    passages: Sequence[Passage],
    *,
    language: str,
) -> list[Choice]:
    """Put the newer of two disagreeing documents first and name both dates."""
    best = choices[0]
    for other in _disagreeing(asked, best, ranked, passages):
        newer, older = sorted(
            (best, other), key=lambda choice: _date(choice.passage) or date.min, reverse=True
        )
        first = replace(newer, lead=lead("newer", newer.passage.document, language))
        second = replace(older, lead=lead("older", older.passage.document, language))
        rest = [
            choice for choice in choices[1:] if choice.candidate not in (newer.candidate, older.candidate)
        ]
        kept = [choice for choice in rest if choice.passage.document.id == newer.passage.document.id]
        return [first, second, *kept[:2]]
    return choices


def _disagreeing(
    asked: Asked, best: Choice, ranked: Sequence[Candidate], passages: Sequence[Passage]
) -> Iterator[Choice]:
    best_date = _date(best.passage)
    for one in ranked:
        passage = passages[one.passage]
        other_date = _date(passage)
        apart = passage.document.id != best.passage.document.id
        if not (apart and best_date and other_date) or best_date == other_date:
            continue
        if one.score >= ranked[0].score - 2 * _BEHIND and _disagree(asked, best.candidate, one):
            yield Choice(one, passage)


def _disagree(asked: Asked, one: Candidate, other: Candidate) -> bool:
    """Say whether both speak of the same thing and give different values with the same unit."""
    held, also = asked.held(one.framed.stems), asked.held(other.framed.stems)
    same = [item for item in held if held[item] > 0.3 and also[item] > 0.3]
    either = [item for item in held if held[item] > 0.3 or also[item] > 0.3]
    if len(same) < 2 or len(same) < 0.7 * len(either) or not _of_one_thing(asked, one, other):
        return False
    units, others = _values(one), _values(other)
    return any(units[unit].isdisjoint(others[unit]) for unit in units.keys() & others.keys())


def _of_one_thing(asked: Asked, one: Candidate, other: Candidate) -> bool:
    """Say whether the sentences, without their headings, share a word of the question and name no other quarter.

    One that says much of its own, and none of it the other's, is about something else.
    """
    held, also = asked.held(one.bare.stems), asked.held(other.bare.stems)
    quarters, others = _quarters(one), _quarters(other)
    apart = quarters and others and quarters.isdisjoint(others)
    first, second = _own(asked, one), _own(asked, other)
    foreign = first.isdisjoint(second) and max(len(first), len(second)) >= _MUCH
    return not apart and not foreign and any(min(held[item], also[item]) > 0.3 for item in held)


def _own(asked: Asked, candidate: Candidate) -> set[str]:
    """Return what the sentence says besides the question's words, numbers and units."""
    units = {measure.split("|")[1] for measure in candidate.bare.facts.measures}
    return {item for item in candidate.bare.stems - asked.reading.stems - units if item.isalpha()}


def _quarters(candidate: Candidate) -> set[str]:
    return {name for name in candidate.framed.facts.specifics if name.startswith("quarter ")}


def _values(candidate: Candidate) -> dict[str, set[str]]:
    """Return the sentence's numbers by unit."""
    values: dict[str, set[str]] = {}
    for measure in candidate.bare.facts.measures:
        number, unit = measure.split("|")
        values.setdefault(unit, set()).add(number)
    return values


def _date(passage: Passage) -> date | None:
    modified = passage.document.modified
    return modified.date() if modified else None
