"""The service answers everybody while it is asked, or given, what is made to keep it busy: a real process, a real index."""

import asyncio
import json
import random
import string
import time
from collections.abc import Awaitable, Callable, Iterator

import httpx
import pytest

from tests.fakes.handbook import DOCUMENTS
from tests.test_command_line import footnote, served

PATIENCE = 0.5
"""Seconds that `/healthz` may take."""
DIGITS = "4" + 35 * "1"
NUMBERED = (
    f"# {DIGITS}x serial plate\n\nThe serial plate of the pump is on its left side.\n\n"
    f"# {'1.' * 3_000}x serial number\n\nThe serial number stands on the plate.\n\n"
    f"# {'a' * 200_000} plate\n\nThe plate is screwed to the pump's housing.\n"
)
CHANCE = random.Random(7)
HOSTILE = {
    "one long word": "x" * 8_000,
    "distinct words": " ".join("".join(CHANCE.choices(string.ascii_lowercase, k=3)) for _ in range(2_000)),
    "words that no document holds": " ".join(
        "".join(CHANCE.choices(string.ascii_lowercase, k=9)) for _ in range(800)
    ),
    "digits": "9" * 8_000,
    "identifiers": " ".join(f"a-{number}.{number}" for number in range(750)),
    "punctuation": "!?.,;:" * 1_333,
    "brackets": "[" * 8_000,
    "Chinese": "泵的序列号在哪里" * 1_000,
    "accents": "a" + "\u0316\u0300" * 3_999,
    "ligatures": "\ufdfa" * 8_000,
    "white space": "a" + " " * 7_998 + "b",
    "questions": "and what is the limit? " * 347,
}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running `footnote serve` over a few documents, one of which has hostile headings."""
    folder = tmp_path_factory.mktemp("hostile")
    docs = folder / "docs"
    docs.mkdir()
    for name, text in (DOCUMENTS | {"plate.md": NUMBERED}).items():
        (docs / name).write_text(text, encoding="utf-8")
    done = footnote(folder, "ingest", "docs", "--json")
    assert len(json.loads(done.stdout)["added"]) == 4, done.stderr
    with served(folder, new=True) as running:
        yield running


async def slowest_while(address: str, work: Callable[[httpx.AsyncClient], Awaitable[object]]) -> float:
    """Return the longest that `/healthz` took while the work was done."""
    slowest = 0.0
    async with httpx.AsyncClient(base_url=address, timeout=60) as client, httpx.AsyncClient() as watcher:
        working = asyncio.ensure_future(work(client))
        while not working.done():
            started = time.monotonic()
            answer = await watcher.get(f"{address}/healthz", timeout=60)
            slowest = max(slowest, time.monotonic() - started)
            assert answer.status_code == 200
            await asyncio.sleep(0.01)
        await working
    return slowest


def holds_up(address: str, work: Callable[[httpx.AsyncClient], Awaitable[object]]) -> float:
    """Return the longest that `/healthz` took, of the best of a few tries: the machine has other work to do."""
    best = float("inf")
    for _ in range(4):
        best = min(best, asyncio.run(slowest_while(address, work)))
        if best < PATIENCE:
            break
    return best


async def searched(client: httpx.AsyncClient, queries: list[str]) -> list[int]:
    answers = await asyncio.gather(*(client.post("/v1/search", json={"query": query}) for query in queries))
    return [answer.status_code for answer in answers]


@pytest.mark.parametrize("kind", HOSTILE)
def test_sixteen_hostile_searches_at_once_hold_up_nobody(address: str, kind: str) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        assert set(await searched(client, [HOSTILE[kind]] * 16)) == {200}

    assert holds_up(address, work) < PATIENCE


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_questions_hold_up_nobody(address: str, kind: str) -> None:
    history = [{"role": role, "content": HOSTILE[kind]} for role in ("user", "assistant") * 3]

    async def work(client: httpx.AsyncClient) -> None:
        body = {"messages": [*history, {"role": "user", "content": HOSTILE[kind]}]}
        answers = await asyncio.gather(*(client.post("/v1/chat/completions", json=body) for _ in range(2)))
        assert {answer.status_code for answer in answers} == {200}

    assert holds_up(address, work) < PATIENCE


@pytest.mark.parametrize(
    "question", ["Where is the serial plate?", f"# {DIGITS}x serial plate", "the plate and the serial number"]
)
def test_a_heading_of_digits_is_asked_about_within_two_seconds(address: str, question: str) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        body = {"messages": [{"role": "user", "content": question}]}
        took = []
        while not took or (min(took) >= 2 and len(took) < 4):  # a busy machine may hold up one of them
            started = time.monotonic()
            answer = await client.post("/v1/chat/completions", json=body)
            took.append(time.monotonic() - started)
            assert "plate" in answer.json()["choices"][0]["message"]["content"]
        assert min(took) < 2

    assert holds_up(address, work) < PATIENCE


def test_a_large_conversation_holds_up_nobody(address: str) -> None:
    messages = [{"role": "user", "content": "What is the limit? " * 90}] * 1_999
    body = {"messages": [*messages, {"role": "user", "content": "How much leave do I get?"}]}

    async def work(client: httpx.AsyncClient) -> None:
        answer = await client.post("/v1/chat/completions", json=body)
        assert "25 days" in answer.json()["choices"][0]["message"]["content"]

    assert holds_up(address, work) < PATIENCE


def test_who_searches_more_at_once_than_one_may_is_told_when_to_come_back(address: str) -> None:
    async def work() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=address, timeout=60, limits=limits) as client:
            asked = (client.post("/v1/search", json={"query": HOSTILE["identifiers"]}) for _ in range(200))
            return await asyncio.gather(*asked)

    answers = asyncio.run(work())
    refused = [answer for answer in answers if answer.status_code == 429]
    assert {answer.status_code for answer in answers} == {200, 429}
    assert sum(answer.status_code == 200 for answer in answers) >= 80
    assert refused[0].headers["retry-after"] == "2"
    assert refused[0].json()["code"] == "too_many"


FAULTY: dict[str, Callable[[int], object]] = {
    "/v1/chat": lambda n: {"messages": [{"role": "user", "content": [1] * (1_900 * n)}]},
    "/v1/chat/completions": lambda n: {"messages": [{"role": "user", "content": [{}] * (1_300 * n)}]},
    "/v1/responses": lambda n: {"input": [{"content": [1] * (1_900 * n)}]},
    "/v1/search": lambda n: {"query": "a", "where": {f"k{number}": {} for number in range(100 * n)}},
    "/v1/embeddings": lambda n: {"input": [1] * (1_900 * n)},
}
"""Bodies that are wrong so many thousand times."""


@pytest.mark.parametrize("thousands", [300, pytest.param(1_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("path", FAULTY)
def test_a_body_with_hundreds_of_thousands_of_faults_is_refused_before_they_are_counted(
    address: str, path: str, thousands: int
) -> None:
    body = json.dumps(FAULTY[path](thousands), separators=(",", ":")).encode()
    assert len(body) < 4_000_000

    async def work(client: httpx.AsyncClient) -> None:
        said = await client.post(path, content=body, headers={"content-type": "application/json"})
        assert said.status_code == 422, said.text

    assert holds_up(address, work) < PATIENCE
