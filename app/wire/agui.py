"""AG-UI, the protocol of CopilotKit and its kin."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.events import (
    Cancelled,
    Citations,
    Done,
    Event,
    Failed,
    FollowUps,
    Sources,
    Started,
    Status,
    Text,
    Usage,
)
from app.problems import stopped_sentence
from app.wire.frames import OPEN, Mark, around, data, encode_text
from app.wire.sources import Json, Link, citation, source

_HOLE: Final = "\ue000text"
EVENTS: Final = (
    "RUN_STARTED",
    "STEP_STARTED",
    "STEP_FINISHED",
    "CUSTOM",
    "TEXT_MESSAGE_START",
    "TEXT_MESSAGE_CONTENT",
    "TEXT_MESSAGE_END",
    "RUN_FINISHED",
    "RUN_ERROR",
)
"""Every kind of event that the stream may hold."""


@dataclass(frozen=True, slots=True)
class AguiOptions:
    """How one run is to be shown. `thread` and `client_run` are the client's own names for it."""

    run: str
    thread: str
    client_run: str
    link: Link


class AguiStream:
    """Encodes a run as AG-UI events. Steps and the message are closed before the run is finished."""

    preamble = OPEN

    def __init__(self, options: AguiOptions) -> None:
        self._options = options
        self._message = options.run.replace("run_", "msg_", 1)
        self._step: str | None = None
        self._writing = False
        self._begun = False
        self._usage = Usage(0, 0)
        self._mark = Mark()
        self._sources: list[Json] = []
        content = {"type": "TEXT_MESSAGE_CONTENT", "messageId": self._message, "delta": _HOLE}
        self._before, self._after = around(content, _HOLE)

    def frames(self, event: Event) -> Sequence[bytes]:
        """Encode the next event."""
        frames = self._begin()
        self._mark.take(event)
        match event:
            case Started(notice=notice):
                frames.append(
                    _custom("run", {"runId": self._options.run, "notice": notice, **self._mark.shown})
                )
            case Status(stage):
                frames += self._enter(stage)
            case Sources(passages):
                self._sources += [source(each, self._options.link) for each in passages]
                frames.append(_custom("sources", self._sources))
            case Text(delta) if delta:
                frames += [*self._open(), self._before + encode_text(delta) + self._after]
            case Citations(citations):
                frames.append(
                    _custom("citations", [citation(each, self._options.link) for each in citations])
                )
            case FollowUps(questions):
                frames.append(_custom("followups", list(questions)))
            case Usage():
                self._usage = event
            case Done() | Failed() | Cancelled():
                frames += self._end(event)
            case _:
                pass
        return frames

    def _begin(self) -> list[bytes]:
        if self._begun:
            return []
        self._begun = True
        return [data({"type": "RUN_STARTED", **self._names})]

    @property
    def _names(self) -> Json:
        return {"threadId": self._options.thread, "runId": self._options.client_run}

    def _enter(self, stage: str) -> list[bytes]:
        frames = [*self._leave(), data({"type": "STEP_STARTED", "stepName": stage})]
        self._step = stage
        return frames

    def _leave(self) -> list[bytes]:
        if self._step is None:
            return []
        step, self._step = self._step, None
        return [data({"type": "STEP_FINISHED", "stepName": step})]

    def _open(self) -> list[bytes]:
        if self._writing:
            return []
        self._writing = True
        return [data({"type": "TEXT_MESSAGE_START", "messageId": self._message, "role": "assistant"})]

    def _end(self, ending: Done | Failed | Cancelled) -> list[bytes]:
        closing = [data({"type": "TEXT_MESSAGE_END", "messageId": self._message})] if self._writing else []
        closing += self._leave()
        match ending:
            case Done(reason, outcome):
                result = {
                    "finishReason": reason,
                    "outcome": outcome,
                    "refused": ending.refused,
                    "inputTokens": self._usage.input_tokens,
                    "outputTokens": self._usage.output_tokens,
                    **self._mark.shown,
                }
                return [*closing, data({"type": "RUN_FINISHED", **self._names, "result": result})]
            case Failed(code, message):
                return [*closing, data({"type": "RUN_ERROR", "message": message, "code": code})]
            case Cancelled(reason):
                why = "shutdown" if reason == "shutdown" else "cancelled"
                return [
                    *closing,
                    data({"type": "RUN_ERROR", "message": stopped_sentence(ending), "code": why}),
                ]


def _custom(name: str, value: object) -> bytes:
    return data({"type": "CUSTOM", "name": f"footnote.{name}", "value": value})
