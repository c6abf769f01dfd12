"""The data sets a spec may name, and the facts about them that planning needs.

Knows no arrays: `workers/training` loads and splits them.
"""

from typing import Annotated

from pydantic import Field

from service.domain.datasets.base import Classification, Dataset, Image, Regression
from service.domain.datasets.bundled import BreastCancer, Bundled, Diabetes, Digits, Iris, Wine
from service.domain.datasets.declared import (
    FIND_SIZES,
    WELL_KNOWN,
    Declared,
    FindSizes,
    KnownSet,
    OpenMl,
    Upload,
)
from service.domain.datasets.synthetic import (
    Blobs,
    Spirals,
    Synthetic,
    SyntheticAbs,
    SyntheticBump,
    SyntheticLinear,
    SyntheticSine,
    TwoMoons,
)

AnyDataset = Annotated[
    Digits
    | Iris
    | Wine
    | BreastCancer
    | Diabetes
    | SyntheticLinear
    | SyntheticAbs
    | SyntheticSine
    | SyntheticBump
    | TwoMoons
    | Spirals
    | Blobs
    | OpenMl
    | Upload,
    Field(discriminator="name"),
]

__all__ = [
    "FIND_SIZES",
    "WELL_KNOWN",
    "AnyDataset",
    "Blobs",
    "Bundled",
    "Classification",
    "Dataset",
    "Declared",
    "FindSizes",
    "Image",
    "KnownSet",
    "OpenMl",
    "Regression",
    "Spirals",
    "Synthetic",
    "SyntheticAbs",
    "SyntheticBump",
    "SyntheticLinear",
    "SyntheticSine",
    "TwoMoons",
    "Upload",
]
