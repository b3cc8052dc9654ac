"""Answers from any OpenAI-compatible server, through the openai client."""

import asyncio
import json
import math
import random
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from app.answer.answerer import ModelFailure, Piece, Written
from app.answer.messages import chat_messages
from app.answer.spoken import Habit, whole, with_refusal, without_thoughts
from app.events import Passage
from app.language.phrases import language_of
from app.question import Message
from app.settings import ModelSettings

if TYPE_CHECKING:
    from openai import AsyncOpenAI


from contextlib import contextmanager
from types import TracebackType
from typing import Self


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

    @contextmanager
    def set(self, due: float) -> Iterator[None]:
        """Give what is awaited in the block until `due`, in the event loop's time."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - only a task can be cancelled
        before = task.cancelling()
        self._due, self._waiting = due, task
        if self._timer is None or due < self._timer.when():
            self._start()
        try:
            yield
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


class Lines:
    """Takes bytes as they arrive; `done` once `[DONE]` or the end has come."""

    def __init__(self) -> None:
        self._rest = b""
        self.done = False

    def feed(self, piece: bytes) -> Iterator[str]:
        """Yield the data of every line that is complete; nothing after `[DONE]`."""
        lines = (self._rest + piece).splitlines(keepends=True)
        self._rest = lines.pop() if lines and not lines[-1].endswith((b"\n", b"\r")) else b""
        for line in lines:
            if not line.startswith(b"data:"):
                continue
            data = line[5:].decode(errors="replace").strip()
            if data == "[DONE]":
                self.done = True
                return
            yield data

    def finish(self) -> Iterator[str]:
        """Yield the data of a last line that no line break ended."""
        yield from self.feed(b"\n")
        self.done = True


_REASONS: dict[str, Literal["stop", "length", "content_filter"]] = {
    "length": "length",
    "content_filter": "content_filter",
}
_OVERFLOW = re.compile(
    r"context|too long|too many tokens|maximum (?:input |prompt |sequence )?length|tokens.{0,40}exceed",
    re.IGNORECASE,
)
"""How servers say that a prompt does not fit."""


@dataclass(slots=True)
class _Arrived:
    """What one read brought: tokens that wait together go on together, so that a full house catches up."""

    text: str = ""
    reason: str | None = None
    usage: object = None
    failure: ModelFailure | None = None


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
        messages = chat_messages(question, passages=passages, history=history)
        pieces = without_thoughts(self._pieces(messages), self._habit)
        async with aclosing(with_refusal(pieces, language=language_of(question))) as stream:
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

    async def _pieces(self, messages: Sequence[Any]) -> AsyncGenerator[Piece, None]:
        settings, loop = self._settings, asyncio.get_running_loop()
        deadline = loop.time() + settings.llm_total_seconds
        reason: str | None = None
        usage: object = None
        async with AsyncExitStack() as stack:
            arriving = await self._open(stack, messages)
            alarm = stack.enter_context(Alarm())
            wait, written = settings.llm_first_token_seconds, False
            lines = Lines()
            while not lines.done:
                piece = await _next(arriving, alarm, min(loop.time() + wait, deadline))
                arrived = _arrived(lines.feed(piece) if piece is not None else lines.finish())
                reason, usage = arrived.reason or reason, arrived.usage or usage
                if arrived.text:
                    wait, written = settings.llm_idle_seconds, True
                    yield arrived.text
                if arrived.failure is not None:
                    raise arrived.failure
        if reason is None:
            raise ModelFailure(
                "model_cut_off",
                "The language model's stream ended before its answer did."
                if written
                else "The language model closed the connection without an answer.",
            )
        read, written_tokens = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
        yield Written(_REASONS.get(reason, "stop"), read, written_tokens)

    async def _open(self, stack: AsyncExitStack, messages: Sequence[Any]) -> AsyncIterator[bytes]:
        """Ask, and again where that may help and the answer may still begin in time."""
        client, loop, attempt = self._connected(), asyncio.get_running_loop(), 0
        due = loop.time() + self._settings.llm_first_token_seconds
        while True:
            try:
                return await self._asked(stack, client, messages, due=due)
            except ModelFailure as failure:
                jittered = random.uniform(0.4, 0.6) * 2**attempt  # noqa: S311 - parts askers, guards nothing
                pause = jittered if failure.after is None else failure.after
                hopeless = not failure.retryable or failure.code == "model_timeout"
                if hopeless or attempt == self._settings.llm_retries or loop.time() + pause >= due:
                    raise
            attempt += 1
            await asyncio.sleep(pause)

    async def _asked(
        self, stack: AsyncExitStack, client: "AsyncOpenAI", messages: Sequence[Any], *, due: float
    ) -> AsyncIterator[bytes]:
        import httpx2
        import openai

        settings = self._settings
        request = client.chat.completions.with_streaming_response.create(
            model=settings.llm_model,
            messages=(),
            # Past the client's typing, which takes a millisecond to walk through messages that need no change.
            extra_body={"messages": list(messages)},
            stream=True,
            stream_options={"include_usage": True},
            max_tokens=settings.llm_max_tokens,
            temperature=settings.llm_temperature,
        )
        try:
            async with asyncio.timeout_at(due):
                response = await stack.enter_async_context(request)
        except TimeoutError as error:
            raise _slow() from error
        except openai.APIStatusError as error:
            raise _refused(error, settings.address) from error
        except openai.APIConnectionError as error:
            # The aiohttp transport reports a refused connection as a connect timeout.
            if isinstance(error, openai.APITimeoutError) and not isinstance(
                error.__cause__, httpx2.ConnectTimeout
            ):
                raise _slow() from error
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
        return response.iter_bytes()

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


async def _next(arriving: AsyncIterator[bytes], alarm: Alarm, due: float) -> bytes | None:
    import httpx2

    try:
        with alarm.set(due):
            return await anext(arriving, None)
    except (TimeoutError, httpx2.TimeoutException) as error:
        raise _slow() from error
    except Exception as error:  # the provider's edge, as in _open
        raise ModelFailure("model_cut_off", "The connection to the language model broke off.") from error


def _arrived(read: Iterator[str]) -> _Arrived:
    """Take the events of one read, those before a damaged one at least."""
    found = _Arrived()
    for data in read:
        try:
            chunk = _parsed(data)
        except ModelFailure as failure:
            found.failure = failure
            return found
        found.usage = chunk.get("usage") or found.usage
        for choice in chunk.get("choices") or ():
            found.reason = choice.get("finish_reason") or found.reason
            found.text += (choice.get("delta") or {}).get("content") or ""
    return found


def _parsed(data: str) -> dict[str, Any]:
    try:
        chunk: dict[str, Any] = json.loads(data)
        failed = chunk.get("error")
        sound = all(
            isinstance((choice.get("delta") or {}).get("content"), str | None)
            and isinstance(choice.get("finish_reason"), str | None)
            for choice in chunk.get("choices") or ()
        )
    except (json.JSONDecodeError, AttributeError, TypeError) as error:
        raise ModelFailure("model_cut_off", "The language model sent a damaged stream.") from error
    if not sound:
        raise ModelFailure("model_cut_off", "The language model sent a damaged stream.")
    if failed:
        raise ModelFailure("model_cut_off", "The language model reported an error while answering.")
    return chunk


def _count(usage: object, name: str) -> int | None:
    """Return how many tokens a server counted; None where it says anything but a number."""
    found = usage.get(name) if isinstance(usage, dict) else None
    return found if isinstance(found, int) else None


def _slow() -> ModelFailure:
    return ModelFailure("model_timeout", "The language model took too long to answer.")


def _refused(error: Any, base_url: str) -> ModelFailure:
    status: int = error.status_code
    if status in {401, 403}:
        return ModelFailure(
            "model_refused_key",
            "The language model refused the key.",
            f"Set FOOTNOTE_LLM_API_KEY to a key that is valid at {base_url}.",
            retryable=False,
        )
    if status == 404:
        return ModelFailure(
            "model_unavailable",
            "The server of the language model does not know the model.",
            f"Set FOOTNOTE_LLM_MODEL to a name that {base_url} lists.",
            retryable=False,
        )
    if status == 413 or (status in {400, 422} and _OVERFLOW.search(str(error))):
        return ModelFailure(
            "context_overflow", "The passages are longer than the language model can read.", retryable=False
        )
    if status == 429:
        after = _after(error.response.headers)
        again = f"in {after} second{'s' if after > 1 else ''}" if after else "in a moment"
        what = f"The language model is asked too much at the moment. Ask again {again}."
        return ModelFailure("model_unavailable", what, after=after)
    return ModelFailure(
        "model_unavailable",
        f"The language model answered with HTTP status {status}.",
        retryable=status >= 500 or status in {408, 409},
        after=_after(error.response.headers),
    )


def _after(headers: Mapping[str, str]) -> int | None:
    """Return how many seconds a server wants to be left alone."""
    try:
        seconds = float(headers.get("retry-after", ""))
    except ValueError:
        return None
    return math.ceil(seconds) if 0 <= seconds < 86_400 else None
