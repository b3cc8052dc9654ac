"""What someone asks: the words, the conversation before them, and what the asker may see."""

from dataclasses import dataclass
from typing import Literal

from vectorstore.types import DocumentId, Generation, Scope, Where


@dataclass(frozen=True, slots=True)
class Message:
    """One earlier turn of the conversation.

    `drawn_from` are the documents behind an answer of ours, as far as the service kept the conversation.
    """

    role: Literal["user", "assistant"]
    text: str
    drawn_from: frozenset[DocumentId] = frozenset()

    def __post_init__(self) -> None:
        """Leave no half characters."""
        object.__setattr__(self, "text", _sound(self.text))


@dataclass(frozen=True, slots=True)
class Question:
    """A question ready to be answered. `history` is oldest first and excludes the question itself."""

    text: str
    scope: Scope
    history: tuple[Message, ...] = ()
    where: Where = ()
    top_k: int = 6
    conversation: str = ""
    at: Generation | None = None

    def __post_init__(self) -> None:
        """Leave no half characters."""
        object.__setattr__(self, "text", _sound(self.text))


def _sound(text: str) -> str:
    """Put `?` for half of a UTF-16 pair, which clients leave where they cut a text and neither index nor model takes."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
