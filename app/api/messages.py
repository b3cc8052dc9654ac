"""Messages as clients send them: OpenAI's, the UI message shape, or one string."""

from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from app.question import Message

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
