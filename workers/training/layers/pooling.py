"""Pooling over windows of 2 x 2 that do not overlap; an odd last row or column is left out, as in
PyTorch.

Legend: K members, E examples (padded), H, W and h, w height and width before and after pooling,
C channels.
"""

import torch
from torch import Tensor

_PLACES = ((0, 0), (0, 1), (1, 0), (1, 1))
"""Of a window's pixels, in reading order."""


class Pooling:
    """None: the image as it is."""

    def forward(self, image: Tensor, out: Tensor, work: torch.dtype) -> None:
        """out [K, E, h, w, C] from image [K, E, H, W, C], computed in the precision `work`."""
        out.copy_(image)

    def backward(self, g: Tensor, image: Tensor, pooled: Tensor, out: Tensor) -> None:
        """out, which is 0 before, from the gradient g at `pooled`."""
        out.copy_(g)


def _pixels(image: Tensor, like: Tensor) -> list[Tensor]:
    """The windows' pixels by their place, [K, E, h, w, C] each: views."""
    h, w = like.shape[2:4]
    return [image[:, :, y : 2 * h : 2, x : 2 * w : 2] for y, x in _PLACES]


class AveragePooling(Pooling):
    """The mean of the four, as torch.nn.AvgPool2d."""

    def forward(self, image: Tensor, out: Tensor, work: torch.dtype) -> None:
        first, *others = _pixels(image, out)
        total = first.to(work, copy=True)
        for pixel in others:
            total.add_(pixel)
        out.copy_(total.mul_(0.25))

    def backward(self, g: Tensor, image: Tensor, pooled: Tensor, out: Tensor) -> None:
        quarter = g * 0.25
        for pixel in _pixels(out, g):
            pixel.copy_(quarter)


class MaxPooling(Pooling):
    """The largest of the four, as torch.nn.MaxPool2d. Among equals the first in reading order gets
    the gradient. A NaN is the largest; it gets none (the member has diverged)."""

    def forward(self, image: Tensor, out: Tensor, work: torch.dtype) -> None:
        first, *others = _pixels(image, out)
        out.copy_(first)
        for pixel in others:
            torch.maximum(out, pixel, out=out)

    def backward(self, g: Tensor, image: Tensor, pooled: Tensor, out: Tensor) -> None:
        left = g.clone()
        for pixel, gradient in zip(_pixels(image, g), _pixels(out, g), strict=True):
            is_largest = pixel == pooled
            gradient.copy_(torch.where(is_largest, left, 0.0))
            left.masked_fill_(is_largest, 0.0)


POOLINGS: dict[str, Pooling] = {
    "none": Pooling(),
    "average": AveragePooling(),
    "max": MaxPooling(),
}
