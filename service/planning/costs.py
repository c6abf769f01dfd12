"""What a spec costs: counted from its shapes, and timed by what was trained here before."""

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from service.domain.job import SpecWarning
from service.domain.networks import LayerSize
from service.domain.optimizers import Adam, AdamW, AnyOptimizer, RmsProp, Sgd
from service.domain.plan import JobPlan, MemberWarning, SweepPlan, Throughput
from service.domain.spec import JobSpec, cohort_key

_ITEM_BYTES = {"float64": 8, "float32": 4, "bfloat16": 2, "float16": 2}

_NEAREST = 9
"""Stacks that an estimate is the median of."""


def forward_flops(spec: JobSpec) -> int:
    """One example through the network: 2 a b for each layer from a to b values, of a convolution
    at each position."""
    return sum(_flops(layer) for layer in spec.layer_sizes)


def _flops(layer: LayerSize) -> int:
    return 2 * layer.fan_in * layer.units * layer.positions


def flops_per_epoch(spec: JobSpec) -> int:
    """Training: forward, gradients of the weights, gradients of the inputs of all layers but the
    first. Then a forward pass over both parts, which measures."""
    forward = forward_flops(spec)
    first = _flops(spec.layer_sizes[0])
    return spec.training_examples * (3 * forward - first) + measuring_flops(spec)


def measuring_flops(spec: JobSpec) -> int:
    return forward_flops(spec) * (spec.training_examples + spec.validation_examples)


def total_flops(spec: JobSpec) -> int:
    """All epochs; epoch 0 is measured and not trained. Draws of the bifurcation zone are a forward
    pass over the training part each (backward passes are rare)."""
    drawn = spec.probes.bifurcation_draws * forward_flops(spec) * spec.training_examples
    return spec.epochs * flops_per_epoch(spec) + measuring_flops(spec) + drawn


def memory_bytes(spec: JobSpec, members: int = 1) -> int:
    """Of so many networks of these shapes as one stack. They share the data."""
    item = _ITEM_BYTES[spec.precision]
    # Half precisions compute, and keep the optimizer's state, in float32.
    work = max(item, 4)
    moments = _moments(spec.optimizer)
    batch = min(spec.batch_size, spec.training_examples)
    # Of each unit and example of the batch: pre-activation, activation, gradient.
    values = sum(layer.units * layer.positions for layer in spec.layer_sizes)
    activations = 3 * (spec.dataset.feature_count + values) * batch * work
    network = spec.parameter_count * (2 * item + moments * work) + activations
    data = spec.dataset.example_count * (spec.dataset.feature_count + 1) * item
    return members * network + data


def _moments(optimizer: AnyOptimizer) -> int:
    """Values that the optimizer keeps of each parameter."""
    squares = {Adam: 2, AdamW: 2, RmsProp: 1, Sgd: 0}[type(optimizer)]
    has_momentum = isinstance(optimizer, Sgd | RmsProp) and optimizer.momentum > 0
    return squares + has_momentum


@dataclass(frozen=True, kw_only=True)
class TrainedEpoch:
    """The last epoch of a finished job. Jobs of one stack report the same seconds."""

    spec: JobSpec
    seconds: float
    device: str
    lanes: int
    """Stacks that trained side by side."""


@dataclass(frozen=True, kw_only=True)
class _Stack:
    spec: JobSpec
    size: int
    lanes: int
    flops_per_second: float

    def distance(self, spec: JobSpec, size: int) -> float:
        """How many doublings apart: work of a step, and networks in the stack."""
        work = math.log2(_step_flops(self.spec) / _step_flops(spec))
        return abs(work) + abs(math.log2(self.size / size))


def _step_flops(spec: JobSpec) -> int:
    return forward_flops(spec) * min(spec.batch_size, spec.training_examples)


class Pace:
    """How fast this installation trains, by its newest finished jobs."""

    def __init__(self, trained: Sequence[TrainedEpoch]) -> None:
        together: dict[tuple[str, float], list[TrainedEpoch]] = defaultdict(list)
        for one in trained:
            if one.seconds > 0 and math.isfinite(one.seconds):
                # Two stacks that took the same time to the last bit of a float64 are one.
                together[cohort_key(one.spec), one.seconds].append(one)
        self._stacks = [(found[0].device, _stack(found)) for found in together.values()]

    def throughput(self, spec: JobSpec, members: int) -> Throughput | None:
        """Of a stack of so many networks like this: the median of the most alike ones with this
        precision (and device, where the spec names one)."""
        alike = [
            stack
            for device, stack in self._stacks
            if stack.spec.precision == spec.precision and spec.device in ("auto", device)
        ]
        if not alike:
            return None
        lanes = alike[0].lanes
        size = -(-members // min(lanes, members))
        nearest = sorted(alike, key=lambda stack: stack.distance(spec, size))[:_NEAREST]
        # Where little was trained, the second most alike one may be nothing like it.
        reach = nearest[0].distance(spec, size) + 1
        nearest = [stack for stack in nearest if stack.distance(spec, size) <= reach]
        return Throughput(
            stacks=len(nearest),
            flops_per_second=statistics.median(stack.flops_per_second for stack in nearest),
            lanes=lanes,
        )

    def seconds(self, spec: JobSpec, members: int) -> float | None:
        """Of a cohort: its members are divided evenly over the lanes."""
        throughput = self.throughput(spec, members)
        if throughput is None:
            return None
        in_a_lane = -(-members // min(throughput.lanes, members))
        return in_a_lane * total_flops(spec) / throughput.flops_per_second


def _stack(found: Sequence[TrainedEpoch]) -> _Stack:
    one = found[0]
    rate = len(found) * flops_per_epoch(one.spec) / one.seconds
    return _Stack(spec=one.spec, size=len(found), lanes=one.lanes, flops_per_second=rate)


def plan_job(spec: JobSpec, warnings: list[SpecWarning], pace: Pace) -> JobPlan:
    """What the job would cost, trained alone."""
    return JobPlan(
        parameters=spec.parameter_count,
        steps=spec.epochs * spec.steps_per_epoch,
        flops=total_flops(spec),
        memory_bytes=memory_bytes(spec),
        estimated_seconds=pace.seconds(spec, 1),
        measured=pace.throughput(spec, 1),
        warnings=warnings,
    )


def plan_sweep(
    members: Sequence[tuple[JobSpec, list[SpecWarning]]],
    pace: Pace,
    *,
    cohort_size: int,
    slots: int,
) -> SweepPlan:
    """What the sweep would cost. Slots take cohorts as they become free: the time is the longest
    cohort's or all cohorts' divided by the slots, whichever is longer."""
    specs = [spec for spec, _ in members]
    alike: dict[str, list[JobSpec]] = defaultdict(list)
    for spec in specs:
        alike[cohort_key(spec)].append(spec)
    cohorts = [
        (found[0], min(cohort_size, len(found) - start))
        for found in alike.values()
        for start in range(0, len(found), cohort_size)
    ]
    slots = max(slots, 1)
    largest = max(cohorts, key=lambda cohort: cohort[1])
    seconds = [pace.seconds(*cohort) for cohort in cohorts]
    known = [one for one in seconds if one is not None]
    at_a_time = sorted((memory_bytes(*cohort) for cohort in cohorts), reverse=True)[:slots]
    return SweepPlan(
        members=len(members),
        cohorts=len(cohorts),
        largest_cohort=largest[1],
        slots=slots,
        parameters=max(spec.parameter_count for spec in specs),
        steps=sum(spec.epochs * spec.steps_per_epoch for spec in specs),
        flops=sum(total_flops(spec) for spec in specs),
        memory_bytes=sum(at_a_time),
        estimated_seconds=(
            max(*known, sum(known) / slots, 0.0) if len(known) == len(seconds) else None
        ),
        measured=pace.throughput(*largest),
        warnings=_collect([warning for _, warnings in members for warning in warnings]),
    )


def _collect(warnings: Sequence[SpecWarning]) -> list[MemberWarning]:
    counted = Counter((one.code, one.pointer) for one in warnings)
    first = {(one.code, one.pointer): one for one in reversed(warnings)}
    return [
        MemberWarning(**dict(first[kind]), members=members) for kind, members in counted.items()
    ]
