"""What Footnote itself says, in the language of the question."""

import re
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from vectorstore.language import detect

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
