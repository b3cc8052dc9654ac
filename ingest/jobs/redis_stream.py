"""Events from a Redis stream, in their order: one reader at a time, another takes over when it is gone."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final
from urllib.parse import urlsplit

from ingest.jobs.events import Delivery
from vectorstore.errors import LostLease, Unavailable, pip_install

_BATCH: Final = 100
_WAIT_MS: Final = 1_000
_TURN_SECONDS: Final = 120.0
"""Time without a word from the reader after which another one reads."""
_AGAIN_MS: Final = 60_000
"""Time after which an event that was not acknowledged is delivered once more."""
_FIELDS: Final = (b"event", b"data", b"value", b"payload")
"""Which field of an entry holds the JSON; else the only one."""
_CONSUMER: Final = "footnote"


class RedisStream:
    """A consumer group on one stream. Entries are acknowledged one by one and stay in the stream."""

    def __init__(
        self,
        url: str,
        *,
        stream: str,
        group: str,
        again_ms: int = _AGAIN_MS,
        turn_seconds: float = _TURN_SECONDS,
    ) -> None:
        """Name what is read; raises Unavailable without the package. The password of `url` is never shown."""
        self._redis = _module()
        self._url = url
        self._stream = stream
        self._group = group
        self._again_ms = again_ms
        self._client: Any = self._redis.Redis.from_url(  # Any: the vendor's types know no bytes
            url, protocol=2, socket_timeout=10.0, socket_connect_timeout=2.0, health_check_interval=10
        )
        turn = f"footnote:events:{stream}:{group}"
        self._turn = self._client.lock(turn, timeout=turn_seconds, thread_local=False)

    def batches(self) -> Iterator[list[Delivery]]:
        """Yield what comes, in order; an empty batch when nothing did for a while. Raises Unavailable.

        What an earlier reader left unacknowledged comes first. Can be called again after it has raised.
        """
        self._make_group()
        looked = 0.0
        while True:
            with self._reached():
                batch: list[Delivery] = []
                if not self._has_turn():
                    looked = 0.0
                    time.sleep(_WAIT_MS / 1_000)
                elif not looked:
                    # The reader before is gone: nobody works on what it has begun.
                    looked = time.monotonic()
                    batch = self._unacknowledged(idle_ms=0) or self._new()
                elif time.monotonic() - looked >= self._again_ms / 1_000:
                    looked = time.monotonic()
                    batch = self._unacknowledged(idle_ms=self._again_ms) or self._new()
                else:
                    batch = self._new()
            yield batch

    def close(self) -> None:
        """Let another one read, and close the connection."""
        with suppress(self._redis.RedisError, OSError):
            if self._turn.owned():
                self._turn.release()
        self._client.close()

    def _has_turn(self) -> bool:
        if self._turn.owned():
            self._turn.reacquire()
            return True
        return bool(self._turn.acquire(blocking=False))

    def _hold(self) -> None:
        """Prolong the turn; raises LostLease where another reader has it: what comes after this is queued there."""
        with self._reached():
            if not self._turn.owned():
                raise LostLease(
                    "Another reader has taken over; what was begun of the stream here is left to it."
                )
            self._turn.reacquire()

    def _make_group(self) -> None:
        with self._reached():
            try:
                self._client.xgroup_create(self._stream, self._group, id="0", mkstream=True)
            except self._redis.ResponseError as error:
                if not str(error).startswith("BUSYGROUP"):
                    raise

    def _new(self) -> list[Delivery]:
        got = self._client.xreadgroup(
            self._group, _CONSUMER, {self._stream: ">"}, count=_BATCH, block=_WAIT_MS
        )
        return [self._delivery(number, entry, 1) for _, entries in got or () for number, entry in entries]

    def _unacknowledged(self, *, idle_ms: int) -> list[Delivery]:
        found: list[Delivery] = []
        start: bytes | str = "0-0"
        while True:
            start, entries, *_ = self._client.xautoclaim(
                self._stream, self._group, _CONSUMER, min_idle_time=idle_ms, start_id=start, count=_BATCH
            )
            for number, entry in entries:
                [known] = self._client.xpending_range(self._stream, self._group, number, number, 1) or [{}]
                found.append(self._delivery(number, entry, int(known.get("times_delivered", 1))))
            if start in (b"0-0", "0-0"):
                return found

    def _delivery(self, number: bytes, entry: dict[bytes, bytes] | None, attempt: int) -> Delivery:
        fields = entry or {}
        named = next((name for name in _FIELDS if name in fields), next(iter(fields), b""))

        def acknowledge() -> None:
            with self._reached():
                self._client.xack(self._stream, self._group, number)

        return Delivery(fields.get(named, b""), acknowledge, attempt, self._hold)

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except (self._redis.RedisError, OSError) as error:
            place = urlsplit(self._url)
            raise Unavailable(
                f"Redis at {place.hostname}:{place.port or 6379}, where events are read, does not answer "
                f"({type(error).__name__}).",
                "Start it, or correct FOOTNOTE_EVENTS_URL.",
            ) from error


def _module() -> Any:  # Any: the module is imported only where it is wanted
    try:
        import redis
    except ImportError as error:
        raise Unavailable(
            "Reading events from Redis needs the redis package.", pip_install("redis")
        ) from error
    return redis
