"""Adding documents, `POST /v1/documents`, and removing them, `DELETE /v1/documents/{id}`."""

from dataclasses import asdict
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.responses import JSONResponse, Response

from app.audit.audit import note
from app.http.access import ServiceIn, WriteGrant
from app.http.examples import Responses, problems
from app.identity.grant import Grant
from app.problems import Problem, Unprocessable, problem_details
from app.service import Service
from ingest.extract import account_in
from ingest.report import Failure, findings_of
from ingest.uploads import Upload, Uploaded, Uploads
from vectorstore.errors import NotAllowed, NotFound
from vectorstore.types import DocumentId

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
                    "required": ["file"],
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
                            "description": "Who may read them, separated by commas: groups of the caller, or the caller as "
                            "`user:ann`. Left out: "
                            "the readers that a document of this name has, else everyone in the tenant.",
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


class AccountShown(BaseModel):
    """What became of the file's own text, in letters and digits."""

    characters: int = Field(description="Letters and digits in the file.")
    kept: int
    left_out: dict[str, int] = Field(description="What was left out on purpose, by what it is.")
    unexplained: int = Field(description="What is missing and nobody knows why.")
    worst: str = Field(description="Where most of it stood, where it is more than 2 %: `on page 7`.")


class UploadShown(BaseModel):
    """What became of one file."""

    name: str = Field(description="The file's name as it was sent.")
    status: Literal["added", "changed", "unchanged", "no_text", "failed"]
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


@router.post(
    "/v1/documents",
    status_code=201,
    summary="Add documents",
    response_model=UploadsShown,
    responses=problems(400, 401, 403, 413, 503) | _none_went_in(),
    openapi_extra=_FORM,
)
async def add(request: Request, service: ServiceIn, grant: WriteGrant) -> Response:
    """Read files into the index; they can be found when this answers. A name that is there is replaced.

    Every file gets its own verdict: some may go in while others fail. When none does, the status is 422.
    """
    # Read here and not by the framework, which would take the whole body before asking for the key.
    async with request.form(max_files=MOST_FILES, max_fields=_MOST_FIELDS) as form:
        files = [
            Upload(each.filename or "", each.file)
            for each in form.getlist("file")
            if isinstance(each, UploadFile)
        ]
        if not files:
            raise Unprocessable("There is no file.", "Send multipart/form-data with the field `file`.")
        readers = _readers(form, grant)
        found = await run_in_threadpool(_uploads(service).add, files, scope=grant.scope, readers=readers)
    note(
        changed=[{"id": each.document.id if each.document else None, "status": each.status} for each in found]
    )
    return _answer(found)


@router.delete(
    "/v1/documents/{document_id}",
    status_code=204,
    summary="Remove a document",
    responses=problems(401, 403, 404, 422, 503),
)
def remove(document_id: Id, service: ServiceIn, grant: WriteGrant) -> Response:
    """Take a document out, and the file that was kept of it. Earlier generations still hold its text.

    `footnote docs erase` leaves nothing. A document of an ingested folder comes back at the next ingest.
    """
    with service.store.snapshot() as snapshot:
        found = snapshot.document(DocumentId(document_id), scope=grant.scope)
    _uploads(service).remove(found)
    return Response(status_code=204)


def _uploads(service: Service) -> Uploads:
    if service.uploads is None:
        raise NotFound("This service takes no documents.", "Use `footnote ingest`.")
    return service.uploads


def _readers(form: FormData, grant: Grant) -> frozenset[str] | None:
    given = [each for each in form.getlist("readers") if isinstance(each, str)]
    if not given:
        return None
    readers = frozenset(name.strip() for each in given for name in each.split(",") if name.strip())
    foreign = sorted(readers - grant.scope.names)
    if foreign and not grant.scope.unrestricted:
        raise NotAllowed(
            f"You do not belong to the group {foreign[0][:100]!r}.",
            "Name groups of your own or yourself (`user:` and your name), so that you can read what you add.",
        )
    return readers


def _answer(found: list[Uploaded]) -> Response:
    shown = UploadsShown(documents=[_shown(each) for each in found]).model_dump()
    failures = [each.failure for each in found]
    if None in failures:
        return JSONResponse(shown, 201)
    problem = _problem([failure for failure in failures if failure])
    body = {**problem_details(problem), **shown}
    return JSONResponse(body, problem.status, media_type="application/problem+json")


def _problem(failures: list[Failure]) -> Problem:
    sentence = failures[0].message if len(failures) == 1 else f"None of the {len(failures)} files went in."
    if {failure.reason for failure in failures} == {"too_large"}:
        return Problem(413, "too_large", sentence)
    return Problem(422, failures[0].reason if len(failures) == 1 else "unprocessable", sentence)


def _shown(each: Uploaded) -> UploadShown:
    document, failure = each.document, each.failure
    account = account_in(document.metadata) if document else None
    return UploadShown(
        name=each.name,
        status=each.status,
        id=document.id if document else None,
        uri=each.uri,
        title=document.title if document else None,
        chunks=each.chunks,
        account=AccountShown(**asdict(account)) if account else None,
        findings=list(findings_of(document)) if document else [],
        problem=UploadProblem(code=failure.reason, detail=failure.message) if failure else None,
    )
