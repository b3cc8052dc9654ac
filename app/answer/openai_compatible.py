"""Answers from any OpenAI-compatible server, through the openai client."""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, aclosing
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from app.answer.answerer import ModelFailure, Piece, Written
from app.answer.exchange import (
    Arrived,
    Lines,
    Rejection,
    Takes,
    arrived,
    empty,
    ending,
    failure,
    rejection,
    slow,
)
from app.answer.messages import ChatMessage, chat_messages
from app.answer.spoken import Habit, answer_of, whole
from app.events import Passage
from app.language.phrases import language_of
from app.question import Message
from app.settings import ModelSettings
from vectorstore.telemetry import traces

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class Alarm:
    """Raises TimeoutError in whoever waits past what is set. The timer is moved only when it rings too early."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._waiting: asyncio.Task[object] | None = None
        self._rung = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()

    async def wait(self, coming: Awaitable[_T], due: float) -> _T:
        """Wait until `due`, in the event loop's time."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - only a task can be cancelled
        before = task.cancelling()
        self._due, self._waiting = due, task
        if self._timer is None or due < self._timer.when():
            self._start()
        try:
            return await coming
        except asyncio.CancelledError as error:
            if self._rung and task.uncancel() <= before:
                raise TimeoutError from error
            raise
        finally:
            self._waiting = None

    def _start(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._due, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._waiting is None:
            return
        if self._loop.time() < self._due:
            self._start()
            return
        self._rung = True
        self._waiting.cancel()


_learnt: dict[tuple[str, str], Takes] = {}
"""What each server takes for each model, for the life of the process."""


class OpenAICompatibleAnswerer:
    """Streams answers from the address set. Raw bytes are read: the typed stream costs five times the CPU."""

    def __init__(self, settings: ModelSettings) -> None:
        self._settings = settings
        self._client: AsyncOpenAI | None = None
        self._habit = Habit()

    @property
    def name(self) -> str:
        """The model's name."""
        return self._settings.llm_model

    async def write(
        self, question: str, *, passages: Sequence[Passage], history: Sequence[Message]
    ) -> AsyncGenerator[Piece, None]:
        """Stream the answer; raises ModelFailure. Closing the iterator closes the connection."""
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
        """Close the connections; a later call opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _pieces(self, messages: Sequence[ChatMessage]) -> AsyncGenerator[Piece, None]:
        with self._traced() as call:
            async with aclosing(self._heard(messages, call)) as pieces:
                async for piece in pieces:
                    yield piece

    def _traced(self) -> AbstractContextManager[traces.Span]:
        """Trace the call of the model, by the conventions for generative models; not what is said."""
        settings = self._settings
        return traces.apart(
            f"chat {settings.llm_model}",
            kind="client",
            gen_ai__operation__name="chat",
            gen_ai__provider__name="openai",
            gen_ai__request__model=settings.llm_model,
            gen_ai__request__max_tokens=settings.llm_max_tokens if self._takes.limit else None,
            gen_ai__request__temperature=settings.llm_temperature if self._takes.temperature else None,
            gen_ai__request__stream=self._takes.stream,
            **traces.at(settings.address),
        )

    async def _heard(self, messages: Sequence[ChatMessage], call: traces.Span) -> AsyncGenerator[Piece, None]:
        settings, loop = self._settings, asyncio.get_running_loop()
        began = loop.time()
        deadline = began + settings.llm_total_seconds
        reason, usage, beside = None, None, ""
        async with AsyncExitStack() as stack:
            arriving = await self._open(stack, messages, call)
            alarm = stack.enter_context(Alarm())
            wait, written = settings.llm_first_token_seconds, False
            lines = Lines()
            while not lines.done:
                piece = await _next(arriving, alarm, min(loop.time() + wait, deadline))
                found = arrived(lines.feed(piece) if piece is not None else lines.finish())
                reason, usage = found.reason or reason, found.usage or usage
                beside = found.beside or beside
                if found.text:
                    if not written:
                        _begun(call, found, loop.time() - began)
                    wait, written = settings.llm_idle_seconds, True
                    yield found.text
                elif found.beside:
                    wait = max(wait, settings.llm_idle_seconds)
                if found.failure is not None:
                    raise found.failure
        if reason is None and not (lines.told and written):
            raise ModelFailure(
                "model_cut_off",
                "The language model's stream ended before its answer did. Ask again."
                if written
                else "The language model closed the connection without an answer. Ask again.",
            )
        if not written and (failure := empty(beside, reason, most=settings.llm_max_tokens)):
            raise failure
        read, written_tokens = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
        call.say(
            gen_ai__response__finish_reasons=[reason] if reason else None,
            gen_ai__usage__input_tokens=read,
            gen_ai__usage__output_tokens=written_tokens,
        )
        yield Written(ending(reason), read, written_tokens)

    async def _open(
        self, stack: AsyncExitStack, messages: Sequence[ChatMessage], call: traces.Span
    ) -> AsyncIterator[bytes]:
        """Ask, and again where that may help and the answer may still begin in time."""
        loop, attempt, settings = asyncio.get_running_loop(), 0, self._settings
        due = loop.time() + settings.llm_first_token_seconds
        before: Takes | None = None
        while True:
            takes = self._takes
            try:
                # What does not stream begins when it is whole.
                late = due if takes.stream else due + settings.llm_total_seconds
                return await self._asked(stack, messages, takes=takes, due=late, headers=call.carrier())
            except _Rejected as rejected:
                if self._gone_round(takes, rejected.found):
                    before = None if takes.guessed else takes
                    continue
                if before and takes.guessed:  # the guess was wrong
                    _learnt[settings.address, settings.llm_model] = replace(before, guessed=True)
                failed = failure(rejected.found, address=settings.address)
            except ModelFailure as failed_:
                failed = failed_
            jittered = random.uniform(0.4, 0.6) * 2**attempt  # noqa: S311 - parts askers, guards nothing
            pause = jittered if failed.after is None else failed.after
            hopeless = not failed.retryable or failed.code == "model_timeout"
            if hopeless or attempt == settings.llm_retries or loop.time() + pause >= due:
                raise failed
            attempt += 1
            await asyncio.sleep(pause)

    @property
    def _takes(self) -> Takes:
        return _learnt.get((self._settings.address, self._settings.llm_model), Takes())

    def _gone_round(self, sent: Takes, found: Rejection) -> bool:
        """Learn from a rejection; say whether to ask again."""
        if self._takes != sent:
            return True  # another answer has learnt it meanwhile
        changed = sent.without(found)
        if changed is None:
            return False
        _learnt[self._settings.address, self._settings.llm_model] = changed
        _log.warning(
            "%s rejects a request (HTTP status %d: %s); from now on it gets %s",
            self._settings.llm_model,
            found.status,
            found.reason or "no reason given",
            changed,
        )
        return True

    async def _asked(
        self,
        stack: AsyncExitStack,
        messages: Sequence[ChatMessage],
        *,
        takes: Takes,
        due: float,
        headers: Mapping[str, str],
    ) -> AsyncIterator[bytes]:
        import httpx2
        import openai

        settings, sent = self._settings, takes.folded(messages)
        # Past the client's typing, which takes a millisecond to walk through messages that need no change.
        extra: dict[str, object] = {"messages": sent}
        if takes.usage:
            extra["stream_options"] = {"include_usage": True}
        if takes.limit:
            extra[takes.limit] = settings.llm_max_tokens
        if takes.temperature:
            extra["temperature"] = settings.llm_temperature
        request = self._connected().chat.completions.with_streaming_response.create(
            model=settings.llm_model,
            messages=(),
            stream=takes.stream,
            extra_body=extra,
            extra_headers=headers,
        )
        try:
            async with asyncio.timeout_at(due):
                response = await stack.enter_async_context(request)
        except TimeoutError as error:
            raise slow() from error
        except openai.APIStatusError as error:
            hidden = [settings.llm_api_key.get_secret_value(), *(message["content"] for message in sent)]
            found = rejection(error.status_code, error.body, error.response.headers, hidden=hidden)
            raise _Rejected(found) from error
        except openai.APIConnectionError as error:
            # The aiohttp transport reports a refused connection as a connect timeout.
            if isinstance(error, openai.APITimeoutError) and not isinstance(
                error.__cause__, httpx2.ConnectTimeout
            ):
                raise slow() from error
            raise ModelFailure(
                "model_unavailable",
                "The language model cannot be reached.",
                f"Nothing answers at {settings.address}: start it, or correct FOOTNOTE_LLM_BASE_URL.",
            ) from error
        except Exception as error:  # the provider's edge: the transport lets errors of its own through
            raise ModelFailure(
                "model_unavailable",
                "The language model cannot be reached.",
                f"What answers at {settings.address} does not speak HTTP as it should.",
            ) from error
        # What is not packed needs no walk through the decoders for every token.
        raw = response.http_response.stream
        packed = response.headers.get("content-encoding", "identity") != "identity"
        return response.iter_bytes() if packed or not isinstance(raw, httpx2.AsyncByteStream) else aiter(raw)

    def _connected(self) -> "AsyncOpenAI":
        if self._client is None:
            from openai import AsyncOpenAI, DefaultAioHttpClient, Timeout

            settings = self._settings
            timeout = Timeout(settings.llm_total_seconds, connect=settings.llm_connect_seconds)
            self._client = AsyncOpenAI(
                base_url=settings.address,
                api_key=settings.llm_api_key.get_secret_value() or "none",
                max_retries=0,
                timeout=timeout,
                http_client=DefaultAioHttpClient(timeout=timeout),
            )
        return self._client


class _Rejected(Exception):
    def __init__(self, found: Rejection) -> None:
        super().__init__(found.status)
        self.found = found


async def _next(arriving: AsyncIterator[bytes], alarm: Alarm, due: float) -> bytes | None:
    import httpx2

    try:
        return await alarm.wait(anext(arriving, None), due)
    except (TimeoutError, httpx2.TimeoutException) as error:
        raise slow() from error
    except Exception as error:  # the provider's edge, as in _open
        raise ModelFailure("model_cut_off", "The connection to the language model broke off.") from error


def _begun(call: traces.Span, found: Arrived, seconds: float) -> None:
    model = found.model if isinstance(found.model, str) else None
    call.say(gen_ai__response__model=model, gen_ai__response__time_to_first_chunk=seconds)


def _count(usage: object, name: str) -> int | None:
    """Return how many tokens a server counted; None where it says anything but a number."""
    found = usage.get(name) if isinstance(usage, dict) else None
    return found if isinstance(found, int) else None
