"""A model server that is asked over HTTP: patience, retries, and its own reason when it refuses."""

import json
import os
import random
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from vectorstore.errors import Unavailable
from vectorstore.printable import printable
from vectorstore.telemetry import traces

if TYPE_CHECKING:
    from openai import OpenAI

_UNREAD = {"X-Stainless-Raw-Response": "stream"}
"""How the client is told to leave a body unread: what drips in is read here, and only until time is up."""
_CONNECT = 5.0
_TOO_MUCH = 256_000_000
"""Bytes of an answer; 2,000 texts at 4,096 numbers in decimal take less."""
_LONGEST_REASON = 300
_MOST_READ = 2_000
_MASKED = re.compile(r"(?<![^\s'\"])[^\s'\"*]*+\*{3,}+[^\s'\"]*+")
"""A key of which a server shows the ends."""
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD")


class Refused(Unavailable):
    """The server answered with an error; `status` is 0 where none came."""

    def __init__(self, what: str, hint: str = "", *, status: int = 0) -> None:
        super().__init__(what, hint)
        self.status = status


class Server:
    """Asks one address. Safe to use from several threads."""

    def __init__(self, role: str, url: str, key: str, *, setting: str) -> None:
        """`role` is what a sentence calls it; `setting` the stem of its settings, such as FOOTNOTE_EMBEDDER.

        Raises Unavailable for a key that no header can carry.
        """
        self._role = role
        self._url = url
        self._key = key.strip()
        self._setting = setting
        self.shown = shown(url)
        if not (self._key.isascii() and self._key.isprintable()):
            raise Unavailable(
                f"{setting}_KEY holds a character that no key has.",
                "Copy the key again, without line breaks.",
            )

    def ask(self, path: str, body: Mapping[str, object], *, seconds: float, patience: float = 0.0) -> Any:
        """Return the answer's JSON. A try may take `seconds`; raises Refused.

        What may pass (429, 5xx, a connection that breaks) is tried again, when the server wants if it says, until
        `patience` seconds are over.
        """
        due, attempt = time.monotonic() + patience, 0
        while True:
            begun = time.monotonic()
            try:
                return self._asked(path, body, due=min(begun + seconds, due) if patience else begun + seconds)
            except _Again as again:
                pause = again.after
                if pause is None:
                    pause = random.uniform(0.4, 0.6) * 2**attempt  # noqa: S311 - parts askers, guards nothing
                if time.monotonic() + pause >= due:
                    raise again.refused from None
            attempt += 1
            time.sleep(pause)

    def _asked(self, path: str, body: Mapping[str, object], *, due: float) -> Any:
        import httpx2
        from openai import APIStatusError

        limit = httpx2.Timeout(max(due - time.monotonic(), 0.05), connect=_CONNECT)
        try:
            response = self._client.post(
                self._url + path,
                cast_to=httpx2.Response,
                body=body,
                options={"headers": {**_UNREAD, **traces.here()}, "timeout": limit},
            )
            with closing(response):
                data = b"".join(_in_time(response.iter_bytes(), due=due))
        except APIStatusError as error:
            raise self._refused(error) from None
        except Exception as error:  # noqa: BLE001 - the provider's edge; its words may hold the key
            raise _Again(self._unreached(slow=_is_slow(error))) from None
        try:
            return json.loads(data)
        except ValueError:
            raise Refused(
                f"{self._role} at {self.shown} sent no JSON.", f"Correct {self._setting}_URL."
            ) from None

    def _refused(self, error: Any) -> Exception:
        status: int = error.status_code
        told = f"{self._role} at {self.shown} answered {status}{because(said(error.body, self._key))}"
        match status:
            case 401 | 403:
                hint = f"Set {self._setting}_KEY to a key that is valid there."
            case 404:
                hint = f"Correct the model's name, or {self._setting}_URL."
            case 429:
                hint = "Try again later, or raise the limit there."
            case _ if status >= 500:
                hint = "Try again later; the server's own log says more."
            case _:
                hint = ""
        refused = Refused(told, hint, status=status)
        spent = "insufficient_quota" in json.dumps(error.body, default=str)
        passes = status in {408, 409, 429} or status >= 500
        return _Again(refused, _after(error.response.headers)) if passes and not spent else refused

    def _unreached(self, *, slow: bool) -> Refused:
        if slow:
            return Refused(f"{self._role} at {self.shown} took too long to answer.", "Try again later.")
        return Refused(
            f"{self._role} at {self.shown} cannot be reached, or breaks the connection.",
            f"Start it, or correct {self._setting}_URL.",
        )

    @cached_property
    def _client(self) -> "OpenAI":
        from openai import OpenAI

        return OpenAI(base_url=self._url, api_key=self._key or "none", max_retries=0)


class _Again(Exception):
    """A refusal that may pass; `after` is how many seconds the server wants to be left alone."""

    def __init__(self, refused: Refused, after: float | None = None) -> None:
        super().__init__(refused.what)
        self.refused = refused
        self.after = after


def _in_time(pieces: Iterator[bytes], *, due: float) -> Iterator[bytes]:
    length = 0
    for piece in pieces:
        length += len(piece)
        if time.monotonic() > due:
            raise TimeoutError
        if length > _TOO_MUCH:
            raise OverflowError
        yield piece


def _is_slow(error: Exception) -> bool:
    import httpx2
    from openai import APITimeoutError

    cause = error.__cause__
    waited = isinstance(error, TimeoutError | APITimeoutError | httpx2.TimeoutException)
    return waited and not isinstance(cause, httpx2.ConnectTimeout)


def _after(headers: Mapping[str, str]) -> float | None:
    try:
        seconds = float(headers.get("retry-after", ""))
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None


def shown(url: str) -> str:
    """Return an address as it may be shown: without a name, a password or a query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def said(body: object, *secrets: str) -> str:
    """Return a server's own reason, in one line and without keys; empty where it gives none.

    Servers put it under error, message, detail or msg, as text or once more inside.
    """
    text = _sentence(body)[:_MOST_READ]
    for secret in (*secrets, *(value for name, value in os.environ.items() if _SECRET.search(name))):
        if len(secret) > 5:
            text = text.replace(secret, "…")
    text = " ".join(printable(_MASKED.sub("…", text)).split())
    return text if len(text) <= _LONGEST_REASON else text[:_LONGEST_REASON].rstrip() + "…"


def because(reason: str) -> str:
    """Return the end of a sentence that tells a reason; a full stop where there is none."""
    return f": {reason.rstrip('.')}." if reason else "."


def _sentence(body: object) -> str:
    if isinstance(body, str):
        return "" if body.lstrip().startswith("<") else body
    if isinstance(body, list):
        return _sentence(body[0]) if body else ""
    if isinstance(body, dict):
        return next(
            filter(None, (_sentence(body.get(key)) for key in ("error", "message", "detail", "msg"))), ""
        )
    return ""
