"""What is counted and logged of requests, and of those that are turned away."""

import logging
import re
from typing import Final

from vectorstore.telemetry import names
from vectorstore.telemetry.logs import tell
from vectorstore.telemetry.metrics import count, observe

_AREAS: Final = {
    "/v1/chat": "answer", "/v1/chat/completions": "answer", "/v1/responses": "answer", "/api/chat": "answer",
    "/agui": "answer", "/v1/search": "search", "/v1/embeddings": "search", "/mcp": "search",
}  # fmt: skip
_PROBES: Final = frozenset({"GET /healthz", "GET /readyz", "GET /metrics"})
"""What machines ask every few seconds: told of only where it goes wrong."""
_MOST: Final = 60
"""Requests a minute that were refused with the same status and get a line each."""
_MOST_WRONG: Final = 20
"""Wrong keys, and callers over their budget, a minute that get a line each."""
_KEY: Final = re.compile(r"fn_([0-9a-f]{4})[0-9a-f]{4}_")
_log = logging.getLogger(__name__)


def request_ended(
    route: str, status: int, *, first: float, seconds: float, key: str = "", run: str = "", lines: bool = True
) -> None:
    """Count a request, and log it with `lines`.

    `route` is its method and the template of its path; `first` are the seconds until its response began, `seconds`
    until it ended; `key` is the id of the key that it came with, `run` that of the answer it began.
    """
    path = route.partition(" ")[2]
    area = _AREAS.get(path, "documents" if path.startswith("/v1/documents") else "other")
    count(names.REQUESTS, route=route, status=f"{min(max(status // 100, 2), 5)}xx")
    observe(names.REQUEST_SECONDS, first, area=area)
    if not lines:
        return
    went_well = logging.DEBUG if route in _PROBES and status < 400 else logging.INFO
    level = logging.WARNING if status >= 500 else went_well
    tell(
        _log,
        "request",
        level=level,
        at_most=_MOST if status >= 400 else None,
        route=route,
        status=status,
        first_ms=round(first * 1_000, 1),
        ms=round(seconds * 1_000, 1),
        key_id=key,
        run_id=run,
    )


def wrong_key(door: str, *, bearer: str, address: str) -> None:
    """Count and log that somebody showed what lets nobody in; of a key no more is told than how its id begins.

    No `door` is somebody who showed nothing.
    """
    if not door:
        return
    count(names.WRONG_KEYS, door=door)
    found = _KEY.match(bearer)
    begins = f"{found[1]}..." if found else ""
    tell(
        _log,
        "wrong key",
        level=logging.WARNING,
        at_most=_MOST_WRONG,
        door=door,
        key_id=begins,
        address=address,
    )


def over_budget(budget: str, *, key: str = "", address: str = "") -> None:
    """Count and log that a caller had used up what they may."""
    count(names.BUDGET_REFUSALS, budget=budget)
    tell(
        _log,
        "over budget",
        level=logging.WARNING,
        at_most=_MOST_WRONG,
        budget=budget,
        key_id=key,
        address=address,
    )
