"""The stream of OpenAI's Responses API. Frame n carries sequence_number n-1, so any client can resume."""

from collections.abc import Sequence
from typing import Final

from app.events import Cancelled, Done, Event, Failed, Sources, Status, Text
from app.wire.frames import OPEN, encode, encode_text
from app.wire.response_object import ResponseOptions, ResponseState
from app.wire.sources import Json

_HOLE: Final = "\ue000text"
_NUMBER: Final = -1.5
EVENTS: Final = (
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.file_search_call.in_progress",
    "response.file_search_call.searching",
    "response.file_search_call.completed",
    "response.output_item.done",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.annotation.added",
    "response.output_text.done",
    "response.content_part.done",
    "response.completed",
    "response.incomplete",
    "response.failed",
)
"""Every kind of event that the stream may hold."""


class ResponsesStream:
    """Encodes a run as Responses events."""

    preamble = OPEN

    def __init__(self, options: ResponseOptions) -> None:
        self._state = ResponseState(options)
        self._sequence = 0
        self._begun = False
        self._searching = False
        self._found = False
        self._writing = False
        self._token: tuple[bytes, bytes, bytes] | None = None

    def frames(self, event: Event) -> Sequence[bytes]:
        """Encode the next event."""
        self._state.take(event)
        frames = [] if self._begun else self._begin()
        match event:
            case Status("retrieving"):
                frames += self._search()
            case Sources():
                frames += self._sources()
            case Text(delta):
                frames += self._open_message()
                frames.append(self._delta(delta))
            case Done() | Failed() | Cancelled():
                frames += self._end(event)
            case _:
                pass
        return frames

    def _frame(self, kind: str, **fields: object) -> bytes:
        body = {"type": kind, "sequence_number": self._sequence, **fields}
        self._sequence += 1
        return b"event: " + kind.encode() + b"\ndata: " + encode(body) + b"\n\n"

    def _begin(self) -> list[bytes]:
        self._begun = True
        shown = self._state.response() | {"status": "in_progress"}
        return [
            self._frame("response.created", response=shown),
            self._frame("response.in_progress", response=shown),
        ]

    def _search(self) -> list[bytes]:
        if self._searching:
            return []
        self._searching = True
        item = self._state.search_item("in_progress")
        place = {"item_id": item["id"], "output_index": 0}
        return [
            self._frame("response.output_item.added", output_index=0, item=item),
            self._frame("response.file_search_call.in_progress", **place),
            self._frame("response.file_search_call.searching", **place),
        ]

    def _sources(self) -> list[bytes]:
        frames = self._search()
        if self._found:
            return frames
        self._found = True
        item = self._state.search_item("completed")
        frames.append(self._frame("response.file_search_call.completed", item_id=item["id"], output_index=0))
        frames.append(self._frame("response.output_item.done", output_index=0, item=item))
        return frames

    @property
    def _message_place(self) -> Json:
        index = 1 if self._searching else 0
        return {"item_id": self._state.options.item("msg_"), "output_index": index, "content_index": 0}

    def _open_message(self) -> list[bytes]:
        if self._writing:
            return []
        self._writing = True
        place = self._message_place
        item = self._state.message_item("in_progress", [])
        part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
        return [
            self._frame("response.output_item.added", output_index=place["output_index"], item=item),
            self._frame("response.content_part.added", **place, part=part),
        ]

    def _delta(self, delta: str) -> bytes:
        """Frame a token: only its number and its text are written anew."""
        if self._token is None:
            kind = "response.output_text.delta"
            body = {
                "type": kind,
                "sequence_number": _NUMBER,
                **self._message_place,
                "delta": _HOLE,
                "logprobs": [],
            }
            head, _, rest = encode(body).partition(encode(_NUMBER))
            middle, _, tail = rest.partition(encode_text(_HOLE))
            self._token = (b"event: " + kind.encode() + b"\ndata: " + head, middle, tail + b"\n\n")
        number, self._sequence = self._sequence, self._sequence + 1
        head, middle, tail = self._token
        return b"%b%d%b%b%b" % (head, number, middle, encode_text(delta), tail)

    def _end(self, ending: Done | Failed | Cancelled) -> list[bytes]:
        frames = self._close_message() if isinstance(ending, Done) else []
        kind = {"completed": "completed", "failed": "failed"}.get(self._state.status, "incomplete")
        shown = self._state.response() | {"status": kind}
        return [*frames, self._frame(f"response.{kind}", response=shown)]

    def _close_message(self) -> list[bytes]:
        if not self._writing:
            return []
        place, part = self._message_place, self._state.text_part()
        status = "completed" if self._state.status == "completed" else "incomplete"
        item = self._state.message_item(status, [part])
        return [
            *(
                self._frame(
                    "response.output_text.annotation.added", **place, annotation_index=index, annotation=each
                )
                for index, each in enumerate(self._state.annotations)
            ),
            self._frame("response.output_text.done", **place, text=part["text"], logprobs=[]),
            self._frame("response.content_part.done", **place, part=part),
            self._frame("response.output_item.done", output_index=place["output_index"], item=item),
        ]
