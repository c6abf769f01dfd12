"""Linear regions counted by hand, and against the slopes on a fine grid."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from service.domain.spec import JobSpec
from tests.unit.engine.running import run_one
from workers.training.probes.linear_regions import Bends, count_linear_regions

RELU = Bends(kinks=(0.0,), slopes=(0.0, 1.0))
BENDS = [
    RELU,
    Bends(kinks=(0.0,), slopes=(-0.3, 1.0)),
    Bends(kinks=(0.0, 6.0), slopes=(0.0, 1.0, 0.0)),
    Bends(kinks=(-1.0, 1.0), slopes=(0.0, 1.0, 0.0)),
]
Array = NDArray[np.float64]


def rows(*numbers: float) -> Array:
    return np.array([numbers])


def one_layer(slopes: Array, kinks_at: Array, effects: Array, phi: Bends = RELU) -> float:
    """sum of effects · φ(slope · (x - kink)) on [-1, 1]."""
    weights, biases = [slopes, effects.T], [-(slopes * kinks_at)[0], np.zeros(1)]
    return count_linear_regions(weights, biases, [phi], -1.0, 1.0)


def test_every_unit_that_bends_inside_adds_a_region() -> None:
    assert one_layer(rows(1, -1, 2), rows(-0.5, 0, 0.7), rows(1, 1, 1)) == 4


def test_a_bend_outside_or_without_effect_adds_none() -> None:
    assert one_layer(rows(1, 1, 1), rows(-1.5, 0, 0.7), rows(1, 0, 1)) == 2


def test_units_that_bend_at_one_place_add_one() -> None:
    assert one_layer(rows(1, 2), rows(0.5, 0.5), rows(1, 1)) == 2
    # ... and none where what one adds the other takes away.
    assert one_layer(rows(1, -1), rows(0.5, 0.5), rows(1, -1)) == 1


def test_a_unit_with_two_kinks_bends_twice() -> None:
    hardtanh = BENDS[3]
    assert one_layer(rows(2), rows(0), rows(1), hardtanh) == 3


def test_a_second_layer_folds_the_first() -> None:
    """|x| - 1/2, and its absolute value: a W."""
    weights = [rows(1, -1), np.array([[1.0, -1.0], [1.0, -1.0]]), rows(1, 1).T]
    biases = [np.zeros(2), np.array([-0.5, 0.5]), np.zeros(1)]
    assert count_linear_regions(weights, biases, [RELU, RELU], -1.0, 1.0) == 4


def test_a_network_without_hidden_layer_is_one_line() -> None:
    assert count_linear_regions([rows(2.0)], [np.ones(1)], [], 0.0, 1.0) == 1


def test_weights_that_are_no_numbers_have_no_regions() -> None:
    assert math.isnan(one_layer(rows(math.nan), rows(0), rows(1)))


@pytest.mark.parametrize("phi", BENDS)
@pytest.mark.parametrize("seed", range(4))
def test_random_networks_have_as_many_regions_as_a_fine_grid_sees(phi: Bends, seed: int) -> None:
    """Slopes on 400,001 points; a region too narrow for three of them would be missed, and a
    network whose narrowest one is that narrow is not drawn by these seeds."""
    rng = np.random.default_rng(seed)
    widths = [1, 6, 5, 2]
    weights = [rng.standard_normal(sides) for sides in pairwise(widths)]
    biases = [rng.standard_normal(width) for width in widths[1:]]
    counted = count_linear_regions(weights, biases, [phi, phi], -3.0, 3.0)
    x = np.linspace(-3, 3, 400_001)
    h = x[:, None]
    for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
        h = _phi(phi, h @ weight + bias)
    slopes = np.diff(h @ weights[-1] + biases[-1], axis=0) / np.diff(x)[:, None]
    # A border lies inside one step, whose slope is between: so a border is one or two changes.
    changes = np.abs(np.diff(slopes, axis=0)).max(axis=1) > 1e-6 * np.abs(slopes).max()
    borders = np.flatnonzero(changes)
    apart = 1 + (np.diff(borders) > 1).sum() if len(borders) else 0
    assert counted == 1 + apart


def _phi(phi: Bends, z: Array) -> Array:
    if phi.kinks == (0.0,):
        return np.where(z > 0, z, phi.slopes[0] * z)
    return np.clip(z, phi.kinks[0], phi.kinks[1])


def job(**changes: Any) -> JobSpec:
    return JobSpec.model_validate(
        {
            "dataset": {"name": "sine", "size": 60, "scaling": "none"},
            "network": {"hidden": [5]},
            "activation": {"name": "relu"},
            "loss": {"name": "mse"},
            "optimizer": {"learning_rate": 0.05},
            "epochs": 2,
            "probes": {"linear_regions": True},
        }
        | changes
    )


def test_a_job_counts_them_after_each_epoch() -> None:
    """Biases of 0: all units bend at x = 0, until training moves them."""
    counts = [event.metrics.linear_regions for event in run_one(job()).epochs]
    assert counts[0] == 2
    assert 2 < (counts[-1] or 0) <= 6


def test_prelu_has_its_learned_slope() -> None:
    """At slope 1 it is a line."""
    activation = {"name": "prelu", "init": 1.0}
    counts = [event.metrics.linear_regions for event in run_one(job(activation=activation)).epochs]
    assert counts[0] == 1
    assert (counts[-1] or 0) > 1


def test_a_member_that_diverges_has_no_count() -> None:
    spec = job(optimizer={"learning_rate": 1e30}, precision="float16")
    assert run_one(spec).last.metrics.linear_regions is None


def test_nothing_is_counted_unless_asked_for() -> None:
    assert run_one(job(probes={})).last.metrics.linear_regions is None
