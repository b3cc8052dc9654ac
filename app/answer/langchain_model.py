"""Answers from any provider that LangChain knows, as `provider:model`."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, cast

from app.answer.answerer import ModelFailure, Piece, Written
from app.answer.messages import chat_messages
from app.answer.spoken import Habit, answer_of, whole
from app.events import Passage
from app.language.phrases import language_of
from app.question import Message
from app.settings import ModelSettings
from vectorstore.errors import Unavailable

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessageChunk


def open_chat_model(name: str, *, api_key: str = "") -> "BaseChatModel":
    """Open a LangChain chat model by `provider:model`; raises Unavailable naming the package to install."""
    from langchain.chat_models import init_chat_model

    try:
        return init_chat_model(name, api_key=api_key) if api_key else init_chat_model(name)
    except ImportError as error:
        raise Unavailable(
            f"The provider of {name!r} is not installed.", str(error).splitlines()[0]
        ) from error
    except ValueError as error:
        raise Unavailable(
            f"The chat model {name!r} is not known.", "Write FOOTNOTE_LLM_MODEL as provider:model."
        ) from error


class LangChainAnswerer:
    """Streams answers from a LangChain chat model."""

    def __init__(self, model: "BaseChatModel", settings: ModelSettings) -> None:
        self._model = model
        self._settings = settings
        self._habit = Habit()

    @property
    def name(self) -> str:
        """The model's name, as `provider:model`."""
        return self._settings.llm_model

    async def write(
        self, question: str, *, passages: Sequence[Passage], history: Sequence[Message]
    ) -> AsyncGenerator[Piece, None]:
        """Stream the answer; raises ModelFailure."""
        messages = chat_messages(question, passages=passages, history=history)
        pairs = [(message["role"], message["content"]) for message in messages]
        known = (passage.number for passage in passages)
        answer = answer_of(self._pieces(pairs), self._habit, known=known, language=language_of(question))
        async with aclosing(answer) as stream:
            async for piece in stream:
                yield piece

    async def complete(self, prompt: str) -> str:
        """Return the whole reply to one user message; raises ModelFailure."""
        return await whole(self._pieces([("user", prompt)]), self._habit)

    async def close(self) -> None:
        """Do nothing: LangChain's clients close with the process."""

    async def _pieces(self, messages: Sequence[tuple[str, str]]) -> AsyncGenerator[Piece, None]:
        wait = self._settings.llm_first_token_seconds
        tokens: tuple[int | None, int | None] = (None, None)
        # LangChain declares an iterator, but every model's astream is a generator, which must be closed.
        stream = cast("AsyncGenerator[AIMessageChunk, None]", self._model.astream(messages))
        async with aclosing(stream) as chunks:
            while True:
                try:
                    async with asyncio.timeout(wait):
                        chunk = await anext(chunks, None)
                except TimeoutError as error:
                    raise ModelFailure(
                        "model_timeout", "The language model took too long to answer."
                    ) from error
                except Exception as error:
                    raise ModelFailure("model_unavailable", "The language model failed.") from error
                if chunk is None:
                    break
                if usage := chunk.usage_metadata:
                    tokens = (usage["input_tokens"], usage["output_tokens"])
                if text := str(chunk.text):
                    wait = self._settings.llm_idle_seconds
                    yield text
        yield Written(input_tokens=tokens[0], output_tokens=tokens[1])
