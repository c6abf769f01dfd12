"""How long a client may take to send its request: one that trickles it byte by byte would hold a
connection for ever, and a few thousand of them all there are.

`Patience` bounds the body. What comes before it, the server's own protocol reads: `protocol` makes
one that bounds the head.
"""

import asyncio
from functools import partial
from typing import Any

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from service.api.errors import problem_response


class Patience:
    """ASGI middleware: the whole body has come within the time, or the answer is 408."""

    def __init__(self, app: ASGIApp, within_s: float) -> None:
        self._app, self._within_s = app, within_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        deadline = asyncio.get_running_loop().time() + self._within_s
        is_whole = False

        async def receive_in_time() -> Message:
            nonlocal is_whole
            if is_whole:  # what comes now is that the client has gone
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                raise _TooSlow from None
            is_whole = message["type"] != "http.request" or not message.get("more_body")
            return message

        try:
            await self._app(scope, receive_in_time, send)
        except _TooSlow:
            detail = f"The whole request must have come within {self._within_s:g} s."
            response = problem_response(
                Request(scope), "request_timeout", detail, headers={"Connection": "close"}
            )
            await response(scope, receive, send)


class _TooSlow(Exception):
    """The body has not come in time."""


# Which one it is uvicorn chooses when it is imported, so mypy does not know it.
class _Impatient(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """Uvicorn's HTTP protocol, which closes connections on which a request's head does not come."""

    _deadline: asyncio.TimerHandle | None = None

    def __init__(self, *args: Any, within_s: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._within_s = within_s

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def _waits(self) -> bool:
        """Whether nothing is being answered."""
        return self.cycle is None or bool(self.cycle.response_complete)

    def _watch(self) -> None:
        if not self._waits():
            self._forget()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(self._within_s, self._give_up)

    def _forget(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        if self._waits():
            self.transport.close()


def protocol(within_s: float) -> Any:
    """Uvicorn's HTTP protocol, which closes connections on which the head of a request has begun,
    or none ever did, and has not ended within the time. Can be pickled."""
    return partial(_Impatient, within_s=within_s)
