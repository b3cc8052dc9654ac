"""Drive LangChain's ChatOpenAI, or the PyPI openai client, as drive.mjs does the npm clients."""

import json
import sys
from typing import Any

QUESTION = "How much leave?"


def drive(client: str, scenario: str, url: str) -> dict[str, Any]:
    """Return what the client got."""
    drivers = {
        "langchain-openai chat": lambda: langchain(url, scenario, responses=False),
        "langchain-openai responses": lambda: langchain(url, scenario, responses=True),
        "openai-python 2 chat": lambda: openai_chat(url, scenario),
        "openai-python 3 chat": lambda: openai_chat(url, scenario),
        "openai-python 2 responses": lambda: openai_responses(url, scenario),
        "openai-python 3 responses": lambda: openai_responses(url, scenario),
    }
    return drivers[client]()


def nothing() -> dict[str, Any]:
    return {"text": "", "finished": False, "error": None, "usage": None, "citations": []}


def langchain(url: str, scenario: str, *, responses: bool) -> dict[str, Any]:
    import openai

    # a client of our own, so that it is closed: LangChain keeps its own one open for ever
    with openai.DefaultHttpxClient() as transport:
        return langchain_over(transport, url, scenario, responses=responses)


def langchain_over(transport: Any, url: str, scenario: str, *, responses: bool) -> dict[str, Any]:
    from langchain_openai import ChatOpenAI
    from pydantic import SecretStr

    got = nothing()
    model = ChatOpenAI(
        model="footnote",
        base_url=f"{url}/v1",
        api_key=SecretStr("unused"),
        max_retries=0,
        use_responses_api=responses,
        stream_usage=True,
        http_client=transport,
    )
    whole: Any = None
    try:
        for chunk in model.stream(QUESTION):
            whole = chunk if whole is None else whole + chunk
            if scenario == "stop" and chunk.text:
                break
    except Exception as error:  # noqa: BLE001 - the client's own kinds of error are what is being looked at
        got["error"] = str(error)
    if whole is None:
        return got
    got["text"] = whole.text
    got["usage"] = whole.usage_metadata["total_tokens"] if whole.usage_metadata else None
    metadata = whole.response_metadata
    got["finished"] = (
        metadata.get("finish_reason") == "stop" or metadata.get("status") == "completed"
    ) and not got["error"]
    for block in whole.content_blocks:
        for each in block.get("annotations", []):
            got["citations"].append(
                {"title": each.get("title"), "url": each.get("url"), "page": None, "quote": None}
            )
    return got


def openai_chat(url: str, scenario: str) -> dict[str, Any]:
    import openai

    with openai.OpenAI(base_url=f"{url}/v1", api_key="unused", max_retries=0) as api:
        return openai_chat_with(api, scenario)


def openai_chat_with(api: Any, scenario: str) -> dict[str, Any]:
    import openai

    got = nothing()
    try:
        stream = api.chat.completions.create(
            model="footnote", stream=True, stream_options={"include_usage": True},
            messages=[{"role": "user", "content": QUESTION}],
        )  # fmt: skip
        for chunk in stream:
            extra: Any = chunk.model_extra or {}
            if "citations" in extra.get("footnote", {}):
                got["citations"] = [pick(each) for each in extra["footnote"]["citations"]]
            if chunk.usage:
                got["usage"] = chunk.usage.total_tokens
            for choice in chunk.choices:
                got["text"] += choice.delta.content or ""
                got["finished"] = got["finished"] or choice.finish_reason == "stop"
            if scenario == "stop" and got["text"]:
                stream.close()
                break
    except openai.APIError as error:
        got["error"] = error.message
    return got


def openai_responses(url: str, scenario: str) -> dict[str, Any]:
    import openai

    with openai.OpenAI(base_url=f"{url}/v1", api_key="unused", max_retries=0) as api:
        return openai_responses_with(api, scenario)


def openai_responses_with(api: Any, scenario: str) -> dict[str, Any]:
    got = nothing()
    stream: Any = api.responses.create(
        model="footnote", input=QUESTION, stream=True, background=scenario == "resume"
    )
    identity, last = "", 0
    for event in stream:
        last = event.sequence_number
        identity = identity or event.response.id
        taken(got, event)
        if scenario != "read" and got["text"]:
            stream.close()
            break
    if scenario == "resume":
        for event in api.responses.retrieve(identity, stream=True, starting_after=last):
            taken(got, event)
    return got


def taken(got: dict[str, Any], event: Any) -> None:
    match event.type:
        case "response.output_text.delta":
            got["text"] += event.delta
        case "response.completed":
            got["finished"] = event.response.output_text == got["text"]
            got["usage"] = event.response.usage.total_tokens
            got["citations"] = [pick(each) for each in event.response.model_extra["footnote"]["citations"]]
        case "response.failed":
            got["error"] = event.response.error.message
        case "response.incomplete":
            got["error"] = event.response.incomplete_details.reason


def pick(citation: dict[str, Any]) -> dict[str, Any]:
    return {name: citation.get(name) for name in ("title", "url", "page", "quote")}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(drive(*sys.argv[1:])))
