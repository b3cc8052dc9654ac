"""Answers over HTTP: any running Footnote by its native stream, any other server as an OpenAI client asks it.

From an OpenAI-compatible server, passages are read where such servers put them: `footnote.sources`,
`search_results`, `citations`, or the message's `annotations`.
"""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse
from typing import Any

from pydantic import ValidationError

from eval.cases import Case
from eval.metrics.outcome import Outcome
from eval.targets.recorded import Answer, outcome_of
from vectorstore.errors import BadInput, FootnoteError, NotAllowed, Unavailable

_RETRIED = frozenset((429, 503))
_TRIES = 4
_LONGEST_WAIT = 30.0


@dataclass(frozen=True, slots=True)
class OverHttp:
    """A server as a target; `native` is Footnote's own stream, else chat completions of `model`."""

    url: str
    key: str = ""
    model: str = ""
    native: bool = True
    at_once: int = 8
    timeout: float = 120.0
    told: Mapping[str, str] = field(default_factory=dict)

    def ask(self, cases: Sequence[Case]) -> list[Outcome]:
        """Ask every case, at most `at_once` at a time."""
        with ThreadPoolExecutor(self.at_once) as pool:
            return list(pool.map(self._asked, cases))

    def fingerprint(self) -> Mapping[str, str]:
        """Name the model that was asked for and the version that the server gives; nothing else is known."""
        return {"model": self.model or "footnote over HTTP", **self.told}

    def documents(self) -> None:
        """Return None: a server does not tell which documents it has."""
        return

    def _asked(self, case: Case) -> Outcome:
        began = time.perf_counter()
        try:
            said = self._native(case, began) if self.native else self._completion(case)
        except (FootnoteError, OSError, HTTPException, ValueError, ValidationError) as error:
            said = {"error": f"{type(error).__name__}: {error}"[:300]}
        try:
            answer = Answer.model_validate({"id": case.id, "seconds": time.perf_counter() - began} | said)
        except ValidationError:
            answer = Answer(id=case.id, error="The server's answer has a shape that cannot be read.")
        return outcome_of(case, answer)

    def _native(self, case: Case, began: float) -> dict[str, Any]:
        heard = _Heard(began)
        with closing(self._sent("/v1/chat", {"messages": _messages(case), "fresh": True})) as response:
            for part in _parts(response):
                heard.hear(part)
        if not heard.ended and not heard.said.get("error"):
            raise Unavailable("The stream ended before the answer did.")
        return heard.said | {"answer": heard.text, "passages": heard.passages}

    def _completion(self, case: Case) -> dict[str, Any]:
        body = {"model": self.model, "messages": _messages(case), "temperature": 0}
        with closing(self._sent("/chat/completions", body)) as response:
            return read_completion(json.load(response))

    def _sent(self, path: str, body: Mapping[str, Any]) -> HTTPResponse:
        """Post; a server that is busy is asked again when it says so."""
        headers = {"Content-Type": "application/json", "User-Agent": "footnote-eval"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers)  # noqa: S310 - checked in over_http
        for attempt in range(1, _TRIES + 1):
            try:
                response: HTTPResponse = urllib.request.urlopen(request, timeout=self.timeout)  # noqa: S310
            except urllib.error.HTTPError as error:
                with error:
                    if error.code not in _RETRIED or attempt == _TRIES:
                        raise Unavailable(f"The server answered with HTTP status {error.code}.") from error
                    time.sleep(_wait(error.headers.get("Retry-After"), attempt))
            else:
                return response
        raise Unavailable("The server stayed busy.")


def over_http(url: str, *, key: str = "", model: str = "", at_once: int = 8) -> OverHttp:
    """Find out what answers at an address; raises BadInput, NotAllowed or Unavailable."""
    if not url.startswith(("http://", "https://")):
        raise BadInput(f"{url!r} is not an address.", "Write --url http://127.0.0.1:8000.")
    url = url.rstrip("/")
    version = _version(url)
    if version and not model:
        return OverHttp(url, key, native=True, at_once=at_once, told={"version": version})
    base = url if url.endswith("/v1") else f"{url}/v1"
    return OverHttp(base, key, model or "footnote", native=False, at_once=at_once)


def read_completion(body: Mapping[str, Any]) -> dict[str, Any]:
    """Read a chat completion into the fields of an `Answer`; raises ValueError for one without a message."""
    try:
        message = body["choices"][0]["message"]
        text = message.get("content") or ""
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError("no message in the completion") from error
    passages, citations = _sources(body, message.get("annotations") or [])
    used = body.get("usage") or {}
    mine = body.get("footnote") or {}
    return {
        "answer": text,
        "passages": passages,
        "citations": citations,
        "input_tokens": used.get("prompt_tokens") or 0,
        "output_tokens": used.get("completion_tokens") or 0,
        "outcome": mine.get("outcome"),
        "refused": mine.get("refused", True if message.get("refusal") else None),
    }


def _sources(
    body: Mapping[str, Any], annotations: Sequence[Mapping[str, Any]]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return passages, and citations by place where an annotation ties words to one of them."""
    own = (body.get("footnote") or {}).get("sources")
    if own:
        return [_passage(item, "text") for item in own], []
    passages = [_passage(item, "snippet") for item in body.get("search_results") or ()]
    if not passages:
        passages = [{"doc": item} for item in body.get("citations") or () if isinstance(item, str)]
    known = {passage["doc"]: place for place, passage in enumerate(passages, start=1)}
    citations = []
    for annotation in annotations:
        found = annotation.get("url_citation") or annotation
        doc = found.get("url") or found.get("filename") or found.get("title") or ""
        if doc not in known:
            passages.append({"doc": doc, "text": found.get("content") or found.get("quote") or ""})
            known[doc] = len(passages)
        start, end = found.get("start_index"), found.get("end_index")
        if isinstance(start, int) and isinstance(end, int):
            citations.append({"n": known[doc], "start": start, "end": end})
    return passages, citations


def _passage(item: Mapping[str, Any], text: str) -> dict[str, Any]:
    return {
        "doc": item.get("uri") or item.get("url") or item.get("title") or "",
        "text": item.get(text) or item.get("content") or "",
        "title": item.get("title") or "",
        **{key: item[key] for key in ("n", "page", "start", "score") if item.get(key) is not None},
    }


@dataclass(slots=True)
class _Heard:
    """What the parts of a native stream have said so far."""

    began: float
    text: str = ""
    passages: list[dict[str, Any]] = field(default_factory=list)
    said: dict[str, Any] = field(default_factory=dict)
    ended: bool = False

    def hear(self, part: Mapping[str, Any]) -> None:
        match part.get("type"):
            case "text-delta":
                self.said.setdefault("first_text_seconds", time.perf_counter() - self.began)
                self.text += str(part.get("delta", ""))
            case "source-document" | "source-url":
                self.passages.append(_passage(part["providerMetadata"]["footnote"], "quote"))
            case "error":
                self.said["error"] = str(part.get("errorText", "the server failed"))
            case "finish":
                self.ended = True
                told = part.get("messageMetadata") or {}
                used = told.get("usage") or {}
                self.said |= {
                    "outcome": told.get("outcome"),
                    "refused": bool(told.get("refused")),
                    "input_tokens": used.get("inputTokens", 0),
                    "output_tokens": used.get("outputTokens", 0),
                }


def _parts(response: HTTPResponse) -> Iterator[Mapping[str, Any]]:
    for line in response:
        data = line.removeprefix(b"data:").strip() if line.startswith(b"data:") else b""
        if data and data != b"[DONE]":
            yield json.loads(data)


def _messages(case: Case) -> list[dict[str, str]]:
    said = [{"role": turn.role, "content": turn.text} for turn in case.history]
    return [*said, {"role": "user", "content": case.question}]


def _version(url: str) -> str:
    """Return the version that a Footnote gives, empty for any other server; raises when nothing answers."""
    try:
        with urllib.request.urlopen(f"{url.removesuffix('/v1')}/version", timeout=10) as response:  # noqa: S310
            body = json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            if error.code in {401, 403}:
                raise NotAllowed(
                    f"{url} refused the key.", "Set FOOTNOTE_EVAL_KEY to a valid key."
                ) from error
        return ""
    except ValueError:
        return ""
    except (OSError, HTTPException) as error:
        raise Unavailable(f"Nothing answers at {url}.", "Start the server, or correct --url.") from error
    return str(body.get("version", "")) if isinstance(body, dict) else ""


def _wait(told: str | None, attempt: int) -> float:
    """Return the seconds to wait: what the server says, else twice as long each time."""
    seconds = float(told) if told and told.replace(".", "", 1).isdigit() else 0.5 * 2**attempt
    return min(seconds, _LONGEST_WAIT)
