"""Requests that no client library would send: odd headers, integers of any size, half characters, broken bodies."""

import contextlib
import json
import random
import socket
from collections.abc import Iterator
from typing import Any

HEX = "0123456789abcdef0123"
INTEGERS = (
    "0", "-1", "-0", "+1", "1_0", " 1", "00", "٣", "²", "0x10", "1.0", "1e3", "2147483648", "9223372036854775807",
    "9223372036854775808", "-9223372036854775809", "18446744073709551616", "9" * 400, "9" * 5_000, "-" + "9" * 5_000,
    "", "null", "true",
)  # fmt: skip
FLOATS = (
    "NaN",
    "Infinity",
    "-Infinity",
    "1e400",
    "-1e400",
    "1e-400",
    "5e-324",
    "1.7976931348623157e308",
    "-0.0",
)
DATES = (
    "0000-01-01", "0001-01-01", "0001-01-01T00:00:00+14:00", "9999-12-31", "9999-12-31T23:59:59.999999-14:00", "10000-01-01",
    "2026-02-30", "2026-01-01T00:00:00+99:99", "2026-01-01T24:00:00", "2026-01-01T00:00:60Z", "-0001-01-01", "2026",
    "99999999999999999999-01-01",
)  # fmt: skip
TEXTS = (
    "", " ", "\x00", "a\x00b", "\x1b[2J", "\u202e", "\ufffe\uffff", "\U0010ffff", "\U0001f334", "e\u0301" * 40,
    "\r\nX-Injected: 1", "%00", "%", "%zz", "../../etc/passwd", "'; DROP TABLE runs; --", "{{7*7}}", "*" * 300, "x" * 70_000,
    "\N{ARABIC LETTER ALEF}", "AND OR NOT", '"', "(", "[1 TO 2]", "a:b", "\\", "^", "~", "/re/", "-", "*", "?",
)  # fmt: skip
SURROGATES = (r'"\ud800"', r'"\udfff"', r'"a\ud800b"', r'"\udc00\ud800"', r'"\uD83D"', r'"\ud83c\ud83c"')
"""As JSON writes them: no Python string of ours holds one."""
PATHS = (
    *("none", "run_x", "resp_x", "conv_1", f"doc_{HEX}", "%00", "a%00b", "%ed%a0%80", "%c0%af", "%ff%fe", "%", "%zz", "..", "."),
    *("%2e%2e%2f", "%2f", "//", "%5c", "%0d%0a", "%F0%9F%8C%B4", "%25%30%30", "x" * 101, "x" * 201, "x" * 9_000, ";a=b", "*"),
    *("-1", "0", "1", "100001", "9223372036854775808", "9" * 5_000),
)  # fmt: skip
HOSTS = (
    "", "[", "]", "[]", "[::1", "::1", "[::1]:8000", "[fe80::1%25eth0]", "[fe80::1%eth0]:80", "localhost:99999", "localhost:-1",
    "localhost:", "localhost:8000:8000", "localhost:x", "127.0.0.1", "127.1", "0x7f.1", "evil.test", "user@localhost",
    "localhost@evil.test", "localhost/evil", "localhost#", "localhost?", "local host", "localhost.", "LOCALHOST", "\u212aelvin",
    "a" * 3_000, "xn--", "\xff\xfe", "\x80", "[v1.x]", "[::ffff:127.0.0.1]", "localhost,evil.test", "http://localhost",
    "[localhost]", "\uff4cocalhost", "0", "%6cocalhost",
)  # fmt: skip
ORIGINS = (
    "http://[", "http://]", "null", "", "http://", "://", "http://[::1]", "http://localhost", "http://localhost:3000",
    "http://127.0.0.1:99999", "file://", "http://[::1%25lo]:1", "https://evil.test", "http://localhost@evil.test", "\xff",
    "http://localhost http://evil.test", "chrome-extension://x", "x" * 3_000, "http://[v1.x]", "http://\u2100",
)  # fmt: skip
HEADERS: dict[str, tuple[str, ...]] = {
    "Host": HOSTS,
    "Origin": ORIGINS,
    "Authorization": ("Bearer", "Bearer ", "Bearer fn_", "Bearer fn__", "Bearer fn_0_\xff", "Basic \x80", "bearer\tfn_a_b", "\xff"),
    "X-Request-Id": ("", "\xff", "x" * 70, "../..", "a b", "\x80\x81"),
    "Last-Event-ID": (*INTEGERS, "\xff", "\u00b2", "1,2"),
    "Range": ("bytes=0-", "bytes=-1", "bytes=9-1", "bytes=" + "9" * 5_000 + "-", "bytes=0-" + "9" * 400, "bytes=a-b", "x", "bytes=0-0,1-1", "bytes=,"),
    "If-None-Match": ("*", '"', "W/", "\xff", '"' * 3_000),
    "If-Range": ("x", "\xff", "Thu, 01 Jan 1970 00:00:00 GMT"),
    "If-Modified-Since": ("0", "Thu, 99 Jan 99999 00:00:00 GMT", "\xff"),
    "Content-Type": ("", "application/json; charset=utf-16", "application/json; charset=none", "text/plain", "\xff", "application/json, text/html",
                     "application/x-www-form-urlencoded", "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=\xff",
                     "multipart/form-data; boundary=" + "b" * 300, "application/" + "j" * 3_000, "a/b/c", "application/json;;=;", "image/png\x00"),
    "Content-Encoding": ("gzip", "br", "x"),
    "Accept": ("", "text/html", "\xff", "application/json;q=x", "*/*;q=" + "9" * 400, "text/event-stream"),
    "Cookie": ("a=b", "\xff", "=;=;", "a" * 3_000),
    "Expect": ("100-continue", "x"),
    "Upgrade": ("websocket", "h2c", "x"),
    "Transfer-Encoding": ("chunked", "gzip", "chunked, chunked", "\xff"),
    "Content-Length": INTEGERS,
    "Forwarded": ("for=[", "for=_x;host=evil.test"),
    "X-Forwarded-For": ("", "x", "[", "127.0.0.1, \xff"),
    "X-Forwarded-Proto": ("https", "\xff", "ws"),
    "User-Agent": ("", "\xff", "x" * 3_000),
    "Access-Control-Request-Method": ("GET", "\xff"),
    "Access-Control-Request-Headers": ("x", "\xff"),
    "Mcp-Session-Id": ("", "\xff", "x" * 3_000),
    "MCP-Protocol-Version": ("0", "\xff", "9999-99-99"),
}  # fmt: skip
METHODS = ("GET", "POST", "DELETE", "HEAD", "OPTIONS", "PUT", "PATCH", "TRACE", "CONNECT", "PROPFIND", "get")
LINES = (
    b"GET", b"GET /", b"GET / HTTP/9.9", b"GET / HTTP/1.1\nHost: x", b"GET  / HTTP/1.1", b"\x00\x01\x02", b"GET /\xff HTTP/1.1",
    b"GET http://localhost/healthz HTTP/1.1", b"GET http://[/healthz HTTP/1.1", b"OPTIONS * HTTP/1.1", b"CONNECT localhost:80 HTTP/1.1",
    b"GET ? HTTP/1.1", b"GET # HTTP/1.1", b"GET //evil.test/ HTTP/1.1", b"GET /healthz HTTP/1.0", b"GET /healthz#x HTTP/1.1",
    b"PRI * HTTP/2.0", b"\x16\x03\x01\x02\x00\x01\x00", b"GET /" + b"a" * 70_000 + b" HTTP/1.1", b"GET /healthz?" + b"%" * 999 + b" HTTP/1.1",
    b"POST /v1/chat HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2", b"POST /v1/chat HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked",
    b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.test", b"GET /healthz HTTP/1.1\r\nX" + b"y" * 70_000 + b": z",
    b"GET /healthz HTTP/1.1\r\nBad Name: z", b"GET /healthz HTTP/1.1\r\n: z", b"GET /healthz HTTP/1.1\r\nA: b\r\n  folded",
    b"GET /healthz HTTP/1.1\r\nA: \x00",
)  # fmt: skip
"""Beginnings of requests that a parser must survive."""


class Hostile:
    """Draws raw requests for the routes of an OpenAPI document; the same seed draws the same ones."""

    def __init__(self, document: dict[str, Any], *, seed: int) -> None:
        self._random = random.Random(seed)
        self._document = document
        self._routes = [
            (method.upper(), path, operation)
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
        ]
        # what the document does not list
        self._routes += [
            ("POST", "/mcp", {}),
            ("GET", "/mcp", {}),
            ("DELETE", "/mcp", {}),
            ("GET", "/", {}),
            ("GET", "/widget.js", {}),
        ]

    def requests(self, count: int) -> Iterator[bytes]:
        """Yield so many requests, each whole or broken on purpose."""
        for _ in range(count):
            yield self._request()

    def _one(self, pool: Any) -> Any:
        return self._random.choice(pool)

    def _request(self) -> bytes:
        if self._random.random() < 0.02:
            return bytes(self._one(LINES)) + b"\r\n\r\n"
        method, path, operation = self._one(self._routes)
        parameters = operation.get("parameters", [])
        for parameter in parameters:
            if parameter["in"] == "path":
                path = path.replace(f"{{{parameter['name']}}}", self._one(PATHS))
        query = [
            (p["name"], self._in_query())
            for p in parameters
            if p["in"] == "query" and self._random.random() < 0.6
        ]
        if path.endswith(("/view", ".png")):
            query += [
                (name, self._in_query())
                for name in ("expires", "key", "signature")
                if self._random.random() < 0.6
            ]
        if self._random.random() < 0.1:
            query.append((self._one(("", "at", "after", "%00", "expires")), self._in_query()))
        if self._random.random() < 0.05:
            method = self._one(METHODS)
        body, kind = self._body(path, operation) if method == "POST" else (b"", "")
        if query:
            path += "?" + "&".join(f"{name}={value}" for name, value in query)
        headers = {"Host": "localhost", "Connection": "close"}
        if kind:
            headers["Content-Type"] = kind
        if body:
            headers["Content-Length"] = str(len(body))
        lines = [f"{name}: {value}" for name, value in (headers | self._odd_headers()).items()]
        if self._random.random() < 0.03:
            lines.append(f"{(name := self._one(list(HEADERS)))}: {self._one(HEADERS[name])}")
        head = f"{method} {path} HTTP/1.1\r\n" + "\r\n".join(lines) + "\r\n\r\n"
        return head.encode("latin-1", "replace") + body

    def _odd_headers(self) -> dict[str, str]:
        names = self._random.sample(sorted(HEADERS), self._one((0, 0, 1, 1, 2)))
        return {name: self._one(HEADERS[name]) for name in names}

    def _in_query(self) -> str:
        pool = self._one((INTEGERS, DATES, PATHS, FLOATS))
        return str(self._one(pool)).encode("utf-8").decode("latin-1").replace(" ", "+")

    def _body(self, path: str, operation: dict[str, Any]) -> tuple[bytes, str]:
        if path == "/v1/documents":
            return self._form(), "multipart/form-data; boundary=b"
        if path.startswith("/mcp"):
            return self._call().encode("utf-8", "replace"), "application/json"
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if content is None:
            return b"", ""
        schema = self._resolved(content["schema"])
        body = json.loads(json.dumps(self._one(schema.get("examples") or [{}])))
        for name, of in schema.get("properties", {}).items():
            if self._random.random() < 0.25:
                body[name] = Raw(self._value(of))
        text = _written(body)
        if self._random.random() < 0.05:
            text = self._one(
                (
                    text[:-2],
                    text + text,
                    "[" * 100_000,
                    '{"a":' * 100_000,
                    text.replace("{", '{"at":1,"at":2,', 1),
                    "",
                    "\ufeff" + text,
                )
            )
        return text.encode("utf-8", "replace") if self._random.random() < 0.97 else text.encode(
            "utf-16"
        ), "application/json"

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in schema:
            schema = self._document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        return schema

    def _value(self, schema: dict[str, Any], depth: int = 0) -> str:
        """Write a JSON value for a schema, most often a hostile one of its type."""
        schema = self._resolved(schema)
        if "anyOf" in schema:
            schema = self._resolved(self._one(schema["anyOf"]))
        if self._random.random() < 0.15 or depth > 4:
            return self._scalar()
        if "enum" in schema and self._random.random() < 0.7:
            return json.dumps(self._one(schema["enum"]))
        match schema.get("type"):
            case "object":
                named = {
                    name: Raw(self._value(of, depth + 1))
                    for name, of in schema.get("properties", {}).items()
                    if self._random.random() < 0.7
                }
                further = schema.get("additionalProperties")
                key = self._one(
                    (r'"\ud800"', '"modified"', '"uri"', '"title"', '"\\u0000"', '"tags"', '"a.b"')
                )
                if isinstance(further, dict):
                    return "{" + key + ":" + self._value(further, depth + 1) + "}"
                return _written(named)
            case "array":
                return (
                    "["
                    + ",".join(
                        self._value(schema["items"], depth + 1) for _ in range(self._one((1, 1, 2, 3)))
                    )
                    + "]"
                )
            case _:
                return self._scalar()

    def _scalar(self) -> str:
        pool = self._one((INTEGERS, FLOATS, DATES, TEXTS, SURROGATES))
        value = str(self._one(pool))
        is_literal = pool is SURROGATES or (
            pool in (INTEGERS, FLOATS) and value and self._random.random() < 0.8
        )
        return value if is_literal else json.dumps(value)

    def _call(self) -> str:
        tool = self._one(('"search"', '"fetch"', '"none"', self._scalar()))
        arguments = f'{{"{self._one(("query", "id"))}":{self._scalar()}}}'
        method = self._one(('"tools/call"', '"tools/list"', '"initialize"', self._scalar()))
        identity = self._one(("1", '"a"', "null", self._scalar()))
        return f'{{"jsonrpc":"2.0","id":{identity},"method":{method},"params":{{"name":{tool},"arguments":{arguments}}}}}'

    def _form(self) -> bytes:
        names = (
            b'name="file"; filename="a.txt"', b'name="file"; filename=""', b'name="file"; filename="\xff\xfe.md"', b'name="file"; filename="a\x00b.txt"',
            b'name="file"; filename="../../x.md"', b'name="file"; filename="' + b"n" * 5_000 + b'.md"', b'name="file"; filename*=UTF-8\'\'%ed%a0%80.md',
            b"name=file; filename=x.md", b'name="readers"', b'name="file"', b'filename="x.md"', b"", b'name="file"; filename="\xed\xa0\x80.txt"',
            b'name="file"; filename="\\ud800.txt"', b'name="file"; filename="con.md"', b'name="file"; filename=".md"', b'name="file"; filename="a\r\nb.md"',
            b'name="\xff"; filename="x.md"',
        )  # fmt: skip
        contents = (
            b"",
            b"hello",
            b"\xff\xfe\x00",
            b"# H\n\ntext",
            b"hr",
            b"\x00",
            b"\xed\xa0\x80",
            b"---\ndate: 9999-99-99\n---\nx",
        )
        part = (
            b"--b\r\nContent-Disposition: form-data; "
            + self._one(names)
            + b"\r\n\r\n"
            + self._one(contents)
            + b"\r\n"
        )
        return part * self._one((1, 1, 2)) + self._one(
            (b"--b--\r\n", b"--b--\r\n", b"", b"--b", b"--c--\r\n")
        )


class Raw(str):
    """JSON that is written already."""

    __slots__ = ()


def _written(value: Any) -> str:
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{_written(each)}" for name, each in value.items()) + "}"
    return json.dumps(value)


def status_of(port: int, request: bytes, *, silence: float = 0.5, seconds: float = 30.0) -> int:
    """Send a request as it is and return the answer's status; 0 where none came.

    After a `silence` the sending side is closed: what was sent was not a whole request.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=silence) as connection:
        answer = b""
        with contextlib.suppress(ConnectionError):  # an answer may be there all the same
            connection.sendall(request)
        with contextlib.suppress(ConnectionError):
            while True:
                try:
                    more = connection.recv(65_536)
                except TimeoutError:
                    if connection.gettimeout() == seconds:
                        raise
                    connection.settimeout(seconds)
                    connection.shutdown(socket.SHUT_WR)
                    continue
                answer = (answer + more).removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
                if not more or b"\r\n\r\n" in answer:
                    break
    first = answer.split(b"\r\n", 1)[0].split(b" ")
    return int(first[1]) if len(first) > 1 and first[1].isdigit() else 0
