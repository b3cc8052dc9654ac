"""Any LangChain provider as the writer, here LangChain's own OpenAI client against the scripted server."""

import asyncio
import warnings
from collections.abc import AsyncIterator

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import ToolCallChunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import ConfigDict, Field

from app.answer.answerer import ModelFailure, Piece, Written
from app.answer.langchain_model import LangChainAnswerer, open_chat_model
from app.events import Passage
from app.settings import ModelSettings
from tests.fakes.scripted_model import scripted_model
from vectorstore.errors import Unavailable
from vectorstore.types import Document, DocumentId, Span

pytest.importorskip("langchain_openai", reason="needs langchain-openai")
DOCUMENT = Document(DocumentId("doc_1"), "leave.md", "Leave", "text/markdown", "digest")
PASSAGES = [Passage(1, DOCUMENT, Span(0, 27), "Staff get 25 days of leave.", chunks=())]


def written(url: str, name: str = "answer") -> list[Piece]:
    from langchain_openai import ChatOpenAI

    async def collect() -> list[Piece]:
        model = ChatOpenAI(model=name, base_url=url, api_key="k", max_retries=0)
        settings = ModelSettings(llm_model=f"openai:{name}", llm_first_token_seconds=2, llm_idle_seconds=0.5)
        answerer = LangChainAnswerer(model, settings)
        return [piece async for piece in answerer.write("How much?", passages=PASSAGES, history=())]

    with warnings.catch_warnings():
        # ChatOpenAI has no way to close its HTTP client.
        warnings.simplefilter("ignore", ResourceWarning)
        return asyncio.run(collect())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_answer_streams() -> None:
    with scripted_model() as model:
        pieces = written(model.url)
    assert "".join(piece for piece in pieces if isinstance(piece, str)) == model.text
    assert isinstance(pieces[-1], Written)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("fault", ["wrong-key", "stalls"])
def test_a_fault_is_a_typed_failure(fault: str) -> None:
    with scripted_model() as model, pytest.raises(ModelFailure):
        written(model.url, fault)


def test_a_missing_provider_says_what_to_install() -> None:
    with pytest.raises(Unavailable, match="langchain-anthropic"):
        open_chat_model("anthropic:some-model", api_key="k")


GOOD = "Staff get 25 days of leave [1]."
THOUGHT = "It was 30 days once [1]."


def chunk(content: object, *, usage: tuple[int, int] | None = None, **told: object) -> AIMessageChunk:
    counted = None
    if usage:
        counted = UsageMetadata(input_tokens=usage[0], output_tokens=usage[1], total_tokens=sum(usage))
    return AIMessageChunk(content=content, usage_metadata=counted, response_metadata=told)  # type: ignore[arg-type]


PROVIDERS: dict[str, list[AIMessageChunk]] = {
    "Anthropic": [
        chunk([], usage=(50, 1), model_name="c"),
        chunk([{"type": "thinking", "thinking": THOUGHT, "index": 0}]),
        chunk([{"type": "thinking", "signature": "abc", "index": 0}]),
        chunk([{"type": "text", "text": "Staff get 25 days ", "index": 1}]),
        chunk([{"type": "text", "text": "of leave [1].", "index": 1}]),
        chunk([], usage=(0, 8), stop_reason="max_tokens", stop_sequence=None),
    ],
    "Gemini": [
        chunk([{"type": "thinking", "thinking": THOUGHT}], usage=(50, 0)),
        chunk("Staff get 25 days ", usage=(0, 4)),
        chunk([{"type": "text", "text": "of leave [1]."}], usage=(0, 5), finish_reason="MAX_TOKENS"),
    ],
    "Mistral": [
        chunk([{"type": "thinking", "thinking": [{"type": "text", "text": THOUGHT}]}]),
        chunk([{"type": "text", "text": GOOD}, {"type": "reference", "reference_ids": [1]}]),
        chunk("", usage=(50, 9), finish_reason="length"),
    ],
    "Bedrock": [
        chunk([]),
        chunk([{"type": "reasoning_content", "reasoning_content": {"text": THOUGHT}, "index": 0}]),
        chunk([{"type": "text", "text": GOOD, "index": 1}]),
        chunk([], messageStop={"stopReason": "max_tokens"}),
        chunk([], usage=(50, 9), metrics={"latencyMs": [4]}),
    ],
    "Azure": [
        chunk("", prompt_filter_results=[{"prompt_index": 0}]),
        AIMessageChunk(content="", additional_kwargs={"reasoning_content": THOUGHT}),
        chunk(GOOD),
        chunk("", finish_reason="length", model_name="gpt"),
        chunk("", usage=(50, 9)),
    ],
}
"""The pieces that LangChain's client of each provider hands on, in the shapes that they have there."""


class Played(BaseChatModel):
    """A chat model that hands on pieces, or raises what its provider's client raises."""

    pieces: list[AIMessageChunk] = Field(default_factory=list)
    error: Exception | None = None
    system: bool = True
    asked: list[list[str]] = Field(default_factory=list)
    model_config = ConfigDict(arbitrary_types_allowed=True)

    @property
    def _llm_type(self) -> str:
        return "played"

    def _generate(self, *_: object, **__: object) -> ChatResult:
        raise NotImplementedError

    async def _astream(
        self, messages: list[BaseMessage], *_: object, **__: object
    ) -> AsyncIterator[ChatGenerationChunk]:
        self.asked.append([message.type for message in messages])
        if self.error and (self.system is False or messages[0].type == "system"):
            raise self.error
        for piece in self.pieces:
            yield ChatGenerationChunk(message=piece)


def played(model: Played) -> list[Piece]:
    async def collect() -> list[Piece]:
        answerer = LangChainAnswerer(model, ModelSettings(llm_model="played:x"))
        return [piece async for piece in answerer.write("How much?", passages=PASSAGES, history=())]

    return asyncio.run(collect())


@pytest.mark.parametrize("provider", PROVIDERS)
def test_each_provider_s_shapes_are_read(provider: str) -> None:
    pieces = played(Played(pieces=PROVIDERS[provider]))
    assert "".join(piece for piece in pieces if isinstance(piece, str)) == GOOD
    assert pieces[-1] == Written("length", 50, 9)


class ProviderError(Exception):
    """What clients of providers raise: a status, a body, a response, or words alone."""

    def __init__(self, said: str, **fields: object) -> None:
        super().__init__(said)
        vars(self).update(fields)


BOTOCORE = {
    "Error": {"Message": "Too many requests", "Code": "ThrottlingException"},
    "ResponseMetadata": {"HTTPStatusCode": 429},
}


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (ProviderError("x", status_code=401, body={"error": {"message": "invalid x-api-key"}}), "model_refused_key", "invalid x-api-key"),
        (ProviderError("x", code=429, message="Quota of the minute"), "model_unavailable", "Quota of the minute"),
        (ProviderError("x", response=BOTOCORE), "model_unavailable", "Too many requests"),
        (ProviderError("prompt is too long: 9000 tokens"), "context_overflow", "prompt is too long"),
        (ProviderError("The socket is gone"), "model_unavailable", "The socket is gone"),
    ],
)  # fmt: skip
def test_a_provider_s_own_reason_is_told(error: Exception, code: str, reason: str) -> None:
    with pytest.raises(ModelFailure) as failure:
        played(Played(error=error, system=False))
    assert failure.value.code == code
    assert reason in failure.value.hint
    assert reason not in failure.value.what


def test_a_system_message_that_a_provider_rejects_is_folded() -> None:
    error = ProviderError("400 Developer instruction is not enabled for this model", code=400)
    model = Played(pieces=PROVIDERS["Azure"], error=error)
    assert GOOD in played(model)
    assert model.asked[-2:] == [["system", "human"], ["human"]]


def test_a_model_that_only_calls_tools_or_thinks_says_what_to_do() -> None:
    call = AIMessageChunk(content="", tool_call_chunks=[ToolCallChunk(name="f", args="{}", id="1", index=0)])
    for pieces, words in (([call], "asked for a tool"), (PROVIDERS["Anthropic"][:3], "thought and ended")):
        with pytest.raises(ModelFailure, match=words):
            played(Played(pieces=pieces))
