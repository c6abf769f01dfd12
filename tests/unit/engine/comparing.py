"""The engine's events against the reference's, number by number.

Tolerances. Engine and reference add the same terms in another order, so a number may differ by
some units of the last place, times what the steps before it make of that.

- float64: 1e-9 relative. One step rounds at 1e-16; the networks here are trained with rates at
  which no step enlarges an error much, and 1e-9 leaves room for 7 digits of growth.
- float32: 1e-4 relative, for at most 28 steps (design, section 7: by 140 steps one flipped relu
  had moved weights by 6e-3). One step rounds at 6e-8, so this is three digits of growth.
- R² is 1 - a ratio: its error is relative to the ratio, so absolute near 0.
- update_ratio: the reference subtracts weights from weights, which costs the ratio one rounding
  of the weights: a few eps, absolute.
- effective_rank: singular values below sqrt(64 eps) = 1.2e-7 of the largest count as 0 in the
  engine, which knows their squares. Each is a share p < 1.2e-7 that changes the entropy by
  p |ln p| < 2e-6; there are few of them. In float32 the representation itself is rounded.
- Counts are compared exactly, and so is what is None, NaN or infinite.
"""

import base64
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from service.domain.base import DomainModel
from service.domain.events import EpochEvent, UnitActivity
from service.domain.spec import JobSpec
from tests.unit.engine.reference import PlainEpoch, plain_run
from tests.unit.engine.running import Story


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    relative: float
    eps: float
    rank: float

    def accepts(self, name: str, mine: float, other: float) -> bool:
        if not (math.isfinite(mine) and math.isfinite(other)):
            return mine == other or (math.isnan(mine) and math.isnan(other))
        relative = self.rank if name == "effective_rank" else self.relative
        absolute = {
            "train_metric": self.relative,
            "validation_metric": self.relative,
            "update_ratio": 16 * self.eps,
        }.get(name, 64 * self.eps)
        return math.isclose(mine, other, rel_tol=relative, abs_tol=absolute)


TOLERANCES = {
    "float64": Tolerance(relative=1e-9, eps=2**-52, rank=1e-5),
    "float32": Tolerance(relative=1e-4, eps=2**-23, rank=1e-3),
}


def differences(spec: JobSpec, story: Story) -> list[str]:
    """Everything in which the engine and the reference do not agree; nothing is right."""
    plain, tolerance = plain_run(spec), TOLERANCES[spec.precision]
    found = [
        f"epoch {event.metrics.epoch}: {difference}"
        for event, epoch in zip(story.epochs, plain.epochs, strict=False)
        for difference in _of_epoch(event, epoch, tolerance)
    ]
    if len(story.epochs) != len(plain.epochs):
        found.append(f"{len(story.epochs)} epochs, expected {len(plain.epochs)}")
    if story.diverged_at != plain.diverged_at:
        found.append(f"diverged at {story.diverged_at}, expected {plain.diverged_at}")
    return found


def story_differences(mine: Story, other: Story, spec: JobSpec) -> list[str]:
    """Everything in which two trainings of the same spec do not agree to rounding. The sparsity of
    gelu is left out: whether 1 + erf(z / sqrt 2) is exactly 0 for a z of -5 is itself rounding."""
    tolerance = TOLERANCES[spec.precision]
    found = []
    for a, b in zip(mine.epochs, other.epochs, strict=True):
        pairs = [(a.metrics, b.metrics), *zip(a.layers, b.layers, strict=True)]
        found += [
            f"epoch {a.metrics.epoch}: {difference}"
            for one, two in pairs
            for difference in _of_models(_comparable(one, spec), _comparable(two, spec), tolerance)
        ]
        if [deaths(unit) for unit in a.units] != [deaths(unit) for unit in b.units]:
            found.append(f"epoch {a.metrics.epoch}: other units are dead")
    if mine.diverged_at != other.diverged_at:
        found.append(f"diverged at {mine.diverged_at}, expected {other.diverged_at}")
    return found


def _comparable(model: DomainModel, spec: JobSpec) -> DomainModel:
    left_out = {"seconds", "sparsity"} if spec.activation.name == "gelu" else {"seconds"}
    names = left_out & set(type(model).model_fields)
    return model.model_copy(update=dict.fromkeys(names))


def _of_epoch(event: EpochEvent, plain: PlainEpoch, tolerance: Tolerance) -> Iterator[str]:
    if event.step != plain.step:
        yield f"step {event.step}, expected {plain.step}"
    metrics = event.metrics.model_copy(update={"seconds": None})
    yield from _of_models(metrics, plain.metrics, tolerance)
    if len(event.layers) != len(plain.layers):
        yield f"{len(event.layers)} layers, expected {len(plain.layers)}"
    for i, (mine, other) in enumerate(zip(event.layers, plain.layers, strict=False)):
        yield from (f"layer {i}: {one}" for one in _of_models(mine, other, tolerance))
    for i, unit in enumerate(event.units):
        yield from (f"layer {i}: {one}" for one in _of_units(unit, plain, i, tolerance))


def _of_models(mine: DomainModel, other: DomainModel, tolerance: Tolerance) -> Iterator[str]:
    for name in type(mine).model_fields:
        a, b = getattr(mine, name), getattr(other, name)
        if isinstance(a, float) and isinstance(b, float):
            is_same = tolerance.accepts(name, a, b)
        else:
            is_same = a == b
        if not is_same:
            yield f"{name} is {a!r}, expected {b!r}"


def _of_units(unit: UnitActivity, plain: PlainEpoch, i: int, tolerance: Tolerance) -> Iterator[str]:
    # Stored as float32, whose rounding is 6e-8.
    relative = max(tolerance.relative, 1e-7)
    mine, other = activities(unit), plain.activity[i]
    if not all(
        math.isclose(a, b, rel_tol=relative, abs_tol=1e-12) or (math.isnan(a) and math.isnan(b))
        for a, b in zip(mine, other, strict=True)
    ):
        yield f"activity is {mine}, expected {other}"
    expected = [255] * len(other) if plain.layers[i].dead is None else list(map(int, plain.dead[i]))
    if deaths(unit) != expected:
        yield f"dead units are {deaths(unit)}, expected {expected}"


def activities(unit: UnitActivity) -> list[float]:
    """mean |h| of each unit, as the event carries it."""
    raw = base64.b64decode(unit.activity)
    return list(struct.unpack(f"<{len(raw) // 4}f", raw))


def deaths(unit: UnitActivity) -> list[int]:
    """One byte a unit: 1 dead, 0 alive, 255 unknown."""
    return list(base64.b64decode(unit.dead))
