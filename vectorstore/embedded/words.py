"""How text becomes words to look up: stems for meaning, identifiers as typed."""

import re

IDENTIFIER_PATTERN = r"\w+(?:[-._/:@#+]\w+)+|\w*\d\w*"
"""What stands in text as one name: `ERR-4012`, `v2.3.1`, `handbook.pdf`, `2024-03-01`, `a/b_c`, `4012`.

For tantivy, whose patterns take linear time whatever they are.
"""
_IDENTIFIER = re.compile(r"(?<!\w)(?:\w++(?:[-./:@#+]\w++)++|\w[^\W_]*+_\w++|[^\W\d]*+\d\w*+)")
"""The same for Python, which would begin anew at every letter of a long word."""

_MOST_WORDS = 64
_MOST_IDENTIFIERS = 16


def identifiers(text: str) -> list[str]:
    """Return the identifiers in a text, lower case, each once."""
    found = dict.fromkeys(match.lower() for match in _IDENTIFIER.findall(text))
    return list(found)[:_MOST_IDENTIFIERS]


def first_words(words: list[str]) -> list[str]:
    """Keep each word once, and no more than a query can use."""
    return list(dict.fromkeys(words))[:_MOST_WORDS]
