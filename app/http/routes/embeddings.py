"""`POST /v1/embeddings`: the index's own embedder, in OpenAI's shape. Stored vectors never leave the service."""

import base64
from typing import Annotated, Literal

import numpy as np
from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from app.http.access import SearchGrant, ServiceIn, searching
from app.http.examples import problems
from app.problems import UnknownModel, Unprocessable
from vectorstore.errors import Unavailable
from vectorstore.models.embed import Embedder
from vectorstore.types import Vectors

router = APIRouter(tags=["openai"])
Words = Annotated[str, Field(min_length=1, max_length=32_000)]


class EmbeddingsBody(BaseModel):
    """Texts to embed. Lists of token numbers are not read: they belong to another model's vocabulary."""

    model_config = ConfigDict(
        extra="ignore",
        strict=True,
        json_schema_extra={"examples": [{"input": ["How much leave do I get?"], "encoding_format": "float"}]},
    )
    input: Words | Annotated[list[Words], Field(min_length=1, max_length=256)]
    model: Annotated[
        str | None, Field(max_length=200, description="The embedder's name; none: the one there is.")
    ] = None
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[
        int | None, Field(ge=1, le=1_000_000, description="The embedder's own number, or none.")
    ] = None


class Embedding(BaseModel):
    """One text's vector, of length 1: numbers, or float32 in little-endian base64."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class EmbeddingsUsage(BaseModel):
    """Tokens that were read."""

    prompt_tokens: int
    total_tokens: int


class Embeddings(BaseModel):
    """The vectors, in the order of the texts."""

    object: Literal["list"] = "list"
    data: list[Embedding]
    model: str
    usage: EmbeddingsUsage


@router.post(
    "/v1/embeddings",
    summary="Embed texts",
    responses=problems(400, 401, 403, 404, 413, 422, 429, 503, openai=True),
    dependencies=[Depends(searching)],
)
async def embeddings(body: EmbeddingsBody, service: ServiceIn, grant: SearchGrant) -> Embeddings:
    """Embed texts as documents are embedded; what is longer than the embedder reads is cut."""
    embedder = service.embedder
    if embedder is None:
        raise Unavailable("This service has no embedder of its own.")
    if body.model and body.model not in {embedder.name, service.model_name}:
        raise UnknownModel(f"There is no embedder {body.model!r}.", f"Use {embedder.name}.")
    if body.dimensions not in {None, embedder.dimension}:
        raise Unprocessable(f"The embedder has {embedder.dimension} dimensions, not {body.dimensions}.")
    texts = [body.input] if isinstance(body.input, str) else body.input
    vectors, tokens = await run_in_threadpool(_embedded, embedder, texts)
    return Embeddings(
        data=[
            Embedding(index=place, embedding=_shown(vector, body.encoding_format))
            for place, vector in enumerate(vectors)
        ],
        model=embedder.name,
        usage=EmbeddingsUsage(prompt_tokens=tokens, total_tokens=tokens),
    )


def _embedded(embedder: Embedder, texts: list[str]) -> tuple[Vectors, int]:
    return embedder.embed_documents(texts), sum(map(embedder.count_tokens, texts))


def _shown(vector: Vectors, encoding: str | None) -> list[float] | str:
    if encoding == "base64":
        return base64.b64encode(vector.astype(np.dtype("<f4")).tobytes()).decode()
    numbers: list[float] = vector.astype(float).tolist()
    return numbers
