"""The seam between ways of writing an answer."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from app.events import FailureCode, Passage
from app.question import Message
from vectorstore.errors import Unavailable


class ModelFailure(Unavailable):
    """The model broke before or while writing. `what` is for the reader, `hint` for the operator alone.

    `after` is the number of seconds after which it may be asked again, where it said so.
    """

    def __init__(
        self,
        code: FailureCode,
        what: str,
        hint: str = "",
        *,
        retryable: bool = True,
        after: int | None = None,
    ) -> None:
        super().__init__(what, hint)
        self.code = code
        self.retryable = retryable
        self.after = after


@dataclass(frozen=True, slots=True)
class Written:
    """The end of what an answerer writes: why it stopped, and the tokens if the server counted them.

    `refused` means that the passages do not hold the answer; then no text came before, and the turn words it.
    """

    reason: Literal["stop", "length", "content_filter"] = "stop"
    input_tokens: int | None = None
    output_tokens: int | None = None
    refused: bool = False


Piece: TypeAlias = str | Written
"""Text as it is written, then exactly one Written."""


class Answerer(Protocol):
    """Writes an answer from passages, citing them as `[n]`. Raises `ModelFailure` when it breaks."""

    @property
    def name(self) -> str:
        """The model's name, for records and `/healthz`."""

    def write(
        self, question: str, *, passages: Sequence[Passage], history: Sequence[Message]
    ) -> AsyncGenerator[Piece, None]:
        """Stream the answer. Closing the iterator closes whatever is upstream of it."""


class LanguageModel(Answerer, Protocol):
    """An answerer with a language model behind it, which can be asked for other short texts too."""

    async def complete(self, prompt: str) -> str:
        """Return the whole reply to one user message; raises ModelFailure."""

    async def close(self) -> None:
        """Close the connections."""
