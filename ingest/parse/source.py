"""The file as a parser receives it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """A file's bytes, its type by content, and its name (a hint only: it decides between dialects of text)."""

    data: bytes
    name: str
    media_type: str

    @property
    def suffix(self) -> str:
        """The name's ending without the dot, lower case."""
        return self.name.rpartition(".")[2].lower() if "." in self.name else ""
