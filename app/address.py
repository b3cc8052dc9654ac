"""Where an address stands in a word: what a renderer might link, with a scheme or without, escaped or not.

Wider than any one renderer: what is taken for an address and is none is only shown as code.
"""

import re
import unicodedata

_UNSCHEMED = "mailto|xmpp|javascript|vbscript|data|tel|sms|file|blob|magnet|callto|skype|facetime"
_DOMAINS = (
    "a[cdefgilmnoqrstuwxz]|b[abdefghijmnorstvwyz]|c[acdfghiklmnoruvwxyz]|d[ejkmoz]|e[cegrstu]|f[ijkmor]|"
    "g[abdefghilmnpqrstuwy]|h[kmnrtu]|i[delmnoqrst]|j[emop]|k[eghimnprwyz]|l[abcikrstuvy]|m[acdeghklmnopqrstuvwxyz]|"
    "n[acefgilopruz]|om|p[aefghklmnrstwy]|qa|r[eosuw]|s[abcdeghijklmnortuvxyz]|t[cdfghjklmnortvwz]|u[agksyz]|"
    "v[aceginu]|w[fs]|y[et]|z[amw]|xn--[a-z0-9-]{1,40}|aero|app|asia|biz|blog|cloud|com|coop|dev|edu|gov|info|int|"
    "mil|museum|name|net|online|org|page|pro|shop|site|store|tech|web|xxx|xyz|рф"
)
GIVEN_AWAY = re.compile(
    r"(?P<slashes>/\\?/)|(?P<www>www\\?\.)|(?P<mail>@)"
    rf"|(?P<scheme>(?<![^\W_])(?:{_UNSCHEMED})\\?:)|(?P<host>\\?\.(?:{_DOMAINS})(?!-|_*[^\W_]))",
    re.IGNORECASE,
)
"""What gives an address away; `@`, `//` and `.com` may stand alone."""
_SCHEME_LETTER = re.compile(r"[\w+.\\-]")
_NAME_LETTER = re.compile(r"[\w.+%'\\-]")
_HOST_LETTER = re.compile(r"[\w.\\-]")
_MAIL_HOST = re.compile(r"[\w.\\-]*")
OPENERS = "([{\"'“”„‘’«»‹›,;"
_TAIL = "?!.,:;'\"*_~\\“”‘’«»"
_GOES_ON = re.compile(r"[/?#\\@]|:\d")
_BRACKET = re.compile(r"[()\[\]{}\"“”„«»]")
_PAIRS = {")": "(", "]": "[", "}": "{"}


def address(word: str, done: int, *, before: str, follow: str, end: int) -> tuple[int, int] | None:
    """Return where the first address from `done` on begins and ends; None without one.

    `before` and `follow` are the characters around the word. What gives an address away from `end` on is left.
    """
    seek = done
    while (found := GIVEN_AWAY.search(word, seek)) and found.start() < end:
        beside = word[found.start() - 1] if found.start() > done else "`" if done else before
        ends = found.end() == len(word) and (not follow or follow.isspace())
        if _is_address(found, beside, ends=ends):
            start = _begin(word, done, found)
            return start, _end(word, start, found)
        seek = found.end()
    return None


def _begin(word: str, done: int, found: re.Match[str]) -> int:
    """Return where the address begins that was found by what gives it away."""
    start = found.start()
    match found.lastgroup:
        case "slashes" if start > done and word[start - 1] == ":":
            letter, start = _SCHEME_LETTER, start - 1
        case "mail":
            letter = _NAME_LETTER
        case "host" if word.startswith("@", found.end()):
            letter = _NAME_LETTER
        case "host" | "www":
            letter = _HOST_LETTER
        case _:
            return start
    while start > done and letter.match(word, start - 1):
        start -= 1
    while start < found.start() and word[start] in _TAIL:
        start += 1
    return start


def _is_address(found: re.Match[str], before: str, *, ends: bool) -> bool:
    """Say whether what was found gives an address away, by what stands before it and whether a word ends with it."""
    blank = not before or before.isspace()
    match found.lastgroup:
        case "slashes":
            return before == ":" or not ends
        case "scheme":
            return not ends
        case "mail":
            # A mailbox may be called `'` or `{`.
            return not ends and not blank and (before in "'{" or before not in OPENERS)
        case "host":
            # A label ends in what is neither punctuation nor space.
            return not blank and unicodedata.category(before)[0] in "LNSM"
        case _:
            return True


def _end(word: str, start: int, found: re.Match[str]) -> int:
    """Return where the address ends, without the punctuation of the sentence around it."""
    stop = found.end()
    if found.lastgroup == "mail":
        host = _MAIL_HOST.match(word, stop)
        stop = host.end() if host else stop
    elif found.lastgroup != "host" or _GOES_ON.match(word, stop):
        stop = _balanced(word, stop)
    while stop > start + 1 and word[stop - 1] in _TAIL:
        stop -= 1
    return stop


def _balanced(word: str, start: int) -> int:
    """Return where a bracket closes that was not opened since `start`, or a quotation mark stands, or the end."""
    opened: list[str] = []
    for bracket in _BRACKET.finditer(word, start):
        if bracket[0] in _PAIRS.values():
            opened.append(bracket[0])
        elif not opened or opened.pop() != _PAIRS.get(bracket[0]):
            return bracket.start()
    return len(word)
