"""Many clients that read streams of chat completions, in a process of its own.

    python -m benchmarks.streams.load '{"url": …, "clients": 200, "rounds": 3, "spread": 5.2, "questions": […]}'

Writes one JSON object: for every stream the seconds to its first text, to its end, the length of its text, and
what went wrong. Clients begin evenly over `spread` seconds and ask `rounds` times without a pause.
"""

import asyncio
import json
import re
import sys
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

_TEXT = re.compile(rb'"content": ?"[^"]')
_CONTENT = re.compile(rb'"content": ?("(?:[^"\\]|\\.)*")')


@dataclass
class Stream:
    """How one stream went."""

    first: float = 0.0
    whole: float = 0.0
    letters: int = 0
    error: str = ""


async def ask(address: tuple[str, int], question: str) -> Stream:
    """Ask once over a connection of its own."""
    loop, stream = asyncio.get_running_loop(), Stream()
    body = json.dumps(
        {"model": "footnote", "stream": True, "messages": [{"role": "user", "content": question}]}
    ).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: {address[0]}:{address[1]}\r\nconnection: close\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    began = loop.time()
    try:
        reader, writer = await asyncio.open_connection(*address)
        try:
            writer.write(head.encode() + body)
            received = bytearray()
            while piece := await reader.read(65_536):
                received += piece
                if not stream.first and _TEXT.search(received):
                    stream.first = loop.time() - began
            stream.whole = loop.time() - began
        finally:
            writer.close()
    except OSError as error:
        stream.error = repr(error)
        return stream
    status = bytes(received[:15])
    if b" 200 " not in status or b"data: [DONE]" not in received or b'"error"' in received:
        stream.error = bytes(received[:15] + b" ... " + received[-300:]).decode(errors="replace")
    stream.letters = len("".join(json.loads(match) for match in _CONTENT.findall(received)).strip())
    return stream


async def load(plan: dict[str, Any]) -> list[Stream]:
    """Carry the plan out."""
    place = urlsplit(plan["url"])
    address = (str(place.hostname), int(place.port or 80))
    questions = plan["questions"]

    async def client(number: int) -> list[Stream]:
        await asyncio.sleep(plan["spread"] * number / plan["clients"])
        return [
            await ask(address, questions[(number * plan["rounds"] + turn) % len(questions)])
            for turn in range(plan["rounds"])
        ]

    found = await asyncio.gather(*(client(number) for number in range(plan["clients"])))
    return [stream for streams in found for stream in streams]


if __name__ == "__main__":
    json.dump([asdict(stream) for stream in asyncio.run(load(json.loads(sys.argv[1])))], sys.stdout)
