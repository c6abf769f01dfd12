"""Spans of what the service does with a request, in OpenTelemetry's form: from the request through
the claim to the training process (docs/decisions/072-traces.md).

Off, and then nothing of OpenTelemetry is imported, unless `configure` is given a collector.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import service

Value = str | int | float | bool

_SEND_EVERY_MS = 500
_LAST_WORDS_MS = 1000

_tracer: Any = None
_provider: Any = None


def configure(url: str, process: str) -> None:
    """Sends this process's spans to the collector at `url` (OTLP over HTTP; such as
    http://127.0.0.1:4318/v1/traces); empty: there are none.

    Raises SystemExit where the extra `traces` is not installed.
    """
    global _tracer, _provider  # noqa: PLW0603  (one per process)
    if not url:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise SystemExit(
            f"SUBGRAD_TRACES_URL is set, and {error.name} is not installed. "
            "Install the extra: pip install 'subgrad[traces]'."
        ) from None
    about = {"service.name": f"subgrad-{process}", "service.version": service.__version__}
    _provider = TracerProvider(resource=Resource.create(about))
    exporter = OTLPSpanExporter(endpoint=url, timeout=_LAST_WORDS_MS / 1000)
    _provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=_SEND_EVERY_MS))
    _tracer = _provider.get_tracer("subgrad")


def is_on() -> bool:
    return _tracer is not None


def close() -> None:
    """Sends what has not been sent yet, for a second at most."""
    if _provider is not None:
        _provider.force_flush(_LAST_WORDS_MS)


class Span:
    """Something that takes time. Where nothing is traced, it is nothing."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    @property
    def traceparent(self) -> str | None:
        """By which a span elsewhere becomes a child of this one (W3C Trace Context)."""
        if self._inner is None:
            return None
        context = self._inner.get_span_context()
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"

    def rename(self, name: str) -> None:
        if self._inner is not None:
            self._inner.update_name(name)

    def tell(self, attributes: Mapping[str, Value]) -> None:
        if self._inner is not None:
            self._inner.set_attributes(attributes)

    def fail(self, description: str) -> None:
        if self._inner is not None:
            from opentelemetry.trace import StatusCode  # noqa: PLC0415

            self._inner.set_status(StatusCode.ERROR, description)

    def end(self) -> None:
        if self._inner is not None:
            self._inner.end()


def start(
    name: str,
    *,
    parent: str | None,
    attributes: Mapping[str, Value],
    is_request: bool = False,
    began_ns: int | None = None,
) -> Span:
    """A span that lasts until it is ended, a child of the span whose `traceparent` is given (else,
    or where that is none, the first of a trace). `began_ns`: since 1970; None: now."""
    if _tracer is None:
        return Span(None)
    from opentelemetry.context import Context  # noqa: PLC0415
    from opentelemetry.trace import SpanKind  # noqa: PLC0415
    from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415
        TraceContextTextMapPropagator,
    )

    carried = {} if parent is None else {"traceparent": parent}
    return Span(
        _tracer.start_span(
            name,
            context=TraceContextTextMapPropagator().extract(carried, Context()),
            kind=SpanKind.SERVER if is_request else SpanKind.INTERNAL,
            attributes=dict(attributes),
            start_time=began_ns or time.time_ns(),
        )
    )


@contextmanager
def current(span: Span) -> Iterator[None]:
    """While the block lasts, `traceparent()` is that of this span; it ends with the block."""
    if span._inner is None:
        yield
        return
    from opentelemetry.trace import use_span  # noqa: PLC0415

    with use_span(span._inner, end_on_exit=True):
        yield


def traceparent() -> str | None:
    """Of the span that is current here; None where there is none."""
    if _tracer is None:
        return None
    from opentelemetry.trace import get_current_span  # noqa: PLC0415

    span = get_current_span()
    return Span(span).traceparent if span.get_span_context().is_valid else None
