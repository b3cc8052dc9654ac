"""A text as matching reads it: its stems in order, its facts and names; and the windows of a passage."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise

from app.language.facts import Facts, facts, names, together
from vectorstore.language.marks import BULLETED, ITEM, NUMBERED
from vectorstore.language.sentences import sentence_spans
from vectorstore.language.words import EXCEPTIONS, fold, negates, stems, terms, words

_HEADING = re.compile(r"#{1,6}\s")
_RULE = re.compile(r"\A[\s:|]*+-[\s:|-]*+\Z")
_BARE = re.compile(r"(?:yes|no|ja|nein|sí|oui|non)[.!]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reading:
    """One stretch of text, read once.

    `plain` is the text in lower case, white space and Markdown's stars squeezed; `spoken` its words alone, parted and
    surrounded by single spaces.
    """

    order: tuple[str, ...]
    stems: frozenset[str]
    pairs: frozenset[tuple[str, str]]
    facts: Facts
    names: frozenset[str]
    words: frozenset[str]
    negated: bool
    plain: str
    spoken: str


@dataclass(frozen=True)
class Line:
    """One sentence of a passage: [start, end) in the passage's text, and what frames it.

    `frame` is what must be read with it: the heading above, a table's header row, a list's lead-in, the question that
    it answers.
    """

    start: int
    end: int
    text: str
    kind: str
    frame: str

    @cached_property
    def bare(self) -> Reading:
        """The sentence alone."""
        return read(self.text)

    @cached_property
    def framed(self) -> Reading:
        """The sentence under its frame."""
        return joined((read(self.frame), self.bare)) if self.frame else self.bare


@dataclass(frozen=True, eq=False)
class Window:
    """Up to three consecutive sentences with their frame: [start, end) in the passage's text.

    `keys` holds the stems of each row's first cell where several table rows are read together: a claim that names
    only one of the rows may not take its numbers from another.
    """

    start: int
    end: int
    parts: tuple[Reading, ...]
    stems: frozenset[str]
    keys: tuple[frozenset[str], ...] = ()

    @cached_property
    def plain(self) -> str:
        """What `reading` has as `plain`, which is all that is asked of most windows."""
        return " ".join([part.plain for part in self.parts if part.plain])

    @cached_property
    def reading(self) -> Reading:
        """The whole window; most are never asked for it."""
        return joined(self.parts)


@lru_cache(maxsize=8_192)
def read(text: str) -> Reading:
    """Read a text."""
    spoken = words(text)
    order = tuple(item for word in spoken for item in stems(word))
    near = pairwise(order), zip(order, order[2:], strict=False)
    return Reading(
        order=order,
        stems=frozenset(order),
        pairs=frozenset(pair for pairs in near for pair in pairs),
        facts=facts(text),
        names=names(text),
        words=frozenset(spoken),
        negated=any(negates(word) or word in EXCEPTIONS for word in spoken),
        plain=" ".join(fold(text).replace("*", "").split()),
        spoken=f" {' '.join(spoken)} ",
    )


def joined(readings: Iterable[Reading]) -> Reading:
    """Return the reading of texts that stand one under the other, without reading them again."""
    found = [each for each in readings if each.plain]
    if len(found) == 1:
        return found[0]
    order: tuple[str, ...] = ()
    across: list[tuple[str, str]] = []
    for each in found:
        before, after = order[-2:], each.order[:2]
        across += [(one, other) for one in before[-1:] for other in after]
        across += [(one, other) for one in before[:-1] for other in after[:1]]
        order += each.order
    none: frozenset[str] = frozenset()
    return Reading(
        order=order,
        stems=none.union(*[each.stems for each in found]),
        pairs=frozenset(across).union(*[each.pairs for each in found]),
        facts=together(each.facts for each in found),
        names=none.union(*[each.names for each in found]),
        words=none.union(*[each.words for each in found]),
        negated=any(each.negated for each in found),
        plain=" ".join([each.plain for each in found]),
        spoken=f" {' '.join([each.spoken.strip() for each in found if each.words])} ",
    )


@lru_cache(maxsize=1_024)
def whole(text: str, context: str = "") -> Reading:
    """Return the reading of a passage with what stands above it."""
    return joined((read(context), *(line.bare for line in lines(text, context))))


@lru_cache(maxsize=1_024)
def windows(text: str, context: str = "", size: int = 3) -> tuple[Window, ...]:
    """Return every run of up to `size` sentences, shorter runs first at each place."""
    found = [line for line in lines(text, context) if line.kind != "rule"]
    result = []
    for first in range(len(found)):
        for last in range(first, min(first + size, len(found))):
            run = found[first : last + 1]
            frames = dict.fromkeys(line.frame for line in run if line.frame)
            parts = (*map(read, frames), *(line.bare for line in run))
            stems = frozenset[str]().union(*[part.stems for part in parts])
            result.append(Window(run[0].start, run[-1].end, parts, stems, _row_keys(run)))
    return tuple(result)


def _row_keys(window: list[Line]) -> tuple[frozenset[str], ...]:
    if len(window) == 1:
        return ()
    return tuple(
        frozenset(terms(line.text.strip("| ").split("|")[0])) for line in window if line.kind == "row"
    )


@lru_cache(maxsize=1_024)
def lines(text: str, context: str = "") -> tuple[Line, ...]:
    """Return a passage's sentences with what frames each: headings, table headers, lead-ins."""
    found: list[Line] = []
    above = _Above()
    spans = _with_reasons(sentence_spans(text), text)
    for place, (start, end) in enumerate(spans):
        sentence = text[start:end]
        following = text[slice(*spans[place + 1])] if place + 1 < len(spans) else ""
        kind = _kind(sentence)
        if kind == "row" and _kind(following) == "rule":
            kind = "header"
        elif BULLETED.match(following) and _is_title(sentence) and kind in ("prose", "item"):
            kind = "title"
        under = above.take(sentence, kind, begins=text[start - 1 : start] in ("", "\n"))
        frame = "\n".join(part for part in (context, above.heading, under) if part)
        found.append(Line(start, end, sentence, kind, frame))
    return tuple(found)


class _Above:
    """What stands above the line that is read: heading, table header, a list's lead-in, a question."""

    def __init__(self) -> None:
        self.heading = self._header = self._lead = self._asked = ""
        self._inside = False
        """Whether the last line was part of a list's item."""

    def take(self, sentence: str, kind: str, *, begins: bool) -> str:
        """Return what frames a line beneath the heading, and remember the line for those below it.

        `begins` says whether the sentence begins a line.
        """
        self._inside = kind == "item" or (self._inside and kind == "prose" and not begins)
        if kind == "heading":
            self.heading, self._lead, self._header = sentence.lstrip("# "), "", ""
        elif kind == "header":
            self._header = sentence
        elif kind == "title":
            self._lead, self._header = sentence, ""
        elif kind in ("prose", "item"):
            return self._take_text(sentence)
        return self._header if kind == "row" else self._asked

    def _take_text(self, sentence: str) -> str:
        self._header = ""
        if not self._inside:
            self._lead = sentence if sentence.endswith(":") else ""
            under, self._asked = self._asked, sentence if sentence.rstrip("*_ ").endswith("?") else ""
            return under
        if NUMBERED.match(sentence) and _is_title(self._lead):
            self._lead = ""
        return self._lead


def _is_title(sentence: str) -> bool:
    """Say whether a line can be what the bullets under it are about."""
    return bool(sentence) and sentence[-1] not in ".:;,!?" and not BULLETED.match(sentence)


def _with_reasons(spans: list[tuple[int, int]], text: str) -> list[tuple[int, int]]:
    """Join a bare `No.` or `Yes.` to the sentence after it, which says why or how."""
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        before = joined[-1] if joined else (0, 0)
        if _BARE.fullmatch(text[slice(*before)]) and "\n" not in text[before[1] : start]:
            joined[-1] = (before[0], end)
        else:
            joined.append((start, end))
    return joined


def _kind(sentence: str) -> str:
    if sentence.startswith("|"):
        return "rule" if _RULE.match(sentence) else "row"
    if _HEADING.match(sentence):
        return "heading"
    if _RULE.match(sentence) and not any(character.isalnum() for character in sentence):
        return "rule"
    return "item" if ITEM.match(sentence) else "prose"
