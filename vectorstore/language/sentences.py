"""Cut text into sentences, whole or as it streams in: same spans either way, in linear time.

A heading, a list item, a table row and a line of code are each at most one line and never joined to the next;
other lines are joined over soft breaks. `[n]` markers belong to the sentence they follow. In an answer a quotation is
one with the sentence that it stands in, however many it holds itself.
"""

import re
from typing import Literal, TypeAlias

from vectorstore.language.marks import ITEM, MARKER, MARKER_BEGUN
from vectorstore.language.words import MONTHS, SHORT_MONTHS, word_set

_Line: TypeAlias = Literal["prose", "whole", "code"]

_STOP = re.compile(r"[.!?…。！？\n]")
_STOP_OR_QUOTE = re.compile(r"[.!?…。！？\n“”„]")
_TERMINATORS = ".!?…。！？"
_IDEOGRAPHIC = "。！？"
_AFTER = re.compile(
    rf"(?P<closers>[\"'”’»)」』）】〕》〉*_]{{0,4}})(?P<markers>(?:[ \t]{{0,3}}{MARKER.pattern}){{0,8}})(?P<gap>[ \t]{{0,8}})"
)
_NEXT_WORD = re.compile(r"[\"'“„«(]{0,2}(?P<word>[^\W\d_]{0,12})")
_LINE_HEAD = 9
_LONGEST = 8_000
"""A sentence that is longer, in characters, is cut."""
_OWN_LINE = re.compile(r"#{1,6}(?:\s|\Z)|\||```|~~~|>")
_RULE = re.compile(r"(?:-{3,}|\*{3,}|_{3,}|={3,})")
_DOTTED = re.compile(r"\A(?:[^\W\d_]\.)++[^\W\d_]\Z")

_NEVER_ENDS = word_set(
    "e.g eg i.e ie cf vs viz ca approx mr mrs ms dr prof st mt ft gen col sgt capt lt rev hon sen rep gov pres messrs "
    "no nos nr fig figs sec secs art vol pp ed eds eq ch para "
    "z.b bzw d.h u.a vgl str ggf inkl zzgl evtl abs ziff hr fr sog "
    "p.ej sr sra ud uds núm pág av m mme mlle"
)
_MAY_END = SHORT_MONTHS | word_set(
    "etc inc ltd co corp bros jr sr llc dept est al usw usf min max incl excl ext tel ave blvd rd"
)
_NUMBERED = word_set("no nos nr fig figs sec secs art vol pp eq ch para abs ziff núm pág p")
_STARTERS = word_set(
    "the this that these those then there it its in on at for from with by as an a if when while after before once until "
    "he she they we you i his her their our your but and or so however also all any each every no not to please see "
    "who what where how why which does do is are was were will can may must should employees staff "
    "der die das dies ein eine es im in wir sie er und aber el la los las un una en se y le les il elle nous"
)
_DATED = MONTHS.keys() | {"jahrhundert"}
"""What follows the full stop of an ordinal number: `9. November`."""


def sentence_spans(text: str, *, quotations: bool = False) -> list[tuple[int, int]]:
    """Return each sentence's [start, end) in code points, white space around it left out.

    `quotations` keeps what stands between “ and ” on a line together, as an answer's text has to be read.
    """
    stream = SentenceStream(quotations=quotations)
    return stream.feed(text) + stream.finish()


class SentenceStream:
    """Finds sentences in text that arrives in pieces; offsets count from the first piece."""

    def __init__(self, *, quotations: bool = False) -> None:
        self._stop = _STOP_OR_QUOTE if quotations else _STOP
        self._until = ""
        """The marks of which one ends the quotation that is open."""
        self._text = ""
        self._base = 0
        self._start = 0
        self._at = 0
        self._line: _Line | None = None
        self._fenced = False
        self._closed: list[tuple[int, int]] = []
        self._has_capital = False
        self._looked = 0

    def feed(self, delta: str) -> list[tuple[int, int]]:
        """Take more text; return the sentences that it closed."""
        self._text += delta
        self._advance(final=False)
        return self._take()

    def finish(self) -> list[tuple[int, int]]:
        """Return what is left as sentences."""
        self._advance(final=True)
        self._close(len(self._text))
        return self._take()

    def _take(self) -> list[tuple[int, int]]:
        closed, self._closed = self._closed, []
        cut = min(self._start, self._at)
        if cut > 4_096 or cut == len(self._text):
            self._writes_capitals(cut)
            self._looked -= cut
            self._text = self._text[cut:]
            self._base += cut
            self._start -= cut
            self._at -= cut
        return closed

    def _close(self, end: int) -> None:
        """End the open sentence at `end`, white space trimmed; an empty one is dropped."""
        body = self._text[self._start : end]
        stripped = body.strip()
        if stripped:
            start = self._base + self._start + len(body) - len(body.lstrip())
            self._closed.append((start, start + len(stripped)))
        self._start = end

    def _advance(self, *, final: bool) -> None:
        while self._at < len(self._text):
            if self._line is None:
                moved = self._begin_line(final=final)
            elif self._line == "prose":
                moved = self._read_prose(final=final)
            else:
                moved = self._read_line()
            if not moved:
                return

    def _begin_line(self, *, final: bool) -> bool:
        """Decide what kind of line starts here; it needs the first few characters."""
        text, at = self._text, self._at
        while at < len(text) and text[at] in " \t":
            at += 1
        self._at = at
        head = text[at : at + _LINE_HEAD]
        newline = head.find("\n")
        if newline < 0 and len(head) < _LINE_HEAD and not final:
            return False
        if newline >= 0:
            head = head[:newline]
        if head.startswith(("```", "~~~")):
            self._fenced = not self._fenced
            self._line = "code"
        elif self._fenced:
            self._line = "code"
        elif _OWN_LINE.match(head) or _RULE.match(head):
            self._line = "whole"
        else:
            self._line = "prose"
        if self._line != "prose" or not head or ITEM.match(head):
            self._close(at)
        return True

    def _overlong(self, stop: int) -> bool:
        """End a sentence that is longer than any, so that what checks it is never held up; `stop` is its next sign."""
        limit = self._start + _LONGEST
        if len(self._text) <= limit or 0 <= stop <= limit:
            return False
        self._close(limit)
        self._at = limit
        return True

    def _read_line(self) -> bool:
        """Take a line that is one sentence, whatever stands in it."""
        newline = self._text.find("\n", self._at)
        if self._overlong(newline):
            return True
        if newline < 0:
            self._at = len(self._text)
            return False
        self._close(newline)
        self._end_line(newline)
        return True

    def _end_line(self, newline: int) -> None:
        self._at = newline + 1
        self._line = None

    def _read_prose(self, *, final: bool) -> bool:
        found = self._stop.search(self._text, self._at)
        if self._overlong(found.start() if found else -1):
            return True
        if found is None:
            self._at = len(self._text)
            return False
        at = self._at = found.start()
        if found[0] in "“”„":
            return self._read_quote(at, final=final)
        if found[0] == "\n":
            self._until = ""
            if self._text[self._start : at].rstrip().endswith(":"):
                self._close(at)
            self._end_line(at)
            return True
        if self._until:
            self._at = at + 1
            return True
        return self._read_stop(at, final=final)

    def _read_quote(self, at: int, *, final: bool) -> bool:
        """Open or close a quotation; where it closes with a stop its sentence may end, or with any point and a marker."""
        mark = self._text[at]
        if mark in self._until:
            before = self._text[max(self._start, at - 1)]
            if not before.isalnum() and not before.isspace() and not self._read_stop(at - 1, final=final):
                return False
            self._until = ""
        elif not self._until and mark != "”":
            self._until = "“”" if mark == "„" else "”"
        self._at = max(self._start, at + 1)
        return True

    def _read_stop(self, at: int, *, final: bool) -> bool:
        """Decide whether the terminator at `at` ends the sentence; False when more text is needed."""
        text = self._text
        if at + 1 < len(text) and text[at + 1] in _TERMINATORS:
            self._at = at + 1
            return True
        after = _AFTER.match(text, at + 1)
        if after is None:  # pragma: no cover - every part of the pattern may be empty
            return False
        end = after.end()
        following = text[end : end + 16]
        if not final and (len(following) < 16 and "\n" not in following):
            word = _NEXT_WORD.match(following)
            if not following or word is None or word.end() == len(following):
                return False
        if not final and MARKER_BEGUN.match(text, end):
            return False
        if self._ends(at, after, following):
            self._close(after.end("markers"))
            self._at = max(self._start, at + 1)
        else:
            self._at = at + 1
        return True

    def _ends(self, at: int, after: re.Match[str], following: str) -> bool:
        stop = self._text[at]
        if after["markers"] or stop in _IDEOGRAPHIC:
            return True
        if stop not in _TERMINATORS:
            return False
        if not following:
            return True
        if following[0] == "\n":
            return not self._is_abbreviation(at, "", at_line_end=True)
        if not after["gap"]:
            return False
        word = _NEXT_WORD.match(following)
        following_word = word["word"] if word else ""
        if following_word[:1].islower() and self._writes_capitals(at):
            return False
        return not (stop == "." and self._is_abbreviation(at, following_word))

    def _writes_capitals(self, at: int) -> bool:
        """Say whether the text has a capital up to here; one without any begins its sentences in lower case."""
        if not self._has_capital and at > self._looked:
            self._has_capital = any(map(str.isupper, self._text[self._looked : at]))
            self._looked = at
        return self._has_capital

    def _is_abbreviation(self, at: int, following: str, *, at_line_end: bool = False) -> bool:
        """Say whether the full stop at `at` belongs to its word rather than to the sentence."""
        before = self._text[max(self._start, at - 24) : at]
        words = before.split()
        if self._text[at] != "." or not words:
            return False
        word = words[-1].lstrip("([{\"'“„«*_").lower()
        if at_line_end:
            return word in _NEVER_ENDS or _is_list_number(before)
        if word.isdigit():
            return _is_list_number(before) or following.lower() in _DATED
        if word in _NEVER_ENDS:
            return word not in _NUMBERED or self._text[at + 1 : at + 9].strip()[:1].isdigit()
        if (len(word) == 1 and word.isalpha() and word != "i") or word in _MAY_END or _DOTTED.match(word):
            return following.lower() not in _STARTERS
        return _is_list_number(before)


def _is_list_number(before: str) -> bool:
    stripped = before.strip()
    return len(before) < 24 and 0 < len(stripped) <= 6 and stripped.replace(".", "").isdigit()
