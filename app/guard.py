"""Make text inert: nothing in it that a Markdown renderer would fetch or follow, but links to cited documents.

A model that obeys an instruction planted in a document can leak what it read by writing a link or an image
that the reader's client fetches (EchoLeak, CVE-2025-32711). Nothing here judges intent, and nothing hangs on
where a renderer believes a list, a quote or a paragraph to end, because renderers differ. One rule: what is let
out is inert wherever it stands, unless it stands in a code block that every renderer sees.

- An address (any scheme, `www.`, e-mail, a bare domain) is shown as a code span: readable, copied as it is,
  never linked. So every backtick is under control: it belongs to a code span on one line, or is escaped.
- `](` and `![` make links and images, `]:` at the front of a paragraph a definition: a space goes between.
- `<` before what opens HTML or an autolink becomes `&lt;`; an entity that could spell an address is shown as written.
- A fenced code block is moved to the first column, where it certainly is one, and passes as it is until it closes.

Control and format characters never leave (`vectorstore/printable.py`).
"""

import re
from collections.abc import Iterable

from app.address import GIVEN_AWAY, OPENERS, address
from vectorstore.language.marks import MARKER, MARKER_BEGUN
from vectorstore.printable import JOINERS, Printable

_LONGEST = 1_024
"""The most characters of a word that are looked at together; a longer address is cut into several."""
_OVERLAP = 64
"""More characters than what gives an address away may have."""
_SPAN = 300
"""The longest code span that passes as one."""
_LINE = 200
"""The longest first line of a code block."""

_SAFE = re.compile(r"https?://[A-Za-z0-9.-]+(?::\d{1,5})?(?:[/?#](?:[A-Za-z0-9./?#_=&%+-]|,(?=\w))*)?")
_AFTER_BARE = re.compile(r"[.,!?)]?")
_AFTER_LINK = re.compile(r"[.,;:!?)*_]*")

_UNSPACED = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\ufe30-\ufe4f"
    r"\uff00-\uffef\U0001b000-\U0001b2ff\U00020000-\U0003ffff"
)
_WORD = re.compile(rf"[^\s<>`|{_UNSPACED}]{{1,{_LONGEST}}}")
_PLAIN = re.compile(rf"(?:[^\W_]{{1,40}},? )+|[{_UNSPACED}]+|[^\S\n]+|[\n>|]")
_MARKS = frozenset("*_~")
_ENTITY = r"&(?!(?:lt|gt|amp|quot|apos|nbsp|#39);)(?=(?:#[0-9]{1,9}|#[xX][0-9A-Fa-f]{1,8}|[A-Za-z][A-Za-z0-9]{0,40});)"
_PAIRED = re.compile(r"[!-/:-@\\^_{-~]")
_RISKY = re.compile(
    rf"(?P<pair>\\{_PAIRED.pattern})|(?P<link>\](?=\())|(?P<image>!(?=\[))|(?P<label>\](?=:))|(?P<entity>{_ENTITY})|(?P<tildes>~{{3,}})"
)
_MARKUP = re.compile(r"<[A-Za-z/!?]|\]\(|\]:|!\[|&")
_LEAD = re.compile(r"[\s>*+.)\d-]*")
_RULE = re.compile(r"[\s>*+.)\d|:-]*")
_OPENS = re.compile(r"[A-Za-z/!?]")

_INDENT = re.compile(r"[ \t]{0,64}")
_RUNS = {"`": re.compile("`{1,65}"), "~": re.compile("~{1,65}")}
_INFO = re.compile(rf"[^`\n]{{0,{_LINE}}}")
_LANGUAGE = re.compile(r"[ \t]*([\w+#.-]{0,40})")
_CLOSED = re.compile(r"[ \t]{0,65}")
_SOLID = re.compile(rf"`{{1,2}}[^\s`]{{0,{_LONGEST}}}")
_CODE = re.compile(
    rf"(`{{1,2}})([^\s`]{{1,{_LONGEST}}}(?=`)|(?:[^`\n]|\n(?=[^\s\d`~>#*+|=:_\[-])){{0,{_SPAN}}})(`{{0,3}})"
)


def inert(text: str, allowed: Iterable[str] = ()) -> str:
    """Make a whole text inert. Of links, those to the `allowed` addresses stay."""
    guard = LinkGuard(allowed)
    return guard.feed(text) + guard.finish()


class LinkGuard:
    """`inert` as a stream. Feeding in any pieces gives the same text as feeding the whole.

    A word is held back until it ends. An allowed address that could hide another one is not allowed.
    """

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._allowed = frozenset(uri for uri in allowed if _SAFE.fullmatch(uri))
        self._printable = Printable()
        self._held = ""
        self._out: list[str] = []
        self._last = ""
        self._escaping = False
        self._stray = False
        self._refused = 0
        self._blank = True
        self._leading = True
        self._labelled = False
        self._marks = frozenset[str]()
        self._piped = self._tabled = False
        self._ruled = True
        self._fence = ""
        self._indent = 0

    def feed(self, delta: str) -> str:
        """Take more of the text; return what can be let out."""
        self._held += self._printable.feed(delta)
        return self._drain(final=False)

    def finish(self) -> str:
        """Return what was still held back; an open code block is closed."""
        self._held += self._printable.finish()
        out = self._drain(final=True)
        if self._fence:
            out += ("" if self._last == "\n" else "\n") + self._fence
            self._fence = ""
        return out

    def _drain(self, *, final: bool) -> str:
        at: int | None = 0
        held, position = self._held, 0
        while position < len(held):
            at = self._in_fence(held, position, final) if self._fence else self._step(held, position, final)
            if at is None:
                break
            position = at
        self._held = held[position:]
        out, self._out = "".join(self._out), []
        return out

    def _put(self, text: str) -> None:
        """Let text out, and learn from it what the next character meets."""
        if not text:
            return
        self._out.append(text)
        slashes = len(text) - len(text.rstrip("\\"))
        self._escaping = bool(slashes % 2) ^ (self._escaping and slashes == len(text))
        self._last = text[-1]
        self._stray = False
        if text == "\n":
            self._tabled = self._tabled or self._ruled
            if self._blank:
                self._labelled = self._piped = self._tabled = False
                self._marks = frozenset()
            self._blank = self._leading = self._ruled = True
            self._refused = 0
            return
        self._blank = self._blank and text.isspace()
        self._leading = self._leading and _LEAD.fullmatch(text) is not None
        self._ruled = self._ruled and _RULE.fullmatch(text) is not None

    def _step(self, held: str, at: int, final: bool) -> int | None:
        """Let out what stands at `at` and return where it ends; None where more must be seen."""
        character = held[at]
        if self._last in ("", "\n") and character in " \t`~":
            opened = self._line_start(held, at, final)
            if opened != at:
                return opened
        if character == "`":
            return self._backticks(held, at, final)
        if character == "<":
            return self._angle(held, at, final)
        if plain := _PLAIN.match(held, at):
            self._keep_no_table(character)
            self._put(plain[0])
            return plain.end()
        word = _WORD.match(held, at)
        assert word  # noqa: S101 - whatever is nothing else is part of a word
        complete = len(word[0]) < _LONGEST
        if complete and word.end() == len(held) and not final:
            return None
        return at + self._word(word[0], held[word.end() : word.end() + 1], complete=complete)

    def _line_start(self, held: str, at: int, final: bool) -> int | None:
        """Open a code block, or let a line's indentation out; `at` where there is neither."""
        start = _INDENT.match(held, at).end()  # type: ignore[union-attr] # may be empty
        if start == len(held):
            if not final and start - at < 64:
                return None
        elif start - at < 64 and held[start] in _RUNS:
            run = _RUNS[held[start]].match(held, start)[0]  # type: ignore[index] # one is there
            after = start + len(run)
            info = _INFO.match(held, after)[0]  # type: ignore[index] # may be empty
            end = after + len(info)
            if end == len(held) and not final and len(run) < 65 and len(info) < _LINE:
                return None
            if 3 <= len(run) < 65 and len(info) < _LINE and held[end : end + 1] in ("", "\n"):
                self._indent = len(held[at:start].expandtabs(4))
                self._put(run + _LANGUAGE.match(info)[1])  # type: ignore[index] # may be empty
                self._put(held[end : end + 1])
                self._fence = run
                return min(end + 1, len(held))
        self._put(held[at:start])
        return start

    def _in_fence(self, held: str, at: int, final: bool) -> int | None:
        """Pass code on as it is until a line that closes it; one that some renderer might take for such is indented."""
        if self._last != "\n":
            end = held.find("\n", at)
            end = len(held) if end < 0 else end
            self._put(held[at:end])
            if end < len(held):
                self._put("\n")
            return min(end + 1, len(held))
        start = _INDENT.match(held, at).end()  # type: ignore[union-attr] # may be empty
        if start == len(held) and not final and start - at < 64:
            return None
        if start - at < 64 and held.startswith(self._fence[0], start):
            run = _RUNS[self._fence[0]].match(held, start)[0]  # type: ignore[index] # one is there
            after = start + len(run)
            end = _CLOSED.match(held, after).end()  # type: ignore[union-attr] # may be empty
            if end == len(held) and not final and len(run) < 65 and end - after < 65:
                return None
            if len(run) >= len(self._fence):
                if len(run) < 65 and end - after < 65 and held[end : end + 1] in ("", "\n"):
                    self._put(self._fence)
                    self._fence = ""
                    return end
                self._put("    " + run)
                return after
        kept = held[at:start]
        self._put(kept.removeprefix(" " * self._indent) if len(kept) >= self._indent else kept.lstrip(" "))
        if start == at:
            self._put(held[start])
            return start + 1
        return start

    def _angle(self, held: str, at: int, final: bool) -> int | None:
        if at + 1 == len(held) and not final:
            return None
        self._put("&lt;" if _OPENS.match(held, at + 1) and not self._escaping else "<")
        return at + 1

    def _backticks(self, held: str, at: int, final: bool) -> int | None:
        """Let a code span out that ends on its line, and escape backticks that open nothing."""
        span = _CODE.match(held, at)
        assert span  # noqa: S101 - a backtick stands here
        run, body, closing = span.groups()
        if self._stray or self._refused or self._escaping:
            self._escape(1)
            self._refused = max(0, self._refused - 1)
            return at + 1
        if not final:
            seen = span.end() < len(held) - held.endswith("\n")
            solid = _SOLID.match(held, at)
            if not seen and len(body) < _SPAN and len(closing) < 3:
                return None
            if solid and solid.end() == len(held) and len(solid[0]) < _LONGEST:
                return None
        body = body.replace("\n", " ")
        if body and len(closing) == len(run) and self._passes(body):
            self._code(body, run if _is_harmless(body) else "`")
            return span.end()
        if body and len(closing) == len(run):
            self._refused = len(run)
        self._escape(len(run))
        return at + len(run)

    def _escape(self, count: int) -> None:
        for _ in range(count):
            self._put("`" if self._escaping else "\\`")
        self._stray = True

    def _passes(self, body: str) -> bool:
        """Say whether a code span is one for every renderer, or harmless where it is none."""
        if ("|" in body and self._tabled) or body.endswith("\\") or body.isspace():
            return False
        if _is_harmless(body):
            return True
        # Some renderers end emphasis or a link inside of code.
        whole = body.split() == [body]
        return whole or not ("](" in body or "]:" in body or "![" in body or self._marks.intersection(body))

    def _code(self, body: str, run: str = "`") -> None:
        if self._last and self._last in "`\\":
            self._put(" ")
        self._put(f"{run}{body}{run}")
        self._piped = self._piped or "|" in body

    def _word(self, word: str, follow: str, *, complete: bool) -> int:
        """Let out a word, its addresses as code spans, its markers as they are; return how much of it."""
        done = 0
        for marker in MARKER.finditer(word):
            self._segment(word[done : marker.start()], "[", marker.start() - done)
            self._text(marker[0])
            done = marker.end()
        rest = word[done:]
        if complete:
            return done + self._segment(rest, follow, len(rest))
        # Neither a marker nor an entity may be cut.
        rest = MARKER_BEGUN.sub("", rest)
        end = max(0, len(rest) - _OVERLAP)
        end = max(0, rest.find("&", max(0, end - _OVERLAP), end)) or end
        return done + self._segment(rest, "…", end)

    def _segment(self, text: str, follow: str, end: int) -> int:
        """Let out the part of a word that holds no marker, up to `end`, or further where an address ends there."""
        done, ends = 0, not follow or follow.isspace()
        while found := address(text, done, before=self._last, follow=follow, end=end):
            done = self._address(text, (done, *found), ends=ends)
        if done < end:
            self._text(text[done:end])
        return max(done, end)

    def _address(self, word: str, places: tuple[int, int, int], *, ends: bool) -> int:
        """Let out what stands before an address, and the address; return what is let out of the word.

        `ends` tells that white space follows the word: an allowed address is linked only where no renderer
        takes more for its part.
        """
        done, start, stop = places
        before, body, rest = word[done:start], word[start:stop], word[stop:]
        if ends and body in self._allowed:
            if before.endswith("](") and rest.startswith(")") and _AFTER_LINK.fullmatch(rest, 1):
                self._text(before[:-2])
                self._put(f"]({body})")
                return stop + 1
            alone = not done and (not self._last or self._last.isspace())
            if alone and not before.strip(OPENERS) and _AFTER_BARE.fullmatch(rest):
                self._text(before)
                self._put(body)
                return stop
        self._text(before.rstrip(JOINERS))
        self._code(body.strip(JOINERS))
        return stop

    def _keep_no_table(self, character: str) -> None:
        """Escape what would begin a table's second line: its first one holds a code span that cells would cut."""
        if self._piped and self._leading and character in "|:-":
            self._put("\\")

    def _text(self, text: str) -> None:
        """Let out what holds no address; what would make a link, an image or a definition of it is broken."""
        if self._last == "`":
            text = text.lstrip(JOINERS)
        if not text:
            return
        if (self._last == "]" and (text[0] == "(" or (text[0] == ":" and self._labelled))) or (
            self._last == "!" and text[0] == "["
        ):
            self._put(" ")
        self._keep_no_table(text[0])
        if self._leading and "[" in text:
            lead = _LEAD.match(text)
            self._labelled = self._labelled or (lead is not None and text[lead.end()] == "[")
        self._marks = self._marks | _MARKS.intersection(text)
        # A pair may have been cut where a long word was.
        paired = int(self._escaping and _PAIRED.match(text) is not None)
        self._put(text[:paired] + _RISKY.sub(self._mended, text[paired:]))

    def _mended(self, found: re.Match[str]) -> str:
        match found.lastgroup:
            case "link":
                return "] "
            case "image":
                return "! "
            case "label":
                return "] " if self._labelled else "]"
            case "entity":
                return "&amp;"
            case "tildes":
                return "\\~" * len(found[0])
            case _:
                return found[0]


def _is_harmless(text: str) -> bool:
    return not (_MARKUP.search(text) or GIVEN_AWAY.search(text))
