"""`/api/chat`: what `useChat` of the Vercel AI SDK speaks, with resume and stop by chat id."""

from typing import Annotated, Self

from fastapi import APIRouter, Path, Request, Response
from pydantic import ConfigDict, Field, model_validator

from app.http.access import ChatGrant, RunsIn, ServiceIn, begin, documents_of, may_see
from app.http.asking import ChatMessage, Knobs, Messages, conversation_of, conversation_of_caller, question_of
from app.http.examples import event_stream, problems
from app.http.links import viewer
from app.http.routes.chat import EXAMPLE, UI_STREAM
from app.http.streaming import RunStream
from app.identity.grant import Grant
from app.runs.run import Run
from app.runs.runs import Runs
from app.service import Service
from app.wire.ui import PARTS, UiOptions, UiStream

router = APIRouter(tags=["ai-sdk"])
_NUMBERS = "retry: 1500\n"
_STREAM = event_stream(
    "UI message stream parts.",
    "\n".join(line for line in EXAMPLE.replace(_NUMBERS, "").split("\n") if not line.startswith("id: ")),
    *PARTS,
)
ChatId = Annotated[str, Path(description="The chat's id, as the client made it.", max_length=200)]


class UiChatBody(Knobs):
    """What `useChat` sends: all messages, or the last one alone."""

    model_config = ConfigDict(
        extra="ignore",
        strict=True,
        json_schema_extra={
            "examples": [
                {
                    "id": "chat1",
                    "trigger": "submit-message",
                    "messages": [
                        {
                            "id": "m1",
                            "role": "user",
                            "parts": [{"type": "text", "text": "How much leave do I get?"}],
                        }
                    ],
                }
            ]
        },
    )
    id: Annotated[str | None, Field(max_length=200, description="The chat's id.")] = None
    messages: Messages | None = None
    message: ChatMessage | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.message is None and self.messages is None:
            raise ValueError("send `messages`, or the last one as `message`")
        return self

    def spoken(self) -> list[ChatMessage]:
        """Return the messages up to the question; a regenerated answer is not part of it."""
        messages = [*(self.messages or []), *([self.message] if self.message else [])]
        while messages and messages[-1].role == "assistant":
            messages.pop()
        return messages


@router.post(
    "/api/chat",
    summary="Ask as useChat does",
    responses=_STREAM | problems(400, 401, 403, 413, 422, 429, 503, short=True),
    response_class=Response,
)
async def chat(
    body: UiChatBody, request: Request, service: ServiceIn, runs: RunsIn, grant: ChatGrant
) -> Response:
    """Answer the last message. With a chat id, a lost connection can be taken up again within 15 seconds."""
    knobs = body if body.conversation else body.model_copy(update={"conversation": body.id})
    question = question_of(
        conversation_of(body.spoken()), grant=grant, settings=service.settings.answer, knobs=knobs
    )
    run = await begin(question, request, grant, resumable=body.id is not None)
    return _stream(run, runs=runs, request=request, service=service, grant=grant)


@router.get(
    "/api/chat/{chat_id}/stream",
    summary="Take up a chat's stream again",
    responses=_STREAM
    | {204: {"description": "Nothing is being written in this chat."}}
    | problems(401, 403, 422, short=True),
    response_class=Response,
)
async def resume(
    chat_id: ChatId, request: Request, service: ServiceIn, runs: RunsIn, grant: ChatGrant
) -> Response:
    """Replay the answer that is being written from its start, then go on with it."""
    run = await _written_in(chat_id, runs, grant)
    if run is None or not await may_see(documents_of(run), service=service, grant=grant):
        return Response(status_code=204)
    return _stream(run, runs=runs, request=request, service=service, grant=grant)


@router.post(
    "/api/chat/{chat_id}/stop",
    summary="Stop a chat's answer",
    responses=problems(401, 403, 422, short=True),
)
async def stop(chat_id: ChatId, runs: RunsIn, grant: ChatGrant) -> dict[str, bool]:
    """Stop what is being written in this chat, and answer when it has stopped. Repeating it does nothing."""
    run = await _written_in(chat_id, runs, grant)
    if run is None:
        return {"stopped": False}
    await runs.stop(run)
    return {"stopped": True}


async def _written_in(chat_id: str, runs: Runs, grant: Grant) -> Run | None:
    """Return the run that is being written in a chat of the caller's."""
    conversation = conversation_of_caller(chat_id, grant)
    run = await runs.board.latest(conversation, owner=grant.owner) if conversation else None
    return None if run is None or run.ended else run


def _stream(run: Run, *, runs: Runs, request: Request, service: Service, grant: Grant) -> Response:
    encoder = UiStream(UiOptions(run.id, viewer(request, service, grant, now=run.created)))
    return RunStream(encoder, run, runs=runs, settings=service.settings.serve, headers=UI_STREAM)
