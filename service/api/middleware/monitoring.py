"""What is counted about requests: by method, route and status, for Prometheus.

The route is the template that matched, such as `/v1/jobs/{job_id}`, never the path itself: of paths
there are as many as anybody makes up.
"""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_NO_ROUTE = "other"

FAMILIES = (
    "subgrad_http_requests",
    "subgrad_http_request_seconds",
    "subgrad_http_open_requests",
)


class HttpMeters:
    """What one process of the API has counted since it started."""

    def __init__(self, registry: CollectorRegistry) -> None:
        requests, seconds, being_answered = FAMILIES
        self.requests = Counter(
            requests,
            "Requests that were answered",
            ["method", "route", "status"],
            registry=registry,
        )
        self.seconds = Histogram(
            seconds,
            "Time until the whole answer was sent; of event streams, until it began. Long polls "
            "(?wait=) are routes of their own",
            ["method", "route"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.open = Gauge(
            being_answered,
            "Requests and event streams that are being answered",
            multiprocess_mode="livesum",
            registry=registry,
        )


class Monitor:
    """ASGI middleware, the outermost: counts what every other sends."""

    def __init__(self, app: ASGIApp, meters: HttpMeters) -> None:
        self._app, self._meters = app, meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status, is_stream, began = 0, False, started

        async def watch(message: Message) -> None:
            nonlocal status, is_stream, began
            if message["type"] == "http.response.start":
                status, began = message["status"], time.perf_counter()
                is_stream = any(
                    name.lower() == b"content-type" and value.startswith(b"text/event-stream")
                    for name, value in message["headers"]
                )
            await send(message)

        with self._meters.open.track_inprogress():
            try:
                await self._app(scope, receive, watch)
            finally:
                if status:  # else the client went before there was an answer
                    ended = began if is_stream else time.perf_counter()
                    method = scope["method"] if scope["method"] in _METHODS else "other"
                    route = route_of(scope)
                    self._meters.requests.labels(method, route, status).inc()
                    self._meters.seconds.labels(method, route).observe(ended - started)


def route_of(scope: Scope) -> str:
    """The template that the path matched; `other` where none did, or where nobody looked."""
    route = scope.get("route")
    path = getattr(route, "path", None)
    if not path:
        return _NO_ROUTE
    waits = b"wait=" in scope["query_string"]
    return f"{path}?wait" if waits else str(path)
