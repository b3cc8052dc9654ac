"""Server-sent event frames as bytes ready to send, and the face every encoder has.

A frame is one event with its closing blank line. An encoder is deterministic: fed the same events it gives
the same frames, so frame numbers are stable and a client that was cut off is replayed from any frame.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import Any, Final, Protocol, TypeAlias

from app.events import Event, Explained, Started

JsonObject: TypeAlias = Mapping[str, Any]  # Any: JSON on its way out

PING: Final = b": ping\n"
"""One newline: a comment with a blank line of its own ends an event, and openai-python then parses nothing."""
OPEN: Final = b": open\n"
DONE: Final = b"data: [DONE]\n\n"

# Lone surrogates have no UTF-8; the other three end a line for clients that split text by str.splitlines.
_AWKWARD = re.compile("[\x85\u2028\u2029\ud800-\udfff]")
_encode: Final[Callable[[object], str]] = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), allow_nan=False
).encode
_encode_ascii: Final[Callable[[object], str]] = json.JSONEncoder(
    separators=(",", ":"), allow_nan=False
).encode


class Encoder(Protocol):
    """Turns a run's events into one dialect's frames."""

    @property
    def preamble(self) -> bytes:
        """What is sent at once, before any event, and never counted."""

    def frames(self, event: Event) -> Sequence[bytes]:
        """Encode the next event, as any number of frames."""


def encode(value: object) -> bytes:
    """Write JSON as UTF-8 without spaces; characters that break some client are escaped."""
    text = _encode(value)
    if _AWKWARD.search(text):
        text = _encode_ascii(value)
    return text.encode()


def encode_text(text: str) -> bytes:
    """Write a JSON string, as `encode` does: the one value that changes from token to token."""
    if _AWKWARD.search(text):
        return encode_basestring_ascii(text).encode()
    return encode_basestring(text).encode()


def data(value: object) -> bytes:
    """Frame a JSON value."""
    return b"data: " + encode(value) + b"\n\n"


def around(value: JsonObject, marker: str) -> tuple[bytes, bytes]:
    """Frame a JSON object that holds the string `marker` once; return what stands before and after it.

    Between the two goes `encode_text(…)`: the constant part of a token's frame is written only once.
    """
    before, _, after = data(value).partition(encode_text(marker))
    return before, after


class Mark:
    """What marks a text as a machine's, so that programs can tell (EU AI Act, article 50): the same in every dialect."""

    def __init__(self) -> None:
        self.shown: dict[str, Any] = {"ai_generated": True}

    def take(self, event: Event) -> None:
        """Learn which model writes, with which prompt, from which generation of the index."""
        if isinstance(event, Started):
            self.shown["model"] = event.model
        elif isinstance(event, Explained):
            self.shown |= {"prompt_hash": event.prompt_hash, "generation": event.generation}
