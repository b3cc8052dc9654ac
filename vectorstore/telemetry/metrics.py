"""What this process counts, by the names of `names.py`; nothing, and no library is loaded, where metrics are off.

A process has one registry, as it has one log: who counts needs nothing handed to them.
"""

from collections.abc import Callable
from itertools import product
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from vectorstore.errors import BadInput
from vectorstore.telemetry.names import FIRST, METRICS, OPEN, OTHER, VALUES, Metric

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.simple_server import WSGIServer

    from prometheus_client import Counter, Gauge, Histogram
    from prometheus_client.core import Metric as Family

_KNOWN: Final = {**VALUES, **FIRST}
_SECONDS: Final = 10.0
"""The longest silence on the port of metrics."""


class Registry:
    """The metrics of a process."""

    def __init__(self) -> None:
        from prometheus_client import (
            CollectorRegistry,
            Counter,
            Gauge,
            Histogram,
            ProcessCollector,
            disable_created_metrics,
        )

        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.gather: Callable[[], None] = lambda: None
        """Called before each reading, to set what is only known when asked for."""
        self._registry = CollectorRegistry()
        # The first that is asked: the others then tell what it has set.
        self._registry.register(self)
        ProcessCollector(registry=self._registry)
        self._held: dict[str, Counter | Gauge | Histogram] = {}
        self._seen: dict[str, set[str]] = {label: set(FIRST.get(label, ())) for label in OPEN}
        self._lock = Lock()
        for each in METRICS:
            if each.kind == "histogram":
                made: Counter | Gauge | Histogram = Histogram(
                    each.name, each.help, each.labels, buckets=each.buckets, registry=self._registry
                )
            else:
                kind = Counter if each.kind == "counter" else Gauge
                made = kind(each.name, each.help, each.labels, registry=self._registry)
            self._held[each.name] = made
            # What has not happened yet is 0, and an alert on its increase sees the first.
            for values in product(*(_KNOWN.get(label, ()) for label in each.labels)) if each.labels else ():
                made.labels(*values)

    def collect(self) -> "Iterable[Family]":
        """Have set what is only known when asked for; give nothing of its own."""
        self.gather()
        return ()

    def of(self, metric: Metric, labels: dict[str, str]) -> "Counter | Gauge | Histogram":
        """Return what counts a metric under labels of which each says one of a bounded number of things."""
        held = self._held[metric.name]
        return (
            held.labels(*(self._bounded(label, labels[label]) for label in metric.labels)) if labels else held
        )

    def _bounded(self, label: str, value: str) -> str:
        if (known := VALUES.get(label)) is not None:
            return value if value in known else OTHER
        seen = self._seen[label]
        if value not in seen:
            with self._lock:
                if len(seen) - len(FIRST.get(label, ())) >= OPEN[label]:
                    return OTHER
                seen.add(value)
        return value

    def page(self, accept: str) -> tuple[bytes, str]:
        """Return all metrics as they stand now, and the media type that they are written in."""
        from prometheus_client.exposition import choose_encoder

        encode, media_type = choose_encoder(accept)
        return encode(self._registry), media_type

    def listen(self, host: str, port: int) -> "Listening":
        """Answer /metrics on a port of its own; raises BadInput where that cannot be."""
        from prometheus_client import start_http_server

        try:
            server, _ = start_http_server(port, host, self._registry)
        except (OSError, UnicodeError) as error:
            raise BadInput(
                f"Metrics cannot be shown on {host}, port {port}: {getattr(error, 'strerror', None) or error}.",
                "Set FOOTNOTE_METRICS_HOST and FOOTNOTE_METRICS_PORT to an address of this machine that is free.",
            ) from error
        # Who connects and says nothing is left, and what breaks there is not written as text between the lines.
        handler: Any = server.RequestHandlerClass  # Any: it is made as the class is
        server.RequestHandlerClass = type(handler.__name__, (handler,), {"timeout": _SECONDS})
        server.handle_error = lambda request, client_address: None  # type: ignore[method-assign]
        return Listening(server)


class Listening:
    """A port on which metrics are answered."""

    def __init__(self, server: "WSGIServer") -> None:
        self._server = server
        self.port = server.server_port

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()


_registry: Registry | None = None


def start() -> Registry:
    """Begin to count in this process, or go on."""
    global _registry  # noqa: PLW0603 - one a process
    if _registry is None:
        _registry = Registry()
    return _registry


def stop() -> None:
    """Count no more."""
    global _registry  # noqa: PLW0603 - one a process
    _registry = None


def count(metric: Metric, amount: float = 1.0, /, **labels: str) -> None:
    """Add to a counter."""
    if _registry is not None:
        _registry.of(metric, labels).inc(amount)  # type: ignore[union-attr]  # a counter's, as its name says


def observe(metric: Metric, value: float, /, **labels: str) -> None:
    """Add a value to a histogram."""
    if _registry is not None:
        _registry.of(metric, labels).observe(value)  # type: ignore[union-attr]  # a histogram's


def show(metric: Metric, value: float, /, **labels: str) -> None:
    """Set a gauge."""
    if _registry is not None:
        _registry.of(metric, labels).set(value)  # type: ignore[union-attr]  # a gauge's
