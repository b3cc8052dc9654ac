"""What Footnote itself says, in the language of the question, and a document's words in it: between quotation marks."""

import re
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from vectorstore.language import detect
from vectorstore.printable import printable

_TABLE = Path(__file__).with_name("phrases.toml")
_PLACE = re.compile(r"\{([a-z]+)\}")


def language_of(text: str) -> str:
    """Name the language of a question, of the ten that Footnote speaks; English where it is another, or not told."""
    told = detect.language(text)
    return told if told in _phrases() else "en"


def say(phrase: str, language: str = "en", **values: str) -> str:
    """Return a phrase in a language, filled in; raises KeyError for a phrase that is not there."""
    table = _phrases()
    text = table.get(language, table["en"])[phrase]
    # In one pass: a title that reads `{heading}` stays what it is.
    return _PLACE.sub(lambda place: values.get(place[1], place[0]), text)


def listed(items: list[str], language: str = "en", *, word: str = "and") -> str:
    """Join names as a sentence does: `a, b and c`."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {say(word, language)} {items[-1]}"


def languages() -> tuple[str, ...]:
    """Return the codes of the languages spoken."""
    return tuple(_phrases())


@lru_cache(maxsize=1)
def _phrases() -> Mapping[str, Mapping[str, str]]:
    return tomllib.loads(_TABLE.read_text(encoding="utf-8"))


_SINGLE = "‘’‚‛'`´′‵"
_MARKS = re.compile(f'["“”„‟«»＂〝〞〟❝❞❠⹂ˮ״″‶〃🙶🙷🙸{_SINGLE}]+')
"""Quotation marks and what looks like them; two single ones beside each other look like a double one."""
_BEFORE = " ([{<–—-="
"""What stands before a mark that opens; any other character before it, and it closes."""
_INCHES = ('"', "″", "''")
_NOTHING = ('""', "''", "“”")
_NUMBERED = re.compile(r"\[([^\[\]\w]*\d(?:\d|[^\[\]\w])*)\]")
"""A number in brackets, which would be read as a citation."""


def quoted(text: str) -> str:
    """Return the text as a quotation on one line."""
    return f"“{inside(text)}”"


def inside(text: str) -> str:
    """Return the text as it may stand between double quotation marks.

    Marks within become single ones, numbers in brackets lose the form of a citation, line breaks become spaces, and
    characters that could hide or move the closing mark go: what leaves is not made printable only afterwards.
    """
    plain = " ".join(printable(text).split())
    return _singled(_NUMBERED.sub(r"(\1)", plain))


def unquoted(text: str) -> str:
    """Return what stands between the marks of a text that is one quotation; any other text as it is."""
    if len(text) < 2 or text[0] != "“" or text.find("”") != len(text) - 1:
        return text
    return text[1:-1]


def _singled(text: str) -> str:
    """Turn double quotation marks into single ones, an inch's after its number into a double prime."""
    opened = 0

    def single(match: re.Match[str]) -> str:
        nonlocal opened
        marks, (start, end) = match[0], match.span()
        before, after = text[max(0, start - 1) : start], text[end : end + 1]
        if len(marks) == 1 and marks in _SINGLE:
            return marks
        if marks in _INCHES and before.isdigit() and not opened:
            return "″"
        begins = (not before or before in _BEFORE) and not (opened and after.isspace())
        if marks in _NOTHING and begins:
            return "‘’"
        opens = {"”": False, "»": begins and after.isalnum(), "“": begins or after.isalnum()}.get(
            marks, begins
        )
        opened = max(0, opened + (1 if opens else -1))
        return "‘" if opens else "’"

    return _MARKS.sub(single, text)
