"""Errors as HTTP: one table from the error family to status codes, and the shape that each dialect reads.

`app/http/errors.py` sends them; here is nothing of the web framework.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from app.events import Cancelled, Failed
from vectorstore.errors import (
    BadInput,
    Busy,
    EmbedderMismatch,
    FootnoteError,
    LostLease,
    NotAllowed,
    NotFound,
    QueueFull,
    StoreDamaged,
    Unavailable,
)

JsonObject: TypeAlias = dict[str, Any]  # Any: JSON on its way out


class TooLarge(BadInput):
    """The request or the question is larger than the service takes."""


class Unprocessable(BadInput):
    """The request is well-formed, but what it says cannot be used."""


class Unauthenticated(NotAllowed):
    """There is no key, or it is not valid."""


class UnknownModel(NotFound):
    """There is no model of this name."""


class TooMany(Busy):
    """One caller asks more than one may; `retry_after` is when there is room again, in seconds."""

    retry_after = 2


class Conflict(BadInput):
    """What is asked for clashes with the state of things."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One HTTP error, before it takes a dialect's shape. `code` is stable, `sentence` is for people."""

    status: int
    code: str
    sentence: str
    parameter: str | None = None
    retry_after: int | None = None


_TABLE: Final[tuple[tuple[type[FootnoteError], int, str], ...]] = (
    # the first that fits wins: subclasses stand before their parents
    (UnknownModel, 404, "model_not_found"),
    (NotFound, 404, "not_found"),
    (TooLarge, 413, "too_large"),
    (Unprocessable, 422, "unprocessable"),
    (Conflict, 409, "conflict"),
    (BadInput, 400, "bad_input"),
    (Unauthenticated, 401, "invalid_api_key"),
    (NotAllowed, 403, "not_allowed"),
    (TooMany, 429, "too_many"),
    (QueueFull, 429, "queue_full"),
    (LostLease, 409, "lost_lease"),
    (Busy, 503, "busy"),
    (EmbedderMismatch, 503, "embedder_mismatch"),
    (StoreDamaged, 503, "store_damaged"),
    (Unavailable, 503, "unavailable"),
)
_FAILED: Final[dict[str, int]] = {
    "model_timeout": 504,
    "model_cut_off": 502,
    "model_refused_key": 502,
    "context_overflow": 413,
    "bad_input": 400,
    "not_found": 404,
}
_OPENAI_TYPES: Final[dict[int, str]] = {
    401: "invalid_request_error",
    403: "permission_error",
    404: "invalid_request_error",
    429: "rate_limit_error",
}
_SHAPE: Final = re.compile(r"\[|\A(?:str|int|float|bool|constrained-str|[A-Z]\w+)\Z")
"""How pydantic names one of several shapes, between the names that the client wrote."""
_TITLES: Final[dict[int, str]] = {
    400: "Bad request",
    401: "Not authenticated",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    413: "Too large",
    415: "Unsupported media type",
    422: "Cannot be used",
    429: "Too much",
    502: "The language model failed",
    503: "Not available now",
    504: "The language model was too slow",
}


def problem_of(error: FootnoteError) -> Problem:
    """Look an error up in the table."""
    for kind, status, code in _TABLE:
        if isinstance(error, kind):
            parameter = "model" if kind is UnknownModel else None
            after = (
                error.retry_after if isinstance(error, TooMany | QueueFull) else 2 if status == 503 else None
            )
            return Problem(status, code, str(error), parameter, retry_after=after)
    return Problem(500, "internal", str(error))


def problem_of_ending(ending: Failed | Cancelled) -> Problem:
    """Say as HTTP how a turn ended that did not finish, for dialects that answer in one piece."""
    if isinstance(ending, Failed):
        if ending.code == "internal":
            return Problem(500, "internal", ending.message)
        status = _FAILED.get(ending.code, 503)
        after = max(1, ending.retry_after or 2) if ending.retryable else None
        return Problem(status, ending.code, ending.message, retry_after=after)
    if ending.reason == "shutdown":
        return Problem(503, "shutdown", stopped_sentence(ending), retry_after=2)
    return Problem(409, "cancelled", stopped_sentence(ending))


def stopped_sentence(ending: Cancelled) -> str:
    """Say to a reader why an answer was stopped."""
    if ending.reason == "shutdown":
        return "The service is shutting down. Ask again in a moment."
    return "The answer was stopped before it was complete."


def openai_error(problem: Problem) -> JsonObject:
    """Shape a problem as OpenAI's error object."""
    kind = _OPENAI_TYPES.get(
        problem.status, "invalid_request_error" if problem.status < 500 else "server_error"
    )
    return {
        "error": {
            "message": problem.sentence,
            "type": kind,
            "param": problem.parameter,
            "code": problem.code,
        }
    }


def problem_details(problem: Problem) -> JsonObject:
    """Shape a problem as RFC 9457 problem details."""
    return {
        "type": f"urn:footnote:problem:{problem.code}",
        "title": _TITLES.get(problem.status, "Error"),
        "status": problem.status,
        "detail": problem.sentence,
        "code": problem.code,
    }


def validation_sentence(errors: Sequence[Any]) -> Problem:  # Any: pydantic's error dictionaries
    """Turn pydantic's list into one clear sentence about the first thing that is wrong.

    Where several shapes are allowed, the one that fitted furthest was meant.
    """
    shapes = [error for error in errors if error["loc"][:2] == errors[0]["loc"][:2]]
    first = max(shapes, key=lambda error: (len(error["loc"]), not error["type"].endswith("_type")))
    parts = [str(part) for part in first["loc"] if part not in {"body", "query", "path"}]
    where = ".".join(part for part in parts if not _SHAPE.search(part))
    what = str(first["msg"]).removeprefix("Value error, ").rstrip(".")
    if first["type"] == "json_invalid":
        return Problem(400, "invalid_json", f"The body is not valid JSON: {what}.")
    sentence = f"`{where}`: {what}." if where else f"{what}."
    return Problem(422, "unprocessable", sentence, parameter=where or None)
