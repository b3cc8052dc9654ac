"""What someone asks: the words, the conversation before them, and what the asker may see."""

from dataclasses import dataclass
from typing import Literal

from vectorstore.types import Generation, Scope, Where


@dataclass(frozen=True, slots=True)
class Message:
    """One earlier turn of the conversation."""

    role: Literal["user", "assistant"]
    text: str


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
