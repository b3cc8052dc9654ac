"""The answer as it grows: its markers resolved, made inert, its sentences checked as they close.

Every word that leaves a turn goes through here, whoever wrote it, and nowhere else becomes `Text`.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from app.events import (
    Citation,
    Citations,
    Event,
    Failed,
    FollowUps,
    Passage,
    SentenceChecked,
    Started,
    Status,
    Text,
)
from app.guard import LinkGuard, inert
from app.support.claim import claim
from app.support.ground import Grounding
from vectorstore.language.marks import MARKER, MARKER_BEGUN, numbers
from vectorstore.language.sentences import SentenceStream
from vectorstore.printable import Printable

_GROUP = re.compile(rf" {{0,60}}{MARKER.pattern}")
_UNFINISHED = re.compile(rf"\s{{0,60}}{MARKER_BEGUN.pattern}|\s{{1,60}}\Z")
_REACH = 130
"""More characters than an unfinished marker may have, with the space before it."""


class Markers:
    """A streaming filter: every `[n]` in what it lets out names one of the `known` numbers.

    Feeding in any pieces gives the same text as feeding the whole.
    """

    def __init__(self, known: Iterable[int] = ()) -> None:
        self._known = frozenset(known)
        self._held = ""
        self._tail = ""

    def feed(self, delta: str) -> str:
        """Take more text; return what is certain of it. White space at the end waits for what follows."""
        text = self._held + delta
        unfinished = _UNFINISHED.search(text, max(0, len(text) - _REACH))
        cut = unfinished.start() if unfinished else len(text)
        self._held = text[cut:]
        return self._resolved(text[:cut])

    def finish(self) -> str:
        """Return what was still held back, without white space at the end."""
        held, self._held = self._held.rstrip(), ""
        return self._resolved(held)

    def _resolved(self, text: str) -> str:
        out, position = [""], 0
        for group in _GROUP.finditer(text):
            out.append(text[position : group.start()])
            known = [number for number in numbers(group) if number in self._known]
            if known:
                spaces = group[0].partition("[")[0]
                out.append(spaces + "".join(f"[{number}]" for number in known))
            elif MARKER_BEGUN.search((self._tail + "".join(out[-8:]))[-_REACH:]):
                # What stands around a dropped marker must not close up to another one.
                out.append("…")
            position = group.end()
        out.append(text[position:])
        resolved = "".join(out)
        self._tail = (self._tail + resolved)[-_REACH:]
        return resolved


Check: TypeAlias = Callable[[str, Sequence[Passage]], Grounding]


def own_words(text: str) -> Text:
    """Say something that is no answer from passages: inert, and without markers, which would name none."""
    markers = Markers()
    return Text(inert(markers.feed(text) + markers.finish()))


def fit_to_leave(event: Event) -> Event:
    """Make an event's own sentences inert. Quotes, titles and texts of documents are fields, and stay verbatim."""
    match event:
        case Started():
            return replace(event, notice=inert(event.notice))
        case Status():
            return replace(event, detail=inert(event.detail))
        case FollowUps(questions):
            return FollowUps(tuple(inert(question) for question in questions))
        case Failed():
            return replace(event, message=inert(event.message))
        case _:
            return event


@dataclass(frozen=True, slots=True)
class _Marker:
    number: int
    start: int
    end: int


class Transcript:
    """Turns raw deltas into Text, SentenceChecked and, at the end, Citations.

    A marker that names no passage is dropped, so that every `[n]` a client sees resolves. Offsets count the text
    as it leaves.
    """

    def __init__(self, passages: Sequence[Passage], *, check: Check, allowed_links: Sequence[str]) -> None:
        self._passages = {passage.number: passage for passage in passages}
        self._check = check
        # Before markers are read: a character that does not leave could hide in one.
        self._printable = Printable()
        self._resolved = Markers(self._passages)
        self._guard = LinkGuard(allowed_links)
        self._sentences = SentenceStream(quotations=True)
        self._markers: list[_Marker] = []
        self._citations: list[Citation] = []
        self._last: tuple[int, str] | None = None
        self.text = ""

    def feed(self, delta: str) -> Iterator[Event]:
        """Take more raw text; yield what can be shown."""
        yield from self._show(self._guard.feed(self._resolved.feed(self._printable.feed(delta))))

    @property
    def cited(self) -> frozenset[int]:
        """The numbers of the passages that the answer cites so far."""
        return frozenset(marker.number for marker in self._markers)

    def finish(self, note: str = "") -> Iterator[Event]:
        """Yield what was held back, the last sentences, a note of our own, and the citations."""
        last = self._resolved.feed(self._printable.finish()) + self._resolved.finish()
        yield from self._show(self._guard.feed(last) + self._guard.finish())
        for start, end in self._sentences.finish():
            yield from self._closed(start, end)
        if left := self._markers[len(self._citations) :]:
            self._cite(left, "", (left[0].start, len(self.text)))
        if note:
            added = own_words(note).delta
            added = f"\n\n{added}" if self.text else added
            self.text += added
            yield Text(added)
        if self._citations:
            yield Citations(tuple(self._citations))

    def _show(self, delta: str) -> Iterator[Event]:
        if not delta:
            return
        before = self._markers[-1].end if self._markers else 0
        seen = max(before, len(self.text) - 4)
        self.text += delta
        for shown in MARKER.finditer(self.text, seen):
            self._markers += [
                _Marker(number, *shown.span()) for number in numbers(shown) if number in self._passages
            ]
        yield Text(delta)
        for start, end in self._sentences.feed(delta):
            yield from self._closed(start, end)

    def _closed(self, start: int, end: int) -> Iterator[Event]:
        claimed = claim(self.text, start, end, list(self._passages.values()))
        markers = [marker for marker in self._markers[len(self._citations) :] if marker.start < end]
        if not claimed:
            # A marker on a line of its own cites for the sentence before it.
            if self._last:
                self._cite(markers, self._last[1], (self._last[0], end))
            return
        self._last = start, claimed
        cited = [self._passages[number] for number in dict.fromkeys(marker.number for marker in markers)]
        whole = self._check(claimed, cited or list(self._passages.values()))
        yield SentenceChecked(start, end, whole.verdict, whole.support)
        begin = min([start, *(marker.start for marker in markers)])
        self._cite(markers, claimed, (begin, end), whole=whole if len(cited) == 1 else None)

    def _cite(
        self,
        markers: Sequence[_Marker],
        claimed: str,
        span: tuple[int, int],
        *,
        whole: Grounding | None = None,
    ) -> None:
        """Tie markers to what their passages hold of the claim; `whole` is the only passage's."""
        numbers = {marker.number for marker in markers}
        alone = {number: whole or self._check(claimed, [self._passages[number]]) for number in numbers}
        for marker in markers:
            passage, found = self._passages[marker.number], alone[marker.number]
            self._citations.append(
                Citation(
                    number=marker.number,
                    marker=(marker.start, marker.end),
                    claim=span,
                    document=passage.document,
                    evidence=found.evidence,
                    quote=found.quote,
                    support=found.support,
                )
            )
