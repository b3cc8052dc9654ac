"""Event sequences for the encoders' tests, and readers of what they write."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from hypothesis import strategies as st

from app.events import (
    Cancelled,
    Citation,
    Citations,
    Done,
    Event,
    Failed,
    FollowUps,
    SentenceChecked,
    Sources,
    Started,
    Status,
    Text,
    Usage,
)
from app.wire.frames import Encoder
from app.wire.sources import Viewer
from tests.app.edge import ANSWERED, HANDBOOK, PASSAGES
from vectorstore.types import Span

RUN = "run_0123456789abcdef01234567"
LINK = Viewer("https://footnote.example")
# everything, lone halves of pairs and line ends of all kinds included
ANY_TEXT = st.text(st.characters(), max_size=20)
FAILED = Failed("model_timeout", "The model was too slow.")
UNFINISHED = (FAILED, Cancelled("user"), Cancelled("disconnect"), Cancelled("shutdown"))
ENDINGS: tuple[Event, ...] = (
    Done(),
    Done(outcome="refused"),
    Done("length"),
    Done("content_filter"),
    *UNFINISHED,
)
STARTED = Started(RUN, "conv_1", "scripted", 1.0, "A machine answers.")


@st.composite
def turns(draw: st.DrawFn) -> list[Event]:
    """Draw a turn in the order that `app/events.py` promises."""
    deltas = draw(st.lists(ANY_TEXT, max_size=6))
    answer = "".join(deltas)
    offsets = st.integers(0, len(answer))
    spans = st.tuples(offsets, offsets).map(lambda pair: (min(pair), max(pair)))
    citations = draw(
        st.lists(
            st.builds(
                Citation,
                st.integers(1, 2),
                spans,
                spans,
                st.sampled_from([passage.document for passage in PASSAGES]),
                st.just(Span(0, 5, 1)) | st.just(Span(2, 9)),
                ANY_TEXT,
                st.floats(0, 1),
            ),
            max_size=4,
        )
    )
    middle: list[Event] = [Text(delta) for delta in deltas]
    checks = st.builds(lambda span: SentenceChecked(span[0], span[1], "partly", 0.5), spans)
    return [
        STARTED,
        *([Status("retrieving", draw(ANY_TEXT))] if draw(st.booleans()) else []),
        *([Sources(PASSAGES)] if draw(st.booleans()) else []),
        *([Status("writing")] if draw(st.booleans()) else []),
        *middle,
        *draw(st.lists(checks, max_size=2)),
        *([Citations(tuple(citations))] if citations else []),
        *([FollowUps(("And then?",))] if draw(st.booleans()) else []),
        *([Usage(3, 4)] if draw(st.booleans()) else []),
        draw(st.sampled_from(ENDINGS)),
    ]


def encoded(encoder: Encoder, events: Iterable[Event]) -> list[bytes]:
    """Encode a whole run."""
    return [frame for event in events for frame in encoder.frames(event)]


def payloads(frames: Sequence[bytes]) -> list[Any]:
    """Parse frames as a strict reader of server-sent events does; `[DONE]` is left as it is."""
    parsed = []
    for frame in frames:
        assert frame.endswith(b"\n\n")
        assert b"\n\n" not in frame[:-2]
        assert b"\r" not in frame
        fields = [line.split(": ", 1) for line in frame[:-2].decode("utf-8").split("\n")]
        assert {name for name, _ in fields} <= {"id", "event", "data"}
        data = [value for name, value in fields if name == "data"]
        assert len(data) == 1
        # clients that split text with str.splitlines must see one line as well
        assert len(data[0].splitlines()) == 1
        parsed.append(data[0] if data[0] == "[DONE]" else json.loads(data[0]))
    return parsed


def answer_of(events: Iterable[Event]) -> str:
    """Return the answer that a turn's deltas make."""
    return "".join(event.delta for event in events if isinstance(event, Text))


def ended_in(ending: Event) -> list[Event]:
    """Return the sample turn, broken off in the middle of its text by this ending."""
    return [*ANSWERED[:7], ending]


__all__ = ["ANSWERED", "HANDBOOK", "PASSAGES"]
