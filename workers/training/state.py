"""All that training changes: parameters, optimizer state, number of steps. Nothing else is
carried from epoch to epoch, so a copy of this at an epoch boundary is a checkpoint.

Legend: K members, L + 1 layers with weights, V values of a layer beside its weights.
"""

from collections.abc import Sequence
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
    moments: dict[str, list[Tensor]] = field(default_factory=dict)
    """What the optimizer remembers, by name: a tensor for each of `parameters`."""
    step: int = 0

    @property
    def parameters(self) -> list[Tensor]:
        return [*self.weights, self.values]

    def named(self) -> dict[str, Tensor]:
        """Every tensor by a name of its own, [K, …] each."""
        named = {f"weight.{i}": weight for i, weight in enumerate(self.weights)}
        named["values"] = self.values
        for name, moments in self.moments.items():
            named |= {f"moment.{name}.{i}": moment for i, moment in enumerate(moments)}
        return named

    def add_moment(self, name: str, dtype: torch.dtype) -> None:
        """What an optimizer keeps between steps, at its start: zeros. Nothing where it is there."""
        if name not in self.moments:
            self.moments[name] = [torch.zeros_like(p, dtype=dtype) for p in self.parameters]

    def view(self, first: int, end: int) -> "State":
        """Some consecutive members, in the same memory."""
        return State(
            weights=[weight[first:end] for weight in self.weights],
            values=self.values[first:end],
            moments={
                name: [moment[first:end] for moment in moments]
                for name, moments in self.moments.items()
            },
            step=self.step,
        )

    def select(self, rows: Sequence[int]) -> "State":
        """A copy for some of the members."""
        index = torch.tensor(rows, device=self.values.device)
        return State(
            weights=[weight.index_select(0, index) for weight in self.weights],
            values=self.values.index_select(0, index),
            moments={
                name: [moment.index_select(0, index) for moment in moments]
                for name, moments in self.moments.items()
            },
            step=self.step,
        )


def initial_state(members: Sequence[Member], shapes: Shapes, device: torch.device) -> State:
    """Epoch 0: each member from its own seed."""
    K, sizes = len(members), shapes.padded_widths
    weights = [
        torch.zeros(K, sizes[i], sizes[i + 1], dtype=shapes.storage) for i in range(shapes.layers)
    ]
    values = torch.zeros(K, shapes.layers, shapes.values, dtype=shapes.storage)
    for k, member in enumerate(members):
        init = member.spec.network.init
        for i, weight in enumerate(weights):
            fan_in, fan_out = shapes.widths[i], shapes.widths[i + 1]
            generator = stream(member.spec.seed, "weights", i)
            drawn, bias = initial_layer(init, fan_in, fan_out, generator)
            weight[k, :fan_in, :fan_out], values[k, i, :fan_out] = drawn, bias
        if isinstance(member.spec.activation, Prelu):
            values[k, : shapes.layers - 1, -1] = member.spec.activation.init
    return State(weights=[weight.to(device) for weight in weights], values=values.to(device))
