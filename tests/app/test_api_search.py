"""`POST /v1/search` with an explanation, over a socket, on a real index."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.identity.keys import Keys
from app.question import Question
from app.turn.retrieve import Found, Retriever, TokenCounter
from tests.app.edge import Served, serve, service
from tests.app.test_index_commands import HashedWords
from tests.vectorstore.sample import SPACE, one_chunk, put, sample
from vectorstore.models.late_interaction import LateInteraction
from vectorstore.open import open_store
from vectorstore.settings import StoreSettings

COPY = "Annual leave is twenty five days for everybody who works full time in any of the countries we are in."


@pytest.fixture
def explaining(tmp_path: Path) -> Iterator[Served]:
    store = open_store(StoreSettings(data_dir=tmp_path / "data"), SPACE)
    with store.draft() as draft:
        put(draft, one_chunk("one.md", COPY))
        put(draft, one_chunk("two.md", COPY))
        put(draft, sample("salaries.md", "Annual leave is paid.", readers=frozenset({"hr"})))
        put(draft, sample("travel.md", "Flights are booked by the office."))

    embedder = HashedWords()
    counter = TokenCounter("words", len)
    retriever = Retriever(store, embedder, LateInteraction(embedder), counter, budget=10_000, most=100)

    async def search(question: Question, *, trail: bool = False, expect: str = "") -> Found:
        reveal = question.scope.unrestricted
        return await asyncio.to_thread(retriever.trace, question, trail=trail, expect=expect, reveal=reveal)

    keys = Keys(tmp_path / "keys.json")
    with serve(service(keys=tmp_path / "keys.json", search=search)) as served:
        served.headers = {  # type: ignore[attr-defined]
            "": {},
            "hr": {"Authorization": f"Bearer {keys.create('anna', groups=['hr']).secret}"},
            "sales": {"Authorization": f"Bearer {keys.create('bob', groups=['sales']).secret}"},
        }
        yield served
    store.close()


def ask(served: Served, who: str = "sales", **body: object) -> dict[str, Any]:
    headers = served.headers[who]  # type: ignore[attr-defined]
    answer = httpx.post(
        f"{served.url}/v1/search", json={"query": "annual leave days"} | body, headers=headers
    )
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


def test_explained_search_accounts_for_what_it_left_out(explaining: Served) -> None:
    found = ask(explaining, explain=True, top_k=1)
    told = found["explanation"]
    assert [each["uri"] for each in found["results"]] == ["one.md"]  # type: ignore[index, attr-defined]
    assert [(each["uri"], each["reason"]) for each in told["left_out"]] == [  # type: ignore[index, attr-defined]
        ("two.md", "duplicate"),
        ("travel.md", "limit"),
    ]
    assert told["left_out"][0]["same_as"] == found["results"][0]["chunk_id"]  # type: ignore[index]
    assert told["generation"] == 1  # type: ignore[index]
    assert told["expected"] is None  # type: ignore[index]


@pytest.mark.parametrize(
    ("who", "name", "lost_at"),
    [
        ("sales", "one.md", "nowhere"),
        ("sales", "two.md", "duplicates"),
        ("hr", "salaries.md", "nowhere"),
        ("sales", "salaries.md", "ingestion"),
        ("sales", "none.md", "ingestion"),
    ],
)
def test_expected_document_is_traced_as_far_as_the_caller_may_know(
    explaining: Served, who: str, name: str, lost_at: str
) -> None:
    expected = ask(explaining, who, expect=name)["explanation"]["expected"]  # type: ignore[index]
    assert expected["lost_at"] == lost_at


def test_document_that_may_not_be_read_leaves_no_trace(explaining: Served) -> None:
    hidden, absent = (ask(explaining, "sales", expect=name) for name in ("salaries.md", "sallaries.md"))
    for hit in (*hidden["results"], *absent["results"]):
        hit["url"] = ""  # signed for the second in which it was asked for
    assert "salaries.md" not in str(absent)
    assert str(hidden).replace("salaries.md", "sallaries.md") == str(absent)
