"""The linear map of a layer, and the one of a fully connected layer.

z = x W + b,  ∂W = x' g,  ∂x = g W'

Legend: K members, R rows (examples, padded), D_in and D_out the sides of the layer.
"""

from typing import Generic, TypeVar

from torch import Tensor

from workers.training.exactness import product
from workers.training.shapes import Shapes

Own = TypeVar("Own")
"""What a map keeps from its forward to its backward pass."""


class LayerMap(Generic[Own]):
    """z from the layer's input, and both gradients. Tensors are in the stored precision."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        """`weight` [K, D_in, D_out]; `bias` [K, 1, D_out], or None for none."""
        self.weight, self.bias = weight, bias
        self.transposed = weight.transpose(1, 2)

    def allocate(self, rows: int, shapes: Shapes, *, backward: bool) -> Own:
        """For a pass over so many rows of examples."""
        raise NotImplementedError

    def forward(self, x: Tensor, z: Tensor, own: Own) -> None:
        """Fills z [K, R, D_out] from x."""
        raise NotImplementedError

    def again(self, x: Tensor, z: Tensor, own: Own) -> None:
        """The same once more after `forward`, to the bit."""
        raise NotImplementedError

    def weight_gradient(self, x: Tensor, g: Tensor, out: Tensor, own: Own) -> None:
        """∂W [K, D_in, D_out] from the gradient g at z."""
        raise NotImplementedError

    def input_gradient(self, x: Tensor, g: Tensor, out: Tensor, own: Own) -> None:
        """The gradient at x, from the one at z."""
        raise NotImplementedError


class LinearMap(LayerMap[None]):
    """x [K, R, D_in] as it is."""

    def allocate(self, rows: int, shapes: Shapes, *, backward: bool) -> None:
        return None

    def forward(self, x: Tensor, z: Tensor, own: None) -> None:
        product(x, self.weight, z, self.bias)

    def again(self, x: Tensor, z: Tensor, own: None) -> None:
        product(x, self.weight, z, self.bias)

    def weight_gradient(self, x: Tensor, g: Tensor, out: Tensor, own: None) -> None:
        product(x.transpose(1, 2), g, out)

    def input_gradient(self, x: Tensor, g: Tensor, out: Tensor, own: None) -> None:
        product(g, self.transposed, out)
