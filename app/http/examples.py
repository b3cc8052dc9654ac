"""What the OpenAPI document says of answers that are not plain JSON: streams and errors."""

from typing import Any, Final, TypeAlias

Responses: TypeAlias = dict[int | str, dict[str, Any]]  # Any: FastAPI's own type

_DETAILS: Final = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
    },
}
_OPENAI: Final = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}
_SHORT: Final = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "code"],
            "properties": {"message": {"type": "string"}, "code": {"type": "string"}},
        }
    },
}
_SENTENCES: Final[dict[int, str]] = {
    400: "The request cannot be used.",
    401: "No API key, or one that is not valid.",
    403: "The key has no right to this, or the caller may not come in without a key.",
    404: "It is not there, or not for this caller: the two look alike.",
    409: "The state of things forbids it.",
    413: "The question or the body is too large.",
    422: "The question is empty, or a field has a value that cannot be used.",
    429: "The caller asks more than one may; try again after Retry-After seconds.",
    500: "Something broke on our side.",
    502: "The language model failed.",
    503: "Not available now; try again after Retry-After seconds.",
    504: "The language model was too slow.",
}


def problems(*statuses: int, openai: bool = False, short: bool = False) -> Responses:
    """Document these errors, in the shape of the route's dialect; who may be asked for a key may also be told to wait."""
    schema = _OPENAI if openai else _SHORT if short else _DETAILS
    media = "application/json" if openai or short else "application/problem+json"
    return {
        status: {"description": _SENTENCES[status], "content": {media: {"schema": schema}}}
        for status in (*statuses, *((429,) if 401 in statuses and 429 not in statuses else ()))
    }


def event_stream(description: str, example: str, *kinds: str, whole: bool = False) -> Responses:
    """Document a stream of server-sent events whose data has one of these kinds as its `type`.

    `whole` adds plain JSON, for the routes that stream only when asked to.
    """
    content: dict[str, Any] = {
        "text/event-stream": {"schema": _event(kinds), "examples": {"stream": {"value": example}}}
    }
    if whole:
        content["application/json"] = {"schema": {"type": "object"}}
    return {
        200: {
            "description": description,
            "content": content,
            "headers": {
                "X-Run-Id": {"description": "The run, to resume or stop it.", "schema": {"type": "string"}}
            },
        }
    }


def _event(kinds: tuple[str, ...]) -> dict[str, Any]:
    """Describe one event; its data is JSON, or the closing `[DONE]` where the dialect has one."""
    data: dict[str, Any] = {"type": "string", "contentMediaType": "application/json"}
    if kinds:
        kind = {"type": "string", "enum": list(kinds)}
        data["contentSchema"] = {"type": "object", "required": ["type"], "properties": {"type": kind}}
    return {
        "type": "object",
        "required": ["data"],
        "properties": {
            "id": {"type": "string"},
            "event": {"type": "string"},
            "data": {"anyOf": [{"const": "[DONE]"}, data]},
        },
    }
