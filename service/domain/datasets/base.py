"""What every data set has, and the two tasks. Knows no arrays: `workers/training` loads them."""

from typing import Annotated, ClassVar, Literal, NamedTuple

from pydantic import Field

from service.domain.base import SpecModel
from service.domain.losses import Task

Seed = Annotated[int, Field(ge=0, lt=2**63)]
Size = Annotated[
    int, Field(ge=2, lt=2**63, description="Number of examples, training and validation.")
]
ScaleTarget = Annotated[
    bool, Field(description="Standardise the target by the training part's statistics.")
]


class Image(NamedTuple):
    """The shape of an image; its pixels are ordered by channel, then row by row, as PyTorch's."""

    channels: int
    height: int
    width: int

    @property
    def size(self) -> int:
        return self.channels * self.height * self.width

    @property
    def halved(self) -> "Image":
        """After windows of 2 x 2; an odd last row or column is left out."""
        return Image(self.channels, self.height // 2, self.width // 2)


class Dataset(SpecModel):
    """What every data set has: how it is split and scaled."""

    name: str
    title: ClassVar[str]

    validation_fraction: Annotated[float, Field(ge=0, le=0.9)] = 0.2
    split_seed: Seed = 0
    scaling: Annotated[
        Literal["standard", "minmax", "global_minmax", "none"],
        Field(
            description="By the statistics of the training part: per feature, or for global_minmax "
            "by the smallest and largest value of all features together, which takes pixels to "
            "[0, 1] and keeps their proportions."
        ),
    ] = "standard"

    @property
    def task(self) -> Task:
        raise NotImplementedError

    @property
    def example_count(self) -> int:
        raise NotImplementedError

    @property
    def feature_count(self) -> int:
        raise NotImplementedError

    @property
    def output_count(self) -> int:
        """Classes, or target columns."""
        return 1

    @property
    def image(self) -> Image | None:
        """The shape of an example where it is one."""
        return None

    @property
    def is_target_scaled(self) -> bool:
        return False


class Classification(Dataset):
    classes: ClassVar[int] = 2

    @property
    def task(self) -> Task:
        return "classification"

    @property
    def output_count(self) -> int:
        return self.classes


class Regression(Dataset):
    scale_target: ScaleTarget = False

    @property
    def task(self) -> Task:
        return "regression"

    @property
    def is_target_scaled(self) -> bool:
        return self.scale_target
