"""Which pages of other sites may read answers: none, unless SUBGRAD_CORS_ORIGINS names them."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_METHODS = ("GET", "HEAD", "POST", "DELETE")
_SENT = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "Last-Event-ID",
    "X-Request-Id",
    "traceparent",
)
_SHOWN = ("ETag", "Location", "Retry-After", "X-Request-Id")


class Cors:
    """ASGI middleware. To a page that is not allowed it sends what it would send to a program, from
    which a browser makes an error: nothing tells whether any other page is."""

    def __init__(self, app: ASGIApp, origins: frozenset[str]) -> None:
        self._app, self._origins = app, origins
        self._allowing = CORSMiddleware(
            app,
            allow_origins=sorted(origins),
            allow_methods=_METHODS,
            allow_headers=_SENT,
            expose_headers=_SHOWN,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def vary(message: Message) -> None:
            # A cache must not show one page what was said to another.
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).add_vary_header("Origin")
            await send(message)

        allowed = Headers(scope=scope).get("origin") in self._origins
        await (self._allowing if allowed else self._app)(scope, receive, vary)
