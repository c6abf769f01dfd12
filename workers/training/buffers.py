"""The tensors that a pass computes in, and those of the gradient. They hold nothing from one step
to the next.

Legend: K members, R rows (examples times a layer's positions, padded), U units of a layer, V
values of a layer beside its weights.
"""

import torch
from torch import Tensor

from workers.training.activations import Kernel
from workers.training.exactness import padded
from workers.training.layers import NormBuffers
from workers.training.shapes import Shapes


class HiddenBuffers:
    """One hidden layer's tensors for R rows. In full precision the stored ones are the working
    ones, and where the activation overwrites z, h is z."""

    def __init__(
        self, K: int, rows: int, real: int, *, width: int, shapes: Shapes, kernel: Kernel
    ) -> None:
        units = padded(width, shapes.tile)
        device = kernel.device
        self.real = real
        """Rows that are no padding."""

        def new(dtype: torch.dtype) -> Tensor:
            return torch.zeros(K, rows, units, dtype=dtype, device=device)

        self.z_stored = new(shapes.storage)
        self.z = new(shapes.work) if shapes.is_mixed else self.z_stored
        # On a GPU nobody looks whether a kink was hit, so z is always needed again.
        self.overwrites = kernel.overwrites and device.type == "cpu"
        self.h = self.z if self.overwrites else new(shapes.work)
        self.h_stored = new(shapes.storage) if shapes.is_mixed else self.h
        self.has_padded_units = units > width
        self.is_padded = rows > real or self.has_padded_units
        is_unit = torch.arange(units) < width
        is_row = torch.arange(rows) < real
        self.is_unit = is_unit.to(device, shapes.work)
        """[U], 1 for a real unit."""
        self.is_real = (is_row[:, None] & is_unit).to(device, shapes.work)
        """[R, U], 1 for a real value."""
        self.masks_units = units > width and not kernel.keeps_zero
        self.norm = (
            None
            if shapes.normalization == "none"
            else NormBuffers(self.z, real, self.is_unit if self.has_padded_units else None)
        )
        self.chosen_zeros: Tensor | None = None
        """Where a member's own convention applies, if anywhere."""

    def round(self) -> None:
        """z as it is stored."""
        if self.z is not self.z_stored:
            self.z_stored.copy_(self.z)
            self.z.copy_(self.z_stored)


class GradientBuffers:
    """One layer's gradient with respect to its z, for R rows."""

    def __init__(self, K: int, rows: int, width: int, shapes: Shapes, device: torch.device) -> None:
        units = padded(width, shapes.tile)
        self.stored = torch.zeros(K, rows, units, dtype=shapes.storage, device=device)
        self.g = (
            torch.zeros(K, rows, units, dtype=shapes.work, device=device)
            if shapes.is_mixed
            else self.stored
        )


class Gradient:
    """The gradient of every parameter, in the working precision and shaped as the parameters."""

    def __init__(self, K: int, shapes: Shapes, device: torch.device) -> None:
        widths = shapes.padded_widths[1:]
        pairs = list(zip(shapes.padded_fan_ins, widths, strict=True))
        self.stored = [torch.zeros(K, i, o, dtype=shapes.storage, device=device) for i, o in pairs]
        self.weights = (
            [torch.zeros(K, i, o, dtype=shapes.work, device=device) for i, o in pairs]
            if shapes.is_mixed
            else self.stored
        )
        self.values = torch.zeros(K, shapes.layers, shapes.values, dtype=shapes.work, device=device)
        self.biases = [self.values[:, i, :width] for i, width in enumerate(widths)]
        self.scales: list[Tensor] = []
        """Per hidden layer [K, U] where they are normalised; else none."""
        self.parameters = [*self.weights, self.values]
        if shapes.normalization != "none":
            scales = torch.zeros_like(self.values[:, 1:])
            self.scales = [scales[:, i, :width] for i, width in enumerate(widths[:-1])]
            self.parameters.append(scales)
