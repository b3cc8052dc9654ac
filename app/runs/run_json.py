"""Runs as JSON: what one replica writes into the shared buffer and another reads."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import TypeAdapter, ValidationError

from app.events import (
    Cancelled,
    Citations,
    Done,
    Event,
    Explained,
    Failed,
    FollowUps,
    SentenceChecked,
    Sources,
    Started,
    Status,
    Text,
    Usage,
)
from app.question import Question
from app.runs.run import Dialect
from vectorstore.errors import Unavailable

_KINDS: Final = (
    Started,
    Status,
    Sources,
    Explained,
    Text,
    SentenceChecked,
    Citations,
    FollowUps,
    Usage,
    Done,
    Failed,
    Cancelled,
)
_EVENTS: Final[dict[str, TypeAdapter[Event]]] = {kind.__name__: TypeAdapter(kind) for kind in _KINDS}


@dataclass(frozen=True, slots=True)
class About:
    """What another replica must know of a run before its events. `host` is the process that executes it."""

    host: str
    owner: str
    created: float
    resumable: bool
    background: bool
    dialect: Dialect
    question: Question


_ABOUT: Final = TypeAdapter(About)


def events_to_json(events: Sequence[Event]) -> str:
    """Write events as a JSON list; lone surrogates, which UTF-8 does not have, are escaped."""
    return json.dumps([_plain(event) for event in events], separators=(",", ":"))


def events_from_json(text: bytes | str) -> list[Event]:
    """Read what `events_to_json` wrote; raises Unavailable when another version wrote something else."""
    try:
        return [_event(name, value) for name, value in json.loads(text)]
    except (ValueError, KeyError, TypeError) as error:
        raise _unreadable() from error


def about_to_json(about: About) -> str:
    """Write what is known of a run at its start."""
    return json.dumps(_ABOUT.dump_python(about, mode="json"), separators=(",", ":"))


def about_from_json(text: bytes | str) -> About:
    """Read what `about_to_json` wrote; raises Unavailable."""
    try:
        return _ABOUT.validate_python(json.loads(text))
    except (ValueError, ValidationError) as error:
        raise _unreadable() from error


def _plain(event: Event) -> list[object]:
    if isinstance(event, Text):  # one for every token
        return ["Text", event.delta]
    name = type(event).__name__
    return [name, _EVENTS[name].dump_python(event, mode="json")]


def _event(name: str, value: object) -> Event:
    if name == "Text" and isinstance(value, str):
        return Text(value)
    return _EVENTS[name].validate_python(value)


def _unreadable() -> Unavailable:
    return Unavailable(
        "The shared run buffer holds a run that this version cannot read.",
        "Run the same version of Footnote on every replica.",
    )
