"""Callers of every kind, at work until told to stop."""

import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

QUESTIONS = (
    "How many days of annual leave do full-time staff get?",
    "When do carried-over days expire?",
    "What is refunded for meals on travel?",
    "Who approves taxis?",
    "What does error E-217 mean?",
)


@dataclass
class Load:
    """What was done so far, by kind and status; `pause` is a caller's rest between two requests, in seconds."""

    address: str
    key: str
    pause: float = 0.1
    done: Counter[str] = field(default_factory=Counter)
    stopped: threading.Event = field(default_factory=threading.Event)

    def caller(self, number: int, kinds: tuple[str, ...]) -> None:
        chosen = random.Random(number)
        head = {"Authorization": f"Bearer {self.key}"}
        with httpx.Client(base_url=self.address, headers=head, timeout=60) as client:
            while not self.stopped.is_set():
                kind = chosen.choice(kinds)
                try:
                    self.done[f"{kind} {self._one(client, kind, chosen)}"] += 1
                except httpx.TransportError:
                    self.done[f"{kind} broken off"] += 1
                self.stopped.wait(self.pause)

    def _one(self, client: httpx.Client, kind: str, chosen: random.Random) -> int:
        question = chosen.choice(QUESTIONS)
        if kind != "again":
            # Otherwise it is answered from the cache.
            question = f"For request {chosen.randrange(10**9)}: {question}"
        if kind in {"ask", "again", "rate", "leave"}:
            with client.stream("POST", "/v1/chat", json={"message": question}) as stream:
                for _ in stream.iter_raw():
                    if kind == "leave":
                        break
            if kind != "rate" or stream.status_code != 200:
                return stream.status_code
            rating = chosen.choice(["up", "up", "down"])
            return client.post(
                "/v1/feedback", json={"run": stream.headers["x-run-id"], "rating": rating}
            ).status_code
        if kind == "search":
            return client.post("/v1/search", json={"query": question}).status_code
        if kind == "list":
            return client.get("/v1/documents").status_code
        if kind == "wrong key":
            return client.get("/v1/documents", headers={"Authorization": "Bearer fn_none"}).status_code
        return client.get(f"/nowhere/{chosen.random()}").status_code


ALL = ("ask", "ask", "ask", "again", "rate", "leave", "search", "list", "odd")


@contextmanager
def callers(
    address: str, key: str, number: int, kinds: tuple[str, ...] = ALL, *, pause: float = 0.1
) -> Iterator[Load]:
    """Have that many callers at work until the block ends."""
    load = Load(address, key, pause)
    threads = [
        threading.Thread(target=load.caller, args=(each, kinds), daemon=True) for each in range(number)
    ]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        load.stopped.set()
        for thread in threads:
            thread.join(60)
