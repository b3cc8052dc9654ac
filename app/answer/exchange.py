"""What a model's server takes, learnt from what it rejects, and what it sends: events, plain JSON, parts, reasons."""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from app.answer.answerer import ModelFailure
from app.answer.messages import ChatMessage
from app.events import FailureCode
from vectorstore.printable import printable

_LONGEST_REASON = 300
_LONGEST_EVENT = 8_000_000
"""Bytes of an event, or of a body that is no stream, beyond which nothing is waited for."""
_OVERFLOW = re.compile(
    r"context (?:length|window|size|limit)|n_ctx|context_length|too long|too many tokens|maximum (?:input |prompt |sequence |context )?length"
    r"|tokens.{0,20}\+.{0,40}must be|tokens.{0,40}exceed|exceed.{0,40}(?:context|tokens)|(?:larger|longer|more) than.{0,40}context",
    re.IGNORECASE,
)
"""How servers say that a prompt does not fit."""
_FILTERED = re.compile(
    r"content[ _](?:filter|management policy|policy violation)|ResponsibleAI", re.IGNORECASE
)
_SPENT = re.compile(
    r"insufficient[_ ]quota|exceeded your current quota|credit balance|billing", re.IGNORECASE
)
_ROLES = re.compile(
    r"\b(?:system|developer) ?(?:role|message|prompt|instruction)|\broles?\b.{0,80}\b(?:system|developer|alternat)"
    r"|alternat.{0,40}\brole|\b(?:system|developer)\b.{0,60}\brole|(?:unexpected|invalid|unknown) role|\brole.{0,40}\bonly\b"
    r"|\bonly\b.{0,40}\broles?\b|should be 'user'",
    re.IGNORECASE,
)
_FIELD = re.compile(r"\b(?:max_tokens|max_completion_tokens|temperature|stream_options)\b")
_STREAM = re.compile(r"\bstream(?:ing|ed)?\b", re.IGNORECASE)
_SECRET = re.compile(r"\b(?:sk|pk|gsk|xai|hf|AIza|Bearer)[-_ ]?[\w*.-]{8,200}")


@dataclass(frozen=True, slots=True)
class Takes:
    """What is sent to a server, for one model there: all of it, until the server has rejected something."""

    limit: Literal["max_tokens", "max_completion_tokens", ""] = "max_tokens"
    temperature: bool = True
    usage: bool = True
    """Whether it is asked to count tokens, as `stream_options` does."""
    stream: bool = True
    system: bool = True
    """Whether a system message may come first; without, roles alternate from a user's on."""
    guessed: bool = False
    """Whether the least that can be sent has been tried, after a rejection that named nothing."""

    def without(self, rejection: "Rejection") -> "Takes | None":
        """Return what is sent after a rejection; None where it is of something else."""
        if rejection.status not in {0, 400, 422, 500, 501} or rejection.of_content:
            return None
        said = f"{rejection.about} {rejection.reason}"
        # A server that names the field may name others as allowed.
        changed = self._less(rejection.about)
        if changed == self:
            changed = self._less(said)
        if changed == self and rejection.status != 500 and self.stream and _STREAM.search(said):
            changed = replace(self, stream=False, usage=False)
        if changed == self and self.system and _ROLES.search(said):
            changed = replace(self, system=False)
        if changed == self and rejection.status in {400, 422} and not self.guessed:
            changed = replace(self, limit="", temperature=False, usage=False, guessed=True)
        return None if changed == self else changed

    def folded(self, messages: Sequence[ChatMessage]) -> list[ChatMessage]:
        """Return the messages as this server takes them."""
        if self.system:
            return list(messages)
        folded: list[ChatMessage] = []
        for message in messages:
            role: Literal["user", "assistant"] = "assistant" if message["role"] == "assistant" else "user"
            if folded and folded[-1]["role"] == role:
                folded[-1] = {"role": role, "content": f"{folded[-1]['content']}\n\n{message['content']}"}
            else:
                folded.append({"role": role, "content": message["content"]})
        return folded

    def _less(self, text: str) -> "Takes":
        named, changed = frozenset(_FIELD.findall(text)), self
        if self.limit in named:
            changed = replace(changed, limit="max_completion_tokens" if self.limit == "max_tokens" else "")
        if self.temperature and "temperature" in named:
            changed = replace(changed, temperature=False)
        if self.usage and "stream_options" in named:
            changed = replace(changed, usage=False)
        return changed


@dataclass(frozen=True, slots=True)
class Rejection:
    """A status that is no answer (0 where none came), with the server's own words for it, and the field that it names."""

    status: int
    reason: str = ""
    about: str = ""
    code: str = ""
    after: int | None = None

    @property
    def overflows(self) -> bool:
        """Say whether the prompt is too long for the model."""
        names = f"{self.code} {self.reason}"
        return self.status == 413 or (self.status in {0, 400, 422, 500} and bool(_OVERFLOW.search(names)))

    @property
    def filtered(self) -> bool:
        """Say whether what was asked is rejected, not how."""
        return self.status in {0, 400, 422} and bool(_FILTERED.search(f"{self.code} {self.reason}"))

    @property
    def of_content(self) -> bool:
        """Say whether the same would be rejected however it is sent."""
        return self.filtered or self.overflows


def rejection(status: int, body: object, headers: Mapping[str, str], *, hidden: Sequence[str]) -> Rejection:
    """Read what a server says with a status; nothing of what is `hidden` (the key, the prompt) stays in its reason."""
    inner = body.get("error", body) if isinstance(body, dict) else body
    fields = inner if isinstance(inner, dict) else {}
    return Rejection(
        status,
        reason(body, hidden=hidden),
        str(fields.get("param") or "")[:100],
        str(fields.get("code") or fields.get("type") or "")[:100],
        _after(headers),
    )


def reason(body: object, *, hidden: Sequence[str] = ()) -> str:
    """Return a server's own words on one line, without what is `hidden`; empty where there are none to show."""
    said = " ".join(printable(_words_of(body)[:10_000]).split())
    if said.startswith("<"):
        return ""
    for text in hidden:
        for line in (" ".join(line.split()) for line in text.splitlines()):
            if len(line) > 7:
                said = said.replace(line, "…")
    said = _SECRET.sub("…", said)
    return said if len(said) <= _LONGEST_REASON else f"{said[:_LONGEST_REASON]}…"


def _words_of(body: object, depth: int = 0) -> str:
    if isinstance(body, str):
        return body
    if isinstance(body, list) and depth < 4:
        return "; ".join(filter(None, (_words_of(each, depth + 1) for each in body[:8])))
    if isinstance(body, dict) and depth < 4:
        for name in ("error", "message", "msg", "detail", "errors", "error_message", "title", "Message"):
            if words := _words_of(body.get(name), depth + 1):
                at = body.get("loc")
                where = f"{at[-1]}: " if isinstance(at, list) and at else ""
                return f"{where}{words}"
    return ""


def failure(found: Rejection, *, address: str) -> ModelFailure:
    """Return what a rejection means to the reader, and the server's own reason for the operator."""
    status, said = found.status, f"The server says: {found.reason}" if found.reason else ""
    if status in {401, 403}:
        return _failed(
            "model_refused_key",
            "The language model refused the key.",
            f"Set FOOTNOTE_LLM_API_KEY to a key that is valid at {address}. {said}",
        )
    if status in {404, 405}:
        return _failed(
            "model_unavailable",
            "The server of the language model does not know the model.",
            f"Set FOOTNOTE_LLM_MODEL to a name that {address} lists, or correct FOOTNOTE_LLM_BASE_URL. {said}",
        )
    if found.filtered:
        return _failed(
            "model_cut_off",
            "The language model's content filter rejected the question; put it otherwise.",
            said,
        )
    if found.overflows:
        return _failed("context_overflow", "The passages are longer than the language model can read.", said)
    if status == 402 or _SPENT.search(f"{found.code} {found.reason}"):
        return _failed(
            "model_unavailable",
            "The language model's account is used up; whoever runs this service has to fill it.",
            said,
        )
    if status == 429:
        after = found.after
        again = f"in {after} second{'s' if after > 1 else ''}" if after else "in a moment"
        what = f"The language model is asked too much at the moment. Ask again {again}."
        return ModelFailure("model_unavailable", what, said, after=after)
    if not status:
        return ModelFailure("model_unavailable", "The language model failed. Ask again in a moment.", said)
    if status >= 500 or status in {408, 409}:
        what = f"The language model answered with HTTP status {status}. Ask again in a moment."
        return ModelFailure("model_unavailable", what, said, after=found.after)
    return _failed(
        "model_unavailable",
        f"The language model's server rejects the request (HTTP status {status}); the service's log says why.",
        said or f"{address} gives no reason. Check FOOTNOTE_LLM_BASE_URL and FOOTNOTE_LLM_MODEL.",
    )


def _failed(code: FailureCode, what: str, hint: str) -> ModelFailure:
    return ModelFailure(code, what, hint.strip(), retryable=False)


def _after(headers: Mapping[str, str]) -> int | None:
    """Return how many seconds a server wants to be left alone."""
    try:
        seconds = float(headers.get("retry-after", ""))
    except ValueError:
        return None
    return math.ceil(seconds) if 0 <= seconds < 86_400 else None


class Lines:
    """Takes bytes as they arrive; `done` once `[DONE]` or the end has come. A body of JSON is one event."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._plain: bool | None = None
        self.done = False
        self.told = False
        """Whether the end was told, as `[DONE]` or by the end of a body that is whole."""

    def feed(self, piece: bytes) -> Iterator[str]:
        """Yield the data of every line that is complete, nothing after `[DONE]`; raises ModelFailure."""
        self._rest += piece
        if len(self._rest) > _LONGEST_EVENT:
            raise damaged()
        if self._plain is None and (begun := self._rest[:64].lstrip()):
            self._plain = begun[:1] == b"{"
        if self._plain or not (b"\n" in piece or b"\r" in piece):
            return
        lines = bytes(self._rest).splitlines(keepends=True)
        ended = lines[-1].endswith((b"\n", b"\r"))
        self._rest = bytearray(b"" if ended else lines.pop())
        for line in lines:
            if not line.startswith(b"data:"):
                continue
            data = line[5:].decode(errors="replace").strip()
            if data == "[DONE]":
                self.done = self.told = True
                return
            yield data

    def finish(self) -> Iterator[str]:
        """Yield the data of a last line that no line break ended, or a whole body; raises ModelFailure."""
        if self._plain:
            self.told = True
            yield self._rest.decode(errors="replace")
        else:
            yield from self.feed(b"\n")
        self.done = True


@dataclass(slots=True)
class Arrived:
    """What one read brought: tokens that wait together go on together, so that a full house catches up."""

    text: str = ""
    reason: str | None = None
    usage: object = None
    model: object = None
    """The name of the model that wrote it, as its server says."""
    beside: str = ""
    """What came in place of text: `thought` or `tool`."""
    failure: ModelFailure | None = None


def arrived(read: Iterator[str]) -> Arrived:
    """Take the events of one read, those before a damaged one at least."""
    found = Arrived()
    try:
        for data in read:
            chunk = _parsed(data)
            found.usage, found.model = chunk.get("usage") or found.usage, chunk.get("model")
            for choice in chunk.get("choices") or ():
                if choice.get("index"):
                    continue  # another answer to the same question
                _take(choice, found)
    except ModelFailure as failure:
        found.failure = failure
    except (AttributeError, TypeError):
        found.failure = damaged()
    return found


def _take(choice: dict[str, Any], found: Arrived) -> None:
    reason = choice.get("finish_reason")
    if not isinstance(reason, str | None):
        raise damaged()
    found.reason = reason or found.reason
    said = choice.get("delta") or choice.get("message") or {}
    found.text += text_of(said.get("content")) or text_of(said.get("refusal")) or text_of(choice.get("text"))
    if said.get("tool_calls") or said.get("function_call"):
        found.beside = "tool"
    elif said.get("reasoning_content") or said.get("reasoning") or isinstance(said.get("content"), list):
        found.beside = found.beside or "thought"


def text_of(content: object) -> str:
    """Return the text of a message's content: a string, or parts of which thoughts and references are none."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        return _part(content)
    if isinstance(content, list):
        return "".join(part if isinstance(part, str) else _part(part) for part in content)
    raise damaged()


def _part(part: object) -> str:
    if not isinstance(part, dict):
        raise damaged()
    text = part.get("text")
    text = text.get("value") if isinstance(text, dict) else text
    return text if isinstance(text, str) and part.get("type") in {None, "text", "output_text"} else ""


def _parsed(data: str) -> dict[str, Any]:
    try:
        chunk = json.loads(data)
    except (json.JSONDecodeError, RecursionError) as error:
        raise damaged() from error
    if not isinstance(chunk, dict):
        raise damaged()
    if chunk.get("error") or chunk.get("object") == "error":
        said = reason(chunk)
        raise ModelFailure(
            "model_cut_off",
            "The language model reported an error while answering. Ask again.",
            f"The server says: {said}" if said else "",
        )
    return chunk


def damaged() -> ModelFailure:
    """Return the failure that something other than an answer has come."""
    return ModelFailure("model_cut_off", "The language model sent a damaged stream. Ask again.")


def slow() -> ModelFailure:
    """Return the failure that nothing has come in time."""
    return ModelFailure("model_timeout", "The language model took too long to answer. Ask again in a moment.")


_ENDINGS: dict[str, Literal["length", "content_filter"]] = {
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "content_filter": "content_filter",
    "content_filtered": "content_filter",
    "guardrail_intervened": "content_filter",
    "safety": "content_filter",
    "refusal": "content_filter",
}


def ending(reason: str | None) -> Literal["stop", "length", "content_filter"]:
    """Return why an answer ended, in whichever provider's words."""
    return _ENDINGS.get((reason or "").lower(), "stop")


def empty(beside: str, reason: str | None, *, most: int) -> ModelFailure | None:
    """Return why nothing was written although the server ended in order; None where that is not known."""
    if beside == "tool":
        return ModelFailure(
            "model_cut_off",
            "The language model asked for a tool in place of answering. Ask again.",
            "Footnote offers none: turn tools off in the model's chat template, or take another model.",
        )
    if beside == "thought" and ending(reason) == "length":
        return ModelFailure(
            "model_cut_off",
            "The language model used up its tokens thinking. Ask something narrower.",
            f"Raise FOOTNOTE_LLM_MAX_TOKENS (now {most}), or have the model think less.",
        )
    if beside == "thought":
        return ModelFailure(
            "model_cut_off",
            "The language model thought and ended without an answer. Ask again.",
            "Its server may take the answer for thoughts: turn off its reasoning parser.",
        )
    return None
