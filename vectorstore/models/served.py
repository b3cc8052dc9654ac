"""Embedders and rerankers that others serve: any OpenAI-compatible server, LangChain's providers, `/rerank`."""

import base64
import logging
import math
import re
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from hashlib import sha256
from threading import Lock
from typing import Any, Final, Protocol

import numpy as np

from vectorstore.errors import Unavailable
from vectorstore.models.server import Refused, Server, because, said
from vectorstore.types import Vector, Vectors

_log = logging.getLogger(__name__)

_TEXTS, _CHARACTERS = 64, 100_000
"""Of one request; a server that takes fewer texts is given fewer."""
_TOKEN = re.compile(r"[A-Za-z]{1,4}|[\u00c0-\u052f]{1,2}|\S")
"""A careful estimate: tokenizers cut words of the Latin alphabet less often than this, and seldom a sign in two."""
_SPECIAL = 2
_NOTHING: Final = "."
"""What stands for a text without a sign in it: servers refuse an empty one."""


class Source(Protocol):
    """Who turns texts into vectors; raises Unavailable."""

    name: str
    tokens: int

    def query(self, text: str) -> Any:
        """Return the vector of a question, unchecked; somebody waits for it."""

    def passages(self, texts: Sequence[str]) -> Sequence[Any]:
        """Return the vectors of passages, unchecked."""


class ServedEmbedder:
    """Embeds by asking a source: cuts texts to the window, checks what comes back and brings it to length 1."""

    def __init__(
        self, source: Source, *, dimension: int | None, window: int, before_query: str, before_passage: str
    ) -> None:
        """Without a `dimension` the source is asked for one vector when it is first needed."""
        self._source = source
        self._asked = dimension
        self._before_query = before_query
        self._before_passage = before_passage
        self.name = source.name
        self.max_tokens = window

    @cached_property
    def dimension(self) -> int:
        """The length of a vector; raises Unavailable when it has to be asked for and nobody answers."""
        return self._asked or len(_numbers(self._source.query("dimension"), self.name))

    @property
    def fingerprint(self) -> str:
        """Names model, dimension and prefixes, not the address: another server of the model gives its vectors."""
        prefixes = f"{self._before_query}\0{self._before_passage}"
        told = f"/{sha256(prefixes.encode()).hexdigest()[:8]}" if prefixes != "\0" else ""
        return f"{self.name}/{self.dimension}{told}"

    @property
    def tokens(self) -> int:
        """How many tokens the source has counted so far."""
        return self._source.tokens

    def count_tokens(self, text: str) -> int:
        """Estimate the text's tokens on the careful side, special ones and the prefix included."""
        return len(_TOKEN.findall(self._before_passage + text)) + _SPECIAL

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        """Return where each token may start and end in the text."""
        return [match.span() for match in _TOKEN.finditer(text)]

    def embed_query(self, text: str) -> Vector:
        """Embed one question; shape (d,). Raises Unavailable."""
        return self._unit(self._source.query(self._fitting(self._before_query, text)))

    def embed_documents(
        self, texts: Sequence[str], *, on_batch: Callable[[int], None] | None = None
    ) -> Vectors:
        """Embed passages; shape (n, d). Raises Unavailable."""
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        start = 0
        for batch in _batches([self._fitting(self._before_passage, text) for text in texts]):
            found = self._source.passages(batch)
            if len(found) != len(batch):
                raise _odd(self.name, f"gave {len(found)} vectors for {len(batch)} texts")
            vectors[start : start + len(batch)] = [self._unit(each) for each in found]
            start += len(batch)
            if on_batch is not None:
                on_batch(len(batch))
        return vectors

    def _fitting(self, before: str, text: str) -> str:
        whole = before + text
        if len(whole) > self.max_tokens:  # fewer characters are never more tokens
            places = self.token_offsets(whole)
            if len(places) + _SPECIAL > self.max_tokens:
                whole = whole[: places[max(self.max_tokens - _SPECIAL, 1) - 1][1]]
        return whole if whole.strip() else _NOTHING

    def _unit(self, raw: object) -> Vector:
        vector = _numbers(raw, self.name)
        if len(vector) != self.dimension:
            raise _odd(
                self.name,
                f"gave a vector of {len(vector)} numbers in place of {self.dimension}",
                "Correct FOOTNOTE_EMBEDDER_DIMENSIONS, or look which model is served there.",
            )
        # Numbers that float32 holds may be too large for their squares.
        scaled = vector / np.abs(vector).max()
        unit: Vector = (scaled / np.linalg.norm(scaled)).astype(np.float32)
        return unit


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    length = 0
    for text in texts:
        if batch and (len(batch) == _TEXTS or length + len(text) > _CHARACTERS):
            yield batch
            batch, length = [], 0
        batch.append(text)
        length += len(text)
    if batch:
        yield batch


def _numbers(raw: object, name: str) -> Vector:
    try:
        vector: Vector = (
            np.frombuffer(base64.b64decode(raw, validate=True), "<f4").astype(np.float32)
            if isinstance(raw, str)
            else np.array(raw, dtype=np.float32)
        )
    except (TypeError, ValueError, OverflowError):
        raise _odd(name, "gave something that is no vector") from None
    if vector.ndim != 1 or not len(vector):
        raise _odd(name, "gave something that is no vector")
    if not np.isfinite(vector).all():
        raise _odd(name, "gave a vector with numbers that are none (NaN or infinite)")
    if not vector.any():
        raise _odd(name, "gave a vector of zeros")
    return vector


def _odd(
    name: str, what: str, hint: str = "Nothing of it was kept; look which model is served there."
) -> Unavailable:
    return Unavailable(f"The embedder {name} {what}.", hint)


class OpenAICompatible:
    """`/v1/embeddings` of any server. What it refuses is left out from then on: fields, and texts of a request."""

    def __init__(
        self,
        model: str,
        server: Server,
        *,
        dimensions: int | None,
        patience: tuple[float, float] = (10.0, 120.0),
    ) -> None:
        """`patience` is how many seconds a question and a batch of passages may take, retries included."""
        self.name = f"openai:{model}"
        self.tokens = 0
        self._model = model
        self._server = server
        self._patience = patience
        self._fields: dict[str, object] = {"encoding_format": "base64"}
        self._fewer: list[dict[str, object]] = [{}]
        if dimensions:
            self._fields = {"encoding_format": "base64", "dimensions": dimensions}
            self._fewer = [{"dimensions": dimensions}, {}]
        self._most = _TEXTS

    def query(self, text: str) -> Any:
        """Return the vector of a question."""
        return self._asked([text], patience=self._patience[0])[0]

    def passages(self, texts: Sequence[str]) -> Sequence[Any]:
        """Return the vectors of passages."""
        found: list[Any] = []
        while len(found) < len(texts):
            batch = texts[len(found) : len(found) + self._most]
            try:
                found += self._asked(batch, patience=self._patience[1])
            except Refused as refused:
                if refused.status not in {400, 413, 422} or len(batch) == 1:
                    raise
                self._most = len(batch) // 2
        return found

    def _asked(self, texts: Sequence[str], *, patience: float) -> list[Any]:
        body: dict[str, object] = {"model": self._model, "input": list(texts)}

        def ask(fields: dict[str, object]) -> object:
            return self._server.ask("/embeddings", body | fields, seconds=60.0, patience=patience)

        try:
            return self._read(ask(self._fields), len(texts))
        except Refused as refused:
            if refused.status not in {400, 422}:
                raise
            for fields in self._fewer:
                try:
                    found = self._read(ask(fields), len(texts))
                except Refused:
                    continue
                self._fields, self._fewer = fields, []
                return found
            raise

    def _read(self, answer: object, count: int) -> list[Any]:
        """Return the vectors in the order of the texts."""
        try:
            rows = answer["data"]  # type: ignore[index]
            places = [row.get("index", place) for place, row in enumerate(rows)]
            found = {place: row["embedding"] for place, row in zip(places, rows, strict=True)}
        except (TypeError, KeyError, AttributeError):
            raise _odd(self.name, f"answered without vectors{because(said(answer))[:-1]}") from None
        if len(rows) != count or found.keys() != set(range(count)):
            raise _odd(self.name, f"gave {len(found)} vectors for {count} texts, or not each its own")
        usage = answer.get("usage") if isinstance(answer, dict) else None
        counted = usage.get("total_tokens") or usage.get("prompt_tokens") if isinstance(usage, dict) else 0
        self.tokens += counted if isinstance(counted, int) else 0
        return [found[place] for place in range(count)]


class LangChainSource:
    """Any provider that LangChain knows, as `provider:model`."""

    tokens = 0

    def __init__(self, name: str, *, url: str, key: str, dimensions: int | None) -> None:
        """Open it; raises Unavailable naming the package to install, or what the provider does not take."""
        from langchain.embeddings import init_embeddings

        given: dict[str, Any] = {"api_key": key, "base_url": url, "dimensions": dimensions}
        self.name = name
        self._key = key
        try:
            self._model: Any = init_embeddings(
                name, **{each: value for each, value in given.items() if value}
            )
        except ImportError as error:
            what = f"The provider of the embedder {name!r} is not installed."
            raise Unavailable(what, str(error).splitlines()[0]) from error
        except Exception as error:  # noqa: BLE001 - a provider's own check repeats what it was given, the key too
            raise Unavailable(
                f"The embedder {name!r} cannot be opened ({type(error).__name__}).",
                "Write FOOTNOTE_EMBEDDER as provider:model; leave FOOTNOTE_EMBEDDER_URL, _KEY and _DIMENSIONS empty "
                "where the provider has variables of its own.",
            ) from None

    def query(self, text: str) -> Any:
        """Return the vector of a question."""
        return self._reached(lambda: self._model.embed_query(text))

    def passages(self, texts: Sequence[str]) -> Sequence[Any]:
        """Return the vectors of passages."""
        found: Sequence[Any] = self._reached(lambda: self._model.embed_documents(list(texts)))
        return found

    def _reached(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except Exception as error:  # noqa: BLE001 - the provider's edge; its words may hold the key
            reason = said(getattr(error, "body", None) or str(error), self._key) or type(error).__name__
            raise Unavailable(
                f"The embedder {self.name} failed{because(reason)}", "Try again later."
            ) from None


_SHAPES: Final = ("documents", "texts")
"""How a reranker is asked: as Cohere, Jina, vLLM and LiteLLM are, or as TEI is."""


class ServedReranker:
    """Asks a server's `/rerank`; which shape it speaks is learnt from its answers."""

    def __init__(self, model: str, server: Server, *, seconds: float = 5.0, rest: float = 30.0) -> None:
        """Let a question wait for it `seconds`, and after a failure leave it alone for `rest` seconds."""
        self._model = model
        self._server = server
        self._seconds = seconds
        self._rest = rest
        self._shape = _SHAPES[0]
        self._logits = False
        self._until = 0.0
        self._failing = False
        self._lock = Lock()

    def __call__(self, question: str, passages: Sequence[str]) -> list[float] | None:
        """Return each passage's score in [0, 1]; None where the server gives none, which is logged once."""
        if not passages or time.monotonic() < self._until:
            return None
        try:
            scores = self.scores(question, passages)
        except Unavailable as error:
            with self._lock:
                self._until = time.monotonic() + self._rest
                said_before, self._failing = self._failing, True
            if not said_before:
                _log.warning("%s Passages keep the order of the search.", error)
            return None
        self._failing = False
        return scores

    def scores(self, question: str, passages: Sequence[str]) -> list[float]:
        """Return each passage's score in [0, 1]; raises Unavailable with the server's own reason."""
        due = time.monotonic() + self._seconds
        try:
            answer = self._asked(question, passages, shape=self._shape, due=due)
        except Refused as refused:
            if refused.status not in {400, 422}:
                raise
            other = _SHAPES[self._shape == _SHAPES[0]]
            try:
                answer = self._asked(question, passages, shape=other, due=due)
            except Refused:
                raise refused from None
            self._shape = other
        found = _scores(answer, len(passages))
        # Some servers give what stands on the model's last layer, which tells itself in most answers.
        self._logits = self._logits or any(not 0 <= score <= 1 for score in found)
        return [1 / (1 + math.exp(-min(max(score, -50), 50))) for score in found] if self._logits else found

    def _asked(self, question: str, passages: Sequence[str], *, shape: str, due: float) -> object:
        body: dict[str, object] = {"query": question, shape: list(passages)}
        if shape == "documents":
            body |= {"top_n": len(passages)} | ({"model": self._model} if self._model else {})
        else:
            body |= {"truncate": True}
        return self._server.ask("", body, seconds=due - time.monotonic())


def _scores(answer: object, count: int) -> list[float]:
    """Read `{"results": [{"index", "relevance_score"}]}` or `[{"index", "score"}]`."""
    rows = answer.get("results", answer.get("data")) if isinstance(answer, dict) else answer
    try:
        found = {row["index"]: float(row.get("relevance_score", row.get("score"))) for row in rows}  # type: ignore[union-attr]
    except (TypeError, KeyError, AttributeError, ValueError):
        raise Unavailable(f"The reranker answered without scores{because(said(answer))}") from None
    if found.keys() != set(range(count)) or not all(map(math.isfinite, found.values())):
        raise Unavailable(
            f"The reranker gave no score, or none that is a number, for some of {count} passages."
        )
    return [found[place] for place in range(count)]
