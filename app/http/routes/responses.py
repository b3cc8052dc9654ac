"""`/v1/responses`: the OpenAI Responses API, with background runs, resume and cancel."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from starlette.responses import JSONResponse

from app.events import Cancelled, Failed
from app.http.access import ChatGrant, RunsIn, ServiceIn, begin, documents_of, find_run
from app.http.asking import (
    MOST_NUMBER,
    ChatMessage,
    Knobs,
    Parts,
    Words,
    bounded,
    conversation_of,
    question_of,
)
from app.http.errors import response_to
from app.http.examples import Responses, event_stream, problems
from app.http.links import viewer
from app.http.routes.completions import known_model
from app.http.streaming import RunStream, collected
from app.identity.grant import Grant
from app.problems import Conflict, problem_of_ending
from app.question import Message
from app.runs.run import Dialect, Run
from app.runs.runs import Runs
from app.service import Service
from app.wire.response_object import ResponseOptions, response
from app.wire.responses import EVENTS, ResponsesStream
from vectorstore.errors import NotFound

router = APIRouter(tags=["openai"])
_EXAMPLE = """\
: open
event: response.created
data: {"type":"response.created","sequence_number":0,"response":{"id":"resp_…","object":"response","status":"in_progress"}}

event: response.output_text.delta
data: {"type":"response.output_text.delta","sequence_number":8,"item_id":"msg_…","output_index":1,"content_index":0,"delta":"Staff get 25 days [1].","logprobs":[]}

event: response.completed
data: {"type":"response.completed","sequence_number":14,"response":{"id":"resp_…","object":"response","status":"completed"}}
"""
_STREAM = event_stream(
    "With `stream`: Responses events. Without: one response.", _EXAMPLE, *EVENTS, whole=True
)
_WHOLE: Responses = {
    200: {"description": "The response.", "content": {"application/json": {"schema": {"type": "object"}}}}
}
ResponseId = Annotated[str, Path(description="The response's id.", max_length=100)]


class InputItem(BaseModel):
    """One item of the input. Only messages are read; calls and their results come back in a history."""

    model_config = ConfigDict(extra="ignore", strict=True)
    type: Words = "message"
    role: Literal["user", "assistant", "system", "developer"] | None = None
    content: str | Parts | None = None


class ResponseBody(BaseModel):
    """A Responses request. Unknown fields are not read."""

    model_config = ConfigDict(
        extra="ignore",
        strict=True,
        json_schema_extra={
            "examples": [
                {
                    "model": "footnote",
                    "input": "How many days of annual leave do I get?",
                    "stream": True,
                    "include": ["file_search_call.results"],
                }
            ]
        },
    )
    input: Annotated[str | Annotated[list[InputItem], Field(max_length=2_000)], BeforeValidator(bounded)]
    model: Words | None = None
    instructions: Annotated[
        str | None, Field(max_length=1_000_000, description="Accepted and shown, not followed.")
    ] = None
    previous_response_id: Annotated[
        str | None,
        Field(
            max_length=100,
            description="Continue that response's conversation, while it is kept (ten minutes).",
        ),
    ] = None
    include: Annotated[list[Words] | None, Field(max_length=100)] = None
    stream: bool | None = False
    background: bool | None = False
    footnote: Knobs | None = None


@router.post(
    "/v1/responses",
    summary="Ask as a Responses client does",
    responses=_STREAM | problems(400, 401, 403, 404, 409, 413, 422, 429, 500, 502, 503, 504, openai=True),
    response_class=Response,
)
async def create(
    body: ResponseBody, request: Request, service: ServiceIn, runs: RunsIn, grant: ChatGrant
) -> Response:
    """Answer from the documents. With `background` the answer is written on when the client leaves."""
    model = known_model(body.model, service)
    previous = await _previous(body.previous_response_id, runs=runs, service=service, grant=grant)
    said = [Message("user", body.input)] if isinstance(body.input, str) else _conversation(body.input)
    knobs = body.footnote or Knobs()
    if previous is not None:
        said = [*_up_to(previous), *said]
        # One conversation, so that it is erased as one.
        knobs = knobs.model_copy(update={"conversation": previous.question.conversation})
    question = question_of(said, grant=grant, settings=service.settings.answer, knobs=knobs)
    asked: Dialect = {
        "model": model,
        "instructions": body.instructions,
        "previous": body.previous_response_id,
        "include_results": "file_search_call.results" in (body.include or []),
    }
    run = await begin(question, request, grant, background=bool(body.background), dialect=asked)
    options = _options(run, request=request, service=service, grant=grant)
    if body.stream:
        return RunStream(ResponsesStream(options), run, runs=runs, settings=service.settings.serve)
    if run.background:
        return _whole(run, options)
    await collected(run, runs, request)
    if isinstance(run.ending, Failed | Cancelled):
        return response_to(problem_of_ending(run.ending), request.url.path)
    return _whole(run, options)


@router.get(
    "/v1/responses/{response_id}",
    summary="Show a response, or take up its stream again",
    responses=_STREAM | problems(401, 403, 404, 422, openai=True),
    response_class=Response,
)
async def show(
    response_id: ResponseId,
    request: Request,
    service: ServiceIn,
    runs: RunsIn,
    grant: ChatGrant,
    stream: bool = False,
    starting_after: Annotated[
        int | None, Query(ge=0, le=MOST_NUMBER, description="The last sequence_number received.")
    ] = None,
) -> Response:
    """Show how far a response has come, or stream it from after an event."""
    run = await _found(response_id, runs=runs, service=service, grant=grant)
    options = _options(run, request=request, service=service, grant=grant)
    if not stream:
        return _whole(run, options)
    after = 0 if starting_after is None else starting_after + 1
    return RunStream(ResponsesStream(options), run, runs=runs, settings=service.settings.serve, after=after)


@router.post(
    "/v1/responses/{response_id}/cancel",
    summary="Stop a response",
    responses=problems(401, 403, 404, 422, openai=True) | _WHOLE,
    response_class=Response,
)
async def cancel(
    response_id: ResponseId, request: Request, service: ServiceIn, runs: RunsIn, grant: ChatGrant
) -> Response:
    """Stop a response, and show it when it has stopped."""
    run = await _found(response_id, runs=runs, service=service, grant=grant)
    options = _options(run, request=request, service=service, grant=grant)
    await runs.stop(run)
    return _whole(run, options)


async def _found(response_id: str, *, runs: Runs, service: Service, grant: Grant) -> Run:
    run = await find_run(response_id.replace("resp_", "run_", 1), runs=runs, service=service, grant=grant)
    if "model" not in run.dialect:
        raise NotFound(f"There is no response {response_id!r}.", "Responses are kept for ten minutes.")
    return run


async def _previous(response_id: str | None, *, runs: Runs, service: Service, grant: Grant) -> Run | None:
    """Return an earlier response, which has to be complete."""
    if response_id is None:
        return None
    run = await _found(response_id, runs=runs, service=service, grant=grant)
    if not run.ended:
        raise Conflict(f"The response {response_id!r} is still being written.", "Wait for it, or cancel it.")
    return run


def _up_to(run: Run) -> list[Message]:
    """Return the conversation up to and with a run."""
    return [
        *run.question.history,
        Message("user", run.question.text),
        Message("assistant", run.answer, documents_of(run)),
    ]


def _conversation(items: list[InputItem]) -> list[Message]:
    return conversation_of(
        [
            ChatMessage(role=item.role, content=item.content)
            for item in items
            if item.role is not None and item.type == "message"
        ]
    )


def _options(run: Run, *, request: Request, service: Service, grant: Grant) -> ResponseOptions:
    previous, instructions = run.dialect.get("previous"), run.dialect.get("instructions")
    return ResponseOptions(
        run=run.id,
        model=str(run.dialect["model"]),
        created=int(run.created),
        link=viewer(request, service, grant, now=run.created),
        question=run.question.text,
        previous=previous if isinstance(previous, str) else None,
        instructions=instructions if isinstance(instructions, str) else None,
        background=run.background,
        include_results=bool(run.dialect.get("include_results")),
    )


def _whole(run: Run, options: ResponseOptions) -> Response:
    return JSONResponse(response(options, run.recorded), headers={"X-Run-Id": run.id})
