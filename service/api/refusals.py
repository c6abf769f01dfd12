"""What the document does not name is refused: forms of an answer, and query parameters."""

from collections.abc import Iterator
from urllib.parse import unquote_plus, unquote_to_bytes

from fastapi import Request

from service.api.errors import ApiError
from service.api.negotiation import choose
from service.api.validation import pointer
from service.domain.errors import FieldError


async def refuse_undocumented(request: Request) -> None:
    """One rule for every operation: what it takes and what it can answer with stands in the
    document. One dependency, too: each costs FastAPI a twentieth of a small request."""
    _refuse_unacceptable(request)
    _refuse_unknown_query(request)


def _refuse_unacceptable(request: Request) -> None:
    accept = request.headers.get("accept")
    if accept is None or accept == "*/*":
        return
    item = request.app.openapi()["paths"].get(request.scope["route"].path, {})
    responses = item.get(request.method.lower(), {}).get("responses", {})
    offered = [
        kind
        for status, response in responses.items()
        if status.startswith("2")
        for kind in response.get("content", {})
    ]
    if offered:
        choose(accept, list(dict.fromkeys(offered)))


def _refuse_unknown_query(request: Request) -> None:
    """A misspelt filter must not silently list everything, nor a garbled one nothing."""
    if not request.query_params:
        return
    errors = [_refuse(name, "is not UTF-8") for name in _garbled(request.scope["query_string"])]
    item = request.app.openapi()["paths"].get(request.scope["route"].path)
    if item is None:
        return
    operation = item.get(request.method.lower(), {})
    accepted = [p["name"] for p in operation.get("parameters", []) if p["in"] == "query"]
    names = [name for name, _ in request.query_params.multi_items()]
    for name in dict.fromkeys(names):
        if name not in accepted:
            reason = f"unknown parameter; accepted: {', '.join(accepted) or 'none'}"
            errors.append(_refuse(name, reason))
        elif names.count(name) > 1:
            errors.append(_refuse(name, "is given more than once"))
    if errors:
        detail = "; ".join(f"{e.pointer}: {e.detail}" for e in errors[:3])
        raise ApiError("invalid_request", detail, errors)


def _refuse(name: str, detail: str) -> FieldError:
    return FieldError(pointer=pointer(["query", name]), detail=detail)


def _garbled(query: bytes) -> Iterator[str]:
    """The parameters whose bytes are no text. Starlette puts other characters in their place."""
    for pair in query.split(b"&"):
        try:
            unquote_to_bytes(pair).decode()
        except UnicodeDecodeError:
            yield unquote_plus(pair.partition(b"=")[0].decode("latin-1"))
