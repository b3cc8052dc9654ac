"""What this process traces, by OpenTelemetry: imported here alone, and only where traces are on.

Like its log and its metrics, a process has one of it: who traces needs nothing handed to them, and where traces are
off every call here does nothing. A span says what was done, for how long and how it ended; never what somebody
asked, read or is called.
"""

import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias
from urllib.parse import urlsplit

from vectorstore.errors import FootnoteError, Unavailable, pip_install
from vectorstore.telemetry import logs
from vectorstore.telemetry.settings import TelemetrySettings

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace.export import SpanExporter

Attribute: TypeAlias = str | int | float | bool | Sequence[str] | None
"""What a span says; None says nothing."""
Kind: TypeAlias = Literal["internal", "server", "client", "consumer"]
Carrier: TypeAlias = Mapping[str, str]
"""Where a trace goes on, as headers: `traceparent` and, where the caller sent one, `tracestate` (W3C Trace Context)."""

_SECONDS: Final = 5.0
"""How long spans are waited for when the process ends, and a collector at each batch."""
_PARENT: Final = "traceparent"
_HEADERS: Final = (_PARENT, "tracestate")
_log = logging.getLogger(__name__)


class Span:
    """Something that is being done. Where nothing is traced, it hears and says nothing."""

    __slots__ = ("_span",)

    def __init__(
        self, span: Any = None
    ) -> None:  # Any: the library's, which is not imported where traces are off
        self._span = span

    def say(self, **attributes: Attribute) -> None:
        """Say more of it; `__` in a name stands for a dot."""
        if self._span is not None and self._span.is_recording():
            self._span.set_attributes(_named(attributes))

    def name(self, name: str) -> None:
        """Call it by another name."""
        if self._span is not None:
            self._span.update_name(name)

    def fail(self, kind: str) -> None:
        """Say that it failed, and what kind of failure that is; nothing of its words."""
        if self._span is not None:
            from opentelemetry.trace import Status, StatusCode

            self._span.set_attribute("error.type", kind)
            self._span.set_status(Status(StatusCode.ERROR))

    def carrier(self) -> dict[str, str]:
        """Return what makes another process's work a part of it."""
        if self._span is None or _tracing is None:
            return {}
        from opentelemetry.trace import set_span_in_context

        return _tracing.carried(set_span_in_context(self._span))


class _Tracing:
    """The library, set up."""

    def __init__(self, settings: TelemetrySettings, version: str) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
            from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
            from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
        except ImportError as error:
            raise Unavailable(
                "Traces are on (FOOTNOTE_TRACES), and OpenTelemetry is not installed.",
                pip_install("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http"),
            ) from error
        # It says of every batch that it could not be sent: `_Told` says it once.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        endpoint = settings.traces_endpoint
        if endpoint and not urlsplit(endpoint).path.endswith("/v1/traces"):
            endpoint = f"{endpoint.rstrip('/')}/v1/traces"
        # The library's own variables (OTEL_EXPORTER_OTLP_…, OTEL_RESOURCE_ATTRIBUTES) say what is not said here.
        exporter = OTLPSpanExporter(endpoint=endpoint or None, timeout=_SECONDS)
        self.provider: TracerProvider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(settings.traces_ratio)),
            resource=Resource.create({"service.version": version, **_service()}),
            shutdown_on_exit=False,
        )
        self.provider.add_span_processor(BatchSpanProcessor(_told(exporter)))
        self.tracer = self.provider.get_tracer("footnote", version)
        self._propagator = TraceContextTextMapPropagator()

    def carried(self, context: "Context | None" = None) -> dict[str, str]:
        """Return what tells another process of a span, of the one at hand where none is given."""
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier, context)
        return carrier

    def context(self, carrier: Carrier) -> "Context":
        """Return what another process has told; what is none begins a trace of its own."""
        from opentelemetry.context import Context

        return self._propagator.extract(carrier, Context())

    def begin(self, name: str, kind: Kind, parent: Carrier | None, began: float | None, said: Any) -> Any:
        """Begin a span, `began` in seconds since 1970."""
        from opentelemetry.trace import SpanKind

        return self.tracer.start_span(
            name,
            context=None if parent is None else self.context(parent),
            kind=SpanKind[kind.upper()],
            attributes=_named(said),
            start_time=None if began is None else int(began * 1e9),
        )


_tracing: _Tracing | None = None


def start(settings: TelemetrySettings, version: str = "") -> None:
    """Begin to trace in this process where that is set; raises Unavailable where the library is not installed."""
    global _tracing  # noqa: PLW0603 - one a process
    if settings.traces and _tracing is None:
        _tracing = _Tracing(settings, version)
        logs.providers.append(_ids)


def stop() -> None:
    """Send what is left, and trace no more. Takes a few seconds where nobody takes it."""
    global _tracing
    tracing, _tracing = _tracing, None
    if tracing is not None:
        logs.providers.remove(_ids)
        tracing.provider.shutdown()


@contextmanager
def command(name: str, settings: TelemetrySettings) -> Iterator[None]:
    """Trace what a command does in the block, where that is set, and send it."""
    start(settings)
    try:
        with span(name):
            yield
    finally:
        stop()


def span(
    name: str, *, kind: Kind = "internal", parent: Carrier | None = None, **said: Attribute
) -> AbstractContextManager[Span]:
    """Trace what is done in the block; what is done within it, in tasks and threads too, becomes its part.

    `parent` is of another process; without, it is a part of what is done here. Not for generators, whose blocks are
    left and entered again: `apart` is. `__` in an attribute's name stands for a dot.
    """
    if _tracing is None:
        return nullcontext(_NOTHING)
    return _current(_tracing.begin(name, kind, parent, None, said))


def apart(name: str, *, kind: Kind = "internal", **said: Attribute) -> AbstractContextManager[Span]:
    """Trace the block without making what is done within it a part."""
    if _tracing is None:
        return nullcontext(_NOTHING)
    return _ending(_tracing.begin(name, kind, None, None, said))


def done(
    name: str,
    seconds: float,
    *,
    kind: Kind = "internal",
    parent: Carrier | None = None,
    failed: str = "",
    **said: Attribute,
) -> None:
    """Trace what has taken so many seconds and is over now; `failed` is the kind of failure, if it was one."""
    if _tracing is not None:
        begun = _tracing.begin(name, kind, parent, time.time() - seconds, said)
        if failed:
            Span(begun).fail(failed)
        begun.end()


def link(traceparent: str) -> None:
    """Say that what is done here belongs to something of another trace, such as an answer that another replica writes."""
    if _tracing is not None and traceparent:
        from opentelemetry import trace

        there = trace.get_current_span(_tracing.context({_PARENT: traceparent})).get_span_context()
        here_ = trace.get_current_span()
        if there.is_valid and there.trace_id != here_.get_span_context().trace_id:
            here_.add_link(there)


def here() -> dict[str, str]:
    """Return what makes another process's work a part of what is done here; nothing where nothing is traced."""
    return _tracing.carried() if _tracing is not None else {}


def traceparent() -> str:
    """Return the same in one line; empty where nothing is traced."""
    return here().get(_PARENT, "")


def of_headers(headers: Sequence[tuple[bytes, bytes]]) -> Carrier:
    """Return what a request's headers tell of its caller's trace."""
    if _tracing is None:
        return {}
    return {
        name.decode(): value.decode("latin-1")
        for name, value in headers
        if name.decode("latin-1") in _HEADERS
    }


def at(url: str) -> dict[str, Attribute]:
    """Return what a span says of the server that is asked."""
    parts = urlsplit(url)
    return {
        "server__address": parts.hostname or url,
        "server__port": parts.port or (443 if parts.scheme == "https" else 80),
    }


_NOTHING: Final = Span()


@contextmanager
def _current(begun: Any) -> Iterator[Span]:
    from opentelemetry.trace import use_span

    with use_span(begun, record_exception=False, set_status_on_exception=False), _ending(begun) as told:
        yield told


@contextmanager
def _ending(begun: Any) -> Iterator[Span]:
    told = Span(begun)
    try:
        yield told
    except Exception as error:
        told.fail(_kind_of(error))
        raise
    finally:
        begun.end()


def _kind_of(error: Exception) -> str:
    """Name a failure by its code, where it has one of ours, else by its class."""
    code = getattr(error, "code", "") if isinstance(error, FootnoteError) else ""
    return str(code) or type(error).__name__


def _named(said: Mapping[str, Attribute]) -> dict[str, Any]:
    return {name.replace("__", "."): value for name, value in said.items() if value is not None}


def _ids() -> logs.Fields:
    """Return what each line of the log says of the trace that it belongs to."""
    from opentelemetry import trace

    found = trace.get_current_span().get_span_context()
    if not found.is_valid:
        return {}
    return {
        "trace_id": trace.format_trace_id(found.trace_id),
        "span_id": trace.format_span_id(found.span_id),
    }


def _service() -> dict[str, str]:
    """Return how the service is called where nothing else says so."""
    return {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": "footnote"}


def _told(exporter: "SpanExporter") -> "SpanExporter":
    """Return an exporter that says once that nobody takes what it sends, and once that somebody does again."""
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

    class Told(SpanExporter):
        away = False

        def export(self, spans: Any) -> SpanExportResult:
            result = exporter.export(spans)
            away = result is not SpanExportResult.SUCCESS
            if away != self.away:
                self.away = away
                if away:
                    _log.warning("Traces cannot be sent; what is traced meanwhile is lost.")
                else:
                    _log.info("Traces are sent again.")
            return result

        def shutdown(self) -> None:
            exporter.shutdown()

        def force_flush(self, timeout_millis: int = 30_000) -> bool:
            return exporter.force_flush(timeout_millis)

    return Told()
