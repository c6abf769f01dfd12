"""The two clients of the service."""

from types import TracebackType
from typing import Any, Self

import httpx

from service.client import service_calls
from service.client.operations import AsyncResource, Operation, Resource
from service.client.resources import (
    AsyncDatasets,
    AsyncJobs,
    AsyncStudies,
    AsyncSweeps,
    Datasets,
    Jobs,
    Studies,
    Sweeps,
)
from service.client.retries import Retries
from service.client.senders import AsyncSender, Sender

_USUAL = Retries()


class _Service:
    compare = Operation(service_calls.compare)
    catalog = Operation(service_calls.catalog)
    openapi = Operation(service_calls.openapi)
    health = Operation(service_calls.health)
    vital_signs = Operation(service_calls.vital_signs)
    who_am_i = Operation(service_calls.who_am_i)

    base_url: str
    """Of the service, without a slash at its end."""


class Subgrad(_Service, Resource):
    """A client of the service at `url`. Use it in a `with` block, or `close` it.

    `timeout_s` bounds connecting and each silence of the service, but for long polls and streams.
    Raises what `service.client.errors` holds, and ValueError for a URL that is none.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        timeout_s: float = 30.0,
        retries: Retries = _USUAL,
    ) -> None:
        self._http = httpx.Client(**_connection(url, api_key, timeout_s))
        self.base_url = url.rstrip("/")
        super().__init__(Sender(self._http, retries))
        self.jobs = Jobs(self._sender)
        self.sweeps = Sweeps(self._sender)
        self.studies = Studies(self._sender)
        self.datasets = Datasets(self._sender)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class AsyncSubgrad(_Service, AsyncResource):
    """The same on asyncio: every operation is awaited, lists and events are `async for`. Use it in
    an `async with` block, or await `aclose`."""

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        timeout_s: float = 30.0,
        retries: Retries = _USUAL,
    ) -> None:
        self._http = httpx.AsyncClient(**_connection(url, api_key, timeout_s))
        self.base_url = url.rstrip("/")
        super().__init__(AsyncSender(self._http, retries))
        self.jobs = AsyncJobs(self._sender)
        self.sweeps = AsyncSweeps(self._sender)
        self.studies = AsyncStudies(self._sender)
        self.datasets = AsyncDatasets(self._sender)

    async def aclose(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()


def _connection(url: str, api_key: str | None, timeout_s: float) -> dict[str, Any]:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ValueError(f"{url!r} is no URL: {error}") from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ValueError(f"{url!r} is no URL of a service, such as http://127.0.0.1:8000")
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    return {"base_url": parsed, "headers": headers, "timeout": timeout_s}
