"""Data sets that are drawn from a formula."""

from typing import Annotated, Literal

from pydantic import Field

from service.domain.datasets.base import Classification, Dataset, Regression, Seed, Size


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
    10 to 20 times the standard deviation of X w, and with `zeros` the targets are integers, of
    which that share is 0 (and more by rounding)."""

    name: Literal["linear"]
    title = "Linear model with noise and outliers"
    features: Annotated[int, Field(ge=1, le=10_000)] = 8
    outliers: Annotated[float, Field(ge=0, le=1, description="Share of moved targets.")] = 0.0
    zeros: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="Share of targets that are 0; if there are any, all others are rounded to "
            "integers, as counts are.",
        ),
    ] = 0.0

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


class SyntheticBump(Synthetic, Regression):
    """y = exp(-4 x^2) + noise * e, x uniform in [-sqrt 3, sqrt 3]: smooth, and flat but for the
    middle."""

    name: Literal["bump"]
    title = "Gaussian bump"

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
