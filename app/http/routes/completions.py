"""`POST /v1/chat/completions` and `GET /v1/models`: what every OpenAI client speaks."""

import re
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse

from app.events import Cancelled, Failed
from app.http.access import ChatGrant, RunsIn, ServiceIn, begin
from app.http.asking import Knobs, Messages, conversation_of, question_of
from app.http.errors import response_to
from app.http.examples import event_stream, problems
from app.http.links import viewer
from app.http.streaming import RunStream, collected
from app.problems import UnknownModel, problem_of_ending
from app.service import Service
from app.wire.completions import CompletionOptions, CompletionsStream, completion

router = APIRouter(tags=["openai"])
INLINE = ":inline"
_TEXT_ONLY = re.compile(r"\b(curl|wget|httpie|n8n|cline|librechat)\b", re.IGNORECASE)
"""Clients that show text and no annotations, for `inline_sources = auto`."""
_EXAMPLE = """\
: open
data: {"id":"chatcmpl-…","object":"chat.completion.chunk","created":1790000000,"model":"footnote","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"citations":["…"],"search_results":[{"title":"Handbook, p. 12","url":"…","snippet":"…"}]}

data: {"id":"chatcmpl-…","object":"chat.completion.chunk","created":1790000000,"model":"footnote","choices":[{"index":0,"delta":{"content":"Staff get 25 days [1]."},"logprobs":null,"finish_reason":null}]}

data: {"id":"chatcmpl-…","object":"chat.completion.chunk","created":1790000000,"model":"footnote","choices":[{"index":0,"delta":{"content":"","annotations":[{"type":"url_citation","url_citation":{"start_index":18,"end_index":21,"title":"Handbook, p. 12","url":"…"}}]},"logprobs":null,"finish_reason":"stop"}]}

data: [DONE]
"""


class StreamOptions(BaseModel):
    """OpenAI's `stream_options`."""

    model_config = ConfigDict(extra="ignore", strict=True)
    include_usage: bool | None = False


class CompletionBody(BaseModel):
    """A chat completion request. Unknown fields and those that steer a language model are not read."""

    model_config = ConfigDict(
        extra="ignore",
        strict=True,
        json_schema_extra={
            "examples": [
                {
                    "model": "footnote",
                    "messages": [{"role": "user", "content": "How many days of annual leave do I get?"}],
                    "stream": True,
                    "stream_options": {"include_usage": True},
                    "footnote": {"top_k": 8},
                }
            ]
        },
    )
    messages: Messages
    model: Annotated[
        str | None,
        Field(max_length=200, description="`footnote`, or `footnote:inline` for sources in the text."),
    ] = None
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    footnote: Annotated[Knobs | None, Field(description="What is ours beyond the dialect.")] = None


class Model(BaseModel):
    """One entry of the model list."""

    id: str
    object: str = "model"
    created: int = 1_767_225_600
    owned_by: str = "footnote"


class Models(BaseModel):
    """The model list."""

    object: str = "list"
    data: list[Model]


@router.post(
    "/v1/chat/completions",
    summary="Ask as an OpenAI client does",
    responses=event_stream(
        "With `stream`: chat.completion.chunk events. Without: one chat.completion.", _EXAMPLE, whole=True
    )
    | problems(400, 401, 403, 404, 409, 413, 422, 429, 500, 502, 503, 504, openai=True),
    response_class=Response,
)
async def completions(
    body: CompletionBody, request: Request, service: ServiceIn, runs: RunsIn, grant: ChatGrant
) -> Response:
    """Answer the last message from the documents. A client that disconnects stops the answer."""
    model = known_model(body.model, service)
    question = question_of(
        conversation_of(body.messages), grant=grant, settings=service.settings.answer, knobs=body.footnote
    )
    run = await begin(question, request, grant)
    options = CompletionOptions(
        run=run.id,
        model=model,
        created=int(run.created),
        link=viewer(request, service, grant, now=run.created),
        include_usage=bool(body.stream_options and body.stream_options.include_usage),
        inline_sources=_inline(model, request, service),
        openwebui_events=service.settings.client.openwebui_events or _from_open_webui(request),
    )
    if body.stream:
        return RunStream(CompletionsStream(options), run, runs=runs, settings=service.settings.serve)
    events = await collected(run, runs, request)
    if isinstance(run.ending, Failed | Cancelled):
        return response_to(problem_of_ending(run.ending), request.url.path)
    return JSONResponse(completion(options, events), headers={"X-Run-Id": run.id})


@router.get("/v1/models", summary="List the models", responses=problems(401, 403, openai=True))
async def models(service: ServiceIn, grant: ChatGrant) -> Models:
    """List what can be asked: the documents, with or without a list of sources in the text."""
    return Models(data=[Model(id=name) for name in model_names(service)])


@router.get("/v1/models/{model}", summary="Show a model", responses=problems(401, 403, 404, openai=True))
async def one_model(
    model: Annotated[str, Path(max_length=200, examples=["footnote"])], service: ServiceIn, grant: ChatGrant
) -> Model:
    """Show one model."""
    return Model(id=known_model(model, service))


def model_names(service: Service) -> list[str]:
    """Return the names that requests may use."""
    return [service.model_name, service.model_name + INLINE]


def known_model(name: str | None, service: Service) -> str:
    """Return a model's name, the default for none; raises UnknownModel for one that is not served."""
    if not name:
        return service.model_name
    if name not in model_names(service):
        raise UnknownModel(f"There is no model {name!r}.", f"Use {' or '.join(model_names(service))}.")
    return name


def _inline(model: str, request: Request, service: Service) -> bool:
    if model.endswith(INLINE) or service.settings.client.inline_sources == "on":
        return True
    agent = request.headers.get("user-agent", "")
    return service.settings.client.inline_sources == "auto" and _TEXT_ONLY.search(agent) is not None


def _from_open_webui(request: Request) -> bool:
    return any(name.startswith("x-openwebui-") for name in request.headers)
