"""The OpenAI Responses API, streamed and whole. Frame n carries sequence_number n-1, so any client can resume."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.events import (
    Cancelled,
    Citation,
    Citations,
    Done,
    Event,
    Failed,
    Passage,
    Sources,
    Status,
    Text,
    Usage,
)
from app.problems import stopped_sentence
from app.wire.frames import OPEN, encode, encode_text
from app.wire.sources import Json, Link, citation, file_name, in_number_order, source, url_annotation

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


@dataclass(frozen=True, slots=True)
class ResponseOptions:
    """How one response is to be shown."""

    run: str
    model: str
    created: int
    link: Link
    question: str
    previous: str | None = None
    instructions: str | None = None
    background: bool = False
    include_results: bool = False

    @property
    def id(self) -> str:
        """The response's id, made from the run's."""
        return self.run.replace("run_", "resp_", 1)

    def item(self, prefix: str) -> str:
        """Name an item of the output."""
        return self.run.replace("run_", prefix, 1)


class ResponseState:
    """A response as far as the events have told it: what `GET` answers, and what the stream reports of."""

    def __init__(self, options: ResponseOptions) -> None:
        self.options = options
        self.queries: list[str] | None = None
        self.passages: Sequence[Passage] | None = None
        self.answer: list[str] = []
        self.annotations: list[Json] = []
        self.citations: Sequence[Citation] = ()
        self.usage = Usage(0, 0)
        self.ending: Done | Failed | Cancelled | None = None

    def take(self, event: Event) -> None:
        """Learn the next event."""
        match event:
            case Status("retrieving"):
                self.queries = [event.detail or self.options.question]
            case Sources(passages):
                self.queries = self.queries or [self.options.question]
                self.passages = passages
            case Text(delta):
                self.answer.append(delta)
            case Citations(citations):
                self.citations = citations
                self.annotations = _annotations(citations, self.options.link)
            case Usage():
                self.usage = event
            case Done() | Failed() | Cancelled():
                self.ending = event
            case _:
                pass

    @property
    def status(self) -> str:
        """The status in the API's words."""
        match self.ending:
            case None:
                return "in_progress"
            case Done("stop"):
                return "completed"
            case Done():
                return "incomplete"
            case Failed():
                return "failed"
            case Cancelled("user"):
                return "cancelled"
            case Cancelled("shutdown"):
                return "failed"
            case Cancelled():
                return "incomplete"

    def response(self) -> Json:
        """Show the whole response."""
        options = self.options
        ended = self.ending is not None
        return {
            "id": options.id,
            "object": "response",
            "created_at": options.created,
            "status": self.status,
            "background": options.background,
            "error": self._error(),
            "incomplete_details": self._incomplete(),
            "instructions": options.instructions,
            "max_output_tokens": None,
            "metadata": {},
            "model": options.model,
            "output": self._output() if ended else [],
            "parallel_tool_calls": False,
            "previous_response_id": options.previous,
            "reasoning": {"effort": None, "summary": None},
            "store": True,
            "temperature": None,
            "text": {"format": {"type": "text"}},
            "tool_choice": "auto",
            "tools": [],
            "top_p": None,
            "truncation": "disabled",
            "usage": self._usage() if ended else None,
            "footnote": self._extras(),
        }

    def search_item(self, status: str) -> Json:
        """Show the search as a file_search_call."""
        results = None
        if self.options.include_results and self.passages is not None:
            results = [_result(passage) for passage in self.passages]
        return {
            "id": self.options.item("fs_"),
            "type": "file_search_call",
            "status": status,
            "queries": self.queries or [self.options.question],
            "results": results,
        }

    def message_item(self, status: str, content: list[Json]) -> Json:
        """Show the answer as a message."""
        return {
            "id": self.options.item("msg_"),
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": content,
        }

    def text_part(self) -> Json:
        """Show the answer as far as it goes."""
        return {
            "type": "output_text",
            "text": "".join(self.answer),
            "annotations": self.annotations,
            "logprobs": [],
        }

    def _output(self) -> list[Json]:
        found = (
            [self.search_item("completed" if self.passages is not None else "incomplete")]
            if self.queries
            else []
        )
        if not self.answer:
            return found
        status = "completed" if isinstance(self.ending, Done) else "incomplete"
        return [*found, self.message_item(status, [self.text_part()])]

    def _error(self) -> Json | None:
        if isinstance(self.ending, Failed):
            return {"code": "server_error", "message": self.ending.message}
        # not the client's wish: clients show an incomplete response as one that simply ended
        if isinstance(self.ending, Cancelled) and self.ending.reason == "shutdown":
            return {"code": "server_error", "message": stopped_sentence(self.ending)}
        return None

    def _incomplete(self) -> Json | None:
        match self.ending:
            case Done("length"):
                return {"reason": "max_output_tokens"}
            case Done("content_filter"):
                return {"reason": "content_filter"}
            case Cancelled("user" | "disconnect" as reason):
                # never null: clients read an incomplete response without a reason as one that finished
                return {"reason": reason, "message": stopped_sentence(self.ending)}
            case _:
                return None

    def _usage(self) -> Json:
        read, written = self.usage.input_tokens, self.usage.output_tokens
        return {
            "input_tokens": read,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": written,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": read + written,
        }

    def _extras(self) -> Json:
        link = self.options.link
        return {
            "run_id": self.options.run,
            "refused": isinstance(self.ending, Done) and self.ending.refused,
            "error_code": self.ending.code if isinstance(self.ending, Failed) else None,
            "sources": [source(passage, link) for passage in self.passages or ()],
            "citations": [citation(found, link) for found in self.citations],
        }


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


def response(options: ResponseOptions, events: Sequence[Event]) -> Json:
    """Build the response as it stands after these events."""
    state = ResponseState(options)
    for event in events:
        state.take(event)
    return state.response()


def _annotations(citations: Sequence[Citation], link: Link) -> list[Json]:
    """Show each citation twice, as the two kinds that clients know: a file's, and an address's."""
    shown: list[Json] = []
    for found in in_number_order(citations):
        name = file_name(found.document)
        shown.append(
            {
                "type": "file_citation",
                "index": found.marker[1],
                "file_id": found.document.id,
                "filename": name,
            }
        )
        shown.append({"type": "url_citation", **url_annotation(found, link)})
    return shown


def _result(passage: Passage) -> Json:
    document = passage.document
    attributes: Json = {"n": passage.number, "title": document.title, "uri": document.uri}
    if passage.span.page is not None:
        attributes["page"] = passage.span.page
    return {
        "file_id": document.id,
        "filename": file_name(document),
        "score": min(1.0, max(0.0, passage.score)),
        "text": passage.text,
        "attributes": attributes,
    }
