"""HEAD, which every path that takes GET takes too (RFC 9110, section 9.3.2)."""

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Head:
    """ASGI middleware: asks for what GET would answer, and sends its head alone.

    What would stream for long asks `wants_head` and does not begin.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        ended = False

        async def send_head(message: Message) -> None:
            nonlocal ended
            if message["type"] == "http.response.start":
                await send(message)
            elif not ended:
                ended = True
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        inner = {**scope, "method": "GET"}
        Request(inner).state.wants_head = True
        try:
            await self._app(inner, receive, send_head)
        finally:
            scope.update({name: inner[name] for name in ("route",) if name in inner})


def wants_head(request: Request) -> bool:
    """Whether the client asked with HEAD, so that nobody will read a body."""
    return bool(getattr(request.state, "wants_head", False))
