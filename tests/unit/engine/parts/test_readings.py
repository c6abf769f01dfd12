"""What is told of each unit, as bytes."""

import math

import numpy as np
import pytest

from workers.training.activations import UnitCounts
from workers.training.probes import JudgedLayer
from workers.training.readings import UNKNOWN, UnitMarks, unit_marks


def marks(activity: list[float], passing: list[float]) -> UnitMarks:
    """Of one member's layer, over one example."""
    zeros = np.zeros((1, len(activity)))
    counts = UnitCounts(
        passing=np.array([passing]), flat=zeros, zero=zeros, activity=np.array([activity])
    )
    return unit_marks(JudgedLayer(counts, 1))


def test_activity_and_death_are_told_unit_by_unit() -> None:
    told = marks([0.5, 0.0], [1, 0])
    assert told.activity.tobytes() == np.array([0.5, 0.0], "<f4").tobytes()
    assert told.dead.tobytes() == bytes([0, 1])


def test_where_a_layer_holds_nan_nobody_knows_who_is_dead() -> None:
    told = marks([math.nan, 1.0], [0, 1])
    assert told.dead.tolist() == [[UNKNOWN, UNKNOWN]]


@pytest.mark.parametrize(
    ("value", "stored"),
    [(1e300, math.inf), (math.inf, math.inf), (3.4028235e38, 3.4028234663852886e38)],
)
def test_activity_beyond_float32_is_infinite(value: float, stored: float) -> None:
    assert marks([value], [1]).activity.tolist() == [[stored]]
