"""OpenAI chat completions, streamed and whole."""

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
    Started,
    Status,
    Text,
    Usage,
)
from app.guard import inert
from app.problems import openai_error, problem_of_ending
from app.wire.frames import DONE, OPEN, Mark, around, data, encode_text
from app.wire.sources import (
    Json,
    Link,
    citation,
    in_number_order,
    label,
    markdown_list,
    passage_url,
    source,
    url_annotation,
)

_HOLE: Final = "\ue000text"
_STAGES: Final = {
    "understanding": "Reading the question",
    "retrieving": "Searching the documents",
    "writing": "Writing the answer",
    "checking": "Checking the answer",
}


@dataclass(frozen=True, slots=True)
class CompletionOptions:
    """How one completion is to be shown."""

    run: str
    model: str
    created: int
    link: Link
    include_usage: bool = False
    inline_sources: bool = False
    openwebui_events: bool = False

    @property
    def id(self) -> str:
        """The completion's id, made from the run's."""
        return self.run.replace("run_", "chatcmpl-", 1)


class CompletionsStream:
    """Encodes a run as `chat.completion.chunk`s, without `id:` lines: they and a ping break openai-python."""

    preamble = OPEN

    def __init__(self, options: CompletionOptions) -> None:
        self._options = options
        self._head: Json = {
            "id": options.id,
            "object": "chat.completion.chunk",
            "created": options.created,
            "model": options.model,
        }
        self._opened = False
        self._notice = ""
        self._mark = Mark()
        self._passages: list[Passage] = []
        self._citations: tuple[Citation, ...] = ()
        self._usage: Usage | None = None
        self._before, self._after = around(self._chunk({"content": _HOLE}), _HOLE)

    def frames(self, event: Event) -> Sequence[bytes]:
        """Encode the next event."""
        self._mark.take(event)
        match event:
            case Text(delta):
                return [*self._opening(), self._before + encode_text(delta) + self._after]
            case Started():
                self._notice = event.notice
            case Status() if self._options.openwebui_events:
                return [self._extra({"event": _status_event(event)})]
            case Sources(passages):
                return self._sources(passages)
            case Citations(citations):
                self._citations = citations
            case Usage():
                self._usage = event
            case Done():
                return [*self._opening(), *self._finish(event)]
            case Failed() | Cancelled():
                return [data(openai_error(problem_of_ending(event)))]
            case _:
                pass
        return []

    def _opening(self) -> list[bytes]:
        return [] if self._opened else [self._extra({})]

    def _extra(self, extra: Json) -> bytes:
        """Frame a chunk without text that carries more keys; the first chunk of all names the role."""
        delta: Json = {"content": ""}
        if not self._opened:
            self._opened = True
            delta = {"role": "assistant", "content": ""}
            mine = (
                {"run_id": self._options.run, "notice": self._notice}
                | self._mark.shown
                | extra.get("footnote", {})
            )
            extra = extra | {"footnote": mine}
        return data(self._chunk(delta) | extra)

    def _chunk(self, delta: Json, *, finish_reason: str | None = None) -> Json:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return self._head | {"choices": [choice]}

    def _sources(self, passages: Sequence[Passage]) -> list[bytes]:
        link = self._options.link
        self._passages += passages
        first = self._extra(search_extras(self._passages, link))
        if not self._options.openwebui_events:
            return [first]
        return [first, *(self._extra({"event": _source_event(passage, link)}) for passage in passages)]

    def _finish(self, done: Done) -> list[bytes]:
        options = self._options
        frames: list[bytes] = []
        if options.inline_sources and (block := markdown_list(self._citations, options.link)):
            frames.append(self._before + encode_text(block) + self._after)
        delta: Json = {"content": ""}
        if self._citations and not options.openwebui_events:
            delta["annotations"] = annotations(self._citations, options.link)
        extra = {"footnote": ending_extras(options, self._citations, done, self._mark)}
        frames.append(data(self._chunk(delta, finish_reason=done.reason) | extra))
        if options.include_usage:
            frames.append(data(self._head | {"choices": [], "usage": usage(self._usage)}))
        return [*frames, DONE]


def completion(options: CompletionOptions, events: Sequence[Event]) -> Json:
    """Build the whole `chat.completion` of a run that ended in Done."""
    answer = "".join(event.delta for event in events if isinstance(event, Text))
    passages = [each for event in events if isinstance(event, Sources) for each in event.passages]
    citations = next((event.citations for event in events if isinstance(event, Citations)), ())
    used = next((event for event in events if isinstance(event, Usage)), None)
    done = next((event for event in events if isinstance(event, Done)), Done())
    extras = search_extras(passages, options.link)
    mark = Mark()
    for event in events:
        mark.take(event)
    if options.inline_sources:
        answer += markdown_list(citations, options.link)
    message = {
        "role": "assistant",
        "content": answer,
        "refusal": None,
        "annotations": annotations(citations, options.link),
    }
    return {
        "id": options.id,
        "object": "chat.completion",
        "created": options.created,
        "model": options.model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": done.reason}],
        "usage": usage(used),
        **extras,
        "footnote": extras["footnote"] | ending_extras(options, citations, done, mark),
    }


def annotations(citations: Sequence[Citation], link: Link) -> list[Json]:
    """Show the citations as OpenAI annotations, the first of each source in number order."""
    return [
        {"type": "url_citation", "url_citation": url_annotation(found, link)}
        for found in in_number_order(citations)
    ]


def usage(used: Usage | None) -> Json:
    """Show the tokens as chat completions name them."""
    read, written = (used.input_tokens, used.output_tokens) if used else (0, 0)
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def search_extras(passages: Sequence[Passage], link: Link) -> Json:
    """Show the passages as Perplexity does (`citations`, `search_results`) and whole under `footnote`.

    Its clients look `[n]` up as the n-th: one that is not shown leaves its place empty.
    """
    results = [
        {"title": "", "url": "", "snippet": ""} for _ in range(max((p.number for p in passages), default=0))
    ]
    for passage in passages:
        results[passage.number - 1] = {
            "title": label(passage.document, passage.span),
            "url": passage_url(passage, link),
            "snippet": passage.text,
        }
    return {
        "citations": [result["url"] for result in results],
        "search_results": results,
        "footnote": {"sources": [source(passage, link) for passage in passages]},
    }


def ending_extras(options: CompletionOptions, citations: Sequence[Citation], done: Done, mark: Mark) -> Json:
    """Show what only clients of ours read at the end."""
    return {
        "run_id": options.run,
        "outcome": done.outcome,
        "refused": done.refused,
        **mark.shown,
        "citations": [citation(found, options.link) for found in citations],
    }


def _status_event(status: Status) -> Json:
    return {
        "type": "status",
        "data": {"description": _STAGES[status.stage], "done": status.stage == "writing"},
    }


def _source_event(passage: Passage, link: Link) -> Json:
    """Show a passage as Open WebUI's source event: pages from 0, the grouping key never an address.

    It renders the text as Markdown, so that has to be inert.
    """
    name = label(passage.document, passage.span)
    metadata: Json = {
        "source": str(passage.chunks[0]) if passage.chunks else f"{passage.document.id}#{passage.number}",
        "name": name,
        "source_url": passage_url(passage, link),
    }
    if passage.span.page is not None:
        metadata["page"] = passage.span.page - 1
    return {
        "type": "source",
        "data": {
            "source": {"name": name},
            "document": [inert(passage.text)],
            "metadata": [metadata],
            "distances": [min(1.0, max(0.0, passage.score))],
        },
    }
