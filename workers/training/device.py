"""Which device trains, and how much memory it has to give. Reads no environment: the name comes
from the spec."""

from typing import Literal

import torch


class DeviceUnavailable(RuntimeError):
    """The spec asks for a device that this machine does not have."""


def select_device(name: Literal["auto", "cpu", "cuda"]) -> torch.device:
    """`auto` is CUDA where there is one and the CPU elsewhere."""
    if name == "cuda" and not torch.cuda.is_available():
        raise DeviceUnavailable(
            'The spec asks for "cuda", and PyTorch finds no CUDA device here. '
            'Use "device": "auto" or "cpu", or install a CUDA build of PyTorch.'
        )
    if name == "cuda" or (name == "auto" and torch.cuda.is_available()):
        return torch.device("cuda")
    return torch.device("cpu")


def free_bytes(device: torch.device) -> int:
    """What a CUDA device has left for this process: what nobody holds, and what PyTorch keeps from
    former tensors."""
    free, _total = torch.cuda.mem_get_info(device)
    return int(free) + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
