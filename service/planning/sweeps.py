"""A sweep into its jobs: every member's point, document and spec, and whether all may run."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import ValidationError

from service.domain.base import JsonObject
from service.domain.datasets import FIND_SIZES, FindSizes
from service.domain.errors import FieldError, SpecRejected
from service.domain.job import SpecWarning
from service.domain.limits import Limits
from service.domain.spec import JobSpec
from service.domain.sweep import Axis, Point, SweepMode, SweepSpec, axis_values, describe_point
from service.planning.admission import check, warn

Describe = Callable[[ValidationError], list[FieldError]]
"""How a document that is no spec is told to its author."""

MOST_ERRORS = 100


@dataclass(frozen=True, kw_only=True)
class Member:
    """One job of a sweep, before it is stored."""

    index: int
    point: Point
    spec: JobSpec
    warnings: list[SpecWarning]


def expand(
    sweep: SweepSpec,
    limits: Limits,
    describe: Describe,
    find_sizes: FindSizes | None = None,
    *,
    overwriting: bool = False,
) -> list[Member]:
    """All members, each of which may run here. `find_sizes` knows the uploaded data sets;
    `overwriting`: conventions may be written over the gradient, as one study compares.

    Raises SpecRejected with pointers into the sweep's body: to the axis, or to a value of it,
    that an error comes from, else into `/base`. The first member with an error is named.
    """
    _check_paths(sweep)
    _check_size(sweep, limits)
    context = None if find_sizes is None else {FIND_SIZES: cache(find_sizes)}
    members: list[Member] = []
    refused: dict[tuple[str, str], list[Point]] = {}
    for index, places in enumerate(_places(sweep)):
        point = tuple((path, value) for path, (_, value) in places.items())
        try:
            spec = JobSpec.model_validate(_document(sweep.base, places), context=context)
            errors = check(spec, limits, overwriting=overwriting)
        except ValidationError as error:
            errors = describe(error)
        except _LeadsNowhere as error:
            errors = [error.as_field_error()]
        if errors:
            for one in errors:
                pointer = _locate(sweep.axes, places, one.pointer)
                refused.setdefault((pointer, one.detail), []).append(point)
            if len(refused) >= MOST_ERRORS:
                break
        elif not refused:
            members.append(Member(index=index, point=point, spec=spec, warnings=warn(spec)))
    if refused:
        raise SpecRejected([_tell(*found, points) for found, points in refused.items()])
    return members


_Places = dict[str, tuple[int, Any]]
"""By axis: which of its values, and the value."""


def _places(sweep: SweepSpec) -> Iterator[_Places]:
    numbered = [list(enumerate(axis_values(axis))) for axis in sweep.axes.values()]
    grid = sweep.mode is SweepMode.GRID
    for combined in itertools.product(*numbered) if grid else zip(*numbered, strict=True):
        yield dict(zip(sweep.axes, combined, strict=True))


def _check_paths(sweep: SweepSpec) -> None:
    """No field has a slash in its name: who writes one thinks of JSON Pointer, in which errors are
    told."""
    pointers = [path for path in sweep.axes if "/" in path]
    if pointers:
        raise SpecRejected(
            [
                FieldError(
                    pointer=f"/axes/{_escape(path)}",
                    detail=f"axes have dotted paths: write {path.strip('/').replace('/', '.')!r}",
                )
                for path in pointers
            ]
        )


def _check_size(sweep: SweepSpec, limits: Limits) -> None:
    if sweep.mode is SweepMode.ZIP:
        lengths = {path: len(axis) for path, axis in sweep.axes.items()}
        if len(set(lengths.values())) > 1:
            detail = ", ".join(f"{path} has {length:,}" for path, length in lengths.items())
            raise SpecRejected(
                [FieldError(pointer="/axes", detail=f"zipped axes must be equally long; {detail}")]
            )
    if sweep.member_count > limits.max_members:
        detail = f"{sweep.member_count:,} members; the limit here is {limits.max_members:,}"
        raise SpecRejected([FieldError(pointer="/axes", detail=detail)])


class _LeadsNowhere(Exception):
    """An axis path steps into something that has no fields."""

    def __init__(self, parts: Sequence[str], at: int) -> None:
        super().__init__()
        self._parts, self._at = parts, at

    def as_field_error(self) -> FieldError:
        inside = ".".join(self._parts[: self._at]) or "the spec"
        pointer = "".join(f"/{_escape(part)}" for part in self._parts)
        detail = f"{inside} has no {self._parts[self._at]!r} that an axis could set"
        return FieldError(pointer=pointer, detail=detail)


def _document(base: JsonObject, places: _Places) -> JsonObject:
    document: Any = base
    for path in sorted(places, key=lambda path: path.count(".")):
        document = _with(document, path.split("."), places[path][1], at=0)
    return document  # type: ignore[no-any-return]


def _with(document: Any, parts: Sequence[str], value: Any, *, at: int) -> Any:
    """The document with another value at the path. What the path does not touch is shared."""
    if at == len(parts):
        return value
    part = parts[at]
    if isinstance(document, dict):
        return document | {part: _with(document.get(part, {}), parts, value, at=at + 1)}
    is_place = part.isascii() and part.isdecimal() and len(part) < 10
    if isinstance(document, list) and is_place and int(part) < len(document):
        changed = list(document)
        changed[int(part)] = _with(changed[int(part)], parts, value, at=at + 1)
        return changed
    raise _LeadsNowhere(parts, at)


def _locate(axes: Mapping[str, Axis], places: _Places, pointer: str) -> str:
    """Where in the sweep's body the place of the member's spec was written."""
    parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    for path in sorted(places, key=lambda path: -path.count(".")):
        steps = path.split(".")
        if parts[: len(steps)] == steps:
            value = f"/{places[path][0]}" if isinstance(axes[path], list) else ""
            inside = "".join(f"/{_escape(part)}" for part in parts[len(steps) :])
            return f"/axes/{_escape(path)}{value}{inside if value else ''}"
    for path in places:
        if parts and path.split(".")[: len(parts)] == parts:
            return f"/axes/{_escape(path)}"
    return f"/base{pointer}"


def _escape(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")


def _tell(pointer: str, detail: str, affected: list[Point]) -> FieldError:
    others = f" and {len(affected) - 1:,} more" if len(affected) > 1 else ""
    return FieldError(
        pointer=pointer, detail=f"{detail} (member {describe_point(affected[0])}{others})"
    )
