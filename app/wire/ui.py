"""The UI message stream of the Vercel AI SDK, and the native stream, which is the same with numbered frames.

Unknown part types end every version of that client, so all our extras are `data-*` parts. Offsets are for
JavaScript, hence UTF-16 code units; `data-citations` gives code points beside them.
"""

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
    FollowUps,
    Passage,
    SentenceChecked,
    Sources,
    Started,
    Status,
    Text,
    Usage,
)
from app.problems import stopped_sentence
from app.wire.frames import DONE, OPEN, Mark, around, data, encode_text
from app.wire.sources import Json, Link, citation, file_name, is_web, label, source

_HOLE: Final = "\ue000text"
_TEXT_ID: Final = "t0"
PARTS: Final = (
    "start",
    "start-step",
    "data-status",
    "source-document",
    "source-url",
    "text-start",
    "text-delta",
    "data-sentence",
    "data-followups",
    "text-end",
    "data-citations",
    "finish-step",
    "finish",
    "data-error",
    "error",
    "abort",
)
"""Every kind of part that the stream may hold."""
_SUPPORTED: Final = 0.5
"""At or above this probability a citation is shown as supported."""


@dataclass(frozen=True, slots=True)
class UiOptions:
    """How one run is to be shown. `numbered` adds the `id:` lines of the native stream."""

    run: str
    link: Link
    numbered: bool = False


class UiStream:
    """Encodes a run as UI message stream parts."""

    def __init__(self, options: UiOptions) -> None:
        self._options = options
        self.preamble = OPEN + b"retry: 1500\n" if options.numbered else OPEN
        self._number = 0
        self._answer: list[str] = []
        self._text_open = False
        self._citations: tuple[Citation, ...] = ()
        self._usage: Usage | None = None
        self._mark = Mark()
        self._before, self._after = around({"type": "text-delta", "id": _TEXT_ID, "delta": _HOLE}, _HOLE)

    def frames(self, event: Event) -> Sequence[bytes]:
        """Encode the next event."""
        frames = self._frames(event)
        if not self._options.numbered:
            return frames
        numbered = [
            b"id: %d\n%b" % (self._number + place, frame) for place, frame in enumerate(frames, start=1)
        ]
        self._number += len(frames)
        return numbered

    def _frames(self, event: Event) -> list[bytes]:
        self._mark.take(event)
        match event:
            case Text(delta):
                return self._text(delta)
            case Started():
                return [data(self._start(event)), data({"type": "start-step"})]
            case Status():
                return [data(_transient("data-status", {"stage": event.stage, "detail": event.detail}))]
            case Sources(passages):
                return [data(_source_part(passage, self._options.link)) for passage in passages]
            case SentenceChecked():
                return [data(self._sentence(event))]
            case Citations(citations):
                self._citations = citations
                return []
            case FollowUps(questions):
                return [data({"type": "data-followups", "id": "fu", "data": list(questions)})]
            case Usage():
                self._usage = event
                return []
            case _:
                return self._end(event)

    def _text(self, delta: str) -> list[bytes]:
        self._answer.append(delta)
        token = self._before + encode_text(delta) + self._after
        if self._text_open:
            return [token]
        self._text_open = True
        return [data({"type": "text-start", "id": _TEXT_ID}), token]

    def _start(self, started: Started) -> Json:
        metadata = {
            "runId": started.run,
            "conversation": started.conversation,
            "model": started.model,
            "notice": started.notice,
            "createdAt": started.created,
            "ai_generated": True,
        }
        return {
            "type": "start",
            "messageId": self._options.run.replace("run_", "msg_", 1),
            "messageMetadata": metadata,
        }

    def _sentence(self, checked: SentenceChecked) -> Json:
        offsets = Utf16("".join(self._answer))
        shown = {
            "start": offsets.at(checked.start),
            "end": offsets.at(checked.end),
            "verdict": checked.verdict,
            "support": checked.support,
        }
        return {"type": "data-sentence", "id": f"s{checked.start}", "data": shown}

    def _end(self, event: Event) -> list[bytes]:
        closing = self._close_text()
        match event:
            case Done():
                return [*closing, *self._finish(event), DONE]
            case Failed():
                failed = {"type": "error", "errorText": event.message}
                detail = _transient("data-error", {"code": event.code, "retryable": event.retryable})
                return [*closing, data(detail), data(failed), DONE]
            case Cancelled("shutdown"):
                return [*closing, data({"type": "error", "errorText": stopped_sentence(event)}), DONE]
            case Cancelled():
                return [*closing, data({"type": "abort", "reason": event.reason}), DONE]
            case _:
                return []

    def _close_text(self) -> list[bytes]:
        """End the text part: otherwise clients leave it streaming for ever."""
        frames: list[bytes] = []
        if not self._text_open:
            return frames
        offsets = Utf16("".join(self._answer))
        end: Json = {"type": "text-end", "id": _TEXT_ID}
        if self._citations:
            end["citations"] = [self._text_citation(found, offsets) for found in self._citations]
        frames.append(data(end))
        if self._citations:
            shown = [self._citation(found, offsets) for found in self._citations]
            frames.append(data({"type": "data-citations", "id": "cit", "data": shown}))
        return frames

    def _text_citation(self, found: Citation, offsets: "Utf16") -> Json:
        """Show a citation as version 7 knows it: the claim, not the marker."""
        quote = {"citedText": found.quote} if found.quote else {}
        return {
            "source": {"type": "source", **_named(found, self._options.link)},
            "startIndex": offsets.at(found.claim[0]),
            "endIndex": offsets.at(found.claim[1]),
        } | quote

    def _citation(self, found: Citation, offsets: "Utf16") -> Json:
        return {
            "n": found.number,
            "sourceId": f"c{found.number}",
            "start": offsets.at(found.claim[0]),
            "end": offsets.at(found.claim[1]),
            "markerStart": offsets.at(found.marker[0]),
            "markerEnd": offsets.at(found.marker[1]),
            "quote": found.quote,
            "supported": found.support >= _SUPPORTED,
            "support": found.support,
            "evidence": citation(found, self._options.link),
        }

    def _finish(self, done: Done) -> list[bytes]:
        used = self._usage or Usage(0, 0)
        metadata = {
            "usage": {
                "inputTokens": used.input_tokens,
                "outputTokens": used.output_tokens,
                "totalTokens": used.input_tokens + used.output_tokens,
            },
            "outcome": done.outcome,
            "refused": done.refused,
            **self._mark.shown,
        }
        finish = {
            "type": "finish",
            "finishReason": done.reason.replace("_", "-"),
            "messageMetadata": metadata,
        }
        return [data({"type": "finish-step"}), data(finish)]


class Utf16:
    """Translates code point offsets of a text into UTF-16 code units."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._plain = text.isascii() or all(character <= "\uffff" for character in text)

    def at(self, position: int) -> int:
        """Return the UTF-16 offset of a code point offset."""
        if self._plain:
            return position
        return position + sum(character > "\uffff" for character in self._text[:position])


def _source_part(passage: Passage, link: Link) -> Json:
    document = passage.document
    mine = source(passage, link)
    mine["quote"] = mine.pop("text")
    shown = {"providerMetadata": {"footnote": mine}}
    if is_web(document):
        return {
            "type": "source-url",
            "sourceId": f"c{passage.number}",
            "url": document.uri,
            "title": label(document, passage.span),
        } | shown
    return {
        "type": "source-document",
        "sourceId": f"c{passage.number}",
        "mediaType": document.media_type,
        "title": document.title or document.uri,
        "filename": file_name(document),
    } | shown


def _named(found: Citation, link: Link) -> Json:
    document = found.document
    if is_web(document):
        return {"sourceType": "url", "id": f"c{found.number}", "url": document.uri, "title": document.title}
    return {
        "sourceType": "document",
        "id": f"c{found.number}",
        "mediaType": document.media_type,
        "title": document.title or document.uri,
        "filename": file_name(document),
        "providerMetadata": {"footnote": {"url": link(document, found.evidence, None)}},
    }


def _transient(kind: str, value: Json) -> Json:
    """Make a part that clients hear of but do not store."""
    return {"type": kind, "data": value, "transient": True}
