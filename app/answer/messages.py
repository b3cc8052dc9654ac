"""Build the chat messages that ask a language model to answer from passages."""

import secrets
from collections.abc import Sequence
from typing import Literal, TypedDict

from app.events import Passage
from app.question import Message
from prompts.loader import load

_HISTORY_TURNS = 6
_HISTORY_CHARACTERS = 1_500


class ChatMessage(TypedDict):
    """One message in the shape that every chat model takes."""

    role: Literal["system", "user", "assistant"]
    content: str


def answer_prompt(*, short: bool) -> str:
    """Return the name of the prompt that answers are written with."""
    return "answer_short" if short else "answer"


def chat_messages(
    question: str, *, passages: Sequence[Passage], history: Sequence[Message], short: bool = False
) -> list[ChatMessage]:
    """Build the messages, with the passages fenced by a delimiter that no document can know.

    `short` is the form for small models. Below the fence stand the passages' numbers only: titles are data too.
    Random delimiters and declaring the fenced text as data follow "spotlighting" (Hines et al., 2024).
    """
    delimiter = f"<<{secrets.token_hex(8)}>>"
    earlier: list[ChatMessage] = [
        {"role": message.role, "content": message.text[:_HISTORY_CHARACTERS]}
        for message in history[-_HISTORY_TURNS:]
    ]
    listed = "\n\n".join(_listed(passage) for passage in passages)
    return [
        {"role": "system", "content": load(answer_prompt(short=short)).fill(delimiter=delimiter)},
        *earlier,
        {
            "role": "user",
            "content": load("passages").fill(
                delimiter=delimiter,
                passages=listed,
                numbers=" ".join(f"[{passage.number}]" for passage in passages),
                question=question,
            ),
        },
    ]


def rewrite_prompt(sentence: str, passages: Sequence[Passage]) -> str:
    """Build the message that asks for a second wording of one sentence which the passages do not support."""
    listed = "\n\n".join(_listed(passage) for passage in passages)
    return load("rewrite").fill(delimiter=f"<<{secrets.token_hex(8)}>>", passages=listed, sentence=sentence)


def _listed(passage: Passage) -> str:
    document = passage.document
    where = [document.title or document.uri]
    if passage.span.page is not None:
        where.append(f"page {passage.span.page}")
    if document.modified is not None:
        where.append(f"dated {document.modified:%Y-%m-%d}")
    heading = f"\n{' > '.join(passage.headings)}" if passage.headings else ""
    return f"[{passage.number}] {', '.join(where)}{heading}\n{passage.text}"
