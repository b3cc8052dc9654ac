"""`POST /v1/chat`: the native stream, and the run routes by which it is resumed and stopped."""

import asyncio
import re
from typing import Annotated, Final, Self

from fastapi import APIRouter, Header, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.http.access import ChatGrant, RunsIn, ServiceIn, begin, find_run, still_readable
from app.http.asking import (
    MOST_NUMBER,
    ChatMessage,
    Knobs,
    Messages,
    conversation_of,
    conversation_of_caller,
    question_of,
)
from app.http.examples import event_stream, problems
from app.http.links import viewer
from app.http.streaming import RunStream
from app.identity.grant import Grant
from app.question import Message
from app.runs.run import Run
from app.runs.runs import Runs
from app.service import Service
from app.wire.ui import PARTS, UiOptions, UiStream

router = APIRouter(tags=["chat"])
UI_STREAM = {"x-vercel-ai-ui-message-stream": "v1"}
EXAMPLE = """\
: open
retry: 1500
id: 1
data: {"type":"start","messageId":"msg_…","messageMetadata":{"runId":"run_…","conversation":"conv_…","notice":"…"}}

id: 2
data: {"type":"start-step"}

id: 3
data: {"type":"data-status","data":{"stage":"retrieving","detail":""},"transient":true}

id: 4
data: {"type":"source-document","sourceId":"c1","mediaType":"application/pdf","title":"Handbook","filename":"handbook.pdf","providerMetadata":{"footnote":{"n":1,"page":12,"quote":"…","url":"…","score":0.83}}}

id: 5
data: {"type":"text-start","id":"t0"}

id: 6
data: {"type":"text-delta","id":"t0","delta":"Staff get 25 days [1]."}

id: 7
data: {"type":"text-end","id":"t0","citations":[{"source":{"type":"source","sourceType":"document","id":"c1"},"startIndex":0,"endIndex":22,"citedText":"25 days"}]}

id: 8
data: {"type":"data-citations","id":"cit","data":[{"n":1,"sourceId":"c1","start":0,"end":22,"quote":"25 days","supported":true}]}

id: 9
data: {"type":"finish-step"}

id: 10
data: {"type":"finish","finishReason":"stop","messageMetadata":{"usage":{"inputTokens":512,"outputTokens":9,"totalTokens":521},"outcome":"answered","refused":false}}

id: 11
data: [DONE]
"""
_STREAM = event_stream(
    "UI message stream parts with `id:` lines. A stream that ends without `finish`, `error` or `abort` was cut.",
    EXAMPLE,
    *PARTS,
)
_FRAME: Final = re.compile("[0-9]{1,18}")
RunId = Annotated[str, Path(description="The run's id, from the X-Run-Id header.", max_length=100)]


class ChatBody(Knobs):
    """A question, alone or as the last of a conversation's messages."""

    model_config = ConfigDict(
        extra="ignore",
        strict=True,
        json_schema_extra={
            "examples": [
                {"message": "How many days of annual leave do I get?"},
                {
                    "messages": [
                        {"role": "user", "content": "How many days of annual leave do I get?"},
                        {"role": "assistant", "content": "25 days [1]."},
                        {"role": "user", "content": "And in the first year?"},
                    ],
                    "conversation": "conv_1",
                    "where": {"media_type": "application/pdf"},
                    "top_k": 8,
                },
            ]
        },
    )
    message: Annotated[str | ChatMessage | None, Field(description="The question.")] = None
    messages: Annotated[Messages | None, Field(description="The conversation, the question last.")] = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.message is None and self.messages is None:
            raise ValueError("send the question as `message`, or a conversation as `messages`")
        return self

    def conversation_so_far(self) -> list[Message]:
        """Return the messages, the question last."""
        said = conversation_of(self.messages or [])
        if isinstance(self.message, ChatMessage):
            said += conversation_of([self.message])
        elif self.message is not None:
            said.append(Message("user", self.message))
        return said


def native(
    run: Run, *, runs: Runs, request: Request, service: Service, grant: Grant, after: int = 0
) -> Response:
    """Stream a run natively, from the frame after number `after`."""
    link = viewer(request, service, grant, now=run.created)
    encoder = UiStream(UiOptions(run.id, link, numbered=True))
    return RunStream(encoder, run, runs=runs, settings=service.settings.serve, after=after, headers=UI_STREAM)


@router.post(
    "/v1/chat",
    summary="Ask a question",
    responses=_STREAM | problems(400, 401, 403, 413, 422, 429, 503),
    response_class=Response,
)
async def chat(
    body: ChatBody, request: Request, service: ServiceIn, runs: RunsIn, grant: ChatGrant
) -> Response:
    """Answer a question from the documents, as a stream with sources and citations.

    A dropped connection can be taken up again within 15 seconds through `/v1/runs/{id}/events`.
    """
    said = body.conversation_so_far()
    conversation = conversation_of_caller(body.conversation, grant)
    if body.messages is None and conversation and service.records:
        await runs.recorded(owner=grant.owner)
        erasures = -1
        while erasures != runs.erasures:  # nothing that was erased meanwhile goes into the question
            erasures = runs.erasures
            earlier = await asyncio.to_thread(service.records.history, conversation, owner=grant.owner)
            readable = await still_readable(earlier, service=service, grant=grant)
        said = [*readable, *said]
    question = question_of(said, grant=grant, settings=service.settings.answer, knobs=body)
    run = await begin(question, request, grant, resumable=True)
    return native(run, runs=runs, request=request, service=service, grant=grant)


class Starters(BaseModel):
    """Questions to begin with."""

    questions: list[str]


# A plain function: the framework runs it in a thread, where the documents are read.
@router.get("/v1/starters", summary="Suggest questions to begin with", responses=problems(401, 403, 503))
def starters(service: ServiceIn, grant: ChatGrant) -> Starters:
    """Suggest at most four questions that the documents which the caller may read answer; where none is good, none."""
    return Starters(questions=list(service.starters(grant.scope)))


@router.get(
    "/v1/runs/{run_id}/events",
    summary="Take up a stream again",
    responses=_STREAM | problems(401, 403, 404, 422),
    response_class=Response,
)
async def events(
    run_id: RunId,
    request: Request,
    service: ServiceIn,
    runs: RunsIn,
    grant: ChatGrant,
    after: Annotated[
        int | None, Query(ge=0, le=MOST_NUMBER, description="The last frame id that was received.")
    ] = None,
    last_event_id: Annotated[str | None, Header(description="The same, as EventSource sends it.")] = None,
) -> Response:
    """Send the frames of a run after a given one, then those still to come."""
    run = await find_run(run_id, runs=runs, service=service, grant=grant)
    # What is not a number of ours names no frame: the stream is sent from its start.
    seen = int(last_event_id) if last_event_id and _FRAME.fullmatch(last_event_id) else 0
    position = seen if after is None else after
    return native(run, runs=runs, request=request, service=service, grant=grant, after=position)


@router.post("/v1/runs/{run_id}/cancel", summary="Stop an answer", responses=problems(401, 403, 404, 422))
async def cancel(run_id: RunId, runs: RunsIn, grant: ChatGrant) -> dict[str, str]:
    """Stop a run, and answer when it has stopped. Stopping one that has ended does nothing."""
    run = await runs.find(run_id, owner=grant.owner)
    await runs.stop(run)
    return {"id": run.id, "status": status_of(run)}


def status_of(run: Run) -> str:
    """Name a run's state: running, done, failed or cancelled."""
    return type(run.ending).__name__.lower() if run.ending else "running"
