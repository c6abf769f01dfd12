"""Turns calls into methods: of a client that waits, or of one that is awaited.

A class body names each operation once, `get = Operation(job_calls.get)`. Its type follows from the
call and from the kind of resource that it is looked up on.
"""

import functools
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from typing import Any, Generic, ParamSpec, TypeVar, overload

from service.client.calls import Call, Event, Page, Stream
from service.client.senders import AsyncSender, Sender

P = ParamSpec("P")
T = TypeVar("T")


class Resource:
    """What is asked by waiting for the answer."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender


class AsyncResource:
    """What is asked by awaiting the answer."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender


class _Method(Generic[P, T]):
    def __init__(self, build: Callable[P, T]) -> None:
        self._build = build
        self.__doc__ = build.__doc__

    def _bind(self, resource: Any, sending: str) -> Any:
        if resource is None:  # looked up on the class, as help() does
            return self._build
        send = getattr(resource._sender, sending)

        @functools.wraps(self._build)
        def operate(*arguments: P.args, **named: P.kwargs) -> Any:
            return send(self._build(*arguments, **named))

        return operate


class Operation(_Method[P, Call[T]]):
    """One request, one answer."""

    @overload
    def __get__(self, resource: Resource, owner: Any = None) -> Callable[P, T]: ...
    @overload
    def __get__(self, resource: AsyncResource, owner: Any = None) -> Callable[P, Awaitable[T]]: ...
    def __get__(self, resource: Any, owner: Any = None) -> Any:
        return self._bind(resource, "send")


class Listing(_Method[P, Call[Page[T]]]):
    """The items of all pages."""

    @overload
    def __get__(self, resource: Resource, owner: Any = None) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(
        self, resource: AsyncResource, owner: Any = None
    ) -> Callable[P, AsyncGenerator[T, None]]: ...
    def __get__(self, resource: Any, owner: Any = None) -> Any:
        return self._bind(resource, "items")


class Streaming(_Method[P, Stream[T]]):
    """The events of a stream."""

    @overload
    def __get__(self, resource: Resource, owner: Any = None) -> Callable[P, Iterator[Event[T]]]: ...
    @overload
    def __get__(
        self, resource: AsyncResource, owner: Any = None
    ) -> Callable[P, AsyncGenerator[Event[T], None]]: ...
    def __get__(self, resource: Any, owner: Any = None) -> Any:
        return self._bind(resource, "events")
