"""From a request's words to a Question: what is too much, what is too little, and the conversation before it."""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from app.identity.grant import LOCAL, Grant
from app.problems import TooLarge, Unprocessable
from app.question import Message, Question
from app.settings import AnswerSettings
from vectorstore.errors import NotAllowed
from vectorstore.types import Condition, Generation, Where

_MOST_MESSAGES: Final = 2_000
_MOST_PARTS: Final = 10_000


class _Loose(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)


class TextPart(_Loose):
    """A part of a message. Only its text is read; tool, data and source parts come back in a history."""

    type: Annotated[str, Field(max_length=200)] = "text"
    text: str | None = None


Parts: TypeAlias = Annotated[list[TextPart], Field(max_length=_MOST_PARTS)]


class ChatMessage(_Loose):
    """One message: `content` as OpenAI has it, or `parts` as the AI SDK has it."""

    role: Literal["user", "assistant", "system", "developer", "tool", "function", "data"]
    content: str | Parts | None = None
    parts: Parts | None = None


def bounded(messages: object) -> object:
    """Refuse what is far more than any conversation before it is looked at piece by piece, which takes seconds."""
    if not isinstance(messages, list):
        return messages
    if len(messages) > _MOST_MESSAGES:
        raise ValueError(f"send at most {_MOST_MESSAGES:,} messages")
    held = (each.get(name) for each in messages if isinstance(each, dict) for name in ("content", "parts"))
    if sum(len(parts) for parts in held if isinstance(parts, list)) > _MOST_PARTS:
        raise ValueError(f"send at most {_MOST_PARTS:,} parts in all messages")
    return messages


Messages: TypeAlias = Annotated[list[ChatMessage], Field(max_length=_MOST_MESSAGES), BeforeValidator(bounded)]
Anything: TypeAlias = Any  # Any: fields that are accepted and not read


def text_of(message: ChatMessage) -> str:
    """Return the words of a message."""
    parts = message.parts if message.parts is not None else message.content
    if parts is None or isinstance(parts, str):
        return parts or ""
    return "".join(part.text or "" for part in parts if part.type in {"text", "input_text", "output_text"})


def conversation_of(messages: list[ChatMessage]) -> list[Message]:
    """Keep what people and the assistant said. Instructions of the client are not ours to follow."""
    return [
        Message("user" if message.role == "user" else "assistant", text_of(message))
        for message in messages
        if message.role in {"user", "assistant"}
    ]


MOST_NUMBER: Final = 2**63 - 1
"""The largest integer that databases and clients agree on."""
Whole: TypeAlias = Annotated[int, Field(ge=-MOST_NUMBER, le=MOST_NUMBER)]
Real: TypeAlias = Annotated[float, Field(allow_inf_nan=False)]
Words: TypeAlias = Annotated[str, Field(max_length=4_000)]
"""A text that is not shown to a model. Its bound also keeps half characters out, which pydantic lets through without."""
Scalar: TypeAlias = Words | Whole | Real | bool
_MOST_CONDITIONS: Final = 100
KEPT_MESSAGES = 20
"""Older messages of a conversation are left out: clients send the whole of it every time."""


class ConditionBody(BaseModel):
    """One test on a document."""

    model_config = ConfigDict(strict=True)
    field: str = Field(
        description="`uri`, `title`, `media_type`, `modified` or a metadata key.", max_length=200
    )
    op: Literal["eq", "in", "prefix", "range"]
    values: list[Scalar | None] = Field(min_length=1, max_length=1_000)


def _few(conditions: object) -> object:
    # Before they are read: a million that are wrong are a million sentences about what is wrong.
    if isinstance(conditions, list | dict) and len(conditions) > _MOST_CONDITIONS:
        raise ValueError(f"send at most {_MOST_CONDITIONS} conditions")
    return conditions


WhereBody: TypeAlias = Annotated[
    list[ConditionBody]
    | dict[Words, Scalar | Annotated[list[Scalar], Field(min_length=1, max_length=1_000)]],
    BeforeValidator(_few),
    Field(
        description="Conditions that must all hold; or, shorter, an object of field → value or values.",
        examples=[
            [{"field": "uri", "op": "prefix", "values": ["policies/"]}],
            {"media_type": "application/pdf"},
        ],
    ),
]
TopK: TypeAlias = Annotated[int | None, Field(ge=1, le=50, description="Chunks to retrieve.")]
At: TypeAlias = Annotated[
    int | None, Field(ge=0, le=MOST_NUMBER, description="Generation of the index to answer from.")
]


class Knobs(BaseModel):
    """What a client of any dialect may ask for beyond the dialect; unknown keys are ignored."""

    model_config = ConfigDict(extra="ignore", strict=True)
    where: WhereBody | None = None
    top_k: TopK = None
    at: At = None
    conversation: Annotated[
        str | None, Field(max_length=200, description="Id of the conversation this belongs to.")
    ] = None
    fresh: Annotated[
        bool, Field(description="Have it answered anew, where the same was answered before.")
    ] = False


def question_of(
    messages: Sequence[Message], *, grant: Grant, settings: AnswerSettings, knobs: Knobs | None = None
) -> Question:
    """Make a question of the last message and a history of those before it.

    Raises Unprocessable when there is no question, TooLarge when it is too long, NotAllowed where a page's visitor asks
    an earlier generation.
    """
    knobs = knobs or Knobs()
    if knobs.at is not None and grant.cites_only:
        raise NotAllowed("A page's visitors are answered from what is there today.", "Leave out `at`.")
    if not messages or messages[-1].role != "user" or not messages[-1].text.strip():
        raise Unprocessable("The question is empty.", "Send some words as the last message, from the user.")
    text = messages[-1].text
    if len(text) > settings.max_question_chars:
        raise TooLarge(
            f"The question has {len(text):,} characters.", f"The most is {settings.max_question_chars:,}."
        )
    history = [message for message in messages[:-1] if message.text.strip()][-KEPT_MESSAGES:]
    return Question(
        text=text,
        scope=grant.scope,
        history=tuple(replace(m, text=m.text[: settings.max_question_chars]) for m in history),
        where=where_of(knobs.where),
        top_k=knobs.top_k or settings.top_k,
        conversation=conversation_of_caller(knobs.conversation, grant) or f"conv_{secrets.token_hex(12)}",
        at=None if knobs.at is None else Generation(knobs.at),
        cites_only=grant.cites_only,
        fresh=knobs.fresh,
    )


def conversation_of_caller(name: str | None, grant: Grant) -> str | None:
    """Return the conversation's name where it shows that the caller is whoever began it, else None.

    Those of a person are theirs under any name, and without keys there is one caller. Many may share one key: a
    name that looks drawn by chance, as UUIDs and the ids of chat clients do, is known to its creator alone; `conv_1`
    is anybody's, and a conversation under it goes by a name of ours. So does one that no address can end in.
    """
    if name in {".", ".."}:
        return None
    if not name or grant.person or grant is LOCAL:
        return name or None
    drawn = name.rpartition(":")[2].replace("-", "").replace("_", "")
    kinds = [(c.isdigit(), c.isupper()) for c in drawn]
    changes = sum(one != other for one, other in pairwise(kinds))
    is_random = (
        drawn.isascii() and drawn.isalnum() and len(drawn) >= 16 and changes >= 3 and len(set(drawn)) >= 9
    )
    return name if is_random else None


def where_of(body: WhereBody | None) -> Where:
    """Read the conditions of a request."""
    if body is None:
        return ()
    if isinstance(body, dict):
        return tuple(
            Condition(field, "in", tuple(value))
            if isinstance(value, list)
            else Condition(field, "eq", (value,))
            for field, value in body.items()
        )
    return tuple(_condition(condition) for condition in body)


def _condition(body: ConditionBody) -> Condition:
    wanted = {"eq": 1, "prefix": 1, "range": 2}.get(body.op)
    if wanted is not None and len(body.values) != wanted:
        raise Unprocessable(f"`{body.op}` on {body.field!r} takes {wanted} value(s), not {len(body.values)}.")
    if body.op == "prefix" and not isinstance(body.values[0], str):
        raise Unprocessable(f"`prefix` on {body.field!r} takes a string.")
    if body.op != "range" and None in body.values:
        raise Unprocessable(f"`{body.op}` on {body.field!r} takes no null.")
    return Condition(body.field, body.op, tuple(body.values))
