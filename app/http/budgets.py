"""How much one caller may use: requests a minute, tokens a day, answers at the same time.

Counted by key, person and address, in this process or in the Redis that replicas share. While Redis is away each
process counts requests alone, and answers whose tokens are limited are refused: nobody knows what is left of them.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from typing import TYPE_CHECKING, Any, Final

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from app.events import Usage
from app.identity.grant import LOCAL, Grant
from app.problems import TooMany
from app.runs.redis_format import client_of, reached
from app.runs.run import Run
from app.telemetry.requests import over_budget
from vectorstore.errors import Unavailable

if TYPE_CHECKING:
    from app.settings import Settings

WRONG_KEY: Final = 9
"""How many requests a wrong key costs its address beside its own."""
_EVERYBODY: Final = frozenset({"oidc", "proxy"})
"""What stands for a key where all people come in by the same way."""
_DAY: Final = 86_400
_CHARS_PER_TOKEN: Final = 3
_PATIENCE: Final = 1.0
"""Seconds for which Redis is waited for, and for which it is then left alone."""
_SWEEP_SECONDS: Final = 10.0
_MOST_REMEMBERED: Final = 10_000
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Account:
    """Who pays, and what they have: requests a minute, tokens a day, answers at the same time. 0 is no limit."""

    key: str
    name: str
    whose: str
    requests: int
    tokens: int
    runs: int


class Hold:
    """What an answer was given on account, until it is settled."""

    def __init__(self, budgets: "Budgets", accounts: Sequence[Account]) -> None:
        self._budgets = budgets
        self._accounts = accounts
        self._is_open = True

    async def settle(self, run: Run) -> None:
        """Charge what a run has used."""
        await self.end(tokens_of(run))

    async def end(self, tokens: int) -> None:
        """Charge so many tokens instead of those that were expected; a second time nothing happens."""
        if self._is_open:
            self._is_open = False
            await self._budgets.release(self._accounts, tokens)


class Budgets:
    """The budgets of all callers."""

    def __init__(self, settings: "Settings") -> None:
        self._most = settings.budgets
        self._expected = settings.answer.context_tokens + settings.model.llm_max_tokens
        self._counts = _Counts(settings.budgets.budgets_url or settings.runs.runs_url)
        self._running: Counter[str] = Counter()
        self._owed: Counter[str] = Counter()
        """Tokens that could not be counted while Redis was away."""
        self._tells_addresses = settings.telemetry.log_addresses
        self._refused: dict[object, tuple[float, str, str]] = {}

    async def close(self) -> None:
        """End what counting has begun."""
        await self._counts.close()

    def accounts(self, grant: Grant) -> Sequence[Account]:
        """Return who pays for what a caller does: the person, and the key they came with."""
        if grant.key == LOCAL.key:
            return ()
        most = self._most
        if grant.origins:
            mine = (most.visitor_requests_per_minute, most.visitor_tokens_per_day, most.visitor_runs)
            all_ = (most.page_requests_per_minute, most.page_tokens_per_day, most.page_runs)
        else:
            mine = (most.user_requests_per_minute, most.user_tokens_per_day, 0)
            all_ = (most.requests_per_minute, most.tokens_per_day, most.key_runs)
        accounts = [Account(grant.key, f"person:{grant.person}", "You have", *mine)] if grant.person else []
        if grant.key not in _EVERYBODY:
            whose = "The visitors of this page have together" if grant.origins else "This key has"
            accounts.append(Account(grant.key, f"key:{grant.key}", whose, *all_))
        return accounts

    async def admit(self, grant: Grant, headers: Mapping[str, str]) -> None:
        """Count a caller's request; raises TooMany."""
        for account in self.accounts(grant):
            if account.requests and (wait := await self._counts.take(account.name, account.requests)):
                what = f"{account.whose} sent {account.requests:,} requests within a minute."
                over_budget("requests", key=grant.key)
                raise self._refusal(_shown(headers), what, wait, budget="requests")

    async def admit_address(self, address: str, *, cost: int = 1) -> None:
        """Count a request of an address, where that is limited; raises TooMany."""
        most = self._most.address_requests_per_minute
        if (
            most
            and address
            and (wait := await self._counts.take(f"address:{address}", most, min(cost, most)))
        ):
            over_budget("address", address=self._told(address))
            raise self._refusal(address, "Too many requests come from your address.", wait, budget="address")

    def just_refused(self, address: str, headers: Mapping[str, str]) -> TooMany | None:
        """Say again why an address or a caller was refused, as long as it holds: nothing is looked up for that."""
        if not self._refused:
            return None
        for shown in (address, _shown(headers)):
            until, what, budget = self._refused.get(shown, (0.0, "", ""))
            if until > (now := time.monotonic()):
                over_budget(budget, address=self._told(address))
                return _too_many(what, until - now)
        return None

    async def hold(self, grant: Grant) -> Hold:
        """Give an answer what it may take, before it begins; raises TooMany, or Unavailable where nobody can count.

        It is charged what it is expected to take until it is settled, so that answers written at the same time do
        not all go by the same rest: a budget is overdrawn by one of them at most.
        """
        accounts = self.accounts(grant)
        for account in accounts:
            if account.runs and self._running[account.name] >= account.runs:
                what = f"{account.whose} {account.runs:,} questions being answered."
                over_budget("answers", key=grant.key)
                raise TooMany(what, "Ask again when one of them is.")
        self._running.update(account.name for account in accounts)
        charged = 0
        try:
            for account in accounts:
                await self._charge(account)
                charged += 1
        except BaseException:
            await self.release(accounts, 0, charged=charged)
            raise
        return Hold(self, accounts)

    async def release(self, accounts: Sequence[Account], tokens: int, *, charged: int | None = None) -> None:
        """Take back what `hold` gave and count what was used; `charged` is how many of the accounts were charged."""
        self._running.subtract(account.name for account in accounts)
        self._running += Counter()
        for account in accounts[:charged]:
            if account.tokens:
                await self._settle(account.name, tokens - self._expected)

    async def forget(self, person: str) -> None:
        """Drop what is counted of a person; raises Unavailable."""
        name = f"person:{person}"
        self._owed.pop(name, None)
        most = (self._most.user_requests_per_minute, self._most.visitor_requests_per_minute)
        await self._counts.clear(name, most)

    async def _charge(self, account: Account) -> None:
        if not account.tokens:
            return
        try:
            used = await self._add(account.name, self._expected) - self._expected
            if used < account.tokens:
                return
            wait = await self._counts.days_rest(account.name)
        except Unavailable as error:
            _log.warning("Tokens cannot be counted: %s", error)
            raise Unavailable(
                "What was used today cannot be counted now.", "Ask again in a moment."
            ) from error
        await self._settle(account.name, -self._expected)
        over_budget("tokens", key=account.key)
        raise _too_many(f"{account.whose} used {account.tokens:,} tokens in a day.", wait)

    async def _settle(self, name: str, tokens: int) -> None:
        try:
            await self._add(name, tokens)
        except Unavailable:
            self._owed[name] += tokens

    async def _add(self, name: str, tokens: int) -> int:
        owed = self._owed.pop(name, 0)
        try:
            return await self._counts.add(name, tokens + owed)
        except Unavailable:
            self._owed[name] += owed
            raise

    def _told(self, address: str) -> str:
        return address if self._tells_addresses else ""

    def _refusal(self, shown: object, what: str, seconds: float, *, budget: str) -> TooMany:
        if shown is not None:
            if len(self._refused) >= _MOST_REMEMBERED:
                self._refused.clear()
            self._refused[shown] = (time.monotonic() + seconds, what, budget)
        return _too_many(what, seconds)


class _Counts:
    """Counters in this process, or in Redis; there each call may raise Unavailable unless it says otherwise."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._here = _Memory()
        self._client = client_of(url, patience=_PATIENCE) if url else None
        self._there: RedisStorage | None = None
        self._away_until = 0.0
        if self._client is not None:
            # The vendor has a scheme of its own for sockets; the connection is made by ours.
            uri = f"async+{url}".replace("async+unix", "async+redis+unix")
            pool: Any = self._client.connection_pool
            self._there = RedisStorage(
                uri, implementation="redispy", key_prefix="footnote:budget", connection_pool=pool
            )

    async def close(self) -> None:
        """End the connections and what sweeps the memory."""
        await self._here.close()
        if self._client is not None:
            await self._client.aclose()

    async def take(self, name: str, most: int, cost: int = 1) -> float:
        """Count a request and return 0; or count nothing, and return the seconds until there is room. Raises nothing."""
        if self._there is not None:
            try:
                with self._asked():
                    return await _taken(self._there, name, most, cost)
            except Unavailable as error:
                _log.debug("Counted in this process alone: %s", error)
        return await _taken(self._here, name, most, cost)

    async def add(self, name: str, tokens: int) -> int:
        """Add tokens to a day, which begins with its first; return what it has then, 0 at the least."""
        storage, key = self._there or self._here, _tokens(name)
        with self._asked():
            before = await storage.get(key)
            # What a day that is over had been charged too much is no gift to the next.
            amount = max(tokens, -before)
            return await storage.incr(key, _DAY, amount) if amount else before

    async def days_rest(self, name: str) -> float:
        """Return after how many seconds a day is over."""
        with self._asked():
            return await (self._there or self._here).get_expiry(_tokens(name)) - time.time()

    async def clear(self, name: str, limits: Sequence[int]) -> None:
        """Forget everything that is counted under a name."""
        for storage in (self._here, self._there):
            if storage is not None:
                with self._asked():
                    await storage.clear(_tokens(name))
                    for most in filter(None, limits):
                        await SlidingWindowCounterRateLimiter(storage).clear(_a_minute(most), name)

    @contextmanager
    def _asked(self) -> Iterator[None]:
        """Leave a Redis that does not answer alone for a while, so that not every caller waits for it."""
        if time.monotonic() < self._away_until:
            raise Unavailable("Redis, where budgets are counted, does not answer.")
        if self._client is None:
            yield
            return
        try:
            with reached(self._url):
                yield
        except Unavailable as error:
            self._away_until = time.monotonic() + _PATIENCE
            _log.warning("Each process counts requests alone while this lasts: %s", error)
            raise


class _Memory(MemoryStorage):
    """The vendor's, swept now and then: after each count, as it is there, costs more than the count with many callers."""

    async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Add to a counter and return it."""
        if self.timer is None or self.timer.done():
            self.timer = asyncio.create_task(self._sweep(), name="sweep budgets")
        return await super().incr(key, expiry, amount)

    async def _sweep(self) -> None:
        await asyncio.sleep(_SWEEP_SECONDS)
        now = time.time()
        for key in [key for key, end in self.expirations.items() if end <= now]:
            await self.clear(key)

    async def close(self) -> None:
        """End the sweeping."""
        if self.timer is not None:
            self.timer.cancel()
            await asyncio.wait([self.timer])


async def _taken(storage: MemoryStorage | RedisStorage, name: str, most: int, cost: int) -> float:
    limiter, item = SlidingWindowCounterRateLimiter(storage), _a_minute(most)
    if await limiter.hit(item, name, cost=cost):
        return 0.0
    return max(0.001, (await limiter.get_window_stats(item, name)).reset_time - time.time())


@lru_cache(maxsize=256)
def _a_minute(most: int) -> RateLimitItemPerMinute:
    return RateLimitItemPerMinute(most)


def _tokens(name: str) -> str:
    return f"tokens:{name}"


def tokens_of(run: Run) -> int:
    """Return the tokens that an answer took, in and out; of one that was stopped, as many as its letters make."""
    if not run.recorded:
        return 0
    told = [event for event in run.recorded if isinstance(event, Usage)]
    if told:
        return sum(event.input_tokens + event.output_tokens for event in told)
    return run.size // _CHARS_PER_TOKEN


def _shown(headers: Mapping[str, str]) -> tuple[str, ...] | None:
    """Return what names a caller, None where nothing does that one may go by before it is checked."""
    secret = headers.get("authorization")
    if not secret:
        return None
    return (secret, headers.get("x-footnote-user", ""), headers.get("x-footnote-groups", ""))


def _too_many(what: str, seconds: float) -> TooMany:
    wait = max(1, ceil(seconds))
    error = TooMany(what, f"Ask again in {in_words(wait)}.")
    error.retry_after = wait
    return error


def in_words(seconds: int) -> str:
    """Say a time as people do, rounded up."""
    for unit, size in (("hours", 3_600), ("minutes", 60)):
        if seconds > 2 * size:
            return f"{ceil(seconds / size)} {unit}"
    return f"{seconds} seconds" if seconds != 1 else "a second"
