"""The values that the documents of a generation have in one field, in order: conditions are met by where they stand."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Generic, TypeAlias, TypeVar, cast, overload

import numpy as np
import numpy.typing as npt

from vectorstore.index.catalog.table import Change, Places
from vectorstore.index.conditions import Single, matches, time_given
from vectorstore.types import Condition

Pair: TypeAlias = tuple[int, object]
"""Where a document stands, and a value of it: several where it has several."""
Number: TypeAlias = int | float
_Values = TypeVar("_Values", bound=Sequence[object])
_Span: TypeAlias = tuple[int, int]

_ENCODING = "utf-8", "surrogatepass"
_OBJECT = 40
"""Bytes of a number in a list, about."""


class Texts(Sequence[str]):
    """Texts in ascending order by code point, none twice: packed, as an object for each would take several times as much.

    Immutable.
    """

    def __init__(self, content: bytes, ends: npt.NDArray[np.int64]) -> None:
        self._content = content
        # The first one begins where none has ended.
        self._bounds = np.concatenate([np.zeros(1, np.int64), ends])

    def __len__(self) -> int:
        return len(self._bounds) - 1

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> "Texts": ...
    def __getitem__(self, place: int | slice) -> "str | Texts":
        if isinstance(place, slice):
            return packed(self[number] for number in range(*place.indices(len(self))))
        if not 0 <= place < len(self):
            raise IndexError(place)
        return self._content[self._bounds[place] : self._bounds[place + 1]].decode(*_ENCODING)

    @property
    def size(self) -> int:
        """Bytes in memory."""
        return len(self._content) + self._bounds.nbytes

    def merged(self, more: Sequence[str]) -> tuple["Texts", npt.NDArray[np.int64]]:
        """Return these with more, which ascend and are not among them, and before which of these each of them goes."""
        before = np.array([bisect_left(self, text) for text in more], np.int64)
        fresh = [text.encode(*_ENCODING) for text in more]
        cuts = [0, *self._bounds[before].tolist(), len(self._content)]
        pieces = [self._content[cuts[0] : cuts[1]]]
        for text, start, end in zip(fresh, cuts[1:], cuts[2:], strict=False):
            pieces += text, self._content[start:end]
        lengths = np.insert(np.diff(self._bounds), before, [len(text) for text in fresh])
        return Texts(b"".join(pieces), np.cumsum(lengths)), before


def packed(texts: Iterable[str]) -> Texts:
    """Pack texts that come in ascending order, none twice."""
    encoded = [text.encode(*_ENCODING) for text in texts]
    return Texts(b"".join(encoded), np.cumsum([len(each) for each in encoded], dtype=np.int64))


@dataclass(frozen=True, slots=True)
class _Held(Generic[_Values]):
    """Distinct values, and for each document and value of its own the two numbers."""

    values: _Values
    places: Places
    numbers: Places
    whole: bool = False
    """Whether these are the first, second … document, each with one value."""

    def moved(
        self, change: Change, values: _Values, before: Sequence[int] | npt.NDArray[np.int64]
    ) -> "_Held[_Values]":
        """Return what still stands, when to the values some were added, each `before` one of those there were."""
        places = change.moved[self.places]
        stays = places >= 0
        numbers = self.numbers[stays]
        shifted = numbers + np.searchsorted(before, numbers, "right").astype(np.int32)
        return _Held(values, places[stays], shifted)

    def joined(self, more: Sequence[Pair], numbers: Iterable[int]) -> "_Held[_Values]":
        """Return this with more documents' values, given by their numbers."""
        fresh = np.fromiter((place for place, _ in more), np.int32, len(more))
        places = np.concatenate([self.places, fresh])
        order = np.argsort(places, kind="stable")
        places = places[order]
        known = np.concatenate([self.numbers, np.fromiter(numbers, np.int32, len(more))])[order]
        return _Held(self.values, places, known, np.array_equal(places, np.arange(len(places))))

    def mark(self, mask: npt.NDArray[np.bool_], spans: Iterable[_Span]) -> None:
        """Set what has a value in one of these spans."""
        flags = np.zeros(len(self.values), bool)
        for first, last in spans:
            flags[first:last] = True
        if self.whole and len(self.numbers) == len(mask):
            mask |= flags[self.numbers]
        elif flags.any():
            mask[self.places[flags[self.numbers]]] = True


class Field:
    """One field of all documents. `timed` is one of times, which are given as texts. Immutable."""

    def __init__(
        self, texts: _Held[Texts], numbers: _Held[list[Number]], others: _Held[list[object]], *, timed: bool
    ) -> None:
        self._texts = texts
        self._numbers = numbers
        self._others = others
        self._timed = timed

    @property
    def size(self) -> int:
        """Bytes in memory, about."""
        held = (self._texts, self._numbers, self._others)
        objects = len(self._numbers.values) + len(self._others.values)
        return (
            self._texts.values.size
            + objects * _OBJECT
            + sum(each.places.nbytes + each.numbers.nbytes for each in held)
        )

    def meeting(self, condition: Condition, count: int) -> npt.NDArray[np.bool_]:
        """Say of each of `count` documents whether it meets the condition, as `conditions.admits` does."""
        mask = np.zeros(count, bool)
        spans = _times if self._timed else _texts
        self._texts.mark(mask, spans(condition, self._texts.values))
        self._numbers.mark(mask, _numbers(condition, self._numbers.values))
        self._others.mark(mask, _others(condition, self._others.values))
        return mask

    def ranks(self, count: int) -> tuple[Places, Texts]:
        """Return for each of `count` documents, which all have one text, its rank among the texts, and these."""
        ranks = np.empty(count, np.int32)
        ranks[self._texts.places] = self._texts.numbers
        return ranks, self._texts.values

    def after(self, change: Change, fresh: Iterable[Pair]) -> "Field | None":
        """Return the field when documents have come and gone; None where it should rather be read anew."""
        texts, numbers, others = _parted(fresh)
        made = Field(
            _texts_after(self._texts, change, texts),
            _numbers_after(self._numbers, change, numbers),
            _others_after(self._others, change, others),
            timed=self._timed,
        )
        used, held = len(made._texts.numbers), len(made._texts.values)
        return None if held > 2 * used + 10_000 else made


def field_of(pairs: Iterable[Pair], *, timed: bool) -> Field:
    """Make a field of all documents' values."""
    none = np.empty(0, np.int32)
    texts, numbers, others = _parted(pairs)
    ordered = sorted({text for _, text in texts})
    rank = {text: number for number, text in enumerate(ordered)}
    held = _Held(packed(ordered), none, none).joined(texts, (rank[text] for _, text in texts))
    nothing = Change(none, none)
    return Field(
        held,
        _numbers_after(_Held([], none, none), nothing, numbers),
        _others_after(_Held([], none, none), nothing, others),
        timed=timed,
    )


def _parted(
    pairs: Iterable[Pair],
) -> tuple[list[tuple[int, str]], list[tuple[int, Number]], list[tuple[int, object]]]:
    texts, numbers, others = [], [], []
    for place, value in pairs:
        if isinstance(value, str):
            texts.append((place, value))
        elif isinstance(value, int | float) and not isinstance(value, bool) and not isnan(value):
            numbers.append((place, value))
        else:
            others.append((place, value))
    return texts, numbers, others


def _texts_after(held: _Held[Texts], change: Change, fresh: Sequence[tuple[int, str]]) -> _Held[Texts]:
    unknown = sorted({text for _, text in fresh if _place(held.values, text) is None})
    values, before = held.values.merged(unknown) if unknown else (held.values, np.empty(0, np.int64))
    numbers = (bisect_left(values, text) for _, text in fresh)
    return held.moved(change, values, before).joined(fresh, numbers)


def _numbers_after(
    held: _Held[list[Number]], change: Change, fresh: Sequence[tuple[int, Number]]
) -> _Held[list[Number]]:
    unknown = sorted({number for _, number in fresh if _place(held.values, number) is None})
    before = [bisect_left(held.values, number) for number in unknown]
    values = sorted(held.values + unknown) if unknown else held.values
    return held.moved(change, values, before).joined(fresh, (bisect_left(values, each) for _, each in fresh))


def _others_after(held: _Held[list[object]], change: Change, fresh: Sequence[Pair]) -> _Held[list[object]]:
    known = {repr(value): number for number, value in enumerate(held.values)}
    values = list(held.values)
    for _, value in fresh:
        if repr(value) not in known:
            known[repr(value)] = len(values)
            values.append(value)
    return held.moved(change, values, []).joined(fresh, (known[repr(value)] for _, value in fresh))


def _place(values: Sequence, value: object) -> int | None:  # type: ignore[type-arg]
    place = bisect_left(values, value)
    return place if place < len(values) and values[place] == value else None


def _texts(condition: Condition, values: Texts) -> Iterator[_Span]:
    match condition.op:
        case "eq" | "in":
            places = (_place(values, each) for each in condition.values if isinstance(each, str))
            yield from ((place, place + 1) for place in places if place is not None)
        case "prefix":
            yield _beginning(values, str(condition.values[0]))
        case "range":
            low, high = condition.values
            if all(each is None or isinstance(each, str) for each in (low, high)):
                first = 0 if low is None else bisect_left(values, str(low))
                yield first, len(values) if high is None else bisect_right(values, str(high))


def _times(condition: Condition, values: Texts) -> Iterator[_Span]:
    """Compare as far as the given time goes."""
    if condition.op != "range":
        yield from (_beginning(values, time_given(str(each))) for each in condition.values)
        return
    low, high = condition.values
    first = 0 if low is None else bisect_left(values, time_given(str(low)))
    yield first, len(values) if high is None else _beginning(values, time_given(str(high)))[1]


def _beginning(values: Texts, start: str) -> _Span:
    """Return where the texts stand that begin so; where there are none, where they would."""
    first = bisect_left(values, start)
    return first, bisect_right(values, start, lo=first, key=lambda text: text[: len(start)])


def _numbers(condition: Condition, values: list[Number]) -> Iterator[_Span]:
    given = [each for each in condition.values if isinstance(each, int | float) and not isnan(each)]
    if condition.op in {"eq", "in"}:
        places = (_place(values, each) for each in given if not isinstance(each, bool))
        yield from ((place, place + 1) for place in places if place is not None)
    elif condition.op == "range" and len(given) == sum(each is not None for each in condition.values):
        low, high = condition.values
        first = 0 if low is None else bisect_left(values, low)
        yield first, len(values) if high is None else bisect_right(values, high)


def _others(condition: Condition, values: list[object]) -> Iterator[_Span]:
    """Ask of each by itself: true and false, and what cannot be put in order."""
    yield from (
        (number, number + 1) for number, each in enumerate(values) if matches(condition, cast(Single, each))
    )
