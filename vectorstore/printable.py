"""Text without the characters that steer a terminal or hide: control, format and bidirectional ones."""

import json
import re

_STARTS = r"\x90\x98\x9d\x9e\x9f"
_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]{0,200}[ -/]{0,20}[@-~]"  # CSI: colours, the cursor
    rf"|(?:\x1b[\]PX^_]|[{_STARTS}])[^\x07\x1b\x9c\r\n{_STARTS}]{{0,500}}(?:\x07|\x1b\\|\x9c)"  # OSC, DCS: titles, links
    r"|\x1b[ -/]{0,20}[0-~]"
)
_BEGUN = re.compile(
    r"(?:(?:\x1b\[|\x9b)[0-?]{0,200}[ -/]{0,20}"
    rf"|(?:\x1b[\]PX^_]|[{_STARTS}])[^\x07\x1b\x9c\r\n{_STARTS}]{{0,500}}\x1b?"
    r"|\x1b[ -/]{0,20}|\r)\Z"
)
_REACH = 520
"""More characters than a sequence may have before it is certain."""
_BREAK = re.compile(r"\r\n?|[\x85\u2028\u2029]")
_LONE = re.compile(r"[\ud800-\udfff]")
_HIDDEN = (
    r"\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff0-\ufffb"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
)
_DROPPED = re.compile(rf"[{_HIDDEN}]")
JOINERS = "\u200c\u200d"
"""What joins letters or emoji; anywhere else it hides."""
_JOINED = (
    r"\w\u0300-\u036f\u0590-\u0fff\u1000-\u1fff\u20d0-\u20ff\u2190-\u2bff\ufe00-\ufe0f\U0001f000-\U0001faff"
)
_IDLE_JOINER = re.compile(rf"(?<![{_JOINED}])[{JOINERS}]|[{JOINERS}](?![{_JOINED}])")
_SPECIAL = re.compile(rf"[{_HIDDEN}\r\u2028\u2029\ud800-\udfff{JOINERS}]")


def printable(text: str) -> str:
    """Return the text without what steers a terminal or hides; CR LF becomes LF, a lone surrogate U+FFFD.

    Joiners stay where they join letters or emoji. Line breaks and tabs stay.
    """
    stream = Printable()
    return stream.feed(text) + stream.finish()


def printable_json(value: object, *, indent: int | None = None) -> str:
    """Write JSON that a terminal can show: equal to what was given, with what steers or hides escaped."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return _SPECIAL.sub(lambda found: json.dumps(found[0])[1:-1], text)


class Printable:
    """`printable` as a stream. Feeding in any pieces gives the same text as feeding the whole."""

    def __init__(self) -> None:
        self._held = ""
        self._joiners = ""
        self._before = ""

    def feed(self, delta: str) -> str:
        """Take more text; return what is certain of it."""
        if self._held or self._joiners or _SPECIAL.search(delta):
            return self._clean(self._held + delta, final=False)
        self._before = delta[-1:] or self._before
        return delta

    def finish(self) -> str:
        """Return what was still held back."""
        return self._clean(self._held, final=True)

    def _clean(self, text: str, *, final: bool) -> str:
        begun = None if final else _BEGUN.search(text, max(0, len(text) - _REACH))
        cut = begun.start() if begun else len(text)
        self._held = text[cut:]
        seen = _SEQUENCE.sub("", _BREAK.sub("\n", text[:cut]))
        seen = self._joiners + _LONE.sub("\ufffd", _DROPPED.sub("", seen))
        certain = seen if final else seen.rstrip(JOINERS)
        self._joiners = seen[len(certain) :]
        shown = _IDLE_JOINER.sub("", self._before + certain)[len(self._before) :]
        self._before = shown[-1:] or self._before
        return shown
