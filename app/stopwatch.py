"""Times the stages of a turn."""

import time

from app.events import Timing


class Stopwatch:
    """Runs from when it is made."""

    def __init__(self) -> None:
        self._started = self._last = time.perf_counter()
        self._laps: list[Timing] = []
        self._moments: set[str] = set()

    def lap(self, stage: str) -> None:
        """End a stage: what passed since the last one was its."""
        now = time.perf_counter()
        self._laps.append(Timing(stage, round((now - self._last) * 1_000, 2)))
        self._last = now

    def mark(self, moment: str) -> None:
        """Note how long after the start a moment first came; no stage ends."""
        if moment in self._moments:
            return
        self._moments.add(moment)
        self._laps.append(Timing(moment, round((time.perf_counter() - self._started) * 1_000, 2)))

    def marked(self, moment: str) -> bool:
        """Say whether a moment has come."""
        return moment in self._moments

    def take(self) -> tuple[Timing, ...]:
        """Return the laps since the last call."""
        laps, self._laps = tuple(self._laps), []
        return laps
