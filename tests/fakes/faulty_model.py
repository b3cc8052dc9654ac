"""A model server at the level of bytes that fails in every way a network and a vendor can; the model's name says how."""

import asyncio
import json
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeAlias

Play: TypeAlias = Callable[[asyncio.StreamWriter], Awaitable[None]]
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n"
STREAM = HEAD + b"\r\n"
WORDS = ("Staff ", "get ", "25 ", "days ", "of ", "leave ", "[1]. ")
STOP = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
FOREVER = 3_600.0


def event(chunk: object) -> bytes:
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def token(text: object) -> bytes:
    return event({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]})


def status(code: int, message: str, *headers: str) -> Play:
    body = json.dumps({"error": {"message": message}}).encode()
    lines = [f"HTTP/1.1 {code} X", "content-type: application/json", f"content-length: {len(body)}", *headers]
    return sent("\r\n".join([*lines, "connection: close", "", ""]).encode() + body)


def sent(*parts: bytes | float) -> Play:
    """Send bytes; a number among them is a pause in seconds. Then close in order."""

    async def play(writer: asyncio.StreamWriter) -> None:
        for part in parts:
            if isinstance(part, bytes):
                writer.write(part)
                await writer.drain()
            else:
                await asyncio.sleep(part)

    return play


def reset(*parts: bytes | float) -> Play:
    """Send bytes, then break the connection with a TCP reset."""

    async def play(writer: asyncio.StreamWriter) -> None:
        await sent(*parts, 0.02)(writer)
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    return play


async def endless(writer: asyncio.StreamWriter) -> None:
    writer.write(STREAM)
    while True:
        writer.write(token("more "))
        await writer.drain()
        await asyncio.sleep(0.005)


BEGUN = STREAM + token(WORDS[0]) + token(WORDS[1])
WHOLE = b"".join(map(token, WORDS))
DONE = event(STOP) + b"data: [DONE]\n\n"
FINE: dict[str, Play] = {
    "answers": sent(STREAM + WHOLE + DONE),
    "answers byte by byte": sent(STREAM, *[bytes([byte]) for byte in WHOLE + DONE]),
    "says no DONE": sent(STREAM + WHOLE + event(STOP)),
    "sends comments and empty events": sent(STREAM + b": ping\n\n\n\n" + WHOLE + b": ping\n\n" + DONE),
    "ends lines as Windows does": sent(STREAM + (WHOLE + DONE).replace(b"\n", b"\r\n")),
    "counts no tokens as others do": sent(STREAM + WHOLE + event(STOP | {"usage": [1, 2]}) + DONE),
    "counts half tokens": sent(
        STREAM + WHOLE + event(STOP | {"usage": {"prompt_tokens": "many", "completion_tokens": 1.5}}) + DONE
    ),
    "stops at the length": sent(
        STREAM + WHOLE + event({"choices": [{"delta": {}, "finish_reason": "length"}]})
    ),
    "filters": sent(STREAM + WHOLE + event({"choices": [{"delta": {}, "finish_reason": "content_filter"}]})),
}
EITHER: dict[str, Play] = {  # a client may end the answer here, or show the damage and go on
    "speaks no UTF-8": sent(BEGUN + b'data: {"choices": [{"delta": {"content": "\xff\xfe"}}]}\n\n' + DONE),
}
FAULTS: dict[str, Play] = {
    "hangs before the headers": sent(FOREVER),
    "hangs after the headers": sent(STREAM, FOREVER),
    "stalls in the middle": sent(BEGUN, FOREVER),
    "never ends": endless,
    "closes at once": sent(),
    "closes after the headers": sent(STREAM),
    "cuts after a token": sent(BEGUN),
    "cuts in the middle of JSON": sent(BEGUN + b'data: {"choices": [{"delta": {"con'),
    "cuts a chunked body": sent(HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\ndata:\r\n"),
    "resets before the headers": reset(),
    "resets in the middle": reset(BEGUN),
    "says nothing": sent(STREAM + DONE),
    "filters everything": sent(STREAM + event({"choices": [{"delta": {}, "finish_reason": "content_filter"}]})),
    "says 400, prompt too long": status(400, "prompt is too long: 9000 tokens > 8192 maximum"),
    "says 429, for long": status(429, "slow down", "retry-after: 600"),
    "speaks no JSON": sent(BEGUN + b"data: <html>\n\n"),
    "sends a list for a chunk": sent(BEGUN + event([1, 2])),
    "sends a number for a choice": sent(BEGUN + event({"choices": [1]})),
    "sends a list for a reason": sent(BEGUN + event({"choices": [{"delta": {}, "finish_reason": ["stop"]}]})),
    "sends a number for content": sent(BEGUN + token(7) + token({"a": 1})),
    "reports an error in the middle": sent(BEGUN + event({"error": {"message": "overloaded"}})),
    "answers with a page": sent(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n<html>no</html>"),
    "speaks no HTTP": sent(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "lies about its encoding": sent(HEAD + b"content-encoding: gzip\r\n\r\n" + WHOLE + DONE),
    "sends a line of four megabytes": sent(STREAM + b"data: " + b"x" * 4_000_000 + b"\n\n"),
    "says 400, too long": status(400, "maximum context length exceeded"),
    "says 401": status(401, "bad key"),
    "says 404": status(404, "no such model"),
    "says 413": status(413, "payload too large"),
    "says 422": status(422, "unsupported parameter"),
    "says 429": status(429, "slow down", "retry-after: 1"),
    "says 500": status(500, "boom"),
    "says 503": status(503, "overloaded", "retry-after: 1"),
    "redirects to itself": sent(b"HTTP/1.1 307 X\r\nlocation: /v1/chat/completions\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"),
}  # fmt: skip


@dataclass
class FaultyModel:
    """The server. `open` counts the connections that it still holds."""

    url: str = ""
    open: int = 0
    asked: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
            )
            kind = json.loads(await reader.readexactly(length))["model"]
            self.asked.append(kind)
            playing = asyncio.create_task((FINE | EITHER | FAULTS)[kind](writer))
            gone = asyncio.create_task(reader.read())
            await asyncio.wait((playing, gone), return_when=asyncio.FIRST_COMPLETED)
            for task in (playing, gone):
                task.cancel()
                with suppress(asyncio.CancelledError, OSError):
                    await task
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            self.open -= 1
            writer.close()
            # Until the loop has closed it: a transport that is left when the loop ends is a warning in some other test.
            with suppress(OSError, asyncio.TimeoutError):
                await asyncio.wait_for(writer.wait_closed(), 1)


@contextmanager
def faulty_model() -> Iterator[FaultyModel]:
    """Serve in a thread on a free port of the loopback."""
    model, ready, loop = FaultyModel(), threading.Event(), asyncio.new_event_loop()
    stopping = asyncio.Event()

    async def main() -> None:
        server = await asyncio.start_server(model.serve, "127.0.0.1", 0)
        model.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        ready.set()
        await stopping.wait()
        server.close()
        held = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in held:
            task.cancel()
        await asyncio.gather(*held, return_exceptions=True)

    thread = threading.Thread(target=lambda: loop.run_until_complete(main()), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield model
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join(10)
        loop.close()
