"""What a run measured, as its readers get it: a list per quantity, an entry per point."""

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, create_model

from service.domain.base import DomainModel
from service.domain.lifecycle import Lifecycle
from service.domain.metrics import EpochMetrics, LayerMetrics, Number


def _columns_of(name: str, row: type[DomainModel]) -> Any:
    """A model with a list for each field of `row`, any of which may be left out."""
    fields: dict[str, Any] = {
        field: (
            list[info.annotation],  # type: ignore[name-defined]
            Field(default_factory=list, description=info.description),
        )
        for field, info in row.model_fields.items()
    }
    doc = "Equally long lists, of the columns that were asked for."
    return create_model(name, __base__=DomainModel, __doc__=doc, **fields)


if TYPE_CHECKING:

    class _EpochColumns(DomainModel):
        """What a type checker sees of models that are made from others' fields."""

        def __getattr__(self, name: str) -> list[Any]: ...

    _LayerColumns = _EpochColumns
else:
    _EpochColumns = _columns_of("EpochColumns", EpochMetrics)
    _LayerColumns = _columns_of("LayerColumns", LayerMetrics)

_PER_POINT = Field(
    description="1: every epoch is there. More, with `max_points`: a point is the last of so many "
    "epochs, and `minimum` and `maximum` hold the extremes among them"
)
_EXTREME = Field(
    default=None,
    description="Per point, where there are fewer points than epochs; else left out. NaN where one "
    "of the values is NaN, null where none was measured",
)


class EpochSeries(DomainModel):
    """One entry per point in every column."""

    job_id: str
    epochs_per_point: Annotated[int, _PER_POINT]
    columns: _EpochColumns
    minimum: Annotated[_EpochColumns | None, _EXTREME]
    maximum: Annotated[_EpochColumns | None, _EXTREME]


class LayerSeries(DomainModel):
    """One entry per point and hidden layer in every column."""

    job_id: str
    epochs_per_point: Annotated[int, _PER_POINT]
    columns: _LayerColumns
    minimum: Annotated[_LayerColumns | None, _EXTREME]
    maximum: Annotated[_LayerColumns | None, _EXTREME]


class UnitSeries(DomainModel):
    """One hidden layer, unit by unit. The matrices have a row per epoch."""

    job_id: str
    layer: int
    units: int
    epochs_per_point: Annotated[int, _PER_POINT]
    epochs: list[int]
    activity: Annotated[list[list[Number]], Field(description="Mean |h| over the training part")]
    minimum: Annotated[list[list[Number]] | None, _EXTREME]
    maximum: Annotated[list[list[Number]] | None, _EXTREME]
    dead: Annotated[list[list[bool | None]], Field(description="null: the layer holds NaN")]
    lifecycles: Annotated[
        list[Lifecycle], Field(description="One per unit, over every epoch whatever max_points is")
    ]
    irreversible_fraction: Annotated[
        float | None,
        Field(description="Of the units dead before the last epoch, the share dead at the end"),
    ]
