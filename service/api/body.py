"""Reading a posted spec: from bytes to a valid JobSpec or SweepSpec, or to a problem that says why
not."""

import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from service.api.dependencies import settings_of
from service.api.errors import MOST_ERRORS, ApiError
from service.api.validation import (
    describe_spec_errors,
    describe_study_errors,
    describe_sweep_errors,
    pointer,
)
from service.domain.base import JsonObject, SpecModel
from service.domain.datasets import FIND_SIZES, FindSizes
from service.domain.errors import FieldError
from service.domain.spec import JobSpec
from service.domain.study import StudySpec
from service.domain.sweep import SweepSpec

_DEEPEST = 64
_LONGEST_NAME = 200
_INTEGER_BOUND = 2**63

Model = TypeVar("Model", bound=SpecModel)

_Path = tuple["_Path", str | int] | None
"""Linked, so that a long path above many values is not copied for each of them."""


@dataclass(frozen=True, kw_only=True)
class PostedSpec:
    """A valid spec and the digest of the document it was read from, whitespace and order of
    fields aside."""

    spec: JobSpec
    digest: str


@dataclass(frozen=True, kw_only=True)
class PostedSweep:
    """A well-formed sweep, whose members nobody has looked at yet, and its digest."""

    sweep: SweepSpec
    digest: str


@dataclass(frozen=True, kw_only=True)
class PostedStudy:
    """A well-formed study, whose template nobody has asked yet, and its digest."""

    study: StudySpec
    digest: str


async def read_json(request: Request) -> bytes:
    """The body of the request, which says that it is JSON. Raises ApiError."""
    _require_json(request)
    return await read_bytes(request, settings_of(request).limits.max_body_bytes)


async def read_sweep(request: Request) -> PostedSweep:
    """The body of the request. Raises ApiError."""
    return await run_in_threadpool(parse_sweep, await read_json(request))


async def read_study(request: Request) -> PostedStudy:
    """The body of the request. Raises ApiError."""
    return parse_study(await read_json(request))


PostedJson = Annotated[bytes, Depends(read_json)]
PostedSweepDep = Annotated[PostedSweep, Depends(read_sweep)]
PostedStudyDep = Annotated[PostedStudy, Depends(read_study)]


def parse_spec(raw: bytes, find_sizes: FindSizes | None = None) -> PostedSpec:
    """What was posted. Raises ApiError. May ask the database: not for the event loop."""
    document = _parse_object(raw)
    unsafe = _unsafe_values(document)
    context = None if find_sizes is None else {FIND_SIZES: find_sizes}
    spec = _validate(document, JobSpec, describe_spec_errors, unsafe, context)
    return PostedSpec(spec=spec, digest=_digest(document))


def parse_sweep(raw: bytes) -> PostedSweep:
    document = _parse_object(raw)
    unsafe = _unsafe_values(document, finite=True)
    sweep = _validate(document, SweepSpec, describe_sweep_errors, unsafe)
    return PostedSweep(sweep=sweep, digest=_digest(document))


def parse_study(raw: bytes) -> PostedStudy:
    document = _parse_object(raw)
    unsafe = _unsafe_values(document, finite=True)
    study = _validate(document, StudySpec, describe_study_errors, unsafe)
    return PostedStudy(study=study, digest=_digest(document))


def _validate(
    document: JsonObject,
    model: type[Model],
    describe: Callable[[ValidationError], list[FieldError]],
    unsafe: Iterator[FieldError],
    context: JsonObject | None = None,
) -> Model:
    errors = list(islice(unsafe, MOST_ERRORS))
    if not errors:
        try:
            return model.model_validate(document, context=context)
        except ValidationError as error:
            errors = describe(error)
    detail = "; ".join(f"{e.pointer or 'the body'}: {e.detail}" for e in errors[:3])
    more = f"; and {len(errors) - 3} more" if len(errors) > 3 else ""
    raise ApiError("invalid_spec", detail + more, errors)


def _digest(document: JsonObject) -> str:
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _require_json(request: Request) -> None:
    written = request.headers.get("content-type", "")
    kind, *parameters = (part.strip().lower() for part in written.split(";"))
    charsets = [p.removeprefix("charset=").strip('"') for p in parameters if "charset" in p]
    is_json = re.fullmatch(r"application/([^ ]+\+)?json", kind)
    if not is_json or any(charset != "utf-8" for charset in charsets):
        raise ApiError(
            "unsupported_media_type",
            f"Content-Type is {written or 'missing'}; send application/json in UTF-8.",
        )


async def read_bytes(request: Request, limit: int) -> bytes:
    """The body, of which never more than `limit` bytes and one chunk are held."""
    declared = request.headers.get("content-length", "")
    too_large = ApiError("body_too_large", f"The limit for a body is {limit:,} bytes.")
    if declared.isdecimal() and int(declared) > limit:
        raise too_large
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > limit:
            raise too_large
    return bytes(raw)


def _parse_object(raw: bytes) -> JsonObject:
    if not raw.strip():
        raise ApiError("malformed_json", "The body is empty; send a JSON object.")
    try:
        document = json.loads(raw.decode(), object_pairs_hook=_without_duplicates)
    except UnicodeDecodeError as error:
        detail = f"Byte {error.start + 1} of the body is not UTF-8."
    except json.JSONDecodeError as error:
        detail = f"{error.msg}: line {error.lineno}, column {error.colno}."
    except RecursionError:
        detail = f"The body is nested deeper than {_DEEPEST} levels."
    except ValueError:  # the only one left: an integer of more than 4,300 digits
        detail = "The body holds an integer of thousands of digits."
    else:
        if not isinstance(document, dict):
            refused = FieldError(pointer="", detail="must be a JSON object")
            raise ApiError("invalid_spec", "The body must be a JSON object.", [refused])
        return document
    raise ApiError("malformed_json", detail)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> JsonObject:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        [(twice, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise ApiError("malformed_json", f"The field {twice[:60]!r} stands twice in one object.")
    return fields


def _unsafe_values(document: JsonObject, *, finite: bool = False) -> Iterator[FieldError]:
    """What is JSON, and yet more than a database or a float can hold. A spec's numbers are looked
    at field by field; `finite` looks at those that are stored as they were posted."""
    pending: list[tuple[_Path, Any, int]] = [(None, document, 1)]
    while pending:
        path, value, depth = pending.pop()
        if depth > _DEEPEST:
            raise ApiError("malformed_json", f"The body is nested deeper than {_DEEPEST} levels.")
        if isinstance(value, dict):
            if not all(len(name) <= _LONGEST_NAME and _is_text(name) for name in value):
                yield _refuse(path, f"a field's name is no text of {_LONGEST_NAME} characters")
                continue
            pending += [((path, name), inner, depth + 1) for name, inner in value.items()]
        elif isinstance(value, list):
            pending += [((path, i), inner, depth + 1) for i, inner in enumerate(value)]
        elif isinstance(value, str) and not _is_text(value):
            yield _refuse(path, "control characters and unpaired surrogates are not accepted")
        elif finite and isinstance(value, float) and not math.isfinite(value):
            yield _refuse(path, f"must be a finite number, not {json.dumps(value)}")
        elif isinstance(value, int) and not -_INTEGER_BOUND <= value < _INTEGER_BOUND:
            yield _refuse(path, "is too large: integers have at most 64 bits")


def _is_text(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _refuse(path: _Path, detail: str) -> FieldError:
    parts: list[str | int] = []
    while path is not None:
        path, part = path
        parts.append(part)
    return FieldError(pointer=pointer(reversed(parts)), detail=detail)
