"""The answer as it grows: made inert, its markers resolved, its sentences checked as they close."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from app.claim import MARKER, claim
from app.events import Citation, Citations, Event, Passage, SentenceChecked, Text
from app.ground import Grounding
from app.guard import LinkGuard
from app.language.sentences import SentenceStream

Check: TypeAlias = Callable[[str, Sequence[Passage]], Grounding]

_UNFINISHED = re.compile(r"\s*\[[\d,\s]{0,24}\Z|\s+\Z")


@dataclass(frozen=True, slots=True)
class _Marker:
    number: int
    start: int
    end: int


class Transcript:
    """Turns raw deltas into Text, SentenceChecked and, at the end, Citations.

    A marker that names no passage is dropped, so that every `[n]` a client sees resolves.
    """

    def __init__(self, passages: Sequence[Passage], *, check: Check, allowed_links: Sequence[str]) -> None:
        self._passages = {passage.number: passage for passage in passages}
        self._check = check
        self._guard = LinkGuard(allowed_links)
        self._sentences = SentenceStream(quotations=True)
        self._held = ""
        self._markers: list[_Marker] = []
        self._citations: list[Citation] = []
        self._last: tuple[int, str] | None = None
        self.text = ""

    def feed(self, delta: str) -> Iterator[Event]:
        """Take more raw text; yield what can be shown."""
        self._held += self._guard.feed(delta)
        unfinished = _UNFINISHED.search(self._held)
        cut = unfinished.start() if unfinished else len(self._held)
        ready, self._held = self._held[:cut], self._held[cut:]
        yield from self._show(ready)

    @property
    def cited(self) -> frozenset[int]:
        """The numbers of the passages that the answer cites so far."""
        return frozenset(marker.number for marker in self._markers)

    def finish(self, note: str = "") -> Iterator[Event]:
        """Yield what was held back, the last sentences, a note of our own, and the citations."""
        yield from self._show((self._held + self._guard.finish()).rstrip())
        self._held = ""
        for start, end in self._sentences.finish():
            yield from self._closed(start, end)
        if left := self._markers[len(self._citations) :]:
            self._cite(left, "", (left[0].start, len(self.text)))
        if note:
            added = f"\n\n{note}" if self.text else note
            self.text += added
            yield Text(added)
        if self._citations:
            yield Citations(tuple(self._citations))

    def _show(self, ready: str) -> Iterator[Event]:
        delta = self._resolved(ready)
        if not delta:
            return
        self.text += delta
        yield Text(delta)
        for start, end in self._sentences.feed(delta):
            yield from self._closed(start, end)

    def _resolved(self, ready: str) -> str:
        """Split grouped markers, drop those that name no passage, and note where the rest stand."""
        out: list[str] = []
        length, position = len(self.text), 0
        for match in MARKER.finditer(ready):
            before = ready[position : match.start()]
            known = [n for n in map(int, match[1].split(",")) if n in self._passages]
            if not known:
                before = before.rstrip(" ")
            out.append(before)
            length += len(before)
            for number in known:
                out.append(f"[{number}]")
                self._markers.append(_Marker(number, length, length + len(out[-1])))
                length += len(out[-1])
            position = match.end()
        out.append(ready[position:])
        return "".join(out)

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
