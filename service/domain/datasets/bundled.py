"""Data sets that scikit-learn carries with it."""

from typing import ClassVar, Literal

from service.domain.datasets.base import Classification, Dataset, Image, Regression


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

    @property
    def image(self) -> Image | None:
        return Image(1, 8, 8)


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
