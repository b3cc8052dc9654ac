"""A replica that keeps up with what others commit, and knows how far behind it is."""

import logging
import time
from collections.abc import Callable, Iterator
from threading import Event, Lock, Thread

from vectorstore.errors import Unavailable
from vectorstore.store import Lag

_log = logging.getLogger(__name__)
_ENDING = 5.0
"""Seconds to wait for the thread to end."""


class Following:
    """A thread that catches up whenever there may be something new."""

    def __init__(self, catch_up: Callable[[], int], commits: Callable[[Event], Iterator[None]]) -> None:
        self._catch_up = catch_up
        self._lock = Lock()
        self._behind: int | None = None
        self._away_since: float | None = None
        self._stop = Event()
        self._thread = Thread(target=self._run, args=(commits,), name="footnote-following", daemon=True)
        self._thread.start()

    def lag(self) -> Lag:
        """Return where it is now."""
        with self._lock:
            away = time.monotonic() - self._away_since if self._away_since is not None else 0.0
            return Lag(self._behind, away)

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join(_ENDING)

    def _run(self, commits: Callable[[Event], Iterator[None]]) -> None:
        for _ in commits(self._stop):
            try:
                behind = self._catch_up()
            except Unavailable as error:
                self._note(error)
            except Exception as error:  # noqa: BLE001 - whatever it is: a replica whose thread has ended would fall behind for good
                _log.warning("This replica cannot catch up: %s", error)
            else:
                with self._lock:
                    if self._away_since is not None:
                        _log.warning("The database answers again.")
                    self._behind, self._away_since = behind, None

    def _note(self, error: Unavailable) -> None:
        with self._lock:
            if self._away_since is None:
                self._away_since = time.monotonic()
                _log.warning("The database is away: %s", error)
