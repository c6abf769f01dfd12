"""A span for each request, where traces are on: a child of whatever span its client names."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.middleware.monitoring import route_of
from service.observability import tracing

_FAILED = 500


class Spans:
    """ASGI middleware, around all that answers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method = scope["method"]
        span = tracing.start(
            method,
            parent=Headers(scope=scope).get("traceparent"),
            attributes={"http.request.method": method, "url.path": scope["path"]},
            is_request=True,
        )

        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start":
                span.tell({"http.response.status_code": message["status"]})
                if message["status"] >= _FAILED:
                    span.fail(f"HTTP {message['status']}")
            await send(message)

        with tracing.current(span):
            try:
                await self._app(scope, receive, watch)
            finally:
                route = route_of(scope)
                span.rename(f"{method} {route}")
                span.tell({"http.route": route, "subgrad.request_id": scope["state"]["request_id"]})
