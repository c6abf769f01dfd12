"""What a spec may choose from: the members of its unions, by the tag that names each."""

from typing import Annotated, Any, get_args, get_origin

from service.domain.base import SpecModel


def models_in(annotation: Any) -> tuple[type[SpecModel], ...]:
    """The models that a type hint names, in its order: one, several in a union, or none."""
    if isinstance(annotation, type) and issubclass(annotation, SpecModel):
        return (annotation,)
    parts = get_args(annotation)
    if get_origin(annotation) is Annotated:
        parts = parts[:1]
    return tuple(model for part in parts for model in models_in(part))


def variants(union: Any, key: str) -> dict[str, type[SpecModel]]:
    """The members of a discriminated union by their tag, the one legal value of field `key`."""
    return {get_args(model.model_fields[key].annotation)[0]: model for model in models_in(union)}
