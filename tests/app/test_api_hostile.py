"""What no client library sends, over raw sockets: every answer is one sentence, and none is a 5xx.

All 50,000 requests: `python -m pytest -m slow -s tests/app/test_api_hostile.py`, the same ones each time.
"""

import json
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.identity.keys import Keys
from app.runs.records import Records
from tests.app.edge import ScriptedTurn, Served, serve
from tests.app.edge import service as fakes
from tests.app.hostile import FLOATS, HOSTS, INTEGERS, ORIGINS, SURROGATES, Hostile, status_of
from tests.app.test_api_fuzz import service

HUGE = ("9" * 19, "9223372036854775808", "9" * 400, "9" * 5_000)
ERRORS = {
    "/v1/chat/completions": lambda body: body["error"]["message"],
    "/v1/responses": lambda body: body["error"]["message"],
    "/v1/embeddings": lambda body: body["error"]["message"],
    "/api/chat": lambda body: body["error"]["message"],
}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The real thing, without keys."""
    with service(tmp_path_factory.mktemp("real"), turn="real") as address:
        yield address


@pytest.fixture(scope="module")
def document(url: str) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{url}/openapi.json").json()
    return found


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    keys = tmp_path_factory.mktemp("keyed") / "keys.json"
    Keys(keys).create("x")
    with serve(fakes(keys=keys)) as served:
        yield served


def refused(
    url: str, path: str, *, body: str | None = None, statuses: tuple[int, ...] = (400, 422), **headers: str
) -> str:
    """Send it, see that it is refused in the shape of its path, and return the sentence."""
    kind = {"Content-Type": "application/json"} if body is not None else {}
    content = None if body is None else body.encode()
    answer = httpx.request(
        "GET" if body is None else "POST", url + path, content=content, headers={**kind, **headers}
    )
    assert answer.status_code in statuses, (answer.status_code, answer.text[:200])
    shown = answer.json()
    sentence: str = ERRORS.get(path, lambda problem: problem["detail"])(shown)
    assert sentence.endswith((".", "!", "?"))
    assert "\n" not in sentence
    assert len(sentence) < 400
    return sentence


@pytest.mark.parametrize("expires", [*HUGE, "", "-1", "1e9", "²", "٣", "1_000", "99999999999999", "0x10"])
@pytest.mark.parametrize("route", ["view", "pages/1.png"])
def test_a_link_that_expires_at_no_time_needs_a_key(keyed: Served, route: str, expires: str) -> None:
    query = {"expires": expires, "key": "x", "signature": "x"}
    answer = httpx.get(f"{keyed.url}/v1/documents/doc_handbook/{route}", params=query)
    assert answer.status_code == 401


@pytest.mark.parametrize("host", ["[", "]", "[]", "[::1", "[x]", "[:::]", "localhost:99999", "localhost:x", "a b", "user@localhost", "a/b", "\x80"])  # fmt: skip
def test_a_host_that_is_none_is_refused_on_every_route(url: str, document: dict[str, Any], host: str) -> None:
    port = int(url.rsplit(":", 1)[1])
    for path in [*document["paths"], "/", "/openapi.json", "/mcp", "/none"]:
        request = f"GET {path.replace('{', '').replace('}', '')} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        assert status_of(port, request.encode("latin-1")) == 400, path


def test_two_hosts_are_refused(url: str) -> None:
    request = b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nHost: evil.test\r\nConnection: close\r\n\r\n"
    assert status_of(int(url.rsplit(":", 1)[1]), request) == 400


@pytest.mark.parametrize("host", HOSTS)
def test_without_keys_only_a_local_name_lets_in(url: str, host: str) -> None:
    request = f"GET /v1/models HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode(
        "latin-1", "replace"
    )
    is_local = host.lower() in {"127.0.0.1", "[::1]:8000", "localhost", "localhost:"}
    assert status_of(int(url.rsplit(":", 1)[1]), request) in ({200} if is_local else {400, 403})


@pytest.mark.parametrize("origin", ORIGINS)
def test_an_origin_that_is_not_ours_is_refused(url: str, origin: str) -> None:
    request = f"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\nConnection: close\r\n\r\n"
    expected = 200 if origin == "http://localhost" else 403
    assert status_of(int(url.rsplit(":", 1)[1]), request.encode("latin-1", "replace")) == expected


@pytest.mark.parametrize("number", HUGE)
@pytest.mark.parametrize(("path", "body"), [
    ("/v1/chat", '{{"message":"q","at":{}}}'),
    ("/v1/chat", '{{"message":"q","where":{{"year":{}}}}}'),
    ("/v1/search", '{{"query":"q","at":{}}}'),
    ("/v1/search", '{{"query":"q","where":[{{"field":"year","op":"range","values":[{},null]}}]}}'),
    ("/v1/chat/completions", '{{"messages":[{{"role":"user","content":"q"}}],"footnote":{{"at":{}}}}}'),
    ("/v1/responses", '{{"input":"q","footnote":{{"at":{}}}}}'),
    ("/api/chat", '{{"message":{{"role":"user","content":"q"}},"at":{}}}'),
    ("/agui", '{{"messages":[{{"role":"user","content":"q"}}],"forwardedProps":{{"at":{}}}}}'),
    ("/v1/embeddings", '{{"input":"q","dimensions":{}}}'),
])  # fmt: skip
def test_a_number_that_no_database_holds_is_refused(url: str, path: str, body: str, number: str) -> None:
    # a condition compares such a number as a fraction, as far as one can hold it
    is_fraction = "where" in body and len(number) < 300
    if is_fraction:
        headers = {"Content-Type": "application/json"}
        assert httpx.post(url + path, content=body.format(number), headers=headers).status_code == 200
    else:
        refused(url, path, body=body.format(number))


@pytest.mark.parametrize("number", FLOATS)
def test_a_number_that_is_none_is_refused_and_one_at_the_edge_is_taken(url: str, number: str) -> None:
    body = f'{{"query":"q","where":{{"year":{number}}}}}'
    if number in {"NaN", "Infinity", "-Infinity", "1e400", "-1e400"}:
        refused(url, "/v1/search", body=body)
    else:
        answer = httpx.post(f"{url}/v1/search", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/v1/runs/run_x/events?after={}", "/v1/responses/resp_x?starting_after={}", "/v1/documents?limit={}",
                                  "/v1/documents/doc_x/view?start={}&end=3", "/v1/documents/doc_x/pages/{}.png"])  # fmt: skip
def test_a_number_in_an_address_that_is_too_large_is_refused(url: str, path: str) -> None:
    for number in HUGE:
        answer = httpx.get(url + path.format(number))
        assert answer.status_code == 422, number


def test_an_event_id_that_is_no_frame_of_ours_begins_at_the_start(url: str) -> None:
    asked = httpx.post(f"{url}/v1/chat", json={"message": "How much leave?"})
    events = f"{url}/v1/runs/{asked.headers['x-run-id']}/events"
    for identity in (*INTEGERS, "x", "1,2"):
        header = {"Last-Event-ID": identity.strip().encode("utf-8")}
        answer = httpx.get(events, headers=header)  # type: ignore[arg-type]  # bytes, as a socket sends them
        assert answer.status_code == 200, identity
        assert answer.text == asked.text or len(identity) < 20, identity


def _strings(
    document: dict[str, Any], schema: dict[str, Any], way: tuple[str, ...] = ()
) -> Iterator[tuple[str, ...]]:
    """Yield the way to every string of a body."""
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    for each in schema.get("anyOf", []):
        yield from _strings(document, each, way)
    if schema.get("type") == "string" and "enum" not in schema and "const" not in schema:
        yield way
    for name, of in schema.get("properties", {}).items():
        yield from _strings(document, of, (*way, name))
    if isinstance(further := schema.get("additionalProperties"), dict):
        yield (*way, "{key}")
        yield from _strings(document, further, (*way, "{}"))
    if "items" in schema:
        yield from _strings(document, schema["items"], (*way, "[]"))


def _put(body: Any, way: tuple[str, ...]) -> str:
    """Write the body with half a character at the end of the way."""
    if not way:
        return SURROGATES[0]
    first, rest = way[0], way[1:]
    if first == "[]":
        return f"[{_put(body[0] if isinstance(body, list) and body else {}, rest)}]"
    if first == "{key}":
        return "{" + SURROGATES[0] + ":1}"
    name = "year" if first == "{}" else first
    known = body if isinstance(body, dict) else {}
    kept = [f"{json.dumps(key)}:{json.dumps(value)}" for key, value in known.items() if key != name]
    return "{" + ",".join([*kept, f"{json.dumps(name)}:{_put(known.get(name), rest)}"]) + "}"


def test_half_a_character_in_any_string_of_any_body_is_refused_or_mended(
    url: str, document: dict[str, Any]
) -> None:
    """A text for a model is mended, because clients cut texts; anything else is refused."""
    tried, mended = 0, set()
    for path, methods in document["paths"].items():
        content = methods.get("post", {}).get("requestBody", {}).get("content", {}).get("application/json")
        if content is None or path == "/v1/sessions":  # which opens to keys alone, and there are none here
            continue
        schema = document["components"]["schemas"][content["schema"]["$ref"].rsplit("/", 1)[1]]
        for way in dict.fromkeys(_strings(document, schema)):
            tried += 1
            headers = {"Content-Type": "application/json"}
            answer = httpx.post(url + path, content=_put(schema["examples"][0], way), headers=headers)
            assert answer.status_code in {200, 404, 422}, (path, way, answer.status_code, answer.text[:200])
            if answer.status_code == 200:
                mended.add(way[-1] if way[-1] != "[]" else way[-2])
    assert tried > 60
    assert mended <= {"text", "content", "message", "query", "input"}, mended


def test_half_a_character_in_the_instructions_is_refused(url: str) -> None:
    sentence = refused(url, "/v1/responses", body=r'{"input":"q","instructions":"\ud800"}', statuses=(422,))
    assert sentence.startswith("`instructions`: ")


@pytest.mark.parametrize("body", ["[" * 100_000, '{"a":' * 100_000, '{"message":' + "[" * 90_000, '{"message":"q","at":' + "9" * 5_000 + "}", "nul", "\x00"])  # fmt: skip
def test_json_that_cannot_be_read_is_refused(url: str, body: str) -> None:
    refused(url, "/v1/chat", body=body)


def test_locked_records_are_a_503_and_the_log_holds_no_words(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.runs.record_tables._BUSY_MILLISECONDS", 100)
    file = tmp_path / "records.db"
    records = Records(f"sqlite:///{file}")

    async def record(run: Any, events: Any) -> None:
        records.add(run.id, run.question, run.owner, events)

    with (
        serve(fakes(ScriptedTurn(), records=records, on_end=record)) as served,
        closing(sqlite3.connect(file)) as other,
    ):
        run = httpx.post(f"{served.url}/v1/chat", json={"message": "a secret question"}).headers["x-run-id"]
        other.execute("BEGIN EXCLUSIVE")
        opinion = json.dumps({"run": run, "rating": "down", "reason": "a secret reason"})
        refused(served.url, "/v1/feedback", body=opinion, statuses=(503,))
        assert httpx.delete(f"{served.url}/v1/conversations/conv_secret").status_code == 503
        # recording fails too, and is logged
        assert httpx.post(f"{served.url}/v1/chat", json={"message": "a secret question"}).status_code == 200
        other.rollback()
        assert (
            httpx.post(
                f"{served.url}/v1/feedback", content=opinion, headers={"Content-Type": "application/json"}
            ).status_code
            == 204
        )
    assert "Recording run" in caplog.text
    assert "secret" not in caplog.text
    records.close()


def test_what_breaks_inside_is_a_500_whose_log_holds_no_words(caplog: pytest.LogCaptureFixture) -> None:
    async def search(question: Any, **_: Any) -> Any:
        raise ValueError(f"could not search for {question.text}")

    with serve(fakes()) as served:
        object.__setattr__(served.app.state.service, "search", search)
        answer = httpx.post(f"{served.url}/v1/search", json={"query": "a secret question"})
    assert answer.status_code == 500
    assert answer.headers["x-request-id"] in answer.json()["detail"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-request-id"] in caplog.text
    assert "ValueError" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "PATCH", "TRACE", "PROPFIND"])
def test_other_methods_are_refused_on_every_route_with_the_headers_of_every_answer(
    url: str, document: dict[str, Any], method: str
) -> None:
    for path in document["paths"]:
        answer = httpx.request(method, url + path.replace("{", "").replace("}", ""))
        assert answer.status_code in {405, 404}, path
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"


def hurl(url: str, requests: Iterator[bytes], *, threads: int = 2) -> Counter[int]:
    """Send raw requests; none may be answered with a 5xx, and the service must live on."""
    port, lock, statuses = int(url.rsplit(":", 1)[1]), threading.Lock(), Counter[int]()
    wrong: list[str] = []

    def work() -> None:
        while True:
            with lock:
                request = next(requests, None)
            if request is None or wrong:
                return
            try:
                status = status_of(port, request, silence=0.5)
            except (OSError, TimeoutError) as error:
                wrong.append(f"{type(error).__name__}: {request[:2_000]!r}")
                return
            with lock:
                statuses[status] += 1
            # an upload that finds the index held by another says so
            is_busy = status == 503 and request.startswith(b"POST /v1/documents ")
            if status >= 500 and not is_busy:
                wrong.append(f"{status}: {request[:2_000]!r}")

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong, wrong[0]
    assert httpx.get(f"{url}/healthz").status_code == 200
    return statuses


def test_a_thousand_requests_that_no_client_sends_are_answered(url: str, document: dict[str, Any]) -> None:
    statuses = hurl(url, Hostile(document, seed=1).requests(1_000))
    assert {200, 400, 403, 404, 405, 413, 422} <= statuses.keys()


def test_so_they_are_with_keys(keyed: Served) -> None:
    document = httpx.get(f"{keyed.url}/openapi.json").json()
    statuses = hurl(keyed.url, Hostile(document, seed=2).requests(500))
    assert {400, 401, 404} <= statuses.keys()


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize(("turn", "seed"), [("real", seed) for seed in range(10, 15)] + [("scripted", seed) for seed in range(15, 20)])  # fmt: skip
def test_fifty_thousand_requests_in_ten_slices_are_answered(tmp_path: Path, turn: Any, seed: int) -> None:
    with service(tmp_path, turn=turn) as address:
        document = httpx.get(f"{address}/openapi.json").json()
        statuses = hurl(address, Hostile(document, seed=seed).requests(5_000))
    print(f"{sum(statuses.values()):,} requests (seed {seed}): {dict(sorted(statuses.items()))}")
    assert sum(statuses.values()) == 5_000
