"""The seam between ways of writing an answer, and what stands between it and a plug-in's answerer."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from app.events import FailureCode, Outcome, Passage
from app.question import Message
from vectorstore.errors import Unavailable
from vectorstore.plugins import PlugIn


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

    With the outcome `refused` (the passages do not hold the answer) no text before is one, and the turn words it.
    """

    reason: Literal["stop", "length", "content_filter"] = "stop"
    input_tokens: int | None = None
    output_tokens: int | None = None
    outcome: Outcome = "answered"
    echoed: bool = False
    """Whether it copied the prompt, which is left out: where nothing else was written, that is no silence."""


@dataclass(frozen=True, slots=True)
class Restart:
    """What was written so far is no part of the answer: the model was thinking aloud without having said so."""


Piece: TypeAlias = str | Restart | Written
"""Text as it is written, then exactly one Written."""


@runtime_checkable
class Answerer(Protocol):
    """Writes an answer from passages, citing them as `[n]`. Raises `ModelFailure` when it breaks."""

    @property
    def name(self) -> str:
        """The model's name, for records and `/healthz`."""

    def write(
        self, question: str, *, passages: Sequence[Passage], history: Sequence[Message]
    ) -> AsyncGenerator[Piece, None]:
        """Stream the answer. Closing the iterator closes whatever is upstream of it."""


@runtime_checkable
class LanguageModel(Answerer, Protocol):
    """An answerer with a language model behind it, which can be asked for other short texts too."""

    async def complete(self, prompt: str) -> str:
        """Return the whole reply to one user message; raises ModelFailure."""

    async def close(self) -> None:
        """Close the connections."""


@dataclass(frozen=True)
class Plugged:
    """A plug-in's answerer: whatever breaks in it is a ModelFailure, which tells the operator whose it is."""

    plug_in: PlugIn
    inner: Answerer

    @property
    def name(self) -> str:
        """The plug-in's name."""
        return self.plug_in.name

    async def write(
        self, question: str, *, passages: Sequence[Passage], history: Sequence[Message]
    ) -> AsyncGenerator[Piece, None]:
        """Stream the answer, with exactly one end; raises ModelFailure."""
        with self._told():
            async with aclosing(self.inner.write(question, passages=passages, history=history)) as pieces:
                async for piece in pieces:
                    if not isinstance(piece, str | Written):
                        raise TypeError(f"it wrote {type(piece).__name__}")
                    yield piece
                    if isinstance(piece, Written):
                        return
        yield Written()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except ModelFailure:
            raise
        except Exception as error:
            hint = self.plug_in.broken("broke", error, told=False).what
            raise ModelFailure("model_unavailable", "What writes the answers failed.", hint) from error


@dataclass(frozen=True)
class PluggedModel(Plugged):
    """The same for one that has a language model behind it."""

    inner: LanguageModel

    async def complete(self, prompt: str) -> str:
        """Return the whole reply to one user message; raises ModelFailure."""
        with self._told():
            return str(await self.inner.complete(prompt))

    async def close(self) -> None:
        """Close the connections; raises ModelFailure."""
        with self._told():
            await self.inner.close()
