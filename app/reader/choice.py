"""Choose which ranked sentences make the answer, in which order, and what to say about documents that disagree."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from app.events import Passage
from app.reader.asked import Asked
from app.reader.rank import MOST, Candidate, held
from app.support.claim import lead
from vectorstore.language.marks import NUMBERED

_ENOUGH = 0.5
"""Probability that the answer is among what is quoted, from which on nothing more is quoted."""
_ROOM = 36
"""Words from which on nothing more is quoted."""
_LONGEST = 40
"""Words that a quote may have with the sentence beside it."""
_BEHIND = 1.0
"""How far behind the best a sentence may rank, in log-odds."""
_STEPS = 12
_SAME = 0.75


@dataclass(frozen=True, slots=True)
class Choice:
    """Sentences of the answer that follow each other in one passage, and words to say before them."""

    candidates: tuple[Candidate, ...]
    passage: Passage
    lead: str = ""

    @property
    def words(self) -> int:
        """How long it is."""
        return sum(_size(each) for each in self.candidates)


def choose(
    asked: Asked,
    ranked: Sequence[Candidate],
    passages: Sequence[Passage],
    *,
    said: Sequence[Choice],
    most: int = MOST,
    language: str,
) -> list[Choice]:
    """Return what to quote, the best first: one quote, and others while there is room.

    Where two documents of different dates state different values for the same thing, the newer comes first
    and both dates are named.
    """
    spoken = [each for choice in said for each in choice.candidates]
    chosen: list[Choice] = []
    for one in ranked:
        words = sum(choice.words for choice in chosen)
        sentences = [each for choice in chosen for each in choice.candidates]
        if len(chosen) >= most or words >= _ROOM or held(sentences, ranked) >= _ENOUGH:
            break
        if any(_repeats(one, other) for other in spoken):
            continue
        quote = _quote(asked, one, ranked, spoken)
        spoken += quote
        chosen.append(Choice(quote, passages[one.passage]))
    return _dated(asked, chosen, ranked, passages, language=language) if chosen else []


def _quote(
    asked: Asked, one: Candidate, ranked: Sequence[Candidate], spoken: Sequence[Candidate]
) -> tuple[Candidate, ...]:
    """Return the sentence with what belongs to it: the steps around it, the list that it announces, its neighbour."""
    if asked.form == "way" and NUMBERED.match(one.line.text) and (steps := _steps(one, ranked)):
        return steps
    if one.line.text.rstrip("* _").endswith((":", "：")):
        return (one, *_announced(asked, one, ranked))
    beside = (
        other
        for other in ranked
        if other.passage == one.passage
        and abs(other.place - one.place) == 1
        and "row" not in (one.line.kind, other.line.kind)
        and other.score >= one.score - _BEHIND
        and _size(one) + _size(other) <= _LONGEST
        and not any(_repeats(other, known) for known in (*spoken, one))
    )
    pair = (one, *list(beside)[:1])
    return tuple(sorted(pair, key=lambda each: each.place))


def _announced(asked: Asked, one: Candidate, ranked: Sequence[Candidate]) -> Iterator[Candidate]:
    """Yield what a lead-in announces: all the steps, where they are asked for, else items as long as there is room."""
    places = {each.place: each for each in ranked if each.passage == one.passage}
    place, size = one.place + 1, _size(one)
    first = places.get(place)
    if first and asked.form == "way" and NUMBERED.match(first.line.text):
        yield from _steps(first, ranked)
        return
    while (following := places.get(place)) and size + _size(following) <= _LONGEST:
        if first and following.line.kind != first.line.kind:
            break
        yield following
        place, size = place + 1, size + _size(following)


def _steps(one: Candidate, ranked: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Return the whole numbered list that a sentence stands in, in its order; nothing where it is too long."""
    places = {each.place: each for each in ranked if each.passage == one.passage}
    first = last = one.place
    while (
        (before := places.get(first - 1)) and before.line.kind in ("item", "prose") and _listed(before, one)
    ):
        first -= 1
    while (after := places.get(last + 1)) and _listed(after, one):
        last += 1
    steps = tuple(places[place] for place in range(first, last + 1))
    return steps if 1 < len(steps) <= _STEPS else ()


def _listed(other: Candidate, one: Candidate) -> bool:
    return bool(NUMBERED.match(other.line.text)) and other.line.frame == one.line.frame


def _size(candidate: Candidate) -> int:
    return len(candidate.line.text.split())


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
        return [first, second]
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
        if one.score >= ranked[0].score - 2 * _BEHIND and _disagree(asked, best.candidates[0], one):
            yield Choice((one,), passage)


def _disagree(asked: Asked, one: Candidate, other: Candidate) -> bool:
    """Say whether both speak of the same thing and give different values with the same unit."""
    held, also = asked.telling & one.framed.stems, asked.telling & other.framed.stems
    same, either = held & also, held | also
    if (
        len(same) < 2
        or len(same) < 0.7 * len(either)
        or not asked.telling & one.bare.stems & other.bare.stems
    ):
        return False
    alike = one.bare.stems & other.bare.stems
    if len(alike) < 0.5 * min(len(one.bare.stems), len(other.bare.stems)):
        return False
    days, others_days = one.framed.facts.ordinals, other.framed.facts.ordinals
    if days and others_days and days.isdisjoint(others_days):
        return False
    units, others = _values(one), _values(other)
    return any(units[unit].isdisjoint(others[unit]) for unit in units.keys() & others.keys())


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
