"""Live runs that tests make up."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from app.runs.live import LiveRun

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
PLAIN = LiveRun(
    run="r", conversation="c", owner="u_1", asked=NOW, outcome="answered", code="", variant="", tenant="default",
    groups=(), sentences=0, supported=0, first_ms=500.0, total_ms=2_000.0, rating=None, embedder="e",
    vector=np.ones(2, np.float32),
)  # fmt: skip


def runs_of(
    count: int,
    *,
    prefix: str = "p",
    people: int = 0,
    outcome: Callable[[int], str] = lambda n: "answered",
    **changed: object,
) -> list[LiveRun]:
    """Return runs of so many people (0: one each), a minute after each other."""
    return [
        replace(
            PLAIN,
            run=f"{prefix}{n}",
            owner=f"u_{prefix}{n % (people or count)}",
            asked=NOW - timedelta(minutes=count - n),
            outcome=outcome(n),
            **changed,  # type: ignore[arg-type]
        )
        for n in range(count)
    ]
