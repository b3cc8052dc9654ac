"""Any LangChain provider as the writer, here LangChain's own OpenAI client against the scripted server."""

import asyncio
import warnings

import pytest

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
