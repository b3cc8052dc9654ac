"""Requests drawn by chance that try to learn of what is hidden: every route, every dialect, every parameter."""

import json
import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import httpx
from starlette.testclient import TestClient

from tests.leaks.world import GROUPS, LINGER, TOPICS, USERS, Caller, Library, Page, World, word

Json: TypeAlias = Any
CONVERSATIONS: Final = tuple(f"conv_{number:x}a9b8c7d6e5f4a3b2c1d{number:x}" for number in range(4))
QUESTIONS: Final = (
    "What is the code word of the {topic}?",
    "How much does the {topic} cost?",
    "What is the {topic} of {word}?",
    "{word}",
    "{word} {topic} code word",
    "Tell me about {word} and about the {topic}.",
    "Who is {word}? And what did you say before?",
    "Which documents are about {word}?",
)


@dataclass(frozen=True)
class Request:
    """One request; `{run:3}` in it stands for the world's own fourth run."""

    route: str
    method: str
    path: str
    query: Sequence[tuple[str, str]] = ()
    body: Json = None
    headers: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, tuple[str, bytes]] | None = None

    def send(self, client: TestClient, world: World, caller: Caller) -> httpx.Response:
        """Send it to one world."""

        def own(text: str) -> str:
            return re.sub(r"\{run:(\d+)\}", lambda found: _run(world, int(found[1])), text)

        response = client.request(
            self.method,
            own(self.path),
            params=[(name, own(value)) for name, value in self.query],
            content=None if self.body is None else own(json.dumps(self.body)).encode(),
            files=self.files,
            headers={
                **({"Content-Type": "application/json"} if self.body is not None else {}),
                **caller.headers,
                **self.headers,
            },
            follow_redirects=False,
        )
        if run := response.headers.get("x-run-id"):
            world.runs.append(run)
        # A run is recorded after its end was sent: what is asked next must find it in both worlds.
        runs = client.app.state.runs  # type: ignore[attr-defined]
        waited = time.monotonic()
        while (
            any(each.question.text != LINGER for each in list(runs._tasks)) and time.monotonic() < waited + 5
        ):
            time.sleep(0.001)
        return response

    def said(self) -> str:
        """Return all that the caller says themselves."""
        files = [name for name, _ in (self.files or {}).values()]
        return json.dumps([self.path, list(self.query), self.body, dict(self.headers), files]).lower()


def _run(world: World, number: int) -> str:
    return world.runs[number % len(world.runs)] if world.runs else "run_none"


class Prober:
    """Draws the requests of one caller, who knows much of what is hidden and wants to know whether it is there."""

    def __init__(self, library: Library, caller: Caller, chance: random.Random) -> None:
        self.library, self.caller, self.chance = library, caller, chance
        self.hidden = library.hidden(caller)
        self.seen = [page for page in library.held if caller.sees(page)]

    def page(self) -> Page:
        pool = self.hidden if self.hidden and (not self.seen or self.chance.random() < 0.7) else self.seen
        return self.chance.choice(pool)

    def text(self) -> str:
        """Draw a word or sentence that may be about something hidden."""
        page = self.page()
        slip = self.chance.randrange(1, len(page.canary))
        return self.chance.choice(
            (
                page.canary,
                page.canary[:slip] + page.canary[slip + 1 :],
                page.uri,
                page.canaries()[1],
                page.topic,
                f"{page.topic.capitalize()} {page.canary}",
                self.document(),
                "{run:%d}" % self.chance.randrange(40),  # noqa: UP031 - braces
                word(self.chance),
                self.question(),
                self.question(),
                self.chance.choice(CONVERSATIONS),
                self.chance.choice((*GROUPS, *USERS)),
            )
        )

    def question(self) -> str:
        page = self.page()
        slip = self.chance.randrange(1, len(page.canary))
        named = page.canary if self.chance.random() < 0.7 else page.canary[:slip] + page.canary[slip + 1 :]
        return self.chance.choice(QUESTIONS).format(
            topic=self.chance.choice((page.topic, *TOPICS[:2])), word=named
        )

    def document(self) -> str:
        return self.page().sample().document.id if self.chance.random() < 0.9 else "doc_" + "0" * 20

    def chunk(self) -> str:
        return self.chance.choice(self.page().sample().chunks).id

    def run(self) -> str:
        return "{run:%d}" % self.chance.randrange(40)  # noqa: UP031 - braces

    def where(self) -> Json:
        page = self.page()
        return self.chance.choice(
            (
                [],
                {"code": page.canary},
                {"topic": page.topic},
                [
                    {
                        "field": "uri",
                        "op": "prefix",
                        "values": [page.uri[: self.chance.randrange(1, len(page.uri))]],
                    }
                ],
                [{"field": "title", "op": "eq", "values": [f"{page.topic.capitalize()} {page.canary}"]}],
                [{"field": "amount", "op": "range", "values": [int(page.canaries()[1]), None]}],
            )
        )

    def knobs(self) -> dict[str, Json]:
        made: dict[str, Json] = {"top_k": self.chance.choice((1, 3, 20, 50))}
        if self.chance.random() < 0.4:
            made["where"] = self.where()
        if self.chance.random() < 0.2:
            made["at"] = self.chance.choice((0, 1, 2))
        return made

    # --- one method a way of asking; the name after `ask_` is nothing but a name ---

    def ask_search(self) -> Request:
        body = {"query": self.question(), **self.knobs()}
        if self.chance.random() < 0.6:
            body |= {"explain": True, "expect": self.chance.choice((self.page().uri, self.document()))}
        return self._post("/v1/search", body)

    def ask_chat(self) -> Request:
        more = {"conversation": self.chance.choice(CONVERSATIONS)} if self.chance.random() < 0.5 else {}
        return self._post("/v1/chat", {"message": self.question(), **more, **self.knobs()})

    def ask_completions(self) -> Request:
        body = {
            "model": self.chance.choice(("footnote", "footnote:inline")),
            "messages": self._messages(),
            "stream": self.chance.random() < 0.5,
            "footnote": self.knobs(),
        }
        return self._post("/v1/chat/completions", body)

    def ask_responses(self) -> Request:
        more = (
            {"previous_response_id": self.run().replace("run", "resp")} if self.chance.random() < 0.2 else {}
        )
        body = {
            "input": self.question(),
            "include": ["file_search_call.results"],
            "footnote": self.knobs(),
            **more,
        }
        return self._post("/v1/responses", body | {"stream": self.chance.random() < 0.3})

    def ask_ui(self) -> Request:
        body = {"id": self.chance.choice(CONVERSATIONS), "messages": self._messages(), **self.knobs()}
        return self._post("/api/chat", body)

    def ask_agui(self) -> Request:
        return self._post(
            "/agui", {"threadId": "t", "messages": self._messages(), "forwardedProps": self.knobs()}
        )

    def ask_run(self) -> Request:
        end = self.chance.choice(("", "/events"))
        return Request(f"/v1/runs/{{run_id}}{end}", "GET", f"/v1/runs/{self.run()}{end}")

    def ask_view(self) -> Request:
        query = [("chunk", self.chunk())] if self.chance.random() < 0.5 else []
        return Request(
            "/v1/documents/{document_id}/view", "GET", f"/v1/documents/{self.document()}/view", query
        )

    def ask_documents(self) -> Request:
        query = [("limit", str(self.chance.choice((1, 5, 1000)))), ("after", self.page().uri)]
        return Request("/v1/documents", "GET", "/v1/documents", query[: self.chance.randrange(3)])

    def ask_starters(self) -> Request:
        return Request("/v1/starters", "GET", "/v1/starters")

    def ask_mcp_search(self) -> Request:
        return self._mcp("search", query=self.question())

    def ask_mcp_fetch(self) -> Request:
        return self._mcp(
            "fetch", id=self.chance.choice((self.document(), f"{self.document()}/{self.chunk()}"))
        )

    def ask_stop(self) -> Request:
        way = self.chance.choice(("POST /api/chat/{chat_id}/stop", "GET /api/chat/{chat_id}/stream"))
        method, _, path = way.partition(" ")
        return Request(path, method, path.replace("{chat_id}", self.chance.choice(CONVERSATIONS)))

    def ask_access(self) -> Request:
        return Request("/v1/access", "GET", "/v1/access", [("id", self.document())])

    def ask_rate(self) -> Request:
        return self._post("/v1/feedback", {"run": self.run(), "rating": "up", "reason": self.text()})

    def _post(self, path: str, body: Json) -> Request:
        return Request(path, "POST", path, body=body)

    def _messages(self) -> list[dict[str, str]]:
        before = [
            {"role": "user", "content": self.question()},
            {"role": "assistant", "content": f"“{self.text()}” [1]"},
        ]
        return [*(before if self.chance.random() < 0.3 else []), {"role": "user", "content": self.question()}]

    def _mcp(self, name: str, **arguments: str) -> Request:
        call = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": name, "arguments": arguments},
        }
        return Request(
            "/mcp", "POST", "/mcp", body=call, headers={"Accept": "application/json, text/event-stream"}
        )

    # --- and whatever else the API describes ---

    def any_route(self, api: Mapping[str, Any]) -> Request:
        """Draw a request of any route that the API describes, with any parameter."""
        path = self.chance.choice(sorted(api["paths"]))
        method = self.chance.choice(sorted(api["paths"][path]))
        operation = api["paths"][path][method]
        parameters = operation.get("parameters", [])
        query = [
            (each["name"], self._value(each["schema"], api, each["name"]))
            for each in parameters
            if each["in"] == "query" and (each.get("required") or self.chance.random() < 0.5)
        ]
        headers = {
            each["name"]: str(self._value(each["schema"], api, each["name"]))
            for each in parameters
            if each["in"] == "header" and self.chance.random() < 0.3
        }
        filled = re.sub(r"\{(\w+)\}", lambda found: self._named(found[1]), path)
        content = operation.get("requestBody", {}).get("content", {})
        files = None
        body = None
        if "multipart/form-data" in content:
            page = self.page()
            files = {"file": (f"{page.canary}-{page.number}.md", f"# {page.canary}\n\nA note.\n".encode())}
        elif "application/json" in content:
            body = self._value(content["application/json"]["schema"], api, "")
        return Request(
            path,
            method.upper(),
            filled,
            [(name, value if isinstance(value, str) else json.dumps(value)) for name, value in query],
            body,
            {name: value for name, value in headers.items() if value.isascii()},
            files,
        )

    def _named(self, name: str) -> str:
        draw: dict[str, Callable[[], str]] = {
            "document_id": self.document,
            "run_id": self.run,
            "response_id": lambda: self.run().replace("run", "resp"),
            "conversation": lambda: self.chance.choice(CONVERSATIONS),
            "chat_id": lambda: self.chance.choice(CONVERSATIONS),
            "page": lambda: "1",
        }
        return draw.get(name, self.text)().replace("/", "%2F").replace("?", "%3F").replace("#", "%23")

    def _value(self, schema: Mapping[str, Any], api: Mapping[str, Any], name: str, depth: int = 0) -> Json:
        if "$ref" in schema:
            schema = api["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        for kind in ("anyOf", "oneOf"):
            if kind in schema:
                options = [each for each in schema[kind] if each.get("type") != "null"] or [{}]
                return self._value(self.chance.choice(options), api, name, depth + 1)
        if "enum" in schema:
            return self.chance.choice(schema["enum"])
        if "const" in schema:
            return schema["const"]
        kind = schema.get("type")
        if name == "where":
            return self.where()
        if name in {"uri", "id"} and depth <= 1:
            return self.page().uri if name == "uri" else self.document()
        if name in {"message", "query", "input", "content", "text"} and kind == "string":
            return self.question()
        if kind == "object":
            wanted, held = schema.get("required", ()), schema.get("properties", {})
            return {
                key: self._value(each, api, key, depth + 1)
                for key, each in held.items()
                if key in wanted or (depth < 4 and self.chance.random() < 0.4)
            }
        if kind == "array":
            items = schema.get("items", {"type": "string"})
            return [self._value(items, api, name, depth + 1) for _ in range(self.chance.randint(1, 2))]
        simple: dict[str, Callable[[], Json]] = {
            "integer": lambda: self.chance.choice((0, 1, 2, 5, 20)),
            "number": lambda: self.chance.choice((0.0, 0.5, 1.0)),
            "boolean": lambda: self.chance.random() < 0.5,
            "string": self.text,
        }
        return simple.get(str(kind), self.text)()


WAYS: Final = tuple(sorted(name for name in vars(Prober) if name.startswith("ask_")))
