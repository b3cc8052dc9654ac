"""Adding documents, `POST /v1/documents`, and removing them, `DELETE /v1/documents/{id}`."""

import json
from collections.abc import Callable
from functools import partial
from itertools import chain
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, QueryParams, UploadFile
from starlette.responses import JSONResponse, Response

from app.audit.audit import note
from app.http.access import ServiceIn, WriteGrant
from app.http.examples import Responses, event_stream, problems
from app.http.routes.documents import AccountShown, account_shown
from app.http.streaming import Say, work_stream
from app.identity.grant import Grant, name_of
from app.problems import Problem, Unprocessable, problem_details
from app.service import Service
from ingest.parse.access import means_readers
from ingest.report import Failure, findings_of
from ingest.uploads import NOT_KEPT, Stage, Upload, Uploaded, Uploads
from vectorstore.errors import NotAllowed, NotFound
from vectorstore.types import USER, Document, DocumentId

router = APIRouter(tags=["documents"])

MOST_FILES: Final = 100
_MOST_FIELDS: Final = 20
_EXAMPLE: Final[dict[str, Any]] = {
    "documents": [
        {
            "name": "travel.pdf",
            "status": "added",
            "id": "doc_0123456789abcdef0123",
            "uri": "upload/travel.pdf",
            "title": "Travel policy",
            "chunks": 14,
            "account": {
                "characters": 12400,
                "kept": 12150,
                "left_out": {"repeated lines": 240},
                "unexplained": 10,
                "worst": "",
            },
            "findings": [],
            "problem": None,
        },
        {
            "name": "scan.pdf",
            "status": "no_text",
            "id": None,
            "uri": "upload/scan.pdf",
            "title": None,
            "chunks": 0,
            "account": None,
            "findings": [],
            "problem": {"code": "no_text", "detail": "There is no text in the file."},
        },
    ]
}
_FORM: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "file": {
                            "type": "array",
                            "items": {"type": "string", "format": "binary"},
                            "minItems": 1,
                            "maxItems": MOST_FILES,
                            "description": "The files; repeat the field for each.",
                        },
                        "readers": {
                            "type": "string",
                            "description": "Groups of the key that may read them, and the caller as `user:name`, "
                            "separated by commas, or as a JSON array where a name holds a comma; empty: everyone in the "
                            "tenant. Left out: the readers that a document of this name has, else everyone.",
                        },
                        "replaces": {
                            "type": "string",
                            "description": "The id of an uploaded document whose place the one file takes, under the "
                            "address of that document. Without a file it is read again, as for other readers.",
                        },
                    },
                },
                "example": {"file": ["@travel.pdf"], "readers": "hr,travel"},
            }
        },
    }
}
Id = Annotated[
    str, Path(description="The document's id.", max_length=100, examples=["doc_0123456789abcdef0123"])
]


class UploadProblem(BaseModel):
    """Why a file did not go in: a stable code, and a sentence for people."""

    code: str
    detail: str


class UploadShown(BaseModel):
    """What became of one file."""

    name: str = Field(description="The file's name as it was sent.")
    status: Literal["added", "changed", "unchanged", "waiting", "no_text", "failed"] = Field(
        description="`waiting`: it is queued, and a worker will read it."
    )
    id: str | None = None
    uri: str = Field(
        description="Where the document is found in the index: `upload/<name>`, for a key with groups "
        "`upload/<a folder of these groups>/<name>`."
    )
    title: str | None = None
    chunks: int = 0
    account: AccountShown | None = Field(None, description="Null where the type of the file has none.")
    findings: list[str] = Field([], description="What a person should know of how it was read.")
    problem: UploadProblem | None = None


class UploadsShown(BaseModel):
    """What became of each file, in the order they were sent."""

    documents: list[UploadShown]

    model_config = {"json_schema_extra": {"examples": [_EXAMPLE]}}


def _none_went_in() -> Responses:
    """Document the answer when no file went in: a problem that also says what became of each."""
    answer = problems(422)
    content = answer[422]["content"]["application/problem+json"]
    schema = content["schema"]
    shown = {"documents": {"type": "array", "items": {"$ref": "#/components/schemas/UploadShown"}}}
    content["schema"] = {**schema, "properties": {**schema["properties"], **shown}}
    answer[422]["description"] = "No file went in; `documents`, where it is there, says why for each."
    return answer


_STEPS: Final = """\
data: {"type":"progress","file":0,"stage":"waiting"}

data: {"type":"progress","file":0,"stage":"reading"}

data: {"type":"progress","file":0,"stage":"embedding"}

data: {"type":"document","file":0,"document":{"name":"travel.pdf","status":"added","id":"doc_0123456789abcdef0123"}}

data: {"type":"done","taken":1,"failed":0}
"""


def _in_steps() -> Responses:
    """Document the stream that tells of each file on its way."""
    answer = event_stream("Each file on its way.", _STEPS, "progress", "document", "done", "error")
    del answer[200]["headers"]
    return answer


@router.post(
    "/v1/documents",
    status_code=201,
    summary="Add documents",
    response_model=UploadsShown,
    responses=problems(400, 401, 403, 404, 413, 503) | _none_went_in() | _in_steps(),
    openapi_extra=_FORM,
)
async def add(request: Request, service: ServiceIn, grant: WriteGrant) -> Response:
    """Read files into the index; they can be found when this answers. A name that is there is replaced.

    Every file gets its own verdict: some may go in while others fail. When none does, the status is 422. With
    `Accept: text/event-stream` the answer begins once all files are here, with status 200, and tells of each on its
    way; they are taken in also when nobody reads it to the end.
    """
    # Read here and not by the framework, which would take the whole body before asking for the key.
    async with request.form(max_files=MOST_FILES, max_fields=_MOST_FIELDS) as form:
        files = [
            Upload(each.filename or "", each.file)
            for each in form.getlist("file")
            if isinstance(each, UploadFile)
        ]
        replaces = await run_in_threadpool(_replaced, form, service, grant)
        if not files and replaces is None:
            raise Unprocessable("There is no file.", "Send multipart/form-data with the field `file`.")
        add = partial(
            _uploads(service).add,
            files,
            scope=grant.scope,
            readers=_readers(form, request.query_params, grant),
            replaces=replaces,
        )
        if "text/event-stream" in request.headers.get("accept", ""):
            return await work_stream(partial(_tell, add, service, grant), settings=service.settings.serve)
        settled: list[Uploaded] = []
        try:
            found = await run_in_threadpool(add, heard=lambda _, what: _settle(settled, what))
        finally:
            # also what went in before the rest failed
            if settled:
                note(changed=_changes(settled))
    return _answer(found)


def _settle(settled: list[Uploaded], what: Stage | Uploaded) -> None:
    if isinstance(what, Uploaded):
        settled.append(what)


def _changes(found: list[Uploaded]) -> list[dict[str, str | None]]:
    """Return what is written down of files: ids and what became of them, no names."""
    return [{"id": each.document.id if each.document else None, "status": each.status} for each in found]


def _tell(add: Callable[..., list[Uploaded]], service: Service, grant: Grant, say: Say) -> None:
    """Take files in, and say of each where it is and what became of it; the end is said once it is written down."""
    settled: list[Uploaded] = []

    def heard(number: int, what: Stage | Uploaded) -> None:
        _settle(settled, what)
        if isinstance(what, Uploaded):
            say({"type": "document", "file": number, "document": _shown(what).model_dump()})
        else:
            say({"type": "progress", "file": number, "stage": what})

    try:
        found = add(heard=heard)
    finally:
        if service.audit is not None and settled:
            service.audit.request(
                "POST /v1/documents", 200, {"grant": grant, "changed": _changes(settled)}, sync=True
            )
    failed = sum(each.failure is not None for each in found)
    say({"type": "done", "taken": len(found) - failed, "failed": failed})


@router.delete(
    "/v1/documents/{document_id}",
    status_code=204,
    summary="Remove a document",
    responses=problems(401, 403, 404, 422, 503),
)
def remove(document_id: Id, service: ServiceIn, grant: WriteGrant) -> Response:
    """Take a document out, and the file that was kept of it. Earlier generations still hold its text.

    `footnote docs erase` leaves nothing. The status is 202 where a worker will take it out, later. A document of an ingested folder comes back at the next ingest.
    """
    with service.store.snapshot() as snapshot:
        found = snapshot.document(DocumentId(document_id), scope=grant.scope)
    is_gone = _uploads(service).remove(found)
    return Response(status_code=204 if is_gone else 202)


def _uploads(service: Service) -> Uploads:
    if service.uploads is None:
        raise NotFound("This service takes no documents.", "Use `footnote ingest`.")
    return service.uploads


def _replaced(form: FormData, service: Service, grant: Grant) -> Document | None:
    named = form.get("replaces")
    if named is not None and not isinstance(named, str):
        raise Unprocessable(
            "`replaces` is a file.", "Send the id of the document whose place the file takes."
        )
    if not named:
        return None
    with service.store.snapshot() as snapshot:
        return snapshot.document(DocumentId(named[:100]), scope=grant.scope)


def _readers(form: FormData, query: QueryParams, grant: Grant) -> frozenset[str] | None:
    """Return whom the form names; raises what says that it was meant to name somebody, and does not."""
    for field in (*form, *query):
        if field != "readers" and means_readers(field):
            raise Unprocessable(
                f"There is no field {field[:60]!r} that says who may read.",
                "Send `readers`, in the form beside the files.",
            )
    if "readers" in query:
        raise Unprocessable("`readers` stands in the address.", "Send it in the form, beside the files.")
    given = form.getlist("readers")
    if not given:
        return None
    readers = frozenset(chain.from_iterable(map(_names, given)))
    if not readers and given != [""]:
        raise Unprocessable("`readers` names nobody.", "Leave its value empty where everyone may read.")
    foreign = set() if grant.scope.unrestricted else readers - grant.scope.names
    if foreign:
        first = min(foreign)
        who = "is not the person" if first.startswith(USER) else "does not belong to the group"
        raise NotAllowed(
            f"This caller {who} {first.removeprefix(USER)[:100]!r}.",
            "Name your own groups only, and yourself, so that you can read what you add.",
        )
    return readers


def _names(given: object) -> frozenset[str]:
    """Return the names in one field: separated by commas, or a JSON array; raises Unprocessable, BadInput."""
    if not isinstance(given, str):
        raise Unprocessable("`readers` is a file.", "Send the names themselves, separated by commas.")
    if not given.lstrip().startswith("["):
        return frozenset(name_of(name.strip()) for name in given.split(",") if name.strip())
    try:
        names = json.loads(given)
    except (ValueError, RecursionError):
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Unprocessable("`readers` is no JSON array of names.", 'Write it like ["hr", "user:ann"].')
    return frozenset(map(name_of, names))


def _answer(found: list[Uploaded]) -> Response:
    shown = UploadsShown(documents=[_shown(each) for each in found]).model_dump()
    failures = [each.failure for each in found]
    if None in failures:
        return JSONResponse(shown, 202 if all(each.status == "waiting" for each in found) else 201)
    problem = _problem([failure for failure in failures if failure])
    body = {**problem_details(problem), **shown}
    return JSONResponse(body, problem.status, media_type="application/problem+json")


def _problem(failures: list[Failure]) -> Problem:
    sentence = failures[0].message if len(failures) == 1 else f"None of the {len(failures)} files went in."
    if {failure.reason for failure in failures} == {"too_large"}:
        return Problem(413, "too_large", sentence)
    if {failure.reason for failure in failures} == {NOT_KEPT}:
        return Problem(503, NOT_KEPT, sentence)
    return Problem(422, failures[0].reason if len(failures) == 1 else "unprocessable", sentence)


def _shown(each: Uploaded) -> UploadShown:
    document, failure = each.document, each.failure
    return UploadShown(
        name=each.name,
        status=each.status,
        id=document.id if document else None,
        uri=each.uri,
        title=document.title if document else None,
        chunks=each.chunks,
        account=account_shown(document) if document else None,
        findings=list(findings_of(document)) if document else [],
        problem=UploadProblem(code=failure.reason, detail=failure.message) if failure else None,
    )
