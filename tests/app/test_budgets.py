"""How much one caller may use: refused in time, in each dialect's own shape, with a sentence that says when."""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from app.access_settings import BudgetSettings, IdentitySettings, networks
from app.events import Done, Event, Started, Status, Text, Usage
from app.http.access import address_of
from app.http.budgets import Budgets, in_words
from app.identity.grant import Grant
from app.identity.keys import Keys
from app.problems import TooMany
from app.question import Question
from app.settings import AnswerSettings, ModelSettings, RunSettings, Settings
from tests.app.edge import ANSWERED, ScriptedTurn, Served, serve, service
from tests.fakes.redis_server import RedisServer, redis_server
from vectorstore.errors import Unavailable
from vectorstore.types import Scope

ASKED: dict[str, Any] = {
    "/v1/chat": {"message": "q"},
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "q"}]},
    "/v1/responses": {"input": "q"},
    "/api/chat": {"messages": [{"role": "user", "content": "q"}]},
    "/agui": {"messages": [{"role": "user", "content": "q"}]},
}
MCP = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
PAGE = "https://page.example"
EXPECTED = AnswerSettings().context_tokens + ModelSettings().llm_max_tokens
KEY = Grant("k1", Scope(), frozenset({"chat"}))


@contextmanager
def desk(folder: Path, turn: Any = None, *, proxies: str = "", **most: int) -> Iterator[tuple[Served, Keys]]:
    """Serve with budgets, and a folder of keys."""
    keys = Keys(folder / "keys.json")
    settings = Settings(
        budgets=BudgetSettings(**most),
        identity=IdentitySettings(proxy_addresses=proxies),  # type: ignore[arg-type]
    )
    with serve(service(turn, keys=folder / "keys.json", settings=settings)) as served:
        yield served, keys


def bearer(secret: str, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}", **more}


def visitor(served: Served, secret: str) -> dict[str, str]:
    page = bearer(secret, Origin=PAGE)
    return bearer(httpx.post(f"{served.url}/v1/visitors", headers=page).json()["token"], Origin=PAGE)


def sentence(path: str, answer: httpx.Response) -> str:
    """Return the sentence of a refusal, after seeing that it has the shape of its dialect."""
    body = answer.json()
    if path in {"/v1/chat/completions", "/v1/responses"}:
        assert body["error"]["type"] == "rate_limit_error"
        assert body["error"]["code"] == "too_many"
        return str(body["error"]["message"])
    if path == "/api/chat":
        return str(body["error"]["message"])
    if path == "/mcp":
        assert body["jsonrpc"] == "2.0"
        assert body["error"]["data"]["retryAfter"] == int(answer.headers["retry-after"])
        return str(body["error"]["message"])
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["status"] == 429
    return str(body["detail"])


@pytest.mark.parametrize("path", [*ASKED, "/mcp"])
def test_beyond_its_requests_a_key_is_refused_in_its_dialects_shape_and_told_when(
    tmp_path: Path, path: str
) -> None:
    if path == "/mcp":
        pytest.importorskip("mcp", reason="needs the extra [mcp]")
    with desk(tmp_path, requests_per_minute=1) as (served, keys):
        key, other = bearer(keys.create("one").secret), bearer(keys.create("other").secret)
        accept = {"Accept": "application/json, text/event-stream"}

        def ask(who: dict[str, str]) -> httpx.Response:
            return httpx.post(served.url + path, json=ASKED.get(path, MCP), headers=who | accept)

        assert ask(key).status_code == 200
        for _ in range(2):  # found out by counting, and then remembered
            refused = ask(key)
            assert refused.status_code == 429
            wait = int(refused.headers["retry-after"])
            assert 1 <= wait <= 60
            assert sentence(path, refused).startswith(
                "This key has sent 1 requests within a minute. Ask again in "
            )
        assert ask(other).status_code == 200


def test_who_comes_back_when_told_is_let_in() -> None:
    async def test() -> None:
        budgets = Budgets(Settings(budgets=BudgetSettings(requests_per_minute=120)))
        for _ in range(120):
            await budgets.admit(KEY, {})
        with pytest.raises(TooMany) as refused:
            await budgets.admit(KEY, {})
        now, wait = time.time(), refused.value.retry_after
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("limits.aio.storage.memory.time.time", lambda: now + wait)
            await budgets.admit(KEY, {})
        await budgets.close()

    asyncio.run(test())


def test_a_refused_body_is_not_even_read(tmp_path: Path) -> None:
    with desk(tmp_path, requests_per_minute=1) as (served, keys):
        key = bearer(keys.create("one").secret)
        for status in (422, 429, 429):
            answer = httpx.post(f"{served.url}/v1/chat", content=b'{"no": "question"}', headers=key)
            assert answer.status_code in {status, 400} if status == 422 else answer.status_code == status
        assert httpx.post(f"{served.url}/v1/chat", content=b"{", headers=key).status_code == 429


def test_of_a_servers_key_each_user_has_a_budget_and_all_have_one_together(tmp_path: Path) -> None:
    with desk(tmp_path, user_requests_per_minute=2, requests_per_minute=5) as (served, keys):
        secret = keys.create("server", kind="server").secret

        def ask(user: str) -> int:
            who = bearer(secret, **{"X-Footnote-User": user})
            return httpx.get(f"{served.url}/v1/models", headers=who).status_code

        assert [ask("ann") for _ in range(3)] == [200, 200, 429]
        assert [ask("bob") for _ in range(2)] == [200, 200]
        assert [ask("cleo"), ask("dora")] == [200, 429]


def test_a_stranger_with_a_pages_key_cannot_spend_more_than_the_budget(tmp_path: Path) -> None:
    """However many visitors he makes of himself."""
    with desk(tmp_path, visitor_tokens_per_day=600, page_tokens_per_day=1_500) as (served, keys):
        page = keys.create("page", kind="page", origins=[PAGE]).secret

        def ask(who: dict[str, str]) -> int:
            return httpx.post(f"{served.url}/v1/chat", json=ASKED["/v1/chat"], headers=who).status_code

        first, second = visitor(served, page), visitor(served, page)
        assert [ask(first) for _ in range(3)] == [200, 200, 429]  # 521 tokens each
        assert ask(second) == 200
        assert [ask(visitor(served, page)) for _ in range(3)] == [429] * 3
        server = bearer(keys.create("server", kind="server").secret)
        assert ask(server) == 200


def test_a_page_has_so_many_answers_at_the_same_time_and_each_visitor_fewer(tmp_path: Path) -> None:
    turn = ScriptedTurn((*ANSWERED[:6], 20.0, Done()))
    with (
        desk(tmp_path, turn, visitor_runs=2, page_runs=3) as (served, keys),
        ThreadPoolExecutor(8) as pool,
        httpx.Client(base_url=served.url) as client,
    ):
        page = keys.create("page", kind="page", origins=[PAGE]).secret
        ann, bob = visitor(served, page), visitor(served, page)
        asked = {"input": "q", "background": True}

        def ask(who: dict[str, str]) -> httpx.Response:
            return client.post("/v1/responses", json=asked, headers=who)

        answers = list(pool.map(ask, [ann, ann, ann]))
        assert sorted(answer.status_code for answer in answers) == [200, 200, 429]
        assert [ask(bob).status_code for _ in range(2)] == [200, 429]
        mine = next(answer for answer in answers if answer.status_code == 200).json()["id"]
        client.post(f"/v1/responses/{mine}/cancel", headers=ann)
        assert ask(bob).status_code == 200


def test_stopped_answers_are_paid_for_and_those_that_never_began_are_not(tmp_path: Path) -> None:
    async def turn(question: Question, run: str) -> AsyncGenerator[Event, None]:
        yield Started(run, question.conversation, "slow", time.time(), "A machine answers.")
        yield Status("writing")
        yield Text("x" * 3_000)
        await asyncio.sleep(60)

    with desk(tmp_path, turn, tokens_per_day=900) as (served, keys):
        key = bearer(keys.create("one").secret)
        with httpx.stream("POST", f"{served.url}/v1/chat", json=ASKED["/v1/chat"], headers=key) as stream:
            run = stream.headers["x-run-id"]
            next(line for line in stream.iter_lines() if "xxx" in line)
            assert (
                httpx.post(f"{served.url}/v1/runs/{run}/cancel", headers=key).json()["status"] == "cancelled"
            )
        refused = httpx.post(f"{served.url}/v1/chat", json=ASKED["/v1/chat"], headers=key)
        assert refused.status_code == 429
        assert refused.json()["detail"] == "This key has used 900 tokens in a day. Ask again in 24 hours."
        assert 86_000 < int(refused.headers["retry-after"]) <= 86_400


class Used:
    """A run that used so many tokens."""

    def __init__(self, tokens: int) -> None:
        self.recorded = (Usage(tokens, 0), Done())


@given(
    limit=st.integers(1, 20_000),
    asked=st.lists(st.tuples(st.integers(0, EXPECTED), st.integers(0, 5)), max_size=20),
)
def test_a_budget_is_overdrawn_by_one_answer_at_most_however_many_are_written_together(
    limit: int, asked: list[tuple[int, int]]
) -> None:
    async def test() -> None:
        budgets = Budgets(Settings(budgets=BudgetSettings(tokens_per_day=limit)))
        used, largest, going_on = 0, 0, []
        for tokens, ends in asked:
            try:
                going_on.append((await budgets.hold(KEY), tokens))
            except TooMany:
                assert used + EXPECTED * len(going_on) >= limit
            for hold, spent in going_on[:ends]:
                await hold.settle(Used(spent))  # type: ignore[arg-type]
                await hold.end(EXPECTED)  # settled once
                used, largest = used + spent, max(largest, spent)
            going_on = going_on[ends:]
        for hold, spent in going_on:
            await hold.end(spent)
            used, largest = used + spent, max(largest, spent)
        assert used <= max(0, limit - 1) + largest
        assert await budgets._counts.add("key:k1", 0) == used
        assert not budgets._running
        await budgets.close()

    asyncio.run(test())


def test_people_of_a_provider_share_no_budget_of_a_key() -> None:
    budgets = Budgets(Settings(budgets=BudgetSettings(requests_per_minute=1, user_requests_per_minute=1)))
    person = replace(KEY, key="oidc", person="u_ann")
    assert [account.name for account in budgets.accounts(person)] == ["person:u_ann"]
    assert [each.name for each in budgets.accounts(replace(person, key="k1"))] == ["person:u_ann", "key:k1"]


def test_by_default_pages_and_addresses_are_bounded_and_other_keys_are_not() -> None:
    budgets = Budgets(Settings())
    assert all((a.requests, a.tokens) == (0, 0) for a in budgets.accounts(replace(KEY, person="u_ann")))
    page = replace(KEY, person="v_1", origins=frozenset({PAGE}))
    assert all(account.requests and account.tokens and account.runs for account in budgets.accounts(page))
    assert BudgetSettings().address_requests_per_minute


def test_wrong_keys_cost_their_address_ten_requests_each(tmp_path: Path) -> None:
    with desk(tmp_path, proxies="127.0.0.1", address_requests_per_minute=40) as (served, keys):
        good = bearer(keys.create("one").secret)

        def guess(address: str, who: dict[str, str]) -> httpx.Response:
            return httpx.get(f"{served.url}/v1/models", headers=who | {"X-Forwarded-For": address})

        wrong = bearer("fn_00000000_" + "x" * 43)
        statuses = [guess("203.0.113.9", wrong).status_code for _ in range(14)]
        assert statuses[:4] == [401] * 4
        assert statuses[-1] == 429
        refused = guess("203.0.113.9", good)  # whatever it shows now
        assert refused.status_code == 429
        assert refused.json()["error"]["message"].startswith(
            "Too many requests come from your address. Ask again in"
        )
        assert guess("203.0.113.10", good).status_code == 200
        assert (
            httpx.get(f"{served.url}/healthz", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 200
        )


@pytest.mark.parametrize(
    ("peer", "forwarded", "counted"),
    [
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),  # no proxy of ours says so
        ("10.0.0.7", "198.51.100.1", "198.51.100.1"),
        (
            "10.0.0.7",
            "1.2.3.4, 198.51.100.1",
            "198.51.100.1",
        ),  # what the caller wrote himself stands further left
        ("10.0.0.7", "198.51.100.1, 10.0.0.8", "198.51.100.1"),
        ("10.0.0.7", "", "10.0.0.7"),
        ("10.0.0.7", "unknown", "10.0.0.7"),
        # a proxy that says nothing, or a port too, does not have the caller's own word believed
        ("10.0.0.7", "1.2.3.4, unknown", "10.0.0.7"),
        ("10.0.0.7", "1.2.3.4, 198.51.100.1:4711", "198.51.100.1"),
        ("10.0.0.7", "1.2.3.4, [2001:db8:1:2:3::9]:443", "2001:db8:1:2::/64"),
        ("10.0.0.7", "1.2.3.4, 10.0.0.8:80", "1.2.3.4"),
        ("10.0.0.7", "1.2.3.4,", "10.0.0.7"),
        ("127.0.0.1", "198.51.100.1", ""),
        ("::1", "", ""),
        ("testclient", "", ""),
        ("2001:db8:1:2:3:4:5:6", "", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", "", "203.0.113.9"),
    ],
)
def test_whose_address_counts(peer: str, forwarded: str, counted: str) -> None:
    headers = Headers({"X-Forwarded-For": forwarded} if forwarded else {})
    assert address_of(peer, headers, networks("10.0.0.0/24")) == counted


@given(forwarded=st.text(st.characters(max_codepoint=255), max_size=60))
def test_whatever_is_forwarded_an_address_comes_of_it(forwarded: str) -> None:
    headers = Headers(raw=[(b"x-forwarded-for", forwarded.encode("latin-1"))])
    assert address_of("10.0.0.7", headers, networks("10.0.0.0/24, 2000::/3")) is not None


@pytest.mark.parametrize(
    ("seconds", "words"), [(1, "a second"), (59, "59 seconds"), (121, "3 minutes"), (7_201, "3 hours"), (86_400, "24 hours")]
)  # fmt: skip
def test_a_time_is_said_as_people_do(seconds: int, words: str) -> None:
    assert in_words(seconds) == words


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


def shared(redis: RedisServer, **most: int) -> Budgets:
    return Budgets(
        Settings(budgets=BudgetSettings(budgets_url=redis.url, **most), runs=RunSettings(runs_url=""))
    )  # type: ignore[arg-type]


def test_replicas_count_together(redis: RedisServer) -> None:
    async def test() -> None:
        a, b = shared(redis, requests_per_minute=3), shared(redis, requests_per_minute=3)
        key = replace(KEY, key="together")
        for budgets in (a, b, a):
            await budgets.admit(key, {})
        for budgets in (a, b):
            with pytest.raises(TooMany) as refused:
                await budgets.admit(key, {})
            assert 1 <= refused.value.retry_after <= 60
            await budgets.close()
        one, two = shared(redis, tokens_per_day=500), shared(redis, tokens_per_day=500)
        hold = await one.hold(key)
        with pytest.raises(TooMany):  # what is being written elsewhere may take all of it
            await two.hold(key)
        await hold.end(499)
        await (await two.hold(key)).end(1)
        for budgets in (one, two):
            with pytest.raises(TooMany, match="24 hours"):
                await budgets.hold(key)
            await budgets.close()

    asyncio.run(test())


def test_while_redis_is_away_requests_are_counted_alone_and_tokens_are_refused(tmp_path: Path) -> None:
    async def test(server: RedisServer) -> None:
        budgets = shared(server, requests_per_minute=2, tokens_per_day=10_000)
        hold = await budgets.hold(KEY)
        server.stop()
        for _ in range(2):
            await budgets.admit(KEY, {})
        with pytest.raises(TooMany):
            await budgets.admit(KEY, {})
        with pytest.raises(Unavailable, match="cannot be counted now"):
            await budgets.hold(KEY)
        began = time.monotonic()
        await hold.end(9_000)  # a debt
        assert time.monotonic() - began < 0.5  # nobody waits for it again so soon
        await asyncio.sleep(1.1)
        server.start()
        await (await budgets.hold(KEY)).end(1_000)
        with pytest.raises(TooMany):
            await budgets.hold(KEY)
        await budgets.close()

    with redis_server(tmp_path) as server:
        asyncio.run(test(server))


@pytest.mark.parametrize("kind", ["memory", "redis"])
def test_of_a_person_nothing_is_left_that_counts(kind: str, redis: RedisServer) -> None:
    async def test() -> None:
        most = {"user_requests_per_minute": 1, "user_tokens_per_day": 1}
        budgets = (
            shared(redis, **most) if kind == "redis" else Budgets(Settings(budgets=BudgetSettings(**most)))
        )  # type: ignore[arg-type]
        ann = replace(KEY, person="u_ann")
        for _ in range(2):
            await budgets.admit(ann, {})
            await (await budgets.hold(ann)).end(1)
            with pytest.raises(TooMany):
                await budgets.admit(ann, {})
            await budgets.forget("u_ann")
        if budgets._counts._client is not None:
            left: list[Any] = [key async for key in budgets._counts._client.scan_iter("*u_ann*")]
            assert left == []
        await budgets.close()

    asyncio.run(test())


def test_counters_that_are_over_do_not_stay_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.http.budgets._SWEEP_SECONDS", 0.05)

    async def test() -> None:
        budgets = Budgets(Settings(budgets=BudgetSettings(address_requests_per_minute=10)))
        for number in range(1_000):
            await budgets.admit_address(f"203.0.113.{number}")
        memory = budgets._counts._here
        assert len(memory.expirations) == 1_000
        later = time.time() + 200
        monkeypatch.setattr("app.http.budgets.time.time", lambda: later)
        await asyncio.sleep(0.2)
        assert (len(memory.expirations), len(memory.storage), len(memory.locks)) == (0, 0, 0)
        await budgets.close()

    asyncio.run(test())
