"""Requests as values: what to ask, and how to read the answer. Sends nothing.

Both clients send these; so every operation stands here once.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, Generic, TypeVar
from urllib.parse import quote
from uuid import uuid4

import httpx
from pydantic import BaseModel, ValidationError

from service.client.errors import UnexpectedAnswer, refusal
from service.client.retries import retry_after_s
from service.domain.base import SpecModel

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

Posted = SpecModel | Mapping[str, Any] | bytes
"""A spec as a model of the domain, as the document that stands for it, or as that document's JSON,
which is sent as it is."""


@dataclass(frozen=True, kw_only=True)
class Call(Generic[T]):
    """One request. `repeatable`: doing it twice is doing it once, so it may be sent again."""

    method: str
    path: str
    read: Callable[[httpx.Response], T]
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    repeatable: bool = True
    silence_s: float = 0.0
    """How long the service may be silent, besides the usual time, before it answers."""


@dataclass(frozen=True, kw_only=True)
class Event(Generic[T]):
    """One event of a stream. `id` is what a later stream goes on from."""

    kind: str
    id: str
    data: T


@dataclass(frozen=True, kw_only=True)
class Stream(Generic[T]):
    """An event stream: the model of each kind of event, of which `end` is the last."""

    path: str
    kinds: Mapping[str, type[BaseModel]]
    last_event_id: str = ""


class Page(BaseModel, Generic[T]):
    """Part of a list; `next_cursor` leads to the next one."""

    data: list[T]
    next_cursor: str | None


def get(path: str, model: type[M], **query: Any) -> Call[M]:
    """Reads a resource. Parameters that are None are left out."""
    return Call(method="GET", path=path, query=as_query(query), read=as_model(model))


def post(path: str, model: type[M]) -> Call[M]:
    """Asks for a move, which is not asked for twice."""
    return Call(method="POST", path=path, read=as_model(model), repeatable=False)


def post_spec(
    path: str, model: type[M], spec: Posted, *, priority: int, idempotency_key: str | None
) -> Call[M]:
    """Submits, under a key of its own where none is given, so that it may be sent again."""
    headers = {"Idempotency-Key": idempotency_key or str(uuid4())}
    return _post_spec(path, model, spec, {"priority": str(priority)}, headers)


def post_dry_run(path: str, model: type[M], spec: Posted, *, priority: int) -> Call[M]:
    """Asks what submitting would do."""
    return _post_spec(path, model, spec, {"priority": str(priority), "dry_run": "true"}, {})


def _post_spec(
    path: str, model: type[M], spec: Posted, query: Mapping[str, str], headers: Mapping[str, str]
) -> Call[M]:
    return Call(
        method="POST",
        path=path,
        query=query,
        headers={**headers, "Content-Type": "application/json"},
        body=_as_json(spec),
        read=as_model(model),
    )


def _as_json(spec: Posted) -> bytes:
    if isinstance(spec, bytes):
        return spec
    if isinstance(spec, BaseModel):
        # What was not set stays unset: defaults are the service's to fill in.
        return spec.model_dump_json(exclude_unset=True).encode()
    return json.dumps(spec).encode()


def turn_page(call: Call[Page[T]], cursor: str) -> Call[Page[T]]:
    """The call for the page that `cursor` leads to."""
    return replace(call, query={**call.query, "cursor": cursor})


def at(*parts: str) -> str:
    """The path of a resource; ids are quoted."""
    return "/" + "/".join(quote(part, safe="") for part in parts)


def as_query(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in values.items() if value is not None}


def joined(names: Iterable[str] | None) -> str | None:
    return None if names is None else ",".join(names)


def as_model(model: type[M]) -> Callable[[httpx.Response], M]:
    def read(response: httpx.Response) -> M:
        return parse(model, check(response).content)

    return read


def parse(model: type[M], text: str | bytes) -> M:
    """The model, where "NaN" and the infinities of JSON strings are floats again. Fields that
    a newer service added are passed over. Raises UnexpectedAnswer."""
    try:
        return model.model_validate_json(text, extra="ignore")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UnexpectedAnswer(
            f"The answer is no {model.__name__} that this version of the client knows "
            f"({place or 'body'}: {first['msg']}). Is this a Subgrad service of the same version?"
        ) from None


def check(response: httpx.Response) -> httpx.Response:
    """The answer where it is a success. Raises Refused, or UnexpectedAnswer for a redirection."""
    if response.status_code >= HTTPStatus.BAD_REQUEST:
        raise refusal(response, retry_after_s(response))
    if not response.is_success:
        to = response.headers.get("Location", "nowhere")
        raise UnexpectedAnswer(f"HTTP {response.status_code}, which leads to {to}. Use that URL.")
    return response


def nothing(response: httpx.Response) -> None:
    check(response)


def content(response: httpx.Response) -> bytes:
    return check(response).content


def document(response: httpx.Response) -> dict[str, Any]:
    try:
        found = json.loads(check(response).content)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise UnexpectedAnswer("The answer is no JSON object. Is this a Subgrad service?")
    return found
