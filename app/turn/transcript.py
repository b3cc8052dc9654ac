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
    Verdict,
)
from app.guard import LinkGuard, inert
from app.language.phrases import say
from app.support.claim import claim, states_absence, states_nothing
from app.support.ground import Grounding, denies_alike, in_its_words
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

_UNCITED = 0.8
"""Support from which on a sentence that cites nothing is supported: whatever it says, some passage has words of it.

Of WiCE's claims beyond it eight in ten are supported, of those beyond the ruler's own bar six (benchmarks/NOTEBOOK.md).
"""
_STOPS = ".!?…:。！？"
_ENDED = re.compile(r"(?:[.!?…。！？|][\"'“”’»)*_`]{0,4}|\])\Z")
"""How a sentence ends that was not broken off."""


def judged(
    claimed: str, named: Sequence[Passage], passages: Sequence[Passage], check: Check, *, strict: bool
) -> Grounding:
    """Hold a model's claim against the passages that it names.

    One that names none is held against all, by a higher bar, and may deny only what is denied. With `strict` each has to stand in a passage nearly so: a
    small model strings together words that some passage has.
    """
    found = check(claimed, named or passages)
    if found.verdict != "supported" or (named and not strict):
        return found
    worded = in_its_words if strict else denies_alike
    held = found.support >= _UNCITED and worded(claimed, found)
    return found if held else replace(found, verdict="partly")


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


@dataclass(frozen=True, slots=True)
class Doubts:
    """What becomes of what a language model writes: it leaves sentence by sentence, with a mark where nothing supports it.

    With `hold` nothing leaves before the first sentence that states something and is supported. `asked` is the question.
    With `strict` a sentence is supported only where it stands in a passage nearly so.
    """

    asked: str
    language: str
    hold: bool
    strict: bool = False


class Transcript:
    """Turns raw deltas into Text, SentenceChecked and, at the end, Citations.

    A marker that names no passage is dropped, so that every `[n]` a client sees resolves. Offsets count the text
    as it leaves. Without `doubts` everything leaves as it comes.
    """

    def __init__(
        self,
        passages: Sequence[Passage],
        *,
        check: Check,
        allowed_links: Sequence[str],
        doubts: Doubts | None = None,
    ) -> None:
        self._passages = {passage.number: passage for passage in passages}
        self._check = check
        self._doubts = doubts
        # Before markers are read: a character that does not leave could hide in one.
        self._printable = Printable()
        self._resolved = Markers(self._passages)
        self._guard = LinkGuard(allowed_links)
        self._sentences = SentenceStream(quotations=True)
        self._markers: list[_Marker] = []
        self._citations: list[Citation] = []
        self._last: tuple[int, str] | None = None
        self._written = ""
        """The text without marks of ours: sentences, markers and claims are found in it."""
        self._left = 0
        """How much of it has left, or waits for a sentence that is supported."""
        self._marks: list[tuple[int, int]] = []
        """Where in it marks have been put, and how long they are."""
        self._waiting: list[Event] = []
        self._closed = self._fenced = False
        self.supported = False
        """Whether a sentence that states something is supported."""
        self.absent = False
        """Whether a sentence says that the documents do not hold something."""
        self.text = ""
        """The text as it has left."""

    def feed(self, delta: str) -> Iterator[Event]:
        """Take more raw text; yield what can be shown."""
        yield from self._show(self._guard.feed(self._resolved.feed(self._printable.feed(delta))))

    @property
    def cited(self) -> frozenset[int]:
        """The numbers of the passages that the answer cites so far."""
        return frozenset(marker.number for marker in self._markers)

    @property
    def holds_back(self) -> bool:
        """Whether nothing has left because no sentence that states something is supported."""
        return self._doubts is not None and self._doubts.hold and not self.supported

    @property
    def length(self) -> int:
        """How many characters have been written, those included that have not left."""
        return len(self._written)

    def close(self, *, cut: bool = False) -> Iterator[Event]:
        """Yield what was held back, and the last sentences; of a model's answer that was `cut` not the one it broke off in."""
        if self._closed:
            return
        self._closed = True
        last = self._resolved.feed(self._printable.finish()) + self._resolved.finish()
        yield from self._show(self._guard.feed(last) + self._guard.finish())
        for start, end in self._sentences.finish():
            if cut and self._doubts and not _ENDED.search(self._written, max(start, end - _REACH), end):
                # Half a sentence may say what the whole does not.
                self._written = self._written[:start].rstrip()
                self._markers = [marker for marker in self._markers if marker.start < start]
                break
            yield from self._let(self._sentence(start, end))
        yield from self._let(self._up_to(len(self._written)))
        if self._doubts and self._written and not (self._doubts.hold or self.supported or self.absent):
            yield from self._let(self._nothing_held())

    def finish(self, note: str = "", *, refused: bool = False) -> Iterator[Event]:
        """Close, then yield a note of our own and the citations. What has not left of a refusal never does."""
        if not refused:
            yield from self.close(cut=True)
            if left := self._markers[len(self._citations) :]:
                self._cite(left, "", (left[0].start, len(self._written)))
        if note:
            added = own_words(note).delta
            added = f"\n\n{added}" if self.text else added
            self.text += added
            yield Text(added)
        if self._citations and not self._waiting:
            yield Citations(tuple(self._citations))

    def _show(self, delta: str) -> Iterator[Event]:
        if not delta:
            return
        before = self._markers[-1].end if self._markers else 0
        seen = max(before, len(self._written) - 4)
        self._written += delta
        for shown in MARKER.finditer(self._written, seen):
            self._markers += [
                _Marker(number, *shown.span()) for number in numbers(shown) if number in self._passages
            ]
        if self._doubts is None:
            yield from self._let(self._up_to(len(self._written)))
        for start, end in self._sentences.feed(delta):
            yield from self._let(self._sentence(start, end))

    def _nothing_held(self) -> Iterator[Event]:
        """Mark an answer that was shown as it came and whose sentences carry no mark: a bare yes or no states nothing."""
        if self._doubts and not self._marks:
            yield Text(f" {say('unsupported', self._doubts.language)}")

    def _let(self, events: Iterable[Event]) -> Iterator[Event]:
        """Let events out, or have them wait for a sentence that is supported."""
        self._waiting += events
        if self.holds_back:
            return
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            if isinstance(event, Text):
                self.text += event.delta
            yield event

    def _up_to(self, end: int, mark: str = "", at: int = 0) -> Iterator[Event]:
        """Yield the text up to `end` that has not left, with a mark put in at `at`."""
        delta = self._written[self._left : end]
        if mark:
            delta = delta[: at - self._left] + mark + delta[at - self._left :]
            self._marks.append((at, len(mark)))
        self._left = max(self._left, end)
        if delta:
            yield Text(delta)

    def _begins(self, place: int) -> int:
        return place + sum(length for at, length in self._marks if at <= place)

    def _ends(self, place: int) -> int:
        return place + sum(length for at, length in self._marks if at < place)

    def _shown(self, marker: _Marker) -> tuple[int, int]:
        if marker.start == marker.end:  # ours, put in behind a space
            return self._ends(marker.start) + 1, self._begins(marker.end)
        return self._begins(marker.start), self._ends(marker.end)

    def _sentence(self, start: int, end: int) -> Iterator[Event]:
        """Check a sentence that has closed, and let it go."""
        passages = list(self._passages.values())
        if self._written.startswith(("```", "~~~"), start):
            self._fenced = not self._fenced
        claimed = claim(self._written, start, end, passages)
        markers = [marker for marker in self._markers[len(self._citations) :] if marker.start < end]
        if self._doubts and claimed and states_nothing(claimed, passages, self._doubts.asked):
            claimed = ""
        if not claimed:
            yield from self._up_to(end)
            # A marker on a line of its own cites for the sentence before it.
            if self._last:
                self._cite(markers, self._last[1], (self._last[0], end))
            return
        self._last = start, claimed
        cited = [self._passages[number] for number in dict.fromkeys(marker.number for marker in markers)]
        whole = self._whole(start, claimed, cited)
        # What only frames an answer is none.
        self.supported = self.supported or (
            whole.verdict == "supported" and (self._fenced or not self._frames(start))
        )
        if self._doubts and whole.verdict != "supported" and states_absence(claimed):
            # No passage can support it, and none need.
            self.absent = True
            yield from self._up_to(end)
        else:
            mark, at = self._mark(start, end, whole.verdict)
            if whole.passage and not (mark or cited or self._doubts is None or self._frames(start)):
                # What says its source in no way gets the footnote of the passage that holds it.
                mark, at = f" [{whole.passage.number}]", self._before_stop(start, end)
                markers = [_Marker(whole.passage.number, at, at)]
                self._markers[len(self._citations) : len(self._citations)] = markers
                cited = [whole.passage]
            yield from self._up_to(end, mark, at)
            yield SentenceChecked(self._begins(start), self._ends(end), whole.verdict, whole.support)
        begin = min([start, *(marker.start for marker in markers)])
        self._cite(markers, claimed, (begin, end), whole=whole if len(cited) == 1 else None)

    def _whole(self, start: int, claimed: str, cited: Sequence[Passage]) -> Grounding:
        passages = list(self._passages.values())
        if self._doubts is None or self._frames(start):
            return self._check(claimed, cited or passages)
        return judged(claimed, cited, passages, self._check, strict=self._doubts.strict)

    def _frames(self, start: int) -> bool:
        """Say whether what begins here is a line of code, a heading or a table's first row, which carry no footnote."""
        row = self._written[start] == "|"
        before = self._written[:start].rstrip().rpartition("\n")[2] if row else ""
        return self._fenced or self._written[start] == "#" or (row and not before.startswith("|"))

    def _before_stop(self, start: int, end: int) -> int:
        """Return where a marker stands in a sentence: before its stop, in a table's row in the last cell."""
        sentence = self._written[start:end]
        bare = sentence.rstrip("| ") if sentence[0] == "|" else sentence.rstrip(_STOPS)
        return start + len(bare)

    def _mark(self, start: int, end: int, verdict: Verdict) -> tuple[str, int]:
        """Return the words that mark a sentence, and where they stand: in a table's row after its first cell."""
        if self._doubts is None or verdict == "supported":
            return "", end
        phrase = "unsupported" if verdict == "unsupported" else "partly_supported"
        mark = f" {say(phrase, self._doubts.language)}"
        if self._written[start] != "|":
            return mark, end
        cell = self._written.find("|", start + 1, end)
        # Cells beyond a table's head are not shown.
        return (f"{mark.strip()} ", cell) if cell > 0 else (mark, end)

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
                    marker=self._shown(marker),
                    claim=(self._begins(span[0]), self._ends(span[1])),
                    document=passage.document,
                    evidence=found.evidence,
                    quote=found.quote,
                    support=found.support,
                )
            )
