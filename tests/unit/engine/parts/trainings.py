"""A training with its weights at hand, and the plain loop that it is held against."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from service.domain.spec import JobSpec
from tests.unit.engine.torch_optimizers import TorchSchedule, torch_optimizer
from workers.training import Cohort, Member, engine, train
from workers.training.data import load
from workers.training.randomness import stream
from workers.training.shapes import Shapes
from workers.training.state import State, initial_state

CPU = torch.device("cpu")
Parameters = list[Tensor]
"""Of one network: weight [D_in, D_out] and bias [D_out] of each layer, then learned slopes."""


def parameters_of(state: State, member: int, spec: JobSpec) -> Parameters:
    """Without the padding, in float64."""
    widths = spec.layer_widths
    result = []
    for i, (fan_in, fan_out) in enumerate(pairwise(widths)):
        result.append(state.weights[i][member, :fan_in, :fan_out].double().clone())
        result.append(state.values[member, i, :fan_out].double().clone())
    if spec.activation.name == "prelu":
        result += [state.values[member, i, -1].double().clone() for i in range(len(widths) - 2)]
    return result


def final_parameters(specs: Sequence[JobSpec], monkeypatch: pytest.MonkeyPatch) -> list[Parameters]:
    """Trains the specs as one cohort and returns what each member ends with. It is read where
    the engine keeps it, because no event carries it, and only when training has ended."""
    states: list[tuple[Sequence[Member], State]] = []
    make = initial_state

    def remember(part: Sequence[Member], shapes: Shapes, device: torch.device) -> State:
        states.append((part, make(part, shapes, device)))
        return states[-1][1]

    members = tuple(Member(id=str(k), spec=spec) for k, spec in enumerate(specs))
    with monkeypatch.context() as patch:
        patch.setattr(engine, "initial_state", remember)
        events = list(train(Cohort(members=members), device=CPU))
    assert [event.outcome for event in events if event.kind == "end"] == ["completed"] * len(specs)
    found = {
        member.id: parameters_of(state, k, member.spec)
        for part, state in states
        for k, member in enumerate(part)
    }
    return [found[member.id] for member in members]


def history(specs: Sequence[JobSpec], monkeypatch: pytest.MonkeyPatch) -> list[list[Parameters]]:
    """Per member the parameters after each epoch from 0, by trainings that end there: what is
    drawn in an epoch does not depend on how many will follow."""
    by_epoch = [
        final_parameters(
            [spec.model_copy(update={"epochs": epochs}) for spec in specs], monkeypatch
        )
        for epochs in range(specs[0].epochs + 1)
    ]
    return [list(taken) for taken in zip(*by_epoch, strict=True)]


def initial_parameters(spec: JobSpec, monkeypatch: pytest.MonkeyPatch) -> Parameters:
    """Epoch 0 of a spec."""
    return final_parameters([spec.model_copy(update={"epochs": 0})], monkeypatch)[0]


ACTIVATIONS = {"tanh": nn.Tanh, "prelu": nn.PReLU}
LOSSES = {"mse": nn.MSELoss, "mae": nn.L1Loss, "cross_entropy": nn.CrossEntropyLoss}


class PlainNetwork(nn.Module):
    """One network as anybody would write it."""

    def __init__(self, spec: JobSpec, start: Parameters) -> None:
        super().__init__()
        widths = spec.layer_widths
        self.layers = nn.ModuleList(
            nn.Linear(a, b, dtype=torch.float64) for a, b in pairwise(widths)
        )
        self.activations = nn.ModuleList(
            ACTIVATIONS[spec.activation.name]().double() for _ in widths[1:-1]
        )
        with torch.no_grad():
            for own, given in zip(self.parameters_in_order(), start, strict=True):
                own.copy_(given.T if own.dim() == 2 else given)

    def parameters_in_order(self) -> list[nn.Parameter]:
        layers = [p for layer in self.layers for p in (layer.weight, layer.bias)]
        slopes = [slope for activation in self.activations for slope in activation.parameters()]
        return [p for p in [*layers, *slopes] if isinstance(p, nn.Parameter)]

    def forward(self, x: Tensor) -> Tensor:
        for layer, activation in zip(self.layers, self.activations, strict=False):
            x = activation(layer(x))
        out: Tensor = self.layers[-1](x)
        return out

    def snapshot(self) -> Parameters:
        """Shaped as the engine's."""
        parts = [p.detach().clone() for p in self.parameters_in_order()]
        return [p.T if p.dim() == 2 else p for p in parts]


def plain_training(spec: JobSpec, start: Parameters) -> Iterator[Parameters]:
    """The parameters after each epoch, from 1, by autograd and torch.optim. Only the data and
    their order are the engine's."""
    network = PlainNetwork(spec, start)
    optimizer, loss = torch_optimizer(spec, network.parameters()), LOSSES[spec.loss.name]()
    schedule = TorchSchedule(spec, optimizer)
    part = load(spec).train
    x, y = torch.from_numpy(part.features), torch.from_numpy(part.targets)
    for epoch in range(1, spec.epochs + 1):
        order = torch.randperm(
            part.count, generator=stream(spec.seed, "order", epoch), dtype=torch.int32
        )
        for rows in torch.split(order, spec.batch_size):
            optimizer.zero_grad()
            loss(network(x[rows]), y[rows]).backward()
            if spec.optimizer.clip_grad_norm is not None:
                nn.utils.clip_grad_norm_(network.parameters(), spec.optimizer.clip_grad_norm)
            optimizer.step()
            schedule.step()
        yield network.snapshot()


def largest_difference(a: Parameters, b: Parameters) -> float:
    return max(float((p - q).abs().max()) for p, q in zip(a, b, strict=True))
