"""Nobody learns of what is hidden from them: not its words, not its number, not that it is there."""

import random
import re
import secrets
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.app.every_route import PROTECTED
from tests.leaks.probes import CONVERSATIONS, WAYS, Prober, Request
from tests.leaks.world import LINGER, Caller, Library, World, library_at, plain


class Leaked(AssertionError):
    """A response told of what is hidden."""


def walk(library: Library, *, probes: int, seed: int = 0, every: int = 1) -> Counter[str]:
    """Probe both worlds in the name of every caller, or every so manieth; return how often each route was asked. Raises Leaked."""
    asked: Counter[str] = Counter()
    callers = library.callers[::every][::-1]
    share = probes // len(callers)
    for caller in callers:
        chance = random.Random(f"{seed} {caller.name}")
        with ExitStack() as stack:
            worlds = [library.world, library.twin(caller)]
            clients = [stack.enter_context(world.open()) for world in worlds]
            prober = Prober(library, caller, chance)
            said: list[str] = []
            api = clients[0].get("/openapi.json").json()
            for other, request in prelude(library, caller, chance):
                request.send(clients[0], worlds[0], other)
            # What others asked is hidden as well: in the twin they never did.
            worlds[1].runs += ["run_" + secrets.token_hex(12) for _ in worlds[0].runs]
            for _ in range(share):
                if chance.random() < 0.3:
                    request_ = prober.any_route(api)
                else:
                    request_ = getattr(prober, chance.choice(WAYS))()
                asked[f"{request_.method} {request_.route}"] += 1
                compare(library, caller, request_, list(zip(worlds, clients, strict=True)), said)
    return asked


def prelude(library: Library, caller: Caller, chance: random.Random) -> list[tuple[Caller, Request]]:
    """What others have asked before, in conversations whose names the caller knows."""
    others = chance.sample([each for each in library.callers if each.owner != caller.owner], 3)
    made = []
    for other in others:
        prober = Prober(library, other, chance)
        seen = prober.seen or prober.hidden
        for name in CONVERSATIONS[:2]:
            page = chance.choice(seen)
            body = {
                "message": f"What is the code word of the {page.topic}, {page.canary}?",
                "conversation": name,
            }
            made.append((other, Request("/v1/chat", "POST", "/v1/chat", body=body)))
            body = {"id": name, "messages": [{"role": "user", "content": f"What is the {page.topic}?"}]}
            made.append((other, Request("/api/chat", "POST", "/api/chat", body=body)))
    for other, name in zip(others, CONVERSATIONS, strict=False):
        body = {"input": LINGER, "background": True, "footnote": {"conversation": name}}
        made.append((other, Request("/v1/responses", "POST", "/v1/responses", body=body)))
    return made


def compare(
    library: Library,
    caller: Caller,
    request: Request,
    worlds: list[tuple[World, TestClient]],
    said: list[str],
) -> None:
    """Send a request to both worlds; raises Leaked where a response tells of what is hidden, or which world it is.

    `said` is all that the caller has said: they may hear it again.
    """
    responses = [request.send(client, world, caller) for world, client in worlds]
    here, there = (plain(response) for response in responses)
    assert responses[0].status_code < 500, (request, responses[0].text)
    said.append(request.said())
    told = (responses[0].text + str(responses[0].headers)).lower()
    for page in library.hidden(caller):
        for canary in page.canaries():
            # a score may hold the digits by chance: 0.9467043
            shown = re.search(rf"(?<![\d.]){canary}(?!\d)", told) if canary in told else None
            if shown and not any(canary in each for each in said):
                raise Leaked(f"{canary} in the answer to {request}")
    if here != there:
        lines = [
            pair for pair in zip(here.splitlines(), there.splitlines(), strict=False) if pair[0] != pair[1]
        ]
        one, other = lines[0] if lines else (here, there)
        at = next((n for n, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), 0)
        start = max(0, at - 300)
        raise Leaked(f"{caller.name}: {request}\n{one[start : at + 300]}\n{other[start : at + 300]}")


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_nothing_hidden_is_told_in_forty_thousand_probes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: Counter[str] = Counter()
    for seed in range(8):
        (tmp_path / str(seed)).mkdir()
        with library_at(tmp_path / str(seed), 10 + seed, monkeypatch) as made:
            asked += walk(made, probes=5_100, seed=seed)
    print(f"\n{asked.total():,} probes of {len(asked)} routes, no leak: {dict(asked.most_common())}")
    missed = {f"{method} {path}" for method, path in PROTECTED} - set(asked)
    assert asked.total() >= 40_000
    assert not missed
