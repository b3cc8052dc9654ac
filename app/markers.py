"""Citation markers in a text that grows: groups are split, those that name no passage are dropped."""

import re
from collections.abc import Iterable

_GROUP = re.compile(r" {0,60}\[(?=[\d,\s]{1,60}\])(\d{1,3}(?:\s*,\s*\d{1,3})*)\]")
_UNFINISHED = re.compile(r"\s{0,60}\[[\d,\s]{0,60}\Z|\s{1,60}\Z")
_REACH = 130
"""More characters than an unfinished marker may have, with the space before it."""
_OPENED = re.compile(r"\[[\d,\s]{0,60}\Z")


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
            known = [number for number in map(int, group[1].split(",")) if number in self._known]
            if known:
                spaces = group[0].partition("[")[0]
                out.append(spaces + "".join(f"[{number}]" for number in known))
            elif _OPENED.search((self._tail + "".join(out[-8:]))[-_REACH:]):
                # What stands around a dropped marker must not close up to another one.
                out.append("…")
            position = group.end()
        out.append(text[position:])
        resolved = "".join(out)
        self._tail = (self._tail + resolved)[-_REACH:]
        return resolved
