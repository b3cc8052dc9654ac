"""Embedders and rerankers behind an API, over a real loopback server: each ends well, or with one sentence."""

import logging
import time
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.vector_server import (
    DIMENSION,
    EMBEDS,
    FAILS,
    KEY,
    RANKS,
    RANKS_NOTHING,
    VectorServer,
    numbers,
    vector_server,
)
from vectorstore.errors import Unavailable
from vectorstore.models.embed import TokenReader
from vectorstore.models.served import LangChainSource, OpenAICompatible, ServedEmbedder, ServedReranker
from vectorstore.models.server import Server, said
from vectorstore.open import open_configured_embedder
from vectorstore.refine import open_reranker
from vectorstore.settings import StoreSettings

TEXTS = [f"Passage {number} of the handbook." for number in range(20)]


@pytest.fixture
def server() -> Iterator[VectorServer]:
    with vector_server() as running:
        yield running


def embedder(
    server: VectorServer,
    model: str,
    *,
    dimensions: int | None = None,
    before: tuple[str, str] = ("", ""),
    window: int = 512,
) -> ServedEmbedder:
    asked = Server("The embedding server", f"{server.url}/v1", KEY, setting="FOOTNOTE_EMBEDDER")
    source = OpenAICompatible(
        model, asked, dimensions=dimensions, patience=(3.0, 3.0) if model in EMBEDS else (0.5, 0.5)
    )
    return ServedEmbedder(
        source, dimension=dimensions, window=window, before_query=before[0], before_passage=before[1]
    )


def unit(text: str, dimension: int = DIMENSION) -> np.ndarray:
    vector = np.array(numbers(text, dimension), np.float32)
    return vector / np.linalg.norm(vector)


@pytest.mark.parametrize("model", EMBEDS)
@pytest.mark.parametrize("dimensions", [None, DIMENSION])
def test_a_server_that_means_well_gives_each_text_its_own_vector_of_length_one(
    server: VectorServer, model: str, dimensions: int | None
) -> None:
    served = embedder(server, model, dimensions=dimensions)
    heard: list[int] = []
    vectors = served.embed_documents([*TEXTS, ""], on_batch=heard.append)
    np.testing.assert_allclose(vectors, [unit(text) for text in [*TEXTS, "."]], rtol=1e-5)
    assert vectors.dtype == np.float32
    assert sum(heard) == len(TEXTS) + 1
    np.testing.assert_allclose(served.embed_query("How long?"), unit("How long?"), rtol=1e-5)
    assert served.dimension == DIMENSION


SAYS = {
    "busy for long": "429: slow down",
    "out of money": "exceeded your quota",
    "refuses the key": "FOOTNOTE_EMBEDDER_KEY",
    "knows no model": "try pulling it first",
    "too long": "less than 256 tokens",
    "down": "CUDA out of memory",
    "one too few": "19 vectors for 20 texts",
    "one twice": "not each its own",
    "too short": "3 numbers in place of 8",
    "not a number": "NaN",
    "zeros": "zeros",
    "words": "no vector",
    "a page": "no JSON",
    "an error with 200": "upstream is asleep",
    "hangs": "too long to answer",
    "drips": "too long to answer",
    "breaks": "breaks the connection",
}


@pytest.mark.parametrize("model", FAILS)
def test_a_server_that_fails_is_told_of_in_a_sentence_without_the_key(
    server: VectorServer, model: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    started = time.monotonic()
    with pytest.raises(Unavailable) as failed:
        embedder(server, model, dimensions=DIMENSION).embed_documents(TEXTS)
    assert time.monotonic() - started < 5
    assert SAYS[model] in str(failed.value)
    assert failed.value.hint or failed.value.what
    shown = f"{failed.value!r} {failed.value.__cause__!r} {caplog.text}"
    assert KEY not in shown
    assert "6789" not in str(failed.value)
    assert server.keys == {f"Bearer {KEY}"}


def test_nobody_at_the_address_is_said_at_once(server: VectorServer) -> None:
    asked = Server(
        "The embedding server", "http://me:hidden@127.0.0.1:9/v1?key=hidden", KEY, setting="FOOTNOTE_EMBEDDER"
    )
    source = OpenAICompatible("m", asked, dimensions=None, patience=(0.3, 0.3))
    with pytest.raises(Unavailable, match=r"cannot be reached.*FOOTNOTE_EMBEDDER_URL") as failed:
        source.query("x")
    assert "hidden" not in str(failed.value)


def test_what_a_server_refuses_is_asked_once(server: VectorServer) -> None:
    served = embedder(server, "takes no encoding")
    for _ in range(3):
        served.embed_query("x")
    assert ["encoding_format" in body for body in server.asked] == [True, *[False] * 4]
    server.asked.clear()
    served = embedder(server, "takes eight", dimensions=DIMENSION)
    served.embed_documents(TEXTS)
    first = len(server.asked)
    served.embed_documents(TEXTS)
    assert [len(body["input"]) for body in server.asked[first:]] == [5, 5, 5, 5]


def test_texts_go_in_batches_by_count_and_by_characters(server: VectorServer) -> None:
    served = embedder(server, "as asked", dimensions=DIMENSION, window=40_000)
    served.embed_documents(["x"] * 130)
    assert [len(body["input"]) for body in server.asked] == [64, 64, 2]
    server.asked.clear()
    served.embed_documents(["word " * 8_000] * 5)
    assert [len(body["input"]) for body in server.asked] == [2, 2, 1]


def test_tokens_are_counted_as_the_server_counts_them(server: VectorServer) -> None:
    served = embedder(server, "as asked", dimensions=DIMENSION)
    served.embed_documents(["one two three", "four"])
    assert served.tokens == 4


def test_a_fingerprint_names_model_dimension_and_prefixes_and_no_address(server: VectorServer) -> None:
    plain = embedder(server, "as asked")
    assert plain.fingerprint == f"openai:as asked/{DIMENSION}"
    with vector_server() as other:
        assert embedder(other, "as asked").fingerprint == plain.fingerprint
    others = [
        embedder(server, "as asked", dimensions=4),
        embedder(server, "floats always"),
        embedder(server, "as asked", before=("query: ", "")),
        embedder(server, "as asked", before=("", "query: ")),
    ]
    assert len({each.fingerprint for each in (plain, *others)}) == 5


def test_prefixes_stand_before_questions_and_passages_and_no_text_is_longer_than_the_window(
    server: VectorServer,
) -> None:
    served = embedder(server, "as asked", dimensions=DIMENSION, before=("query: ", "passage: "), window=64)
    served.embed_query("a")
    served.embed_documents(["b", "many words " * 500])
    assert server.texts[:2] == ["query: a", "passage: b"]
    assert "passage: many words" in server.texts[2]
    assert served.count_tokens(server.texts[2].removeprefix("passage: ")) <= 64


@given(st.text())
def test_tokens_are_parts_of_the_text_in_order_and_leave_out_only_white_space(text: str) -> None:
    offsets = embedder(VectorServer(), "as asked", dimensions=1).token_offsets(text)
    assert "".join(text[start:end] for start, end in offsets) == "".join(text.split())
    assert offsets == sorted(offsets)


def test_an_embedder_behind_an_api_reads_no_tokens_and_says_so_by_its_type(server: VectorServer) -> None:
    assert not isinstance(embedder(server, "as asked"), TokenReader)


def test_settings_open_a_server_or_a_provider(server: VectorServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-somebody-else's")
    opened = open_configured_embedder(
        StoreSettings(embedder="openai:as asked", embedder_url=f"{server.url}/v1/")
    )
    np.testing.assert_allclose(opened.embed_query("x"), unit("x"), rtol=1e-5)
    assert server.keys == {"Bearer none"}
    with pytest.raises(Unavailable, match="cohere"):
        open_configured_embedder(StoreSettings(embedder="cohere:embed-v4"))
    with pytest.raises(Unavailable, match="provider:model"):
        open_configured_embedder(StoreSettings(embedder="nobody:model"))
    with pytest.raises(ValueError, match="write it like"):
        StoreSettings(embedder_url="localhost:8000")


def test_a_key_that_no_header_can_carry_is_refused_unseen() -> None:
    with pytest.raises(Unavailable, match="FOOTNOTE_EMBEDDER_KEY") as failed:
        Server("The embedding server", "http://127.0.0.1:9", "sk-a\nbcdef", setting="FOOTNOTE_EMBEDDER")
    assert "bcdef" not in str(failed.value)


def test_a_provider_of_langchain_embeds_and_fails_in_a_sentence(server: VectorServer) -> None:
    pytest.importorskip("langchain_openai", reason="langchain-openai is not installed")
    name = "azure_openai:text-embedding-3-small"
    with pytest.raises(Unavailable, match="cannot be opened"):
        LangChainSource(name, url="", key="", dimensions=None)


class Scripted:
    """A source in LangChain's place."""

    name = "somebody:model"
    tokens = 0

    def query(self, text: str) -> list[float]:
        return numbers(text)

    def passages(self, texts: list[str]) -> list[list[float]]:
        return [numbers(text) for text in texts[1:]]


def test_vectors_of_any_source_are_checked() -> None:
    served = ServedEmbedder(Scripted(), dimension=None, window=512, before_query="", before_passage="")
    assert np.linalg.norm(served.embed_query("x")) == pytest.approx(1)
    with pytest.raises(Unavailable, match="1 vectors for 2 texts"):
        served.embed_documents(["a", "b"])


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"message": "m"}, "m"),
        ({"error": "e"}, "e"),
        ([{"error": {"message": "in a list"}}], "in a list"),
        ({"detail": [{"loc": ["body"], "msg": "field required"}]}, "field required"),
        ({"error": {"code": 7}}, ""),
        ("<html>no</html>", ""),
        (None, ""),
        ("two\nlines\x1b[2J", "two lines"),
        ("x" * 1_000, "x" * 300 + "…"),
    ],
)
def test_a_reason_is_found_wherever_servers_put_it(body: object, reason: str) -> None:
    assert said(body).startswith(reason)
    assert bool(said(body)) == bool(reason)
    assert said(body).isprintable()


def test_a_key_is_in_no_reason_whole_or_by_its_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COHERE_API_KEY", "co-of-the-environment")
    reason = said("Bad key: sk-given, 'ab12****wxyz' or co-of-the-environment", "sk-given")
    assert reason == "Bad key: …, '…' or …"
    started = time.thread_time()
    said("x" * 1_000_000)
    assert time.thread_time() - started < 0.1


PASSAGES = ["first", "second", "third"]


def reranker(server: VectorServer, kind: str, rest: float = 30.0) -> ServedReranker:
    asked = Server(
        "The reranker", f"{server.url}/{kind.replace(' ', '-')}/rerank", KEY, setting="FOOTNOTE_RERANKER"
    )
    return ServedReranker("some-model", asked, seconds=0.4, rest=rest)


@pytest.mark.parametrize("kind", RANKS)
def test_a_reranker_of_any_shape_scores_each_passage_between_0_and_1(server: VectorServer, kind: str) -> None:
    rerank = reranker(server, kind)
    scores = rerank("q", PASSAGES)
    assert scores is not None
    assert scores == sorted(scores)
    assert 0 <= scores[0] < scores[-1] <= 1
    asked = len(server.asked)
    rerank("q", PASSAGES)
    assert len(server.asked) == asked + 1, "the shape is learnt once"


@pytest.mark.parametrize("kind", RANKS_NOTHING)
def test_a_reranker_that_fails_leaves_the_order_in_time_and_is_logged_once(
    server: VectorServer, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    rerank = reranker(server, kind, rest=0.0)
    started = time.monotonic()
    assert [rerank("q", PASSAGES) for _ in range(2)] == [None, None]
    assert time.monotonic() - started < 5
    (warning,) = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert "reranker" in warning
    assert KEY not in caplog.text


def test_a_reranker_that_failed_is_left_alone_for_a_while(server: VectorServer) -> None:
    rerank = reranker(server, "refuses both")
    for _ in range(3):
        assert rerank("q", PASSAGES) is None
    assert len(server.asked) == 2, "one question in two shapes"


def test_an_address_opens_a_rerank_server(server: VectorServer) -> None:
    rerank = open_reranker(f"{server.url}/cohere/rerank", model="rerank-v4", key=KEY)
    assert rerank is not None
    assert rerank("q", PASSAGES) == [0.25, 0.5, 0.75]
    assert server.asked == [{"model": "rerank-v4", "query": "q", "documents": PASSAGES, "top_n": 3}]
