"""What differs between members, and buffers to compute in: small things every kernel needs."""

from collections.abc import Iterable

import torch
from torch import Tensor


def per_member(values: Iterable[float], dtype: torch.dtype, device: torch.device) -> Tensor:
    """[K, 1, 1]: one number a member, ready to broadcast over [K, R, C]."""
    return torch.tensor(list(values), dtype=torch.float64).to(dtype).to(device)[:, None, None]


class Scratch:
    """Buffers that hold something only within one call, shared by all that ask for them."""

    def __init__(self) -> None:
        self._buffers: dict[tuple[int, torch.Size, torch.dtype], Tensor] = {}

    def __call__(self, place: int, like: Tensor) -> Tensor:
        """The buffer number `place` of this shape; its content is whatever was left in it."""
        key = place, like.shape, like.dtype
        if key not in self._buffers:
            self._buffers[key] = torch.empty(like.shape, dtype=like.dtype, device=like.device)
        return self._buffers[key]
