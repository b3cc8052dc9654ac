"""The file as a parser receives it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """A file's bytes, its type by content, and its name (a hint only: it decides between dialects of text)."""

    data: bytes
    name: str
    media_type: str


def suffix_of(name: str) -> str:
    """Return the name's ending without the dot, in lower case; empty when it has none."""
    return name.rpartition(".")[2].lower() if "." in name else ""
