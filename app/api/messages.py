"""Messages as clients send them: OpenAI's, the UI message shape, or one string."""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from app.question import Message


class _Loose(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)


class TextPart(_Loose):
    """A part of a message. Only its text is read; tool, data and source parts come back in a history."""

    type: Annotated[str, Field(max_length=200)] = "text"
    text: str | None = None


class ChatMessage(_Loose):
    """One message: `content` as OpenAI has it, or `parts` as the AI SDK has it."""

    role: Literal["user", "assistant", "system", "developer", "tool", "function", "data"]
    content: str | list[TextPart] | None = None
    parts: list[TextPart] | None = None


Messages: TypeAlias = Annotated[list[ChatMessage], Field(max_length=2_000)]
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
