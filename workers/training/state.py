"""All that training changes: parameters, optimizer state, running statistics, number of steps.
Nothing else is carried from epoch to epoch, so a copy of this at an epoch boundary is a checkpoint.

Legend: K members, L hidden layers, L + 1 layers with weights, V values of a layer beside its
weights.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from service.domain.activations import Prelu
from workers.training.cohort import Member
from workers.training.initialisation import initial_layer
from workers.training.randomness import stream
from workers.training.shapes import Shapes


@dataclass(kw_only=True)
class State:
    """The mutable state of K members. Padding is 0 and stays 0."""

    weights: list[Tensor]
    """Per layer [K, D_in, D_out]."""
    values: Tensor
    """[K, L + 1, V]: a layer's biases first; a learned slope in the last place."""
    scales: list[Tensor] = field(default_factory=list)
    """[K, L, V] where the hidden layers are normalised; else none."""
    statistics: list[Tensor] = field(default_factory=list)
    """Running means and variances, [K, L, V] each in the working precision, where they are
    normalised over the batch; else none."""
    moments: dict[str, list[Tensor]] = field(default_factory=dict)
    """What the optimizer remembers, by name: a tensor for each of `parameters`."""
    step: int = 0

    @property
    def parameters(self) -> list[Tensor]:
        return [*self.weights, self.values, *self.scales]

    def named(self) -> dict[str, Tensor]:
        """Every tensor by a name of its own, [K, …] each."""
        named = {f"weight.{i}": weight for i, weight in enumerate(self.weights)}
        named["values"] = self.values
        named |= {f"scales.{i}": scales for i, scales in enumerate(self.scales)}
        named |= {f"statistics.{i}": running for i, running in enumerate(self.statistics)}
        for name, moments in self.moments.items():
            named |= {f"moment.{name}.{i}": moment for i, moment in enumerate(moments)}
        return named

    def add_moment(self, name: str, dtype: torch.dtype) -> None:
        """What an optimizer keeps between steps, at its start: zeros. Nothing where it is there."""
        if name not in self.moments:
            self.moments[name] = [torch.zeros_like(p, dtype=dtype) for p in self.parameters]

    def view(self, first: int, end: int) -> "State":
        """Some consecutive members, in the same memory."""
        return self._of_each(lambda tensor: tensor[first:end])

    def select(self, rows: Sequence[int]) -> "State":
        """A copy for some of the members."""
        index = torch.tensor(rows, device=self.values.device)
        return self._of_each(lambda tensor: tensor.index_select(0, index))

    def to(self, device: torch.device) -> "State":
        return self._of_each(lambda tensor: tensor.to(device))

    def _of_each(self, part: Callable[[Tensor], Tensor]) -> "State":
        return State(
            weights=list(map(part, self.weights)),
            values=part(self.values),
            scales=list(map(part, self.scales)),
            statistics=list(map(part, self.statistics)),
            moments={name: list(map(part, moments)) for name, moments in self.moments.items()},
            step=self.step,
        )


def initial_state(members: Sequence[Member], shapes: Shapes, device: torch.device) -> State:
    """Epoch 0: each member from its own seed."""
    K = len(members)
    weights = [
        torch.zeros(K, fan_in, width, dtype=shapes.storage)
        for fan_in, width in zip(shapes.padded_fan_ins, shapes.padded_widths[1:], strict=True)
    ]
    values = torch.zeros(K, shapes.layers, shapes.values, dtype=shapes.storage)
    for k, member in enumerate(members):
        init = member.spec.network.init
        for i, (weight, size) in enumerate(zip(weights, shapes.sizes, strict=True)):
            generator = stream(member.spec.seed, "weights", i)
            drawn, bias = initial_layer(
                init, size.fan_in, size.units, generator, window=size.window
            )
            weight[k, : size.fan_in, : size.units] = drawn
            values[k, i, : size.units] = bias
        if isinstance(member.spec.activation, Prelu):
            values[k, : shapes.layers - 1, -1] = member.spec.activation.init
    state = State(weights=weights, values=values)
    _start_normalization(state, shapes)
    return state.to(device)


def _start_normalization(state: State, shapes: Shapes) -> None:
    """Scales of 1, running means of 0 and running variances of 1, as PyTorch's; padding of 0."""
    if shapes.normalization == "none":
        return
    size = (len(state.values), len(shapes.hidden), shapes.values)
    ones = torch.zeros(size, dtype=shapes.work)
    for i, units in enumerate(shapes.hidden):
        ones[:, i, :units] = 1.0
    state.scales = [ones.to(shapes.storage, copy=True)]
    if shapes.normalization == "batch":
        state.statistics = [torch.zeros_like(ones), ones]
