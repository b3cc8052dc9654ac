"""Language-model servers as people have them: what each rejects and sends, by the model's name."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.fakes.scripted_model import serving

Body: TypeAlias = dict[str, Any]
Rejects: TypeAlias = Callable[[Body], Any]
"""What a server answers a request with that it does not take; nothing where it takes it."""

GOOD = "Full-time staff get 25 days of annual leave a year [1]."
THOUGHT = "The user asks for leave [1]. Perhaps it was 71 weeks in 1987 [2]? I will say so."


def delta(content: object = None, reason: str | None = None, **beside: object) -> Body:
    return {"choices": [{"index": 0, "delta": {"content": content, **beside}, "finish_reason": reason}]}


def text(said: str, reason: str = "stop") -> list[Body]:
    """Stream a text in pieces of three characters, which cut every mark somewhere."""
    return [*(delta(said[at : at + 3]) for at in range(0, len(said), 3)), delta(None, reason)]


def whole(**message: object) -> Body:
    return {"object": "chat.completion", "choices": [{"message": message, "finish_reason": "stop"}]}


def error(message: str, **beside: object) -> Body:
    return {"error": {"message": message, **beside}}


def not_taken(field_: str, message: str, **beside: object) -> Rejects:
    return lambda body: error(message, **beside) if field_ in body else None


def forbids(body: Body) -> Any:
    extra = [name for name in ("max_tokens", "stream_options", "temperature") if name in body]
    return (
        {
            "detail": [
                {"loc": ["body", name], "msg": "Extra inputs are not permitted", "input": body[name]}
                for name in extra[:1]
            ]
        }
        if extra
        else None
    )


def roles(allowed: Callable[[list[str]], bool], message: str) -> Rejects:
    return lambda body: None if allowed([each["role"] for each in body["messages"]]) else error(message)


def o_series(body: Body) -> Any:
    if "max_tokens" in body:
        said = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
        return error(said, param="max_tokens", code="unsupported_parameter")
    if body.get("temperature", 1) != 1:
        return error(
            "Only the default (1) value is supported.", param="temperature", code="unsupported_value"
        )
    return None


REJECTS: dict[str, tuple[int, Rejects]] = {
    "rejects max_tokens, then the temperature": (400, o_series),
    "rejects any limit": (400, lambda body: error("Unknown argument: max_tokens, max_completion_tokens") if {"max_tokens", "max_completion_tokens"} & {*body} else None),
    "rejects the temperature": (400, not_taken("temperature", "`temperature` is deprecated for this model.")),
    "rejects stream_options": (422, not_taken("stream_options", "Extra inputs are not permitted: stream_options")),
    "rejects one field after the other": (422, forbids),
    "rejects without a reason": (400, lambda body: {"message": "Bad request"} if "stream_options" in body else None),
    "rejects with a page": (400, lambda body: "<html>no</html>" if "temperature" in body else None),
    "rejects a system message": (400, roles(lambda said: "system" not in said, "System role not supported by this template")),
    "rejects instructions": (400, roles(lambda said: "system" not in said, "Developer instruction is not enabled for models/g-3")),
    "rejects a role with 500": (500, roles(lambda said: "system" not in said, "Jinja: Conversation roles must alternate user/assistant/...")),
    "rejects streams": (400, lambda body: error("Your organization must be verified to stream this model.", param="stream") if body.get("stream") else None),
}  # fmt: skip
FAILS: dict[str, tuple[int, Rejects]] = {
    "has no quota": (429, lambda _: error("You exceeded your current quota.", code="insufficient_quota")),
    "has no credit": (402, lambda _: error("Payment required")),
    "rejects the key": (401, lambda _: error("Incorrect API key provided: sk-abcdefghijklmnop.")),
    "knows no such model": (404, lambda _: error("model 'x' not found, try pulling it first")),
    "filters the question": (400, lambda _: error("The prompt triggered the content management policy", code="content_filter")),
    "rejects everything": (400, lambda _: error("This key may call embeddings only.")),
    "repeats the prompt": (400, lambda body: error(f"Bad prompt: {body['messages'][-1]['content']}")),
    "is overloaded": (529, lambda _: error("Overloaded")),
}  # fmt: skip
_CALL = {"tool_calls": [{"index": 0, "function": {"name": "search", "arguments": "{}"}}]}
_PARTS = [{"type": "thinking", "thinking": [{"type": "text", "text": THOUGHT}]}]
SENDS: dict[str, list[Body] | Body] = {
    "sends text": text(GOOD),
    "sends parts": [delta(_PARTS), delta([{"type": "text", "text": GOOD}]), delta(None, "stop")],
    "sends plain JSON": whole(role="assistant", content=GOOD),
    "sends plain JSON in parts": whole(role="assistant", content=[{"type": "text", "text": GOOD}], reasoning=THOUGHT),
    "sends reasoning_content": [delta(reasoning_content=THOUGHT), *text(GOOD)],
    "sends reasoning": [delta("", reasoning=THOUGHT, reasoning_details=[{"text": THOUGHT}]), *text(GOOD)],
    "sends no reason": text(GOOD)[:-1],
    "sends a reason of its own": text(GOOD, "eos"),
    "sends messages": [{"choices": [{"message": {"content": GOOD}, "finish_reason": "stop"}]}],
    "sends another choice too": [delta(GOOD), {"choices": [{"index": 1, "delta": {"content": "No."}}]}, delta(None, "stop")],
}  # fmt: skip
SAYS: dict[str, str] = {
    "thinks": f"<think>\n{THOUGHT}\n</think>\n\n{GOOD}",
    "thinks without beginning": f"Okay, {THOUGHT}\n</think>\n\n{GOOD}",
    "thinks in channels": f"<|channel|>analysis<|message|>{THOUGHT}<|end|><|start|>assistant<|channel|>final<|message|>{GOOD}<|return|>",
    "thinks in channels without marks": f"analysis{THOUGHT}assistantfinal{GOOD}",
    "thinks between words": f"<|START_THINKING|>{THOUGHT}<|END_THINKING|><|START_RESPONSE|>{GOOD}<|END_RESPONSE|>",
    "calls in text, then answers": f'<tool_call>\n{{"name": "search"}}\n</tool_call>\n{GOOD}',
    "ends with marks": f"{GOOD}</s><|im_end|><|endoftext|>",
    "ends with marks of others": f"{GOOD}<end_of_turn><｜end▁of▁sentence｜>[/INST]",
    "goes on for the user": f"{GOOD}<|im_end|>\n<|im_start|>user\nAnd a yacht?<|im_end|>\n<|im_start|>assistant\nTwo.",
    "begins with a turn": f"<|start_header_id|>assistant<|end_header_id|>\n\n{GOOD}<|eot_id|>",
    "repeats the delimiter": f"<<0123456789abcdef>>\n{GOOD}\n<<0123456789abcdef>>",
    "fences": f"```\n{GOOD}\n```",
    "fences as Markdown": f"```markdown\n{GOOD}\n```",
    "answers in JSON": json.dumps({"answer": GOOD, "sources": [1]}),
    "answers in fenced JSON without markers": f"```json\n{json.dumps({'answer': GOOD.replace(' [1]', ''), 'sources': ['1']})}\n```",
    "answers in JSON that is cut": f'{{"answer": "{GOOD}',
    "says that it answers": f"**Answer:** {GOOD}",
    "heads its answer": f"## Answer\n\n{GOOD}",
    "tags its answer": f"<answer>{GOOD}</answer>",
    "lists its sources": f"{GOOD}\n\n## Sources\n\n[1] leave.md\n[2] travel.md",
    "lists its sources in a line": f"{GOOD}\n\n**Sources:** [1], [2]",
    "defines its footnotes": f"{GOOD.replace('[1]', '[^1]')}\n\n[^1]: leave.md, page 2",
    "cites nothing": GOOD.replace(" [1]", ""),
    "says it again and again": f"{GOOD}\n\n" * 200,
    "says it again in a list": "".join(f"{number}. {GOOD}\n" for number in range(1, 90)).removeprefix("1. "),
}  # fmt: skip
MARKS = ("【1】", "【1†source】", "［1］", "(1)", "[^1]", "[Source 1]", "[doc 1]", "(see passage 1)", "[**1**]", "[[1]]", "[cite: 1]", "<sup>1</sup>", "¹", "[1](leave.md)", "[1, 99]", "[1: leave.md]", "\\[1\\]")  # fmt: skip
SAYS |= {f"marks with {mark}": GOOD.replace("[1]", mark) for mark in MARKS}
REFUSES = {
    "refuses": "NOT_IN_DOCUMENTS",
    "refuses as an answer": "Answer: NOT_IN_DOCUMENTS",
    "refuses in JSON": '{"answer": null}',
    "refuses after thinking": f"<think>{THOUGHT}</think>NOT_IN_DOCUMENTS.",
}
Copies: TypeAlias = Callable[[str, list[str]], str]
"""What a model copies of its instructions and of the lines of what it was asked."""
COPIES: dict[str, Copies] = {
    "copies the delimiter": lambda _, asked: asked[0],
    "copies the delimiter and the numbers": lambda _, asked: f"{asked[0]}\n[1] [2]\n",
    "copies what stands below the passages": lambda _, asked: "\n".join(asked[-2:]),
    "copies how a passage begins": lambda _, asked: "\n".join(asked[:3]),
    "copies the question and makes one of its own": lambda _, asked: f"{asked[-1]}\nQuestion: And on Mars?",
    "names the delimiter": lambda _, asked: f"The passages stand at {asked[0][2:14]}, as was said.",
    "copies the instructions": lambda told, _: told,
    "says that it has instructions": lambda told, _: f"I have been told this: {told}",
}
EMPTY: dict[str, list[Body] | Body] = {
    "calls a tool": [delta(None, **_CALL), delta(None, "tool_calls")],
    "calls a tool in text": text('<tool_call>\n{"name": "search"}\n</tool_call>'),
    "only thinks": [delta(reasoning_content=GOOD), delta(None, "stop")],
    "thinks to the end": [delta(reasoning_content=THOUGHT), delta(None, "length")],
    "thinks aloud to the end": text(f"<think>{THOUGHT}", "length"),
    "filters its answer": [delta(None, "content_filter")],
    "fails in the middle": [delta("Full-"), error("CUDA out of memory")],
    "fails with 200": error("upstream is gone"),
}
CUT = {"is cut in a sentence": text(f"{GOOD} Interns get 12", "length")}
STREAMS = SENDS | CUT | {name: text(said) for name, said in (SAYS | REFUSES).items()} | EMPTY


@dataclass
class ModelKinds:
    """The server: what it was asked, by the model's name."""

    url: str = ""
    asked: dict[str, list[Body]] = field(default_factory=dict)
    said: str = GOOD
    """What the model named `says` says."""

    async def complete(self, request: Request) -> Response:
        body = await request.json()
        name = body["model"]
        self.asked.setdefault(name, []).append(body)
        status, rejects = (REJECTS | FAILS).get(name, (0, lambda _: None))
        if rejected := rejects(body):
            return Response(rejected, status) if isinstance(rejected, str) else JSONResponse(rejected, status)
        sent = text(self.said) if name == "says" else STREAMS.get(name, SENDS["sends text"])
        if copies := COPIES.get(name.partition(",")[0]):
            told, asked = body["messages"][0]["content"], body["messages"][-1]["content"].splitlines()
            answer = f"\n{GOOD}" if name.endswith(", then answers") else ""
            sent = text(copies(told, asked) + answer)
        if isinstance(sent, dict):
            return JSONResponse(sent)
        if not body.get("stream"):
            return JSONResponse(whole(content=GOOD))
        lines = [f"data: {json.dumps(each)}\n\n" for each in sent]
        return StreamingResponse(iter([*lines, "data: [DONE]\n\n"]), media_type="text/event-stream")


@contextmanager
def model_kinds() -> Iterator[ModelKinds]:
    """Serve them; `url` is the base URL that clients take."""
    kinds = ModelKinds()
    with serving(Starlette(routes=[Route("/v1/chat/completions", kinds.complete, methods=["POST"])])) as at:
        kinds.url = f"{at}/v1"
        yield kinds
