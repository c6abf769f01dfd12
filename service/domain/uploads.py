"""Uploaded data sets: what is known about one, and the one form in which all are kept.

The form: a line of JSON (`Header`), then the matrix [examples, features + 1] row by row as
little-endian float64, the target last; a class is its number. It holds all that the numbers of a
job depend on, so the id of a data set is made of its SHA-256: whoever uploads the same examples
again, in whatever file format, gets the same id.
"""

import hashlib
import struct
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
    """An uploaded data set with statistics of its columns."""

    columns: Annotated[list[Column], Field(description="The features, then the target")]
    class_counts: Annotated[list[ClassCount] | None, Field(description="null: no classes")]


class Preview(DomainModel):
    """The first examples of an uploaded data set, as they are trained on."""

    dataset_id: str
    columns: Annotated[list[str], Field(description="The first features, then the target")]
    hidden_columns: Annotated[int, Field(description="Features that are not shown")]
    rows: Annotated[
        list[list[float | str]],
        Field(description="A value for each column; the target of classes is a class's name"),
    ]


def preview(dataset_id: str, content: bytes, *, most_rows: int, most_columns: int) -> Preview:
    """The first rows of the content, and as many of their columns."""
    header, matrix = Header.unpack(content)
    shown = min(len(header.features), most_columns - 1)
    row = struct.Struct(f"<{len(header.features) + 1}d")
    rows: list[list[float | str]] = []
    for at in range(min(header.examples, most_rows)):
        *features, target = row.unpack_from(matrix, at * row.size)
        named = target if header.labels is None else header.labels[int(target)]
        rows.append([*features[:shown], named])
    return Preview(
        dataset_id=dataset_id,
        columns=[*header.features[:shown], header.target],
        hidden_columns=len(header.features) - shown,
        rows=rows,
    )
