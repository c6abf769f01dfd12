"""What a spec may choose from: the members of its unions, by the tag that names each."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar, get_args, get_origin

from service.domain.base import SpecModel

Model = TypeVar("Model", bound=SpecModel)


def models_in(annotation: Any, base: type[Model]) -> tuple[type[Model], ...]:
    """The subclasses of `base` in a type hint, in its order: one, several in a union, or none."""
    if isinstance(annotation, type) and issubclass(annotation, base):
        return (annotation,)
    parts = get_args(annotation)
    if get_origin(annotation) is Annotated:
        parts = parts[:1]
    return tuple(model for part in parts for model in models_in(part, base))


def variants(union: Any, key: str, base: type[Model]) -> dict[str, type[Model]]:
    """The members of a discriminated union by their tag, the one legal value of field `key`."""
    return {
        get_args(model.model_fields[key].annotation)[0]: model for model in models_in(union, base)
    }


def tagged(key: str, default: str) -> Callable[[Any], Any]:
    """Fills in the discriminator of a union where it was left out."""

    def fill(value: Any) -> Any:
        return {key: default, **value} if isinstance(value, dict) and key not in value else value

    return fill
