"""`POST /agui`: AG-UI, for CopilotKit and its kin."""

import secrets
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from app.http.access import ChatGrant, RunsIn, ServiceIn, begin
from app.http.asking import Knobs, Messages, conversation_of, question_of
from app.http.examples import event_stream, problems
from app.http.links import viewer
from app.http.streaming import RunStream
from app.wire.agui import EVENTS, AguiOptions, AguiStream

router = APIRouter(tags=["ag-ui"])
_EXAMPLE = """\
: open
data: {"type":"RUN_STARTED","threadId":"t1","runId":"r1"}

data: {"type":"STEP_STARTED","stepName":"retrieving"}

data: {"type":"CUSTOM","name":"footnote.sources","value":[{"n":1,"title":"Handbook","page":12}]}

data: {"type":"TEXT_MESSAGE_START","messageId":"msg_…","role":"assistant"}

data: {"type":"TEXT_MESSAGE_CONTENT","messageId":"msg_…","delta":"Staff get 25 days [1]."}

data: {"type":"TEXT_MESSAGE_END","messageId":"msg_…"}

data: {"type":"STEP_FINISHED","stepName":"retrieving"}

data: {"type":"RUN_FINISHED","threadId":"t1","runId":"r1"}
"""


class AguiBody(BaseModel):
    """A RunAgentInput. State, tools and context are not read."""

    model_config = ConfigDict(
        extra="ignore",
        strict=True,
        json_schema_extra={
            "examples": [
                {
                    "threadId": "t1",
                    "runId": "r1",
                    "state": {},
                    "messages": [{"id": "m1", "role": "user", "content": "How much leave do I get?"}],
                    "tools": [],
                    "context": [],
                    "forwardedProps": {},
                }
            ]
        },
    )
    messages: Messages
    thread_id: Annotated[str | None, Field(alias="threadId", max_length=200)] = None
    run_id: Annotated[str | None, Field(alias="runId", max_length=200)] = None
    forwarded: Annotated[Knobs | None, Field(alias="forwardedProps", description="What is ours.")] = None


@router.post(
    "/agui",
    summary="Ask as an AG-UI client does",
    responses=event_stream("AG-UI events.", _EXAMPLE, *EVENTS) | problems(400, 401, 403, 413, 422, 429, 503),
    response_class=Response,
)
async def agui(
    body: AguiBody, request: Request, service: ServiceIn, runs: RunsIn, grant: ChatGrant
) -> Response:
    """Answer the last message. A client that disconnects stops the answer."""
    thread = body.thread_id or f"conv_{secrets.token_hex(12)}"
    knobs = (body.forwarded or Knobs()).model_copy(update={"conversation": thread})
    question = question_of(
        conversation_of(body.messages), grant=grant, settings=service.settings.answer, knobs=knobs
    )
    run = await begin(question, request, grant)
    link = viewer(request, service, grant, now=run.created)
    encoder = AguiStream(AguiOptions(run.id, thread, body.run_id or run.id, link))
    return RunStream(encoder, run, runs=runs, settings=service.settings.serve)
