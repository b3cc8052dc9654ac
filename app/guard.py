"""Make a streamed answer inert: no links but those allowed, no images, no raw HTML.

A model that obeys an instruction planted in a document can leak what it read by writing a link or an image
that the reader's client fetches (EchoLeak, CVE-2025-32711). Nothing here judges intent: every construct
that Markdown turns into a request is broken, whoever wrote it.

- `](` and `]:` are what make inline links, images and reference definitions: a space goes between.
- `![` loses its adjacency likewise.
- `<` before a letter, `/`, `!` or `?` opens HTML or an autolink: it becomes `&lt;`.
- A bare URL would be linked by many clients: a space goes after its `://` or `www.`.

Fenced code, and one-line code spans without a table's `|`, are inert in Markdown and pass untouched.
"""

import re
from collections.abc import Callable, Iterable

_LOOK_AHEAD = 600
"""The most characters held back while it is unclear whether a construct closes."""

_SPECIAL = re.compile(r"[\[\]!<`~]|(?i:(?:https?|ftp)://|www\.)")
_UNFINISHED_URL = re.compile(r"(?i:h|ht|htt|https?|https?:|https?:/|f|ft|ftp|ftp:|ftp:/|w|ww|www)\Z")
_URL = re.compile(r"[^\s<>`|]+")
_URL_TAIL = ".,;:!?)]}\"'*_"


class LinkGuard:
    """A streaming filter. Feeding in any pieces gives the same text as feeding the whole."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._allowed = frozenset(allowed)
        self._held = ""
        self._line = ""
        self._fence = ""

    def feed(self, delta: str) -> str:
        """Take more of the answer; return what can be let out."""
        self._held += delta
        return self._drain(final=False)

    def finish(self) -> str:
        """Return what was still held back."""
        return self._drain(final=True)

    def _drain(self, *, final: bool) -> str:
        out: list[str] = []
        while self._held:
            step = self._fenced(final) if self._fence else self._open(final)
            if step is None:
                break
            taken, text = step
            self._advance(self._held[:taken])
            self._held = self._held[taken:]
            out.append(text)
        return "".join(out)

    def _advance(self, source: str) -> None:
        self._line = (self._line + source).rpartition("\n")[2][-200:]

    def _fenced(self, final: bool) -> tuple[int, str] | None:
        """Pass whole lines of a code block on until its closing fence."""
        line, newline, _ = self._held.partition("\n")
        if not newline and not final:
            return None
        whole = self._line + line
        closing = whole.strip()
        outdented = len(whole) - len(whole.lstrip(" ")) <= 3
        if outdented and set(closing) == {self._fence[0]} and len(closing) >= len(self._fence):
            self._fence = ""
        return len(line) + len(newline), line + newline

    def _open(self, final: bool) -> tuple[int, str] | None:
        special = _SPECIAL.search(self._held)
        if special is None:
            return self._plain(final)
        if special.start() > 0:
            return special.start(), self._held[: special.start()]
        match self._held[0]:
            case "`" | "~":
                return self._code(final)
            case "<":
                return self._before(final, "<", "&lt;", when=lambda after: after.isalpha() or after in "/!?")
            case "!":
                return self._before(final, "!", "! ", when=lambda after: after == "[")
            case "]":
                return self._bracket(final)
            case "[":
                return 1, "["
        return self._url(final)

    def _plain(self, final: bool) -> tuple[int, str] | None:
        unfinished = None if final else _UNFINISHED_URL.search(self._held)
        end = unfinished.start() if unfinished else len(self._held)
        return (end, self._held[:end]) if end else None

    def _before(
        self, final: bool, source: str, broken: str, *, when: Callable[[str], bool]
    ) -> tuple[int, str] | None:
        if len(self._held) == 1:
            return (1, source) if final else None
        return 1, broken if when(self._held[1]) else source

    def _bracket(self, final: bool) -> tuple[int, str] | None:
        if len(self._held) == 1:
            return (1, "]") if final else None
        if self._held[1] == ":":
            return 1, "] "
        if self._held[1] != "(":
            return 1, "]"
        target = re.match(r"\]\(([^\s()<>]*)\)", self._held[:_LOOK_AHEAD])
        if target and target[1] in self._allowed:
            return target.end(), target[0]
        undecided = re.fullmatch(r"\]\([^\s()<>]*", self._held) and len(self._held) < _LOOK_AHEAD
        return None if undecided and not final else (1, "] ")

    def _url(self, final: bool) -> tuple[int, str] | None:
        match = _URL.match(self._held[:_LOOK_AHEAD])
        assert match  # noqa: S101 - _SPECIAL found a URL's beginning here
        if match.end() == len(self._held) and len(self._held) < _LOOK_AHEAD and not final:
            return None
        url = match[0].rstrip(_URL_TAIL)
        if url in self._allowed:
            return len(url), url
        opening = _SPECIAL.match(self._held)
        assert opening  # noqa: S101 - as above
        return opening.end(), f"{opening[0]} "

    def _code(self, final: bool) -> tuple[int, str] | None:
        mark = self._held[0]
        run = len(self._held) - len(self._held.lstrip(mark))
        if run == len(self._held) and not final and run < _LOOK_AHEAD:
            return None
        if run >= 3 and not self._line.strip(" ") and len(self._line) <= 3:
            return self._open_fence(run, final)
        return self._code_span(run, final) if mark == "`" else (run, mark * run)

    def _open_fence(self, run: int, final: bool) -> tuple[int, str] | None:
        info, newline, _ = self._held[:_LOOK_AHEAD][run:].partition("\n")
        if not newline and not final and len(self._held) < _LOOK_AHEAD:
            return None
        if "`" in info or (not newline and len(self._held) >= _LOOK_AHEAD):
            return run, self._held[:run]
        self._fence = self._held[:run]
        end = run + len(info) + len(newline)
        return end, self._held[:end]

    def _code_span(self, run: int, final: bool) -> tuple[int, str] | None:
        window = self._held[:_LOOK_AHEAD]
        line, newline, _ = window.partition("\n")
        if closing := re.search(rf"(?<!`)`{{{run}}}(?!`)", line[run:]):
            end = run + closing.end()
            if end < len(window) or (final and len(self._held) < _LOOK_AHEAD):
                return (run, line[:run]) if "|" in line[:end] else (end, line[:end])
        if newline or final or len(self._held) >= _LOOK_AHEAD:
            return run, line[:run]
        return None
