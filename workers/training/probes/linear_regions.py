"""linear_regions: pieces of the function that a network with one input computes, on the interval
that the training part covers.

With a piecewise linear activation the function is piecewise linear. Layer by layer the interval is
cut where a unit's z passes a kink, which is exact up to the rounding of float64: within a piece z
is affine, so it passes each kink once at most. A cut that the output does not feel (the unit's
effect is 0 further up) is no border: borders are where the slope of an output changes.

Legend: S pieces, U units of a layer, C outputs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from service.domain.activations import Activation, Prelu
from workers.training.arrays import Array, to_host
from workers.training.cohort import Member
from workers.training.shapes import Shapes
from workers.training.state import State

_EQUAL = 1e-12
"""Slopes that differ by less than this share of the largest one are the same: they are sums of the
same terms."""


@dataclass(frozen=True, kw_only=True)
class Bends:
    """A piecewise linear φ: `slopes` between its `kinks`, and its value at 0."""

    kinks: Sequence[float]
    slopes: Sequence[float]

    def __call__(self, z: Array) -> tuple[Array, Array]:
        """φ and φ' at z, which lies at no kink."""
        place = np.searchsorted(self.kinks, z)
        # From the kink at or nearest to 0 outwards; every φ here has φ(0) = 0.
        starts = np.zeros(len(self.slopes))
        anchors = np.zeros(len(self.slopes))
        origin = int(np.searchsorted(self.kinks, 0.0))
        for i in range(origin + 1, len(self.slopes)):
            anchors[i] = self.kinks[i - 1]
            starts[i] = starts[i - 1] + self.slopes[i - 1] * (anchors[i] - anchors[i - 1])
        for i in range(origin - 1, -1, -1):
            anchors[i] = self.kinks[i]
            starts[i] = starts[i + 1] + self.slopes[i + 1] * (anchors[i] - anchors[i + 1])
        slope = np.asarray(self.slopes)[place]
        return starts[place] + slope * (z - anchors[place]), slope


def linear_regions(
    members: Sequence[Member], state: State, shapes: Shapes, interval: tuple[float, float]
) -> Array:
    """[K, 1]: of each member's network with the weights as they are."""
    weights, values = [to_host(weight) for weight in state.weights], to_host(state.values)
    sides = list(pairwise(shapes.widths))
    counts = [
        count_linear_regions(
            [weight[k, :a, :b] for weight, (a, b) in zip(weights, sides, strict=True)],
            [values[k, i, :b] for i, (_, b) in enumerate(sides)],
            [_bends(member.spec.activation, values[k, i, -1]) for i in range(len(shapes.hidden))],
            *interval,
        )
        for k, member in enumerate(members)
    ]
    return np.array(counts)[:, None]


def _bends(activation: Activation, learned: float) -> Bends:
    slopes = activation.pieces or ()  # a curved one was refused with the data
    if isinstance(activation, Prelu):
        slopes = (float(learned), *slopes[1:])
    return Bends(kinks=activation.kinks, slopes=slopes)


def count_linear_regions(
    weights: Sequence[Array],
    biases: Sequence[Array],
    bends: Sequence[Bends],
    low: float,
    high: float,
) -> float:
    """On [low, high], from weights [D_in, D_out] and biases [D_out] of each layer and the
    activation of each hidden one, all in float64. NaN where a weight is not finite."""
    if not all(np.isfinite(part).all() for part in (*weights, *biases)):
        return float("nan")
    left, width = np.array([low]), np.array([high - low])
    value, slope = left[:, None], np.ones((1, 1))
    for weight, bias, phi in zip(weights, biases, bends, strict=False):
        value, slope = value @ weight + bias, slope @ weight
        left, width, value, slope = _cut(left, width, value, slope, phi.kinks)
        middle = value + slope * (width / 2)[:, None]
        at_middle, steepness = phi(middle)
        value = at_middle + steepness * (value - middle)
        slope = steepness * slope
    slope = slope @ weights[-1]
    changes = np.abs(np.diff(slope, axis=0)).max(axis=1, initial=0.0)
    return float(1 + (changes > _EQUAL * np.abs(slope).max(initial=0.0)).sum())


def _cut(
    left: Array, width: Array, value: Array, slope: Array, kinks: Sequence[float]
) -> tuple[Array, Array, Array, Array]:
    """Pieces [S] with z [S, U] at their left ends, cut where a unit passes a kink."""
    pieces, cuts = [np.arange(len(left))], [left]
    for kink in kinks:
        with np.errstate(divide="ignore", invalid="ignore"):
            way = (kink - value) / slope
        piece, unit = np.nonzero((way > 0) & (way < width[:, None]))
        pieces.append(piece)
        cuts.append(left[piece] + way[piece, unit])
    at, of = np.concatenate(cuts), np.concatenate(pieces)
    order = np.lexsort((at, of))
    at, of = at[order], of[order]
    end = np.append(at[1:], 0.0)
    is_last = np.append(of[1:] != of[:-1], True)
    end[is_last] = (left + width)[of[is_last]]
    kept = end > at
    at, of, end = at[kept], of[kept], end[kept]
    return at, end - at, value[of] + slope[of] * (at - left[of])[:, None], slope[of]
