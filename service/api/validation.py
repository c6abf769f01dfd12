"""Pydantic's errors in our words: a JSON Pointer into what the user wrote, and what would be
accepted there."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from service.domain.activations import Activation
from service.domain.base import SpecModel
from service.domain.errors import FieldError
from service.domain.losses import Loss
from service.domain.spec import JobSpec
from service.domain.study import StudySpec
from service.domain.sweep import SweepSpec
from service.domain.variants import models_in, variants

_LONGEST_QUOTE = 60

_MESSAGES = {
    "missing": "is required",
    "finite_number": "must be a finite number",
    "float_type": "must be a number",
    "int_type": "must be an integer",
    "int_parsing": "must be an integer",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "string_type": "must be a string",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "list_type": "must be a list",
    "too_short": "must have at least {min_length} items",
    "too_long": "must have at most {max_length} items",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be greater than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "value_error": "{error}",
}

# The value itself adds nothing to these.
_NO_QUOTE = frozenset({"missing", "value_error", "too_short", "too_long"})


def pointer(parts: Iterable[str | int]) -> str:
    """A JSON Pointer (RFC 6901)."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in parts)


def describe_spec_errors(error: ValidationError) -> list[FieldError]:
    """Why a document is no JobSpec."""
    return [_describe_spec_error(one) for one in error.errors(include_url=False)]


def describe_sweep_errors(error: ValidationError) -> list[FieldError]:
    """Why a document is no SweepSpec. Its members are looked at later, see `service.planning`."""
    return [_describe_sweep_error(one) for one in error.errors(include_url=False)]


def describe_study_errors(error: ValidationError) -> list[FieldError]:
    """Why a document is no StudySpec."""
    return _describe_flat(error, [])


def describe_override_errors(error: ValidationError) -> list[FieldError]:
    """Why a study's overrides are no options of its template."""
    return _describe_flat(error, ["overrides"])


def _describe_flat(error: ValidationError, above: list[str]) -> list[FieldError]:
    """Of a model without unions. What names a field that is not there lists those that are."""
    described = []
    for one in error.errors(include_url=False):
        detail = _describe(one)
        if one["type"] == "extra_forbidden":
            detail = (
                "is no option of this template; GET /v1/studies lists them"
                if above
                else f"unknown field; accepted: {', '.join(StudySpec.model_fields)}"
            )
        described.append(FieldError(pointer=pointer([*above, *one["loc"]]), detail=detail))
    return described


def _describe_sweep_error(error: ErrorDetails) -> FieldError:
    # Below an axis pydantic names the kind of axis, which nobody wrote.
    parts = [
        part
        for at, part in enumerate(error["loc"])
        if not (error["loc"][0] == "axes" and at == 2) and part != "[key]"
    ]
    if error["type"].startswith("union_tag_"):
        detail = (
            'must be a list of values, {"range": n}, {"linspace": [first, last, n]} '
            'or {"logspace": [first, last, n]}'
        )
    elif error["type"] == "extra_forbidden":
        known = ", ".join(SweepSpec.model_fields) if len(parts) == 1 else "one of the four forms"
        detail = f"unknown field; accepted: {known}"
    elif error["type"] == "string_pattern_mismatch":
        detail = "must be names joined by single dots, such as optimizer.learning_rate"
    elif parts == ["axes"] and error["type"] == "too_short":
        detail = "must name at least one axis; POST /v1/jobs takes a single job"
    else:
        detail = _describe(error)
    return FieldError(pointer=pointer(parts), detail=detail)


def describe_parameter_errors(errors: Sequence[Any]) -> list[FieldError]:
    """Why a path, query or header parameter is refused."""
    return [FieldError(pointer=pointer(one["loc"]), detail=_describe(one)) for one in errors]


def _describe_spec_error(error: ErrorDetails) -> FieldError:
    parts, model = _locate(error["loc"])
    if error["type"].startswith("union_tag_"):
        key = error["ctx"]["discriminator"].strip("'")
        accepted = error["ctx"].get("expected_tags", "").replace("'", "")
        if not accepted:  # the tag was left out, and pydantic does not list the possible ones
            accepted = ", ".join(_options(error["loc"], key))
        written = error["input"].get(key) if key in error["input"] else None
        lead = f"{_quote(written)} is not known here" if key in error["input"] else "is required"
        return FieldError(pointer=pointer([*parts, key]), detail=f"{lead}; accepted: {accepted}")
    if error["type"] == "extra_forbidden":
        return FieldError(pointer=pointer(parts), detail=_refuse_field(parts[-1], model))
    return FieldError(pointer=pointer(parts), detail=_describe(error))


def _refuse_field(name: str | int, model: type[SpecModel]) -> str:
    if name == "derivative_at_zero" and issubclass(model, Activation | Loss):
        (subject,) = get_args(model.model_fields["name"].annotation)
        return f"{subject} has a derivative at 0, so there is no convention to choose; leave it out"
    return f"unknown field; accepted: {', '.join(model.model_fields)}"


def _describe(error: Mapping[str, Any]) -> str:
    kind, value = error["type"], error.get("input")
    if kind == "float_type" and isinstance(value, int) and not isinstance(value, bool):
        return "must be a finite number, and this is too large"
    if kind not in _MESSAGES:
        return str(error["msg"]).replace("Input should", "should")
    message = _MESSAGES[kind].format(**error.get("ctx", {}))
    return message if kind in _NO_QUOTE else f"{message}, not {_quote(value)}"


def _quote(value: Any) -> str:
    """The value as its author wrote it, if that is short enough to be of use."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}…"


def _locate(location: Sequence[str | int]) -> tuple[list[str | int], type[SpecModel]]:
    """The same place without the union tags that pydantic puts between, and the model there.

    A tag cannot be told from a field by its name (`{"optimizer": {"sgd": 1}}`), so the walk
    follows the models.
    """
    parts: list[str | int] = []
    model: type[SpecModel] = JobSpec
    steps = iter(location)
    for step in steps:
        parts.append(step)
        field = model.model_fields.get(str(step))
        if field is None:
            continue
        if isinstance(field.discriminator, str):
            tag = next(steps, None)
            if tag is not None:
                model = variants(field.annotation, field.discriminator, SpecModel)[str(tag)]
        elif inner := models_in(field.annotation, SpecModel):
            model = inner[0]
    return parts, model


def _options(location: Sequence[str | int], key: str) -> Iterable[str]:
    *parents, name = location
    _, model = _locate(parents)
    return variants(model.model_fields[str(name)].annotation, key, SpecModel)
