"""A member at an epoch boundary, as bytes: all that training needs to go on as if it had never
stopped. In the safetensors format, which holds numbers and text and nothing that runs.

What is drawn at random follows from (seed, purpose, epoch), so there is no generator to save.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from service.domain.activations import Prelu
from service.domain.networks import LayerSize
from workers.training.cohort import Member
from workers.training.shapes import Shapes
from workers.training.state import State

_FIELDS = "subgrad"
_MOMENT = "moment."


class UnusableCheckpoint(ValueError):
    """These bytes are no checkpoint of this training."""


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """One member after `epoch`."""

    epoch: int
    step: int
    stamp: str
    """What wrote it: engine and code version. Another one would go on with other numbers."""
    tensors: dict[str, Tensor]

    def to_bytes(self) -> bytes:
        fields = json.dumps({"epoch": self.epoch, "step": self.step, "stamp": self.stamp})
        return safetensors.torch.save(self.tensors, {_FIELDS: fields})

    @classmethod
    def from_bytes(cls, payload: bytes) -> "Checkpoint":
        """Raises UnusableCheckpoint."""
        try:
            tensors = safetensors.torch.load(payload)
            size = int.from_bytes(payload[:8], "little")
            header = json.loads(payload[8 : 8 + size])
            fields = json.loads(header["__metadata__"][_FIELDS])
            return cls(tensors=tensors, **fields)
        except (SafetensorError, ValueError, KeyError, TypeError) as error:
            raise UnusableCheckpoint(f"These bytes are no checkpoint: {error}") from error


def checkpoint_of(state: State, row: int, *, epoch: int, stamp: str) -> Checkpoint:
    """A copy of one member's row of the state, on the CPU."""
    tensors = {
        name: tensor[row].detach().to("cpu", copy=True).contiguous()
        for name, tensor in state.named().items()
    }
    return Checkpoint(epoch=epoch, step=state.step, stamp=stamp, tensors=tensors)


def restore(state: State, checkpoints: Sequence[Checkpoint]) -> None:
    """Makes the members of a fresh state what they were, a checkpoint each, all of one epoch.
    Raises UnusableCheckpoint where the tensors are not this network's."""
    for checkpoint in checkpoints:
        for name, saved in checkpoint.tensors.items():
            if name.startswith(_MOMENT):
                state.add_moment(name.removeprefix(_MOMENT).rsplit(".", 1)[0], saved.dtype)
    named = state.named()
    for row, checkpoint in enumerate(checkpoints):
        for name, saved in checkpoint.tensors.items():
            if name not in named or named[name][row].shape != saved.shape:
                raise UnusableCheckpoint(f"The checkpoint's {name} is of another network.")
            named[name][row].copy_(saved)
    state.step = checkpoints[0].step


def weights_of(member: Member, state: State, row: int, shapes: Shapes) -> bytes:
    """One member's weights as safetensors, with the names and shapes that PyTorch's layers have,
    counted from 0: `0.weight` [D_out, D_in], or of a convolution [C_out, C_in, k, k], `0.bias`
    [D_out], `1.weight`, …; of hidden layer i a learned slope as `i.slope` [1]. A normalised layer
    has no bias of its own; its normalisation's parameters are `i.norm.weight` and `i.norm.bias`,
    and over the batch `i.norm.running_mean` and `i.norm.running_var`, [D_out] each."""
    tensors = {}
    for i, (weight, size) in enumerate(zip(state.weights, shapes.sizes, strict=True)):
        is_hidden, units = i < len(shapes.hidden), size.units
        tensors[f"{i}.weight"] = _as_in_pytorch(weight[row, : size.fan_in, :units], size)
        is_normalized = is_hidden and bool(state.scales)
        bias = f"{i}.norm.bias" if is_normalized else f"{i}.bias"
        tensors[bias] = state.values[row, i, :units]
        if is_normalized:
            tensors[f"{i}.norm.weight"] = state.scales[0][row, i, :units]
            for name, running in zip(("mean", "var"), state.statistics, strict=False):
                tensors[f"{i}.norm.running_{name}"] = running[row, i, :units]
        if isinstance(member.spec.activation, Prelu) and is_hidden:
            tensors[f"{i}.slope"] = state.values[row, i, -1:]
    return safetensors.torch.save(
        {
            name: tensor.cpu().clone(memory_format=torch.contiguous_format)
            for name, tensor in tensors.items()
        }
    )


def _as_in_pytorch(weight: Tensor, size: LayerSize) -> Tensor:
    """[D_in, D_out], whose inputs lie pixel by pixel, as PyTorch's: channel by channel."""
    if size.image is None:
        return weight.T
    C, h, w = size.image
    if size.kernel_size is not None:
        return weight.view(size.kernel_size, size.kernel_size, C, -1).permute(3, 2, 0, 1)
    return weight.view(h, w, C, -1).permute(3, 2, 0, 1).flatten(1)
