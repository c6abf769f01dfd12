"""The data sets a spec may name, and the facts about them that planning needs.

Knows no arrays: `workers/training/data.py` loads and splits them.
"""

from typing import Annotated, ClassVar, Literal, NamedTuple

from pydantic import Field

from service.domain.base import SpecModel
from service.domain.losses import Task

Seed = Annotated[int, Field(ge=0, lt=2**63)]
Size = Annotated[
    int, Field(ge=2, lt=2**63, description="Number of examples, training and validation.")
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
    task: ClassVar[Task]
    image: ClassVar[Image | None] = None
    """The shape of an example where it is one."""

    validation_fraction: Annotated[float, Field(ge=0, le=0.9)] = 0.2
    split_seed: Seed = 0
    scaling: Annotated[
        Literal["standard", "minmax", "none"],
        Field(description="Per feature, by the statistics of the training part."),
    ] = "standard"

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


class Classification(Dataset):
    task = "classification"
    classes: ClassVar[int] = 2

    @property
    def output_count(self) -> int:
        return self.classes


class Regression(Dataset):
    task = "regression"
    scale_target: Annotated[
        bool, Field(description="Standardise the target by the training part's statistics.")
    ] = False


class Bundled(Dataset):
    """A data set that scikit-learn carries with it: no download."""

    shape: ClassVar[tuple[int, int]]

    @property
    def example_count(self) -> int:
        return self.shape[0]

    @property
    def feature_count(self) -> int:
        return self.shape[1]


class Digits(Bundled, Classification):
    name: Literal["digits"]
    title = "8 x 8 images of handwritten digits"
    shape, classes = (1797, 64), 10
    image = Image(1, 8, 8)


class Iris(Bundled, Classification):
    name: Literal["iris"]
    title = "Fisher's irises"
    shape, classes = (150, 4), 3


class Wine(Bundled, Classification):
    name: Literal["wine"]
    title = "Chemical analysis of wines"
    shape, classes = (178, 13), 3


class BreastCancer(Bundled, Classification):
    name: Literal["breast_cancer"]
    title = "Breast cancer Wisconsin, diagnostic"
    shape, classes = (569, 30), 2


class Diabetes(Bundled, Regression):
    name: Literal["diabetes"]
    title = "Diabetes progression after a year"
    shape = (442, 10)


class Synthetic(Dataset):
    """Drawn from a formula by a seed of its own."""

    size: Size = 256
    noise: Annotated[float, Field(ge=0)] = 0.1
    seed: Seed = 0

    @property
    def example_count(self) -> int:
        return self.size

    @property
    def feature_count(self) -> int:
        return 2


class SyntheticLinear(Synthetic, Regression):
    """y = X w + noise * e, X and w standard normal; a share of the targets is moved by
    10 to 20 times the standard deviation of X w."""

    name: Literal["linear"]
    title = "Linear model with noise and outliers"
    features: Annotated[int, Field(ge=1, le=10_000)] = 8
    outliers: Annotated[float, Field(ge=0, le=1, description="Share of moved targets.")] = 0.0

    @property
    def feature_count(self) -> int:
        return self.features


class SyntheticAbs(Synthetic, Regression):
    """y = |x| + noise * e, x uniform in [-sqrt 3, sqrt 3]."""

    name: Literal["abs"]
    title = "Absolute value"

    @property
    def feature_count(self) -> int:
        return 1


class SyntheticSine(Synthetic, Regression):
    """y = sin(pi x) + noise * e, x uniform in [-sqrt 3, sqrt 3]."""

    name: Literal["sine"]
    title = "Sine wave"

    @property
    def feature_count(self) -> int:
        return 1


class TwoMoons(Synthetic, Classification):
    name: Literal["two_moons"]
    title = "Two interleaving half circles"


class Spirals(Synthetic, Classification):
    """Two arms r = t, angle = 3 pi sqrt(t) + arm * pi, t uniform in [0, 1], scaled by 2."""

    name: Literal["spirals"]
    title = "Two interleaved spirals"


class Blobs(Synthetic, Classification):
    """Isotropic Gaussian clouds; `noise` is their standard deviation."""

    name: Literal["blobs"]
    title = "Gaussian clouds"
    noise: Annotated[float, Field(ge=0)] = 1.0
    centers: Annotated[int, Field(ge=2, le=1000)] = 3
    features: Annotated[int, Field(ge=1, le=10_000)] = 2

    @property
    def output_count(self) -> int:
        return self.centers

    @property
    def feature_count(self) -> int:
        return self.features


AnyDataset = Annotated[
    Digits
    | Iris
    | Wine
    | BreastCancer
    | Diabetes
    | SyntheticLinear
    | SyntheticAbs
    | SyntheticSine
    | TwoMoons
    | Spirals
    | Blobs,
    Field(discriminator="name"),
]
