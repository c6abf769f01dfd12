"""Uploaded data sets: what is known about one, and the one form in which all are kept.

The form: a line of JSON (`Header`), then the matrix [examples, features + 1] row by row as
little-endian float64, the target last; a class is its number. It holds all that the numbers of a
job depend on, so the id of a data set is made of its SHA-256: whoever uploads the same examples
again, in whatever file format, gets the same id.
"""

import hashlib
from typing import Annotated

from pydantic import Field

from service.domain.base import DomainModel, JsonObject
from service.domain.job import UtcTime
from service.domain.losses import Task

LONGEST_NAME = 200
MOST_CLASSES = 1000


class Header(DomainModel):
    """What the columns of the matrix are."""

    examples: int
    features: list[str]
    target: str
    labels: list[str] | None
    """The names of the classes by their number; None: the target is a number."""

    def pack(self, matrix: bytes) -> bytes:
        """The whole content: this header, and the matrix behind it."""
        return self.model_dump_json().encode() + b"\n" + matrix

    @classmethod
    def unpack(cls, content: bytes) -> tuple["Header", memoryview]:
        """The header, and the matrix behind it. Raises ValueError where it is not as long as the
        header says."""
        end = content.index(b"\n")
        header, matrix = cls.model_validate_json(content[:end]), memoryview(content)[end + 1 :]
        if len(matrix) != 8 * header.examples * (len(header.features) + 1):
            raise ValueError("the matrix is not as long as its header says")
        return header, matrix


def dataset_id(content: bytes) -> str:
    """`dat_` and the first 128 bits of the content's SHA-256."""
    return f"dat_{hashlib.sha256(content).hexdigest()[:32]}"


class Column(DomainModel):
    """A column and what its values are like."""

    name: str
    minimum: float
    maximum: float
    mean: float
    standard_deviation: Annotated[float, Field(description="Divided by the number of examples")]
    distinct: Annotated[int, Field(description="Different values")]


class ClassCount(DomainModel):
    """A class by its name; its number is its place in the list."""

    name: str
    examples: int


class UploadSummary(DomainModel):
    """An uploaded data set, without its columns."""

    id: Annotated[str, Field(description="Follows from the content: the same data, the same id")]
    name: str | None
    task: Task
    target: str
    examples: int
    features: int
    classes: Annotated[int | None, Field(description="null: a number is predicted")]
    stored_bytes: Annotated[int, Field(description="What it takes where it is kept")]
    created_at: UtcTime

    @property
    def sizes(self) -> JsonObject:
        """What a spec declares of it."""
        return {"examples": self.examples, "features": self.features, "classes": self.classes}


class UploadedDataset(UploadSummary):
    """An uploaded data set with a preview of its columns."""

    columns: Annotated[list[Column], Field(description="The features, then the target")]
    class_counts: Annotated[list[ClassCount] | None, Field(description="null: no classes")]
