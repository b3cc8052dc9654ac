"""The embedder in OpenAI's shape, through the released client."""

import base64
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import openai
import pytest

from tests.app.edge import Served, serve, service
from tests.fakes.word_embedder import WordEmbedder

EMBEDDER = WordEmbedder()


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serve(service(embedder=EMBEDDER)) as running:
        yield running


@pytest.mark.parametrize("encoding", ["float", "base64", None])
def test_the_client_gets_the_embedders_vectors(served: Served, encoding: str | None) -> None:
    texts = ["How much leave?", "And expenses \U0001f334?"]
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key="unused") as client:
        more = {"encoding_format": encoding} if encoding else {}
        got = client.embeddings.create(model=EMBEDDER.name, input=texts, **more)  # type: ignore[call-overload]
    assert got.model == EMBEDDER.name
    assert got.usage.total_tokens == sum(map(EMBEDDER.count_tokens, texts))
    found: list[Any] = [item.embedding for item in got.data]
    if encoding == "base64":  # by default the client asks for it as well, and decodes it itself
        found = [np.frombuffer(base64.b64decode(each), "<f4") for each in found]
    vectors = np.array(found)
    assert np.allclose(vectors, EMBEDDER.embed_documents(texts), atol=1e-6)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"input": []}, 422),
        ({"input": ""}, 422),
        ({"input": [[1, 2]]}, 422),
        ({"input": "x", "dimensions": 3}, 422),
        ({"input": "x", "model": "text-embedding-3-small"}, 404),
    ],
)
def test_what_cannot_be_embedded_is_refused_in_openais_shape(
    served: Served, body: dict[str, object], status: int
) -> None:
    answer = httpx.post(f"{served.url}/v1/embeddings", json=body)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


def test_a_service_without_an_embedder_says_so() -> None:
    with serve(service()) as served:
        assert httpx.post(f"{served.url}/v1/embeddings", json={"input": "x"}).status_code == 503
