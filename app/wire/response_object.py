"""The response object of OpenAI's Responses API, as far as a run has come."""

from collections.abc import Sequence
from dataclasses import dataclass

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
from app.wire.frames import Mark
from app.wire.sources import Json, Link, citation, file_name, in_number_order, source, url_annotation


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
        self.mark = Mark()

    def take(self, event: Event) -> None:
        """Learn the next event."""
        self.mark.take(event)
        match event:
            case Status("retrieving"):
                self.queries = [event.detail or self.options.question]
            case Sources(passages):
                self.queries = self.queries or [self.options.question]
                self.passages = (*(self.passages or ()), *passages)
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
            "outcome": self.ending.outcome if isinstance(self.ending, Done) else None,
            "refused": isinstance(self.ending, Done) and self.ending.refused,
            "error_code": self.ending.code if isinstance(self.ending, Failed) else None,
            **self.mark.shown,
            "sources": [source(passage, link) for passage in self.passages or ()],
            "citations": [citation(found, link) for found in self.citations],
        }


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
