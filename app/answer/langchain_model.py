"""Answers from any provider that LangChain knows, as `provider:model`."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final, cast

from app.answer.answerer import Piece, Written
from app.answer.exchange import Rejection, Takes, empty, ending, failure, rejection, slow
from app.answer.messages import ChatMessage, chat_messages
from app.answer.spoken import Habit, answer_of, whole
from app.events import Passage
from app.language.phrases import language_of
from app.question import Message
from app.settings import ModelSettings
from vectorstore.errors import Unavailable
from vectorstore.telemetry import traces

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessageChunk
    from langchain_core.messages.ai import UsageMetadata


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


_PROVIDERS: Final = {
    "azure_openai": "azure.ai.openai", "bedrock": "aws.bedrock", "bedrock_converse": "aws.bedrock",
    "google_genai": "gcp.gemini", "google_vertexai": "gcp.vertex_ai", "mistralai": "mistral_ai", "xai": "x_ai",
}  # fmt: skip
"""What OpenTelemetry's conventions call those that LangChain calls otherwise."""
_TAKE_HEADERS: Final = frozenset({"openai", "azure_openai"})
"""Providers whose client is known to take headers with a call."""


class LangChainAnswerer:
    """Streams answers from a LangChain chat model."""

    def __init__(self, model: "BaseChatModel", settings: ModelSettings) -> None:
        self._model = model
        self._settings = settings
        self._habit = Habit()
        # The provider's client decides what else is sent.
        self._takes = Takes(limit="", temperature=False, usage=False, stream=False, guessed=True)

    @property
    def name(self) -> str:
        """The model's name, as `provider:model`."""
        return self._settings.llm_model

    async def write(
        self, question: str, *, passages: Sequence[Passage], history: Sequence[Message]
    ) -> AsyncGenerator[Piece, None]:
        """Stream the answer; raises ModelFailure."""
        messages = chat_messages(
            question,
            passages=passages,
            history=history,
            short=self._settings.prompt == "short",
            file=self._settings.prompt_file,
        )
        pieces, language = self._pieces(messages), language_of(question)
        answer = answer_of(pieces, self._habit, messages=messages, passages=passages, language=language)
        async with aclosing(answer) as stream:
            async for piece in stream:
                yield piece

    async def complete(self, prompt: str) -> str:
        """Return the whole reply to one user message; raises ModelFailure."""
        return await whole(self._pieces([{"role": "user", "content": prompt}]), self._habit)

    async def close(self) -> None:
        """Do nothing: LangChain's clients close with the process."""

    async def _pieces(self, messages: Sequence[ChatMessage]) -> AsyncGenerator[Piece, None]:
        provider, _, model = self._settings.llm_model.partition(":")
        with traces.apart(
            f"chat {model}",
            kind="client",
            gen_ai__operation__name="chat",
            gen_ai__provider__name=_PROVIDERS.get(provider, provider),
            gen_ai__request__model=model,
            gen_ai__request__stream=True,
        ) as call:
            carrier = call.carrier() if provider in _TAKE_HEADERS else {}
            async with aclosing(
                self._heard(messages, {"extra_headers": carrier} if carrier else {})
            ) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Written):
                        call.say(
                            gen_ai__usage__input_tokens=piece.input_tokens,
                            gen_ai__usage__output_tokens=piece.output_tokens,
                        )
                    yield piece

    async def _heard(
        self, messages: Sequence[ChatMessage], headers: Mapping[str, Any]
    ) -> AsyncGenerator[Piece, None]:
        began = False
        while True:
            takes = self._takes
            try:
                async with aclosing(self._asked(takes.folded(messages), headers)) as pieces:
                    async for piece in pieces:
                        began = True
                        yield piece
                return
            except _Rejected as rejected:
                changed = None if began else takes.without(rejected.found)
                if changed is None:
                    raise failure(rejected.found, address="the provider") from rejected
                self._takes = changed

    async def _asked(
        self, messages: Sequence[ChatMessage], headers: Mapping[str, Any]
    ) -> AsyncGenerator[Piece, None]:
        from langchain_core.messages.ai import add_usage

        settings, loop = self._settings, asyncio.get_running_loop()
        wait, deadline = settings.llm_first_token_seconds, loop.time() + settings.llm_total_seconds
        usage: UsageMetadata | None = None
        reason, beside, written = "", "", False
        key = settings.llm_api_key.get_secret_value()
        pairs = [(message["role"], message["content"]) for message in messages]
        # LangChain declares an iterator, but every model's astream is a generator, which must be closed.
        stream = cast("AsyncGenerator[AIMessageChunk, None]", self._model.astream(pairs, **headers))
        async with aclosing(stream) as chunks:
            while True:
                try:
                    async with asyncio.timeout_at(min(loop.time() + wait, deadline)):
                        chunk = await anext(chunks, None)
                except TimeoutError as error:
                    raise slow() from error
                except Exception as error:  # the provider's edge: each has errors of its own
                    raise _Rejected(_rejection(error, [key, *(said for _, said in pairs)])) from error
                if chunk is None:
                    break
                if chunk.usage_metadata:
                    # Providers tell what was read with the first piece and what was written with the last.
                    usage = add_usage(usage, chunk.usage_metadata)
                reason = _reason(chunk.response_metadata) or reason
                if text := str(chunk.text):
                    wait, written = settings.llm_idle_seconds, True
                    yield text
                elif chunk.tool_call_chunks or chunk.tool_calls:
                    beside = "tool"
                elif chunk.content or chunk.additional_kwargs.get("reasoning_content"):
                    beside = beside or "thought"
        if not written and (failed := empty(beside, reason, most=settings.llm_max_tokens)):
            raise failed
        read, wrote = (usage["input_tokens"], usage["output_tokens"]) if usage else (None, None)
        yield Written(ending(reason), read, wrote)


class _Rejected(Exception):
    def __init__(self, found: Rejection) -> None:
        super().__init__(found.status)
        self.found = found


def _reason(told: Mapping[str, object]) -> str:
    """Return why a model stopped, in its provider's words."""
    stop = told.get("messageStop")  # Bedrock's
    names = {**told, **stop} if isinstance(stop, dict) else told
    found = (names.get(name) for name in ("finish_reason", "stop_reason", "stopReason"))
    return next((reason for reason in found if isinstance(reason, str) and reason), "")


def _rejection(error: Exception, hidden: Sequence[str]) -> Rejection:
    """Read an error of any provider's client: a status where one is found, and the server's own words."""
    answered = getattr(error, "response", None)
    body = getattr(error, "body", None) or getattr(error, "message", None) or str(error)
    status = getattr(error, "status_code", None) or getattr(error, "code", None)
    if isinstance(answered, Mapping):  # botocore's
        body = answered.get("Error", body)
        status = answered.get("ResponseMetadata", {}).get("HTTPStatusCode")
    headers = getattr(answered, "headers", {})
    status = status if isinstance(status, int) else getattr(answered, "status_code", None)
    return rejection(status if isinstance(status, int) else 0, body, headers, hidden=hidden)
