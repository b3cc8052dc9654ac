"""What someone asks: the words, the conversation before them, what the asker may see; and how it was understood."""

from dataclasses import dataclass, field
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
    top_k: int = field(kw_only=True)
    """How many chunks are retrieved for it."""
    conversation: str = ""
    at: Generation | None = None
    cites_only: bool = False
    """Whether the asker sees of the documents only what the answer cites: no titles, and no passages beside."""
    fresh: bool = False
    """Whether an answer that was kept will not do."""
    variant: str = ""
    """By which variant it is answered, where several are tried; empty: as the settings say."""

    def __post_init__(self) -> None:
        """Leave no half characters."""
        object.__setattr__(self, "text", _sound(self.text))


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that is asked: its own words, and those given to it so that it says what it is about."""

    text: str
    given: tuple[str, ...] = ()

    @property
    def whole(self) -> str:
        """All of its words, as they are searched."""
        return " ".join((self.text, *self.given))


@dataclass(frozen=True, slots=True)
class Understood:
    """A question that stands alone, in the `parts` in which it is asked: at least one.

    `alone` is the whole of it, with what earlier turns gave.
    """

    question: Question
    alone: Part
    parts: tuple[Part, ...]
    language: str
    rewords: bool = False
    """Whether the last answer is wanted in other words; `alone` is then the question that it answered."""

    @property
    def put(self) -> str:
        """What a language model is asked."""
        return self.question.text if self.rewords else self.alone.whole

    @property
    def searched(self) -> tuple[Part, ...]:
        """What is searched: the whole, and where there are several parts each of them."""
        return (self.alone, *self.parts) if len(self.parts) > 1 else (self.alone,)


def _sound(text: str) -> str:
    """Put `?` for half of a UTF-16 pair, which clients leave where they cut a text and neither index nor model takes."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
