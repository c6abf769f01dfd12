"""What every model of the domain has in common: frozen, strict, and closed to unknown fields."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


class DomainModel(BaseModel):
    """A frozen record. NaN and Inf are legal *results*: in JSON they are the strings
    "NaN", "Infinity" and "-Infinity", because JSON has no such numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class SpecModel(DomainModel):
    """A part of a job spec: written by users, so types are strict ("3" is not 3) and every
    number is finite. Integers are accepted where a real number is asked for."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, validate_default=True
    )


def _check_printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("control characters and unpaired surrogates are not accepted")
    return text


Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_check_printable)]
"""A name given by a user: 1 to 200 printable characters."""

JsonObject = dict[str, Any]
